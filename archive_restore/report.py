"""The `report` workflow: what the ledger knows of an archive, as numbers or as a page of before and after."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from archive_restore.errors import InputError, printable
from archive_restore.home import Home
from archive_restore.ledger import Failure, Job, KindCount, Ledger, State
from archive_restore.progress import Progress
from archive_restore.report_page import Contents, Shown, write_page

DEFAULT_LIMIT = 200
"""Photographs in one page; at some 0.4 MB each, more make a page that browsers are slow to open."""


@dataclass(frozen=True)
class Report:
    """What was done, for one archive or for all of them."""

    archives: tuple[Path, ...]
    photographs: int
    undamaged: int
    waiting: int
    done: tuple[Job, ...]
    failures: tuple[Failure, ...]
    kinds: tuple[KindCount, ...]

    @property
    def summary(self) -> str:
        """One sentence for the head of the page."""
        parts = [f"{self.photographs:,} photographs looked at", f"{len(self.done):,} restored"]
        if self.undamaged:
            parts.append(f"{self.undamaged:,} left alone because nothing was found")
        if self.waiting:
            parts.append(f"{self.waiting:,} waiting for the next run")
        if self.failures:
            parts.append(f"{len(self.failures):,} set aside")
        return ", ".join(parts) + "."


def gather(ledger: Ledger, archive: Path | None) -> Report:
    """What the ledger knows of `archive` (all archives, if None).

    Raises
    ------
    InputError
        The archive was never scanned.
    """
    known = ledger.archives()
    chosen = known if archive is None else [a for a in known if a.root == archive.resolve()]
    if not chosen:
        what = "Nothing was scanned yet" if archive is None else f"{printable(archive)} was never scanned"
        raise InputError(f"{what}. Scan first: archive-restore scan ARCHIVE")
    only = chosen[0].id if archive is not None else None
    counts = ledger.counts(only)
    return Report(
        archives=tuple(a.root for a in chosen),
        photographs=counts.photographs,
        undamaged=counts.undamaged,
        waiting=counts.states[State.QUEUED] + counts.states[State.LEASED],
        done=tuple(ledger.jobs(archive=only, state=State.DONE)),
        failures=tuple(ledger.failures(only)),
        kinds=tuple(ledger.kinds(only)),
    )


def write_report(
    report: Report, page: Path, *, ledger: Ledger, home: Home, progress: Progress, limit: int = DEFAULT_LIMIT
) -> int:
    """Writes the page of before and after; the newest `limit` photographs are shown.

    Returns
    -------
    The number of photographs shown.
    """
    newest = sorted(report.done, key=lambda job: job.finished_at or "", reverse=True)[:limit]
    summary = report.summary
    if len(newest) < len(report.done):
        summary += f" This page shows the {len(newest):,} restored last."
    contents = Contents(
        title="Restored: " + ", ".join(printable(root.name) for root in report.archives),
        summary=summary,
        kinds=tuple((kind.kind, kind.photographs, kind.regions) for kind in report.kinds),
        failures=tuple((printable(failure.path), failure.reason) for failure in report.failures),
        restored=_shown(sorted(newest, key=lambda job: job.path), ledger, home, progress),
    )
    progress.start("Writing the page", len(newest))
    try:
        return write_page(contents, page)
    finally:
        progress.stop()


def _shown(jobs: list[Job], ledger: Ledger, home: Home, progress: Progress) -> Iterator[Shown]:
    for job in jobs:
        # A job is only done with an output, a content and its regions: the ledger's schema says so.
        assert job.output is not None
        assert job.sha256 is not None
        assert job.photograph_id is not None
        kinds = Counter(region.kind for region in ledger.regions(job.photograph_id))
        yield Shown(
            name=printable(job.path.relative_to(job.archive)),
            original=job.path,
            restored=job.output,
            mask=home.mask(job.sha256),
            kinds=tuple(kinds.most_common()),
        )
        progress.advance()
