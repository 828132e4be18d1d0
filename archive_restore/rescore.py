"""The workflow of `rescore`: another choice of what is damage, from the stored score maps alone."""

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from archive_restore.detection import Policy
from archive_restore.errors import InputError, printable
from archive_restore.examine import ScanOptions
from archive_restore.home import Home
from archive_restore.ledger import Archive, Ledger, MaskedPhotograph, State, no_run_or_scan
from archive_restore.masking import Masked, Masking, Unscored, masked
from archive_restore.processes import Lost, in_processes
from archive_restore.progress import Progress
from archive_restore.recovery import recover

WAITING: Final = (State.QUEUED, State.HELD)


@dataclass
class Standing:
    """How much of an archive is damage, by one choice."""

    photographs: int = 0  # files in which damage is found
    pixels: int = 0  # px in their masks


@dataclass
class RescoreSummary:
    """What another choice changed in an archive or a part of it, or would change. Files are counted: duplicates
    each."""

    archive: Path
    policy_before: Policy  # for new photographs; a mask there was may have been made by another one
    policy: Policy
    pixels: int  # px of all of it
    before: Standing
    after: Standing
    under: bytes | None = None  # the path in the archive of what was to change; None: all of it
    changed: int = 0  # masks that are others now
    joining: int = 0  # files that join the queue, held ones included
    leaving: int = 0  # files in which no damage is left
    held: int = 0  # files that are held for a look, after it
    restored: int = 0  # restored files for which there is another mask now
    requeued: int = 0  # of them, those that are restored anew
    elsewhere: int = 0  # restored files of the same photographs that lie outside what was to change, likewise
    by_hand: int = 0  # files whose masks somebody painted, which stay
    unscored: int = 0  # files without a score map; the next scan reads them
    mended: int = 0  # masks that were lost and are made again as they were


def rescore(
    archive: Archive,
    under: bytes | None = None,
    *,
    ledger: Ledger,
    home: Home,
    options: ScanOptions,
    again: bool,
    dry_run: bool,
    progress: Progress,
) -> RescoreSummary:
    """Makes the masks, regions and jobs of an archive anew, by what is damage from now on.

    Of a part of it, the photograph or the folder at the path `under`, only what is there now, until the archive is
    rescored or scanned anew: new photographs there are masked as the archive's others are.

    What was restored keeps the mask by which it was, unless it is to be restored `again`. A photograph that also
    lies in another archive has one mask in both. With `dry_run` every mask and choice stays as it is.

    Raises
    ------
    InputError
        There is no photograph at that path.
    LockedError
        A scan or a run is at work.
    StorageError
        A mask or the ledger cannot be written. The same command goes on.
    """
    before = Policy() if archive.policy is None else Policy.parsed(archive.policy)
    policy = options.policy(before)
    share = archive.max_coverage if options.max_coverage is None else options.max_coverage
    files, pixels = _size(archive, under, ledger)
    summary = RescoreSummary(
        archive.root, before, policy, pixels, before=Standing(), after=Standing(), under=under
    )
    with no_run_or_scan(home):
        recover(ledger)  # what a killed run held is either done or waits, and counts as that
        if not dry_run and under is None:
            ledger.choose(archive.id, policy=policy.text, max_coverage=options.max_coverage)
        decided = under is not None and options.level is None
        rescoring = _Rescoring(ledger, policy, share, again, dry_run, decided, summary, progress)
        progress.start("Rescoring", files)
        try:
            tasks = (
                Masking(one, policy, home, write=not dry_run and not one.restored)
                for one in rescoring.to_mask(ledger.masked(archive.id, under))
            )
            for task, result in in_processes(masked, tasks, processes=options.processes):
                rescoring.take(task, result)
        finally:
            progress.stop()
    return summary


def _size(archive: Archive, under: bytes | None, ledger: Ledger) -> tuple[int, int]:
    """How many files are there, and their px."""
    if under is None:
        counts = ledger.counts(archive.id)
        return counts.photographs - counts.unreadable, ledger.pixels(archive.id)
    files = pixels = 0
    for photograph in ledger.masked(archive.id, under):
        files += photograph.files
        pixels += photograph.files * photograph.pixels
    if not files:
        raise InputError(
            f"There is no photograph at {printable(archive.root / os.fsdecode(under))} that could be read. First run: "
            f"archive-restore scan {shlex.quote(printable(archive.root))}"
        )
    return files, pixels


