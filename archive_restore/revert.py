"""The workflow of `revert`: restored photographs are removed again, and the ledger says so."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from archive_restore.errors import InputError, printable
from archive_restore.home import Home
from archive_restore.ledger import Job, Ledger, State, no_run
from archive_restore.outputs import output_path, take_back


@dataclass(frozen=True)
class Kept:
    """A restored photograph that was left where it is, and why."""

    path: Path
    reason: str


@dataclass
class RevertSummary:
    """What was done."""

    reverted: list[Path] = field(default_factory=list)  # outputs, now removed
    again: list[Path] = field(default_factory=list)  # originals that had been rejected before, now queued
    queued: int = 0  # for the next run
    held: int = 0  # for a look, because their masks are large
    kept: list[Kept] = field(default_factory=list)


def revert(paths: Sequence[Path], *, ledger: Ledger, home: Home, again: bool = False) -> RevertSummary:
    """Removes restored photographs and their records.

    Parameters
    ----------
    paths : originals, restored photographs, or folders of either
    again : queue them, so that the next run restores them anew, also those that were rejected before; else they
        are left alone from now on

    Raises
    ------
    InputError
        Nothing at or below a path was restored, or all of it was rejected before, and `again` does not ask for it.
    LockedError
        A run is at work.
    StorageError
        A file cannot be removed. What was reverted stays so.
    """
    summary = RevertSummary()
    with no_run(home):
        jobs = [*ledger.restored(), *ledger.jobs(state=State.REJECTED, also_missing=True)]
        held = ledger.counts().states[State.HELD]
        for job in _chosen(paths, jobs, again=again):
            if job.state is State.REJECTED:  # there is no output of it
                ledger.revert(job, again=True)
                summary.again.append(job.path)
                summary.queued += not job.missing
                continue
            output = job.output or job.path
            reason = take_back(job, ledger, again=again)
            if reason is not None:
                summary.kept.append(Kept(output, reason))
                continue
            summary.reverted.append(output)
            summary.queued += again and not job.missing
        summary.held = ledger.counts().states[State.HELD] - held
        summary.queued -= summary.held
    return summary


def _chosen(paths: Sequence[Path], jobs: list[Job], *, again: bool) -> list[Job]:
    """The jobs whose original or output lies at or below one of the paths, each once; rejected ones with `again`."""
    named: dict[tuple[str, ...], set[int]] = {}  # numbers of paths, by the parts of a place
    for number, path in enumerate(paths):
        absolute = path.expanduser().absolute()
        for one in (absolute, absolute.parent.resolve() / absolute.name, absolute.resolve()):
            named.setdefault(one.parts, set()).add(number)
    depths = {len(parts) for parts in named}
    found: list[dict[int, Job]] = [{} for _ in paths]
    for job in jobs:
        for place in (job.path, job.output or output_path(job)):
            parts = place.parts
            for depth in depths:
                for number in named.get(parts[:depth], ()):
                    found[number][job.id] = job
    chosen: dict[int, Job] = {}
    for path, there in zip(paths, found, strict=True):
        if not there:
            raise InputError(
                f"Nothing at {printable(path)} was restored. See archive-restore status, or name the original."
            )
        taken = {number: job for number, job in there.items() if again or job.state is not State.REJECTED}
        if not taken:
            raise InputError(
                f"What there is at {printable(path)} was rejected before. To have it restored after all, add --again."
            )
        chosen |= taken
    return list(chosen.values())
