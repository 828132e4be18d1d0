"""One run over the queue: from claimed jobs to finished photographs."""

import errno
import os
import secrets
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from archive_restore.decoding import Decode, DecoderDiedError
from archive_restore.errors import (
    ArchiveRestoreError,
    DiskFullError,
    InputError,
    PhotographError,
    printable,
)
from archive_restore.home import Home
from archive_restore.interrupts import StopRequest
from archive_restore.ledger import Archive, Job, Ledger, Queue, RunRow
from archive_restore.ledger.running import LONGEST_WAIT
from archive_restore.log import Log
from archive_restore.networks.weights import ModelCard
from archive_restore.night import Night, free_space, has_room
from archive_restore.photos.archive import output_folder
from archive_restore.photos.codecs import DEFAULT_MAX_PIXELS, Samples, encode, file_sha256, sha256
from archive_restore.photos.files import read_mask
from archive_restore.photos.names import apart, folds, written
from archive_restore.progress import Progress
from archive_restore.records import describe, remove_record, write_record
from archive_restore.restoring.parts import Loaded
from archive_restore.restoring.pipeline import SetAside, restore_all, write_checked
from archive_restore.restoring.restorer import Restorer
from archive_restore.twins import place, serves

WAITS: Final = (timedelta(seconds=30), timedelta(minutes=2))
"""Before the second and the third attempt at what failed for a reason that may pass; there is no fourth."""

DEATHS: Final = 2
"""Processes that may die of one photograph before it is set aside."""

MAY_PASS: Final = frozenset(
    getattr(errno, name)
    for name in [
        "EIO",
        "EAGAIN",
        "EBUSY",
        "EMFILE",
        "ENFILE",
        "ENOMEM",
        "ESTALE",
        "ETIMEDOUT",
        "ENETDOWN",
        "ENETUNREACH",
        "ECONNRESET",
    ]
    if hasattr(errno, name)
)
"""What a disk or a network share says that may answer again in a minute."""

PAUSE_SECONDS: Final = 30.0
"""s between two looks for room on a disk that was full."""


@dataclass(frozen=True)
class RunOptions:
    """What the user chose for one run."""

    archive: Path | None = None  # only this one
    device: str | None = None  # None: the best there is
    batch_size: int | None = None  # windows; None: by the device
    limit: int | None = None  # photographs
    model: str | None = None  # None: the default
    max_pixels: int = DEFAULT_MAX_PIXELS
    grain: bool = True  # draw the grain that repairs lack
    recompress: bool = False  # encode a JPEG anew as a whole
    records: bool = True  # write a record beside each restored photograph
    until: datetime | None = None  # nothing is begun after it
    lasting: timedelta | None = None  # nothing is begun after so much time awake


@dataclass
class RunSummary:
    """What a run did."""

    restored: int = 0
    linked: int = 0  # duplicates that took what was restored in another place
    recovered: int = 0  # written by a run that was killed, now recorded as done
    set_aside: list[SetAside] = field(default_factory=list)
    megapixels: float = 0.0  # of the restored photographs
    seconds: float = 0.0
    queued: int = 0  # still to be done
    interrupted: bool = False
    time_up: bool = False  # it ended because of `until` or `lasting`
    device: str | None = None
    outputs: list[Path] = field(default_factory=list)  # folders that restored photographs went to


def output_path(job: Job, renamed: Mapping[bytes, bytes] | None = None) -> Path:
    """Where the restored photograph goes; `renamed` has the paths that are others in the output."""
    relative = (renamed or {}).get(job.relative, job.relative)
    return output_folder(job.archive) / os.fsdecode(written(relative, job.path))


