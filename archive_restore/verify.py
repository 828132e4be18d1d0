"""The workflow of `verify`: are the originals what they were, and the restored photographs what they should be?"""

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from archive_restore.errors import PhotographError
from archive_restore.home import Home
from archive_restore.ledger import Archive, Job, KnownFile, Ledger, State
from archive_restore.photos.archive import holds_something
from archive_restore.photos.codecs import DEFAULT_MAX_PIXELS, decode, file_sha256
from archive_restore.photos.fidelity import compare
from archive_restore.photos.mask_files import read_mask
from archive_restore.progress import Progress
from archive_restore.records import read_record

ANEW: Final = "archive-restore revert --again on it, then run"
"""How a photograph is restored once more. `run` alone would find nothing queued."""

TAKE_BACK: Final = "If the restored one is not wanted any more: archive-restore revert on it"

CHANGED: Final = "it was changed after it was restored"


@dataclass(frozen=True)
class Fault:
    """A file that is not as it should be, and why."""

    path: Path
    reason: str
    unchecked: bool = False  # it could not be compared; nothing says that it is wrong


@dataclass
class VerifySummary:
    """What was looked at."""

    originals: int = 0  # read again
    outputs: int = 0  # read again, and compared with their originals if those are as they were
    waiting: int = (
        0  # of the outputs, those made by another mask than there is now: only hashes are looked at
    )
    gone: int = 0  # photographs that are not there any more, and were never restored
    unreadable: int = 0  # that no scan could read, so that there is nothing to compare them with
    unreachable: int = 0  # folders and links that the last scan could not open: nobody knows what is in there
    faults: list[Fault] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def proven(self) -> bool:
        """Something was read, and all of it is as it should be."""
        return self.originals > 0 and not self.faults


def verify(
    archives: Sequence[Archive],
    *,
    ledger: Ledger,
    home: Home,
    progress: Progress,
    max_pixels: int = DEFAULT_MAX_PIXELS,
) -> VerifySummary:
    """Reads every original and every restored photograph again.

    Originals must be there and hash as the ledger says; restored photographs as ledger and record say, and must
    differ from their originals only where the mask allows. No file is changed; the ledger is only told which originals
    the next scan has to read though their times say nothing.
    """
    began = time.monotonic()
    summary = VerifySummary()
    for archive in archives:
        _Verification(archive, ledger, home, max_pixels, summary).go_through(progress)
    summary.seconds = time.monotonic() - began
    return summary


@dataclass
class _Verification:
    """Of one archive."""

    archive: Archive
    ledger: Ledger
    home: Home
    max_pixels: int
    summary: VerifySummary

    def go_through(self, progress: Progress) -> None:
        known = self.ledger.known_files(self.archive.id)
        restored = {job.file_id: job for job in self.ledger.restored(self.archive.id)}
        photographs = {path: file for path, file in known.items() if file.sha256}
        read, faults = self.summary.originals, len(self.summary.faults)
        self.summary.unreadable += len(known) - len(photographs)
        self.summary.unreachable += self.ledger.counts(self.archive.id).unreachable
        is_there = holds_something(self.archive.root)
        none_there = (
            f"not one of its {len(photographs):,} photographs is there. If they lie on a disk, mount it; if they were "
            "moved, scan them at their new place; if it is wanted no more: archive-restore ledger forget on it"
        )
        if photographs and not is_there:
            self._fault(self.archive.root, none_there)
        progress.start("Verifying", len(photographs))
        try:
            for relative, file in photographs.items():
                job = restored.pop(file.file_id, None)
                if is_there:
                    self._photograph(relative, file, job)
                elif job is not None:
                    self._result(job)
                progress.figures(wrong=len(self.summary.faults))
                progress.advance()
            for job in restored.values():
                self._replaced(job, known.get(job.relative))
        finally:
            progress.stop()
        if photographs and self.summary.originals == read and len(self.summary.faults) == faults:
            self._fault(self.archive.root, none_there)

    def _photograph(self, relative: bytes, file: KnownFile, job: Job | None) -> None:
        """One original, and what was made of it."""
        path = self.archive.root / os.fsdecode(relative)
        try:
            digest = file_sha256(path)
        except OSError as error:
            # A folder or a pipe in its place is none of ours.
            if not _is_gone(path) and (os.path.isfile(path) or not os.path.exists(path)):  # noqa: PTH110, PTH113
                self._fault(path, f"the original cannot be read: {error.strerror or error}")
            elif job is not None or not file.missing:
                self._gone(path, job)
            else:
                self.summary.gone += 1
        else:
            if digest == file.sha256:
                self.summary.originals += 1
                if job is not None and job.state is not State.DONE:
                    self._waiting(job)
                elif job is not None:
                    self.summary.outputs += not _is_gone(_output(job))
                    self.summary.faults += faults_of(job, self.home, max_pixels=self.max_pixels)
                return
            if file.missing and job is None:
                self.summary.gone += 1  # what lies there is a new photograph, which no scan has seen
            else:
                self.summary.originals += 1
                self._changed(path, file)
        if job is not None:
            self._result(job)

    def _changed(self, path: Path, file: KnownFile) -> None:
        """An original of another content than the scan found."""
        reason = "the original has changed since the scan; scan again"
        with suppress(OSError):
            status = path.stat()
            if status.st_size == file.size and file.modified_ns in (status.st_mtime_ns, None):
                reason = (
                    "the original has changed since the scan, but not its size and time: if nobody edited it, its disk "
                    "may be failing; put a backup in its place. Else scan again"
                )
                if file.photograph_id is not None:
                    self.ledger.read_again(file.photograph_id)
        self._fault(path, reason)

    def _waiting(self, job: Job) -> None:
        """What was restored by a mask that has changed since."""
        output = _output(job)
        if _is_gone(output):
            return
        self.summary.waiting += 1
        with suppress(OSError):
            # A run that was killed had written it and not said so; the next one does.
            if job.intended_sha256 is not None and file_sha256(output) == job.intended_sha256:
                self.summary.outputs += 1
                return
        self._result(job)

    def _replaced(self, job: Job, now: KnownFile | None) -> None:
        """What was made of a photograph in whose place the scan found another."""
        output = _output(job)
        if _is_gone(output):
            return
        waits = now is not None and now.needs_mask
        next_step = "It is to be restored anew: archive-restore status" if waits else TAKE_BACK
        self._fault(output, f"it was made of an original that has changed since. {next_step}")
        self._result(job)

    def _gone(self, path: Path, job: Job | None) -> None:
        """An original that was there at the last scan, or was restored."""
        reason = "the original is gone. If it was moved or removed on purpose, scan again; else put it back"
        if job is not None and job.missing:
            reason = (
                f"the original is gone, so that its restored one cannot be compared. Put it back. {TAKE_BACK}"
            )
        self._fault(path, reason)

    def _result(self, job: Job) -> None:
        """A restored photograph whose original is not what it was: only its hash can be looked at."""
        try:
            faults = _faults_of_hashes(job)
        except FileNotFoundError:
            return  # both are gone: the original was named
        except OSError as error:
            faults = [_unreadable(_output(job), error)]
        except PhotographError as error:
            faults = [Fault(error.path, error.reason)]
        self.summary.outputs += 1
        self.summary.faults += faults

    def _fault(self, path: Path, reason: str) -> None:
        self.summary.faults.append(Fault(path, reason))


