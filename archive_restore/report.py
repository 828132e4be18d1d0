"""The `report` workflow: what the ledger knows of an archive, as rows, as CSV or as a page of before and after."""

import csv
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TextIO

from archive_restore.clock import local
from archive_restore.errors import InputError, printable
from archive_restore.home import Home
from archive_restore.ledger import Archive, Counts, Job, KindCount, Ledger, RunRow, State
from archive_restore.night import parse_duration
from archive_restore.photos.archive import output_folder
from archive_restore.progress import Progress
from archive_restore.report_page import Contents, Root, Shown, write_page
from archive_restore.scanned import scanned_archives
from archive_restore.words import counted

DEFAULT_LIMIT = 200
"""Photographs whose pictures are in a page, some 0.4 MB each; of the others it shows the files themselves."""


@dataclass(frozen=True)
class Report:
    """What was found and done, for one archive or for all of them."""

    archives: tuple[Archive, ...]
    since: datetime | None  # what was done before is left out
    counts: Counts  # of all, whenever it was
    kinds: tuple[KindCount, ...]  # likewise
    done: tuple[Job, ...]
    failed: tuple[Job, ...]
    held: tuple[Job, ...]  # for a look, whenever they were scanned
    runs: tuple[RunRow, ...]

    @property
    def waiting(self) -> int:
        """Photographs that are restored by the run that is at work, or by the next."""
        return self.counts.states[State.QUEUED] + self.counts.states[State.LEASED]

    @property
    def summary(self) -> str:
        """One sentence for the head of the page."""
        restored = f"{len(self.done):,} restored"
        if self.since is not None:
            restored += f" since {self.since.astimezone():%Y-%m-%d %H:%M}"
        parts = [f"{counted(self.counts.photographs, 'photograph')} looked at", restored]
        linked = sum(job.linked is not None for job in self.done)
        accepted = sum(job.accepted_at is not None for job in self.done)
        if accepted:
            parts.append(f"{accepted:,} of them accepted")
        if linked:
            parts.append(f"{linked:,} of them as duplicates of others")
        if self.counts.undamaged:
            parts.append(f"{self.counts.undamaged:,} left alone because nothing was found")
        states = self.counts.states
        if states[State.LEASED]:
            parts.append(f"{states[State.LEASED]:,} in work")
        if states[State.QUEUED]:
            parts.append(f"{states[State.QUEUED]:,} waiting for the next run")
        if self.held:
            parts.append(f"{len(self.held):,} held for a look")
        if states[State.REJECTED]:
            parts.append(f"{states[State.REJECTED]:,} rejected")
        if self.failed:
            parts.append(f"{len(self.failed):,} set aside")
        by_hand = self.counts.by_hand
        return ", ".join(parts) + (f". Masks by hand: {by_hand:,}." if by_hand else ".")


@dataclass(frozen=True)
class Row:
    """One photograph, as a table tells it."""

    original: str
    restored: str
    state: str
    finished_at: str  # UTC, ISO 8601
    accepted_at: str  # likewise; when somebody looked at what was restored and kept it
    damage: str  # "dust 12, tears 1"
    megapixels: float
    model: str
    duplicate: str  # "linked" or "copied" from what was restored in another place
    attempts: int  # as `status` counts them; of what was restored the last one alone
    reason: str


def parse_since(text: str, now: datetime) -> datetime:
    """A moment: "2026-01-05", "2026-01-05 22:00" (local time), or so long ago, "12h".

    Raises
    ------
    InputError
        It is none.
    """
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        try:
            return now - _ago(text)
        except (InputError, OverflowError):
            raise InputError(
                f"{text!r} is no moment. Write 2026-01-05, '2026-01-05 22:00', 12h or 3d."
            ) from None


def _ago(text: str) -> timedelta:
    days = text.removesuffix("d")
    return timedelta(days=int(days)) if text.endswith("d") and days.isdecimal() else parse_duration(text)


def gather(
    ledger: Ledger, archive: Path | None, since: datetime | None = None, *, at_work: bool = False
) -> Report:
    """What the ledger knows of `archive` (all archives, if None), and what was done there since a time.

    Unless a run is `at_work`, what is leased waits for the next one.

    Raises
    ------
    InputError
        The archive has not been scanned, or nothing has.
    """
    chosen = scanned_archives(ledger, archive)
    only = chosen[0].id if archive is not None else None
    counts = ledger.counts(only)
    moment = since.astimezone(UTC).isoformat(timespec="seconds") if since is not None else None
    return Report(
        archives=tuple(chosen),
        since=since,
        counts=counts if at_work else counts.abandoned(),
        kinds=tuple(ledger.kinds(only)),
        done=tuple(ledger.jobs(archive=only, state=State.DONE, since=moment)),
        failed=tuple(ledger.jobs(archive=only, state=State.FAILED, since=moment)),
        held=tuple(ledger.jobs(archive=only, state=State.HELD)),
        runs=tuple(ledger.runs(moment or "")),
    )


