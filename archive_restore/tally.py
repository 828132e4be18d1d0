"""What a run gets done: counted in its summary, told as it happens, written to its log."""

from pathlib import Path

from archive_restore.assignment import RunSummary
from archive_restore.errors import SetAside, printable
from archive_restore.ledger import Job
from archive_restore.log import Log
from archive_restore.photos.archive import output_folder
from archive_restore.progress import Progress


class Tally:
    """Every outcome that a photograph can have in a run, a method each."""

    def __init__(self, summary: RunSummary, progress: Progress, log: Log) -> None:
        self._summary = summary
        self._progress = progress
        self._log = log
        self._windows = 0

    def restored(self, job: Job, pixels: int, note: str) -> None:
        """A photograph was restored; `note`, if there is one, is what its owner should know of it."""
        if note:
            self._progress.note(f"{printable(job.path)}: {note}")
        self._summary.restored += 1
        self._summary.megapixels += pixels / 1e6
        self._note_output(job)
        self._log.event(
            "restored", {"path": printable(job.path), "megapixels": pixels / 1e6, "note": note or None}
        )
        self._progress.advance()

    def found(self, job: Job) -> None:
        """What would be written lay there already."""
        self._summary.found += 1
        self._note_output(job)
        self._log.event("found", {"path": printable(job.path)})
        self._progress.advance()

    def linked(self, job: Job, how: str, twin: Path) -> None:
        """A duplicate that is done served this photograph as well: "linked" or "copied"."""
        self._summary.linked += 1
        self._note_output(job)
        self._log.event(how, {"path": printable(job.path), "from": printable(twin)})
        self._progress.advance()

    def postponed(self, job: Job, reason: str) -> None:
        """An attempt failed for a reason that may pass."""
        self._progress.note(f"{printable(job.path)}: {reason}; it gets another attempt")
        self._log.event("postponed", {"path": printable(job.path), "reason": reason})

    def set_aside(self, job: Job, reason: str) -> None:
        """A photograph could not be restored."""
        self._log.event("set aside", {"path": printable(job.path), "reason": reason})
        self._summary.set_aside.append(SetAside(job.path, reason))
        self._progress.note(f"{printable(job.path)}: {reason}")
        self._progress.advance()

    def add(self, job: Job, other: RunSummary) -> None:
        """What another process did with a job that was claimed here."""
        self._summary.restored += other.restored
        self._summary.megapixels += other.megapixels
        self._summary.set_aside += other.set_aside
        if other.restored:
            self._note_output(job)
            self._log.event("restored alone", {"path": printable(job.path)})
        for one in other.set_aside:
            self._log.event("set aside", {"path": printable(one.path), "reason": one.reason})

    def windows(self, number: int) -> None:
        """The network has filled so many more."""
        self._windows += number
        self._progress.figures(windows=self._windows)

    def _note_output(self, job: Job) -> None:
        folder = output_folder(job.archive)
        if folder not in self._summary.outputs:
            self._summary.outputs.append(folder)
