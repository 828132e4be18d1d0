"""One run over the queue: from claimed jobs to finished photographs."""

import os
import secrets
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from archive_restore.assignment import RunOptions, RunSummary
from archive_restore.attempts import Attempts
from archive_restore.decoding import Decode
from archive_restore.errors import ArchiveRestoreError, DiskFullError, printable
from archive_restore.handling import Handling
from archive_restore.home import Home
from archive_restore.interrupts import StopRequest
from archive_restore.ledger import Archive, Job, Ledger, Queue, RunRow
from archive_restore.ledger.running import LONGEST_WAIT
from archive_restore.log import Log
from archive_restore.night import Night, free_space, has_room
from archive_restore.photos.archive import output_folder
from archive_restore.photos.codecs import Samples
from archive_restore.progress import Progress
from archive_restore.restoring.parts import Loaded
from archive_restore.restoring.pipeline import restore_all
from archive_restore.restoring.restorer import Restorer
from archive_restore.tally import Tally

PAUSE_SECONDS: Final = 30.0
"""s between two looks for room on a disk that was full."""


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
        self._model = ""  # its name
        self._handling: Handling  # of the archive at work
        self._written: dict[int, tuple[Job, str]] = {}  # with what is to be noted; by job, until it is told
        self._progress = progress
        self._stop = stop
        self._stop_told = False
        self._summary = summary
        self._tally = Tally(summary, progress, log)
        self._left = sys.maxsize if options.limit is None else options.limit  # may still be claimed
        self._night = night
        self._log = log
        self._only: Job | None = None
        self._decode = decode
        self._attempts = Attempts()
        self._began_at = night.clock.now().isoformat(timespec="seconds")
        self._seconds = 0.0  # at work
        self._claimed = 0

    def empty(self, restorer: Restorer, archive: Archive, waiting: int) -> None:
        """Restores what is queued of one archive, up to the run's limit."""
        self._take_up(archive, restorer)
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
        self._only, self._name = job, job.worker or ""
        (archive,) = (known for known in self._ledger.archives() if known.id == job.archive_id)
        self._take_up(archive, restorer)
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
        self._tally.add(job, other)
        if not other.restored and not other.set_aside:  # it gets another attempt
            self._left += 1

    def remember(self) -> None:
        """Tells the ledger what this run got done."""
        if self._seconds and self._model:
            self._ledger.add_run(
                RunRow(
                    started_at=self._began_at,
                    seconds=self._seconds,
                    device=self._summary.device or "",
                    model=self._model,
                    restored=self._summary.restored,
                    set_aside=len(self._summary.set_aside),
                    pixels=round(self._summary.megapixels * 1e6),
                )
            )

    def _take_up(self, archive: Archive, restorer: Restorer) -> None:
        self._model = restorer.card.name
        self._handling = Handling(
            self._ledger,
            self._home,
            self._options,
            self._decode,
            archive,
            restorer.card,
            self._progress.note,
        )

    def _work(self, restorer: Restorer) -> None:
        """What can be claimed now goes through the pipeline."""
        began = self._night.clock.monotonic()
        try:
            restore_all(self, restorer)
        finally:
            self._seconds += self._night.clock.monotonic() - began
            for job, _ in list(self._written.values()):  # while the error of another ended the work
                self.finished(job)
            self.release_mine()

    def release_mine(self) -> None:
        """Gives back what this worker still holds."""
        with suppress(ArchiveRestoreError):  # the next run would release them as well
            for job in self._ledger.leased():
                if job.worker == self._name:
                    self.given_back(job)

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
            archive = self._handling.archive.id
            jobs = self._ledger.claim(self._name, 1, archive) or self._ledger.claim(
                self._name, 1, archive, Queue.DUE
            )
            if not jobs:
                return
            self._left -= 1
            self._claimed += 1
            if not self._done_already(jobs[0]):
                yield jobs[0]

    def _done_already(self, job: Job) -> bool:
        """Whether it lies in its place, or a duplicate that is done served this photograph as well."""
        if self._handling.found(job):
            self._tally.found(job)
            return True
        linked = self._handling.link(job, self._began_at)
        if linked is None:
            return False
        self._tally.linked(job, *linked)
        return True

    def pixels(self, job: Job) -> int:
        return (job.width or 1) * (job.height or 1)

    def wanted(self) -> bool:
        return not self._stop.made and not self._night.over()

    def load(self, job: Job) -> Loaded:
        with self._attempts.noting(job):
            return self._handling.load(job)

    def save(self, job: Job, loaded: Loaded, pages: tuple[Samples, ...]) -> None:
        self._written[job.id] = job, self._handling.save(job, loaded, pages)

    def finished(self, job: Job) -> None:
        _, note = self._written.pop(job.id, (job, ""))
        self._tally.restored(job, self.pixels(job), note)

    def failed(self, job: Job, reason: str) -> None:
        wait = self._attempts.wait(job)
        if wait is not None:
            self._left += 1
            self._ledger.postpone(job, reason, wait)
            self._tally.postponed(job, reason)
            return
        self._ledger.fail(job, reason)
        self._tally.set_aside(job, reason)

    def given_back(self, job: Job) -> None:
        self._left += self._ledger.release(job)

    def after_batch(self, windows: int) -> None:
        self._tally.windows(windows)
        if self._stop.made and not self._stop_told:
            self._stop_told = True
            self._progress.note("Stopping after the photographs in flight; Ctrl-C again stops at once.")