def rows(report: Report, ledger: Ledger) -> Iterator[Row]:
    """Each photograph that was restored, held or set aside, by path."""
    for job in sorted(
        (*report.done, *report.failed, *report.held), key=lambda job: (job.archive_id, job.relative)
    ):
        yield Row(
            original=printable(job.path),
            restored=printable(job.output) if job.state is State.DONE and job.output is not None else "",
            state=job.state,
            finished_at=job.finished_at or "",
            accepted_at=job.accepted_at or "",
            damage=", ".join(f"{kind} {count}" for kind, count in _kinds(job, ledger)),
            megapixels=round((job.width or 0) * (job.height or 0) / 1e6, 3),
            model=job.model or "",
            duplicate=job.linked or "",
            attempts=job.tried,
            reason=job.reason or "",
        )


def write_csv(report: Report, ledger: Ledger, out: TextIO) -> None:
    """The rows as CSV with a head, as spreadsheets read it."""
    writer = csv.writer(out)
    names = [field.name for field in fields(Row)]
    writer.writerow(names)
    for row in rows(report, ledger):
        writer.writerow([_harmless(getattr(row, name)) for name in names])


def _harmless(cell: str | float) -> str | float:
    """A spreadsheet takes a name that begins so for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@")) else cell


def write_report(
    report: Report, page: Path, *, ledger: Ledger, home: Home, progress: Progress, limit: int = DEFAULT_LIMIT
) -> tuple[int, int]:
    """Writes the page of before and after, with the pictures of the `limit` photographs restored last.

    Returns
    -------
    How many of them are shown, and how many cannot be; the page says why.
    """
    newest = sorted(report.done, key=lambda job: job.finished_at or "", reverse=True)
    pictured = {job.id for job in newest[:limit]}
    ordered = sorted(
        (*report.done, *report.failed, *report.held), key=lambda job: (job.archive_id, job.relative)
    )
    numbers = {archive.id: number for number, archive in enumerate(report.archives)}
    contents = Contents(
        title="Restored: " + ", ".join(printable(archive.root.name) for archive in report.archives),
        summary=report.summary,
        states=tuple((state.value, count) for state, count in report.counts.states.items() if count),
        kinds=tuple((kind.kind, kind.photographs, kind.regions) for kind in report.kinds),
        roots=tuple(Root(archive.root, output_folder(archive.root)) for archive in report.archives),
        timeline=_timeline(ordered),
        photographs=tuple(
            _shown(job, numbers[job.archive_id], ledger, home, job.id in pictured) for job in ordered
        ),
    )
    progress.start("Writing the page", len(pictured))
    try:
        shown = write_page(contents, page, progress)
    finally:
        progress.stop()
    return shown, len(pictured) - shown


def _timeline(jobs: Sequence[Job]) -> tuple[tuple[str, int, int], ...]:
    """Hours (local time, "2026-01-05T22") with what was restored and set aside in them; days, if there are many."""
    for length in (len("2026-01-05T22"), len("2026-01-05")):
        done = Counter(local(job.finished_at)[:length] for job in jobs if job.state is State.DONE)
        failed = Counter(local(job.finished_at)[:length] for job in jobs if job.state is State.FAILED)
        moments = sorted({*done, *failed} - {""})
        if len(moments) <= 72:
            break
    return tuple((moment, done[moment], failed[moment]) for moment in moments)


def _shown(job: Job, root: int, ledger: Ledger, home: Home, pictured: bool) -> Shown:
    return Shown(
        name=printable(os.fsdecode(job.relative)),
        root=root,
        relative=job.relative,
        restored=job.output if job.state is State.DONE else None,
        mask=home.mask(job.sha256) if job.sha256 is not None else None,
        state=job.state,
        kinds=_kinds(job, ledger),
        finished_at=local(job.finished_at),
        size=(job.width, job.height) if job.width and job.height else None,
        note=job.reason or (f"{job.linked} from a duplicate" if job.linked else ""),
        pictured=pictured,
    )


def _kinds(job: Job, ledger: Ledger) -> tuple[tuple[str, int], ...]:
    """Kind of damage and number of regions."""
    if job.photograph_id is None:
        return ()
    return tuple((kind.kind, kind.regions) for kind in ledger.kinds_of(job.photograph_id))