@dataclass
class _Rescoring:
    """Tells the ledger of each photograph as soon as it is masked, and counts."""

    ledger: Ledger
    policy: Policy
    share: float  # of 1
    again: bool
    dry_run: bool
    decided: bool  # that what there is is left: a part was named, and no other level
    summary: RescoreSummary
    progress: Progress

    def to_mask(self, photographs: Iterator[MaskedPhotograph]) -> Iterator[MaskedPhotograph]:
        """All but those whose masks somebody painted."""
        for photograph in photographs:
            if photograph.by_hand:
                self.summary.by_hand += photograph.files
                self._stays(photograph)
                self.progress.advance(photograph.files)
            else:
                yield photograph

    def take(self, task: Masking, result: Masked | Unscored | Lost) -> None:
        """A photograph of which it is known what the policy makes."""
        photograph = task.photograph
        self.progress.advance(photograph.files)
        if not isinstance(result, Masked):
            self.summary.unscored += photograph.files
            self._stays(photograph)
            lost = isinstance(result, Unscored) and result.lost
            if not self.dry_run and (lost or not photograph.restored):
                self.ledger.read_again(photograph.id)
            return
        if result.lost and not result.changed:
            self.summary.mended += photograph.files
            if photograph.restored and not self.dry_run:
                masked(replace(task, write=True))
        if photograph.restored and result.changed:
            self.summary.restored += _done(photograph)
            self.summary.elsewhere += photograph.restored - _done(photograph)
            if not self.again:
                self._stays(photograph)
                if self.decided and photograph.unsure and not self.dry_run:
                    self.ledger.settle(photograph.id)
                return
            self.summary.requeued += _done(photograph)
        self._count(photograph, result)
        # Who chooses for a photograph or a folder has looked at it.
        unsure = result.unsure and self.summary.under is None
        known = photograph.policy == self.policy.text and photograph.unsure == unsure
        if self.dry_run or (known and not result.changed):
            return
        redo = photograph.restored > 0 and result.changed
        self.ledger.remask(
            photograph.id,
            policy=self.policy.text,
            covered=result.covered,
            regions=result.regions,
            unsure=unsure,
            again=redo,
        )
        if redo:  # only now: killed in between, it is queued with the mask of before, and is met again
            masked(replace(task, write=True))

    def _stays(self, photograph: MaskedPhotograph) -> None:
        found = photograph.files if photograph.covered else 0
        for standing in (self.summary.before, self.summary.after):
            standing.photographs += found
            standing.pixels += photograph.covered * photograph.files
        self.summary.held += _waiting(photograph) if self._large(photograph, photograph.covered) else 0

    def _count(self, photograph: MaskedPhotograph, result: Masked) -> None:
        """What becomes of the files, as the ledger will decide it."""
        summary, files = self.summary, photograph.files
        summary.changed += files if result.changed else 0
        for standing, covered in ((summary.before, photograph.covered), (summary.after, result.covered)):
            standing.photographs += files if covered else 0
            standing.pixels += covered * files
        waiting = _waiting(photograph)
        again = _done(photograph) if self.again and result.changed else 0
        if result.covered:
            joining = files - len(photograph.states) + again
            summary.joining += joining
            summary.held += (waiting + joining) if self._large(photograph, result.covered) else 0
        else:
            summary.joining += again
            summary.leaving += waiting - photograph.anew

    def _large(self, photograph: MaskedPhotograph, covered: int) -> bool:
        """Whether a photograph is held for a look with a mask of so many px, by what is chosen now."""
        return covered > max(self.share * photograph.pixels, photograph.allowed)


def _waiting(photograph: MaskedPhotograph) -> int:
    return sum(state in WAITING for state in photograph.states)


def _done(photograph: MaskedPhotograph) -> int:
    return sum(state in (State.DONE, State.LEASED) for state in photograph.states)