class Worker:
    """One run over the queue. Implements `pipeline.Work` for jobs of the ledger."""

    def __init__(
        self,
        ledger: Ledger,
        home: Home,
        options: RunOptions,
        progress: Progress,
        stop: StopRequest,
        summary: RunSummary,
        night: Night,
        log: Log,
        decode: Decode,
    ) -> None:
        self._name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._ledger = ledger
        self._home = home
        self._options = options
        self._archive: int | None = None
        self._model = ModelCard("", "", "", "")
        self._renamed: Mapping[bytes, bytes] = {}
        self._notes: dict[int, str] = {}  # by job
        self._progress = progress
        self._stop = stop
        self._stop_told = False
        self._summary = summary
        self._windows = 0
        self._left = sys.maxsize if options.limit is None else options.limit  # may still be claimed
        self._night = night
        self._log = log
        self._only: Job | None = None
        self._decode = decode
        self._attempts: dict[int, int] = {}  # of jobs whose failure may pass: how many more they get at most
        self._began_at = night.clock.now().isoformat(timespec="seconds")
        self._seconds = 0.0  # at work
        self._claimed = 0

    def empty(self, restorer: Restorer, archive: Archive, waiting: int) -> None:
        """Restores what is queued of one archive, up to the run's limit."""
        self._archive, self._model = archive.id, restorer.card
        self._renamed = self._renames(archive)
        self._progress.start("Restoring", min(waiting, self._left))
        try:
            while self._left > 0 and self.wanted():
                before = self._claimed
                try:
                    self._work(restorer)
                except DiskFullError as error:
                    self._pause(archive, error)
                    continue
                # Duplicates wait for those in flight, and some photographs for another attempt.
                if self._claimed == before and not self._wait_for_due(archive):
                    return
        finally:
            self._progress.stop()

    def only(self, job: Job, restorer: Restorer) -> None:
        """Restores one job, which was claimed for it."""
        self._model, self._only, self._name = restorer.card, job, job.worker or ""
        for archive in self._ledger.archives():
            if archive.id == job.archive_id:
                self._renamed = self._renames(archive)
        self._work(restorer)

    def suspects(self, archive: Archive) -> Iterator[Job]:
        """Claims what a run held when it died, one by one, up to the run's limit."""
        while self._left > 0 and self.wanted():
            jobs = self._ledger.claim(self._name, 1, archive.id, Queue.SUSPECT)
            if not jobs:
                return
            self._left -= 1
            yield jobs[0]

    def add(self, job: Job, other: RunSummary) -> None:
        """Counts in what another process did with a job that was claimed here."""
        self._summary.restored += other.restored
        self._summary.megapixels += other.megapixels
        self._summary.set_aside += other.set_aside
        if other.restored:
            self._note_output(job)
            self._log.event("restored alone", {"path": printable(job.path)})

    def remember(self) -> None:
        """Tells the ledger what this run got done."""
        if self._seconds and self._model.name:
            self._ledger.add_run(
                RunRow(
                    started_at=self._began_at,
                    seconds=self._seconds,
                    device=self._summary.device or "",
                    model=self._model.name,
                    restored=self._summary.restored,
                    set_aside=len(self._summary.set_aside),
                    pixels=round(self._summary.megapixels * 1e6),
                )
            )

    def _work(self, restorer: Restorer) -> None:
        """What can be claimed now goes through the pipeline."""
        began = self._night.clock.monotonic()
        try:
            restore_all(self, restorer)
        finally:
            self._seconds += self._night.clock.monotonic() - began
            self.release_mine()

    def release_mine(self) -> None:
        """Gives back what this worker still holds."""
        with suppress(ArchiveRestoreError):  # the next run would release them as well
            for job in self._ledger.leased():
                if job.worker == self._name:
                    self._ledger.release(job)

    def _pause(self, archive: Archive, error: DiskFullError) -> None:
        """Waits until there is room again where outputs and the ledger lie."""
        output = output_folder(archive.root)
        fuller = min(output, self._home.root, key=free_space)
        self._progress.note(
            f"Paused: there is no room in {printable(fuller)}. Make some; the run goes on by itself."
        )
        self._log.event("paused", {"reason": str(error)})
        while self._night.wait(PAUSE_SECONDS, self.wanted):
            if all(has_room(folder) for folder in (output, self._home.root)):
                break
        self.release_mine()
        if self.wanted():
            self._progress.note("There is room again; going on.")
            self._log.event("resumed", {})

    def _wait_for_due(self, archive: Archive) -> bool:
        """Waits for the next photograph that gets another attempt; False if there is none, or no time."""
        due = self._ledger.next_due(archive.id)
        if due is None:
            return False
        seconds = min((due - self._night.clock.now()).total_seconds(), LONGEST_WAIT.total_seconds())
        self._progress.note("Waiting to try again what may work now.")
        return self._night.wait(max(seconds, 1), self.wanted)

    def tasks(self) -> Iterator[Job]:
        if self._only is not None:
            yield self._only
            return
        while self._left > 0 and self.wanted():
            jobs = self._ledger.claim(self._name, 1, self._archive) or self._ledger.claim(
                self._name, 1, self._archive, Queue.DUE
            )
            if not jobs:
                return
            self._left -= 1
            self._claimed += 1
            if not self._linked(jobs[0]):
                yield jobs[0]

    def _linked(self, job: Job) -> bool:
        """Whether a duplicate that is done served this photograph as well."""
        twin = self._ledger.twin(job)
        model = self._model.name, self._model.sha256
        if twin is None or not serves(
            twin, job, model=model, settings=self._settings(), since=self._began_at
        ):
            return False
        output = output_path(job, self._renamed)
        try:
            self._refuse_to_replace(output)
            how = place(twin, job, output, self._ledger, record=self._options.records)
        except PhotographError:
            return False  # restoring it says so in its own words
        if how is not None:
            self._summary.linked += 1
            self._note_output(job)
            self._log.event(how, {"path": printable(job.path), "from": printable(twin.path)})
            self._progress.advance()
        return how is not None

    def _settings(self) -> dict[str, bool]:
        return {"grain": self._options.grain, "recompress": self._options.recompress}

    def pixels(self, job: Job) -> int:
        return (job.width or 1) * (job.height or 1)

    def wanted(self) -> bool:
        return not self._stop.made and not self._night.over()

    def load(self, job: Job) -> Loaded:
        with self._noting_what_may_pass(job):
            return self._load(job)

    @contextmanager
    def _noting_what_may_pass(self, job: Job) -> Iterator[None]:
        try:
            yield
        except PhotographError as error:
            cause = error.__cause__ or error.__context__
            if isinstance(error, DecoderDiedError):
                self._attempts[job.id] = DEATHS - 1
            elif isinstance(cause, OSError) and cause.errno in MAY_PASS:
                self._attempts[job.id] = len(WAITS)
            raise
        except MemoryError:
            self._attempts[job.id] = len(WAITS)
            raise

    def _load(self, job: Job) -> Loaded:
        self._refuse_to_replace(output_path(job, self._renamed))
        try:
            photograph = self._decode(job.path, self._options.max_pixels)
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
        header = photograph.header
        return Loaded(photograph, read_mask(mask_file, (header.height, header.width)))

    def save(self, job: Job, loaded: Loaded, pages: tuple[Samples, ...]) -> None:
        output, recompress = output_path(job, self._renamed), self._options.recompress
        data = encode(loaded.photograph, pages, recompress=recompress)
        digest = sha256(data)
        self._refuse_to_replace(output)
        if not self._ledger.write_intent(job, digest, output, self._model.name):
            raise PhotographError(job.path, "another worker has taken it over")
        record = describe(
            loaded.photograph,
            loaded.mask,
            data,
            name=printable(os.fsdecode(job.relative)),
            mask_file=self._home.mask(str(job.sha256)),
            model=(self._model.name, self._model.sha256),
            settings=self._settings(),
            regions=[asdict(region) for region in self._ledger.regions(job.photograph_id or 0)],
        )
        self._notes[job.id] = "; ".join(record.notes)
        # The record first: what a run that was killed had written is known by its output alone.
        if self._options.records:
            write_record(output, record)
        try:
            write_checked(output, data, loaded, pages, recompressed=recompress)
        except PhotographError:
            remove_record(output)
            raise
        finished = self._ledger.finish(job, output=output, output_sha256=digest, model=self._model.name)
        if not finished:
            raise PhotographError(job.path, "another worker has taken it over")

    def finished(self, job: Job) -> None:
        note = self._notes.pop(job.id, "")
        if note:
            self._progress.note(f"{printable(job.path)}: {note}")
        self._summary.restored += 1
        self._summary.megapixels += self.pixels(job) / 1e6
        self._note_output(job)
        self._log.event(
            "restored",
            {"path": printable(job.path), "megapixels": self.pixels(job) / 1e6, "note": note or None},
        )
        self._progress.advance()

    def _note_output(self, job: Job) -> None:
        folder = output_folder(job.archive)
        if folder not in self._summary.outputs:
            self._summary.outputs.append(folder)

    def failed(self, job: Job, reason: str) -> None:
        if job.failures < self._attempts.pop(job.id, 0):
            self._left += 1
            self._ledger.postpone(job, reason, WAITS[job.failures])
            self._progress.note(f"{printable(job.path)}: {reason}; it gets another attempt")
            self._log.event("postponed", {"path": printable(job.path), "reason": reason})
            return
        self._ledger.fail(job, reason)
        self._log.event("set aside", {"path": printable(job.path), "reason": reason})
        self._summary.set_aside.append(SetAside(job.path, reason))
        self._progress.note(f"{printable(job.path)}: {reason}")
        self._progress.advance()

    def given_back(self, job: Job) -> None:
        self._ledger.release(job)

    def _renames(self, archive: Archive) -> Mapping[bytes, bytes]:
        """Names that the output's disk would take for another file's, by path."""
        if not folds(output_folder(archive.root)):
            return {}
        known = self._ledger.known_files(archive.id)
        return apart(sorted(known, key=lambda relative: known[relative].file_id))

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
