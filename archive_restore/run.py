"""The workflow of `run`: everything that is queued is restored, resumably."""

import os
import secrets
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archive_restore.errors import ArchiveRestoreError, InputError, PhotographError, printable
from archive_restore.home import Home
from archive_restore.interrupts import StopRequest, stop_on_interrupt
from archive_restore.ledger import Archive, Job, Ledger, State, WorkerLock
from archive_restore.networks.devices import choose_device
from archive_restore.networks.weights import find_model, load_model
from archive_restore.photos.archive import check_archive, output_folder
from archive_restore.photos.codecs import DEFAULT_MAX_PIXELS, decode, encode, file_sha256, sha256
from archive_restore.photos.files import read_mask, remove_stray_temporaries
from archive_restore.progress import Progress
from archive_restore.restoring.pipeline import Loaded, SetAside, restore_all, write_checked
from archive_restore.restoring.restorer import Restorer


@dataclass(frozen=True)
class RunOptions:
    """What the user chose for one run."""

    archive: Path | None = None  # only this one
    device: str | None = None  # None: the best there is
    batch_size: int | None = None  # windows; None: by the device
    limit: int | None = None  # photographs
    model: str | None = None  # None: the default
    max_pixels: int = DEFAULT_MAX_PIXELS


@dataclass
class RunSummary:
    """What a run did."""

    restored: int = 0
    recovered: int = 0  # written by a run that was killed, now recorded as done
    set_aside: list[SetAside] = field(default_factory=list)
    megapixels: float = 0.0  # of the restored photographs
    seconds: float = 0.0
    queued: int = 0  # still to be done
    interrupted: bool = False
    device: str | None = None
    outputs: list[Path] = field(default_factory=list)  # folders that restored photographs went to


def run(*, ledger: Ledger, home: Home, options: RunOptions, progress: Progress) -> RunSummary:
    """Restores the queued photographs of one archive, or of all.

    Raises
    ------
    InputError
        The archive was never scanned, or has vanished.
    LockedError, DeviceError, WeightsError, StorageError, LedgerError
        Going on would not help. What is finished stays finished, the rest is queued again.
    """
    began = time.monotonic()
    archives = ledger.archives() if options.archive is None else [scanned_archive(ledger, options.archive)]
    device = choose_device(options.device)
    with WorkerLock(home.worker_lock), stop_on_interrupt() as stop:
        summary = RunSummary(device=str(device), recovered=recover(ledger))
        worker = _Worker(ledger, home, options, progress, stop, summary)
        restorer: Restorer | None = None
        for archive in archives:
            waiting = ledger.counts(archive.id).states[State.QUEUED]
            if waiting and worker.wanted():
                model = find_model(options.model or archive.model, home=home)[1].name
                if restorer is None or restorer.card.name != model:
                    restorer = Restorer(
                        load_model(model, home=home),
                        device,
                        options.batch_size,
                        note=progress.note,
                        after_batch=worker.after_batch,
                    )
                worker.work(restorer, archive, waiting)
    summary.queued = sum(ledger.counts(archive.id).states[State.QUEUED] for archive in archives)
    summary.interrupted = stop.made and summary.queued > 0
    summary.seconds = time.monotonic() - began
    return summary


def scanned_archive(ledger: Ledger, archive: Path) -> Archive:
    """What the ledger knows of an archive that was scanned; InputError if it was not."""
    root = check_archive(archive)
    for known in ledger.archives():
        if known.root == root:
            return known
    raise InputError(
        f"{printable(root)} has not been scanned. First run: archive-restore scan {printable(archive)}"
    )


def output_path(job: Job) -> Path:
    """Where the restored photograph goes."""
    return output_folder(job.archive) / os.fsdecode(job.relative)


def recover(ledger: Ledger) -> int:
    """Takes over from a run that was killed; the caller holds the worker lock.

    What it had written but not yet recorded is recorded as done, the rest is queued again, and half-written
    files are removed.

    Returns
    -------
    Number of photographs recorded as done.
    """
    leases = ledger.leased()
    for root in {job.archive for job in leases}:
        remove_stray_temporaries(output_folder(root))
    recovered = 0
    for job in leases:
        output = job.intended_output or output_path(job)
        digest = job.intended_sha256
        if digest is not None and _holds(output, digest):
            recovered += ledger.finish(job, output=output, output_sha256=digest, model=job.model)
        else:
            ledger.release(job)
    return recovered