def faults_of(job: Job, home: Home, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> list[Fault]:
    """What is wrong with one restored photograph and its record; its original is as it was."""
    output = _output(job)
    try:
        faults = _faults_of_hashes(job)
        if any(fault.reason == CHANGED for fault in faults):
            return [
                Fault(
                    output,
                    f"{CHANGED}. Keep it elsewhere; or to have it as it was, remove it by hand, then {ANEW}",
                )
            ]
        mask_file = home.mask(str(job.sha256))
        try:
            mask = read_mask(mask_file, (job.height or 0, job.width or 0))
        except PhotographError as error:
            reason = home.lost_mask(str(job.sha256), error.reason, job.path)
            return [*faults, Fault(output, reason, unchecked=True)]
        record = read_record(output)
        if record is not None and record.repainted.mask_sha256 != file_sha256(mask_file):
            return [
                *faults,
                Fault(
                    output,
                    f"its mask was changed after it was restored. To restore it by the new one: {ANEW}",
                ),
            ]
        max_pixels = max(max_pixels, (job.width or 0) * (job.height or 0))  # as allowed when it was restored
        original = decode(job.path, max_pixels=max_pixels)
        restored = decode(output, max_pixels=max_pixels)
        recompressed = record is not None and bool(record.settings.get("recompress"))
        found = compare(original, restored, mask, recompressed=recompressed, coefficients=True)
        return faults + [Fault(output, reason) for reason in found.faults]
    except FileNotFoundError:
        return [Fault(output, f"it is gone. To have it again: {ANEW}")]
    except OSError as error:
        return [_unreadable(output, error)]
    except PhotographError as error:
        return [Fault(error.path, error.reason)]


def _faults_of_hashes(job: Job) -> list[Fault]:
    """Whether a restored photograph is the file that ledger and record tell of.

    Raises
    ------
    OSError, PhotographError
        It cannot be read, or its record cannot.
    """
    output = _output(job)
    if file_sha256(output) != job.output_sha256:
        return [Fault(output, CHANGED)]
    record = read_record(output)
    if record is not None and (record.original.sha256, record.restored.sha256) != (
        job.sha256,
        job.output_sha256,
    ):
        return [Fault(output, f"its record is that of another photograph. To have its own again: {ANEW}")]
    return []


def _output(job: Job) -> Path:
    return job.output or job.path


def _is_gone(path: Path) -> bool:
    """Whether it is certain that nothing is there: where nobody may look, reading it tells why."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _unreadable(output: Path, error: OSError) -> Fault:
    """Of an output, unless the error names another file: its mask."""
    path = output if error.filename is None else Path(os.fsdecode(error.filename))
    return Fault(path, f"cannot be read: {error.strerror or error}. Correct that, then verify again")