class _Worker:
    """One run over the queue. Implements `pipeline.Work` for jobs of the ledger."""

    def __init__(
        self,
        ledger: Ledger,
        home: Home,
        options: RunOptions,
        progress: Progress,
        stop: StopRequest,
        summary: RunSummary,
    ) -> None:
        self._name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._ledger = ledger
        self._home = home
        self._options = options
        self._archive: int | None = None
        self._model = ""
        self._progress = progress
        self._stop = stop
        self._stop_told = False
        self._summary = summary
        self._windows = 0
        self._left = sys.maxsize if options.limit is None else options.limit  # may still be claimed

    def work(self, restorer: Restorer, archive: Archive, waiting: int) -> None:
        """Restores what is queued of one archive, up to the run's limit."""
        self._archive, self._model = archive.id, restorer.card.name
        self._progress.start("Restoring", min(waiting, self._left))
        try:
            restore_all(self, restorer)
        finally:
            self._progress.stop()
            with suppress(ArchiveRestoreError):  # the next run would release them as well
                for job in self._ledger.leased():
                    if job.worker == self._name:
                        self._ledger.release(job)

    def tasks(self) -> Iterator[Job]:
        while self._left > 0 and self.wanted():
            jobs = self._ledger.claim(self._name, 1, self._archive)
            if not jobs:
                return
            self._left -= 1
            yield jobs[0]

    def pixels(self, job: Job) -> int:
        return (job.width or 1) * (job.height or 1)

    def wanted(self) -> bool:
        return not self._stop.made

    def load(self, job: Job) -> Loaded:
        self._refuse_to_replace(output_path(job))
        try:
            photograph = decode(job.path, max_pixels=self._options.max_pixels)
        except PhotographError:
            if not job.archive.is_dir():
                raise InputError(
                    f"The archive {printable(job.archive)} is gone. Mount its disk, then run the same "
                    "command again."
                ) from None
            raise
        if sha256(photograph.source) != job.sha256:
            raise PhotographError(job.path, "it has changed since the scan; scan the archive again")
        mask_file = self._home.mask(str(job.sha256))
        if not mask_file.exists():
            raise PhotographError(job.path, "its mask is missing; scan the archive again, then retry")
        mask = read_mask(mask_file, photograph.pixels.shape)
        if mask.all():
            raise PhotographError(
                job.path, "all of it is marked as damaged, so nothing is left to restore it from"
            )
        return Loaded(photograph, mask)

    def save(self, job: Job, loaded: Loaded, pixels: NDArray[np.uint8]) -> None:
        output = output_path(job)
        data = encode(loaded.photograph, pixels)
        digest = sha256(data)
        self._refuse_to_replace(output)
        if not self._ledger.write_intent(job, digest, output, self._model):
            raise PhotographError(job.path, "another worker has taken it over")
        write_checked(output, data, loaded.photograph, pixels)
        if not self._ledger.finish(job, output=output, output_sha256=digest, model=self._model):
            raise PhotographError(job.path, "another worker has taken it over")

    def finished(self, job: Job) -> None:
        self._summary.restored += 1
        self._summary.megapixels += self.pixels(job) / 1e6
        folder = output_folder(job.archive)
        if folder not in self._summary.outputs:
            self._summary.outputs.append(folder)
        self._progress.advance()

    def failed(self, job: Job, reason: str) -> None:
        self._ledger.fail(job, reason)
        self._summary.set_aside.append(SetAside(job.path, reason))
        self._progress.note(f"{printable(job.path)}: {reason}")
        self._progress.advance()

    def given_back(self, job: Job) -> None:
        self._ledger.release(job)

    def _refuse_to_replace(self, output: Path) -> None:
        """Raises unless the output's place is free, or holds what an earlier run wrote there."""
        try:
            if self._ledger.wrote(file_sha256(output)):
                return
            reason = "is not a file that this program wrote"
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            reason = f"cannot be read ({error.strerror})"
        raise PhotographError(
            output,
            f"{printable(output)} exists already and {reason}; it is left as it is. Move it away, then retry",
        )

    def after_batch(self, windows: int) -> None:
        self._windows += windows
        self._progress.figures(windows=self._windows)
        if self._stop.made and not self._stop_told:
            self._stop_told = True
            self._progress.note("Stopping after the photographs in flight; Ctrl-C again stops at once.")


def _holds(path: Path, digest: str) -> bool:
    """Whether `path` is a file with this sha256."""
    try:
        return file_sha256(path) == digest
    except OSError:
        return False
