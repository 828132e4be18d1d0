"""The workflow of `verify`: are the originals what they were, and the restored photographs what they should be?"""

import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from archive_restore.errors import PhotographError
from archive_restore.home import Home
from archive_restore.ledger import Archive, Job, Ledger, State
from archive_restore.photos.codecs import DEFAULT_MAX_PIXELS, decode, file_sha256
from archive_restore.photos.fidelity import compare
from archive_restore.photos.mask_files import read_mask
from archive_restore.progress import Progress
from archive_restore.records import read_record


@dataclass(frozen=True)
class Fault:
    """A file that is not as it should be, and why."""

    path: Path
    reason: str


@dataclass
class VerifySummary:
    """What was looked at."""

    originals: int = 0  # read again
    outputs: int = 0  # read again and compared
    faults: list[Fault] = field(default_factory=list)
    seconds: float = 0.0


def verify(
    archives: list[Archive],
    *,
    ledger: Ledger,
    home: Home,
    progress: Progress,
    max_pixels: int = DEFAULT_MAX_PIXELS,
) -> VerifySummary:
    """Reads every original and every restored photograph again.

    Originals must hash as the ledger says; restored photographs as ledger and record say, and must differ from
    their originals only where the mask allows. Nothing is changed, in the ledger neither.
    """
    began = time.monotonic()
    summary = VerifySummary()
    for archive in archives:
        known = ledger.known_files(archive.id)
        hashes = {path: file.sha256 for path, file in known.items() if file.sha256 and not file.missing}
        jobs = {job.relative: job for job in ledger.jobs(archive=archive.id, state=State.DONE)}
        progress.start("Verifying", len(hashes))
        try:
            for relative, sha256 in hashes.items():
                job = jobs.get(relative)
                _verify_file(archive.root / os.fsdecode(relative), sha256, job, home, max_pixels, summary)
                progress.figures(wrong=len(summary.faults))
                progress.advance()
        finally:
            progress.stop()
    summary.seconds = time.monotonic() - began
    return summary


def faults_of(job: Job, home: Home, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> list[Fault]:
    """What is wrong with one restored photograph and its record."""
    output = job.output or job.path
    try:
        if file_sha256(output) != job.output_sha256:
            return [Fault(output, "it was changed after it was restored; revert it, or move it elsewhere")]
        record = read_record(output)
        max_pixels = max(max_pixels, (job.width or 0) * (job.height or 0))  # as allowed when it was restored
        original = decode(job.path, max_pixels=max_pixels)
        restored = decode(output, max_pixels=max_pixels)
        mask_file = home.mask(str(job.sha256))
        mask = read_mask(mask_file, (original.header.height, original.header.width))
        faults = []
        if record is not None:
            if (record.original.sha256, record.restored.sha256) != (job.sha256, job.output_sha256):
                faults.append(Fault(output, "its record is that of another photograph"))
            if record.repainted.mask_sha256 != file_sha256(mask_file):
                return [*faults, Fault(output, "its mask was changed after it was restored; run again")]
        recompressed = record is not None and bool(record.settings.get("recompress"))
        found = compare(original, restored, mask, recompressed=recompressed, coefficients=True)
        return faults + [Fault(output, reason) for reason in found.faults]
    except FileNotFoundError:
        return [Fault(output, "it is gone; revert it, then run again")]
    except OSError as error:
        return [Fault(output, f"cannot be read: {error.strerror or error}")]
    except PhotographError as error:
        return [Fault(error.path, error.reason)]


def _verify_file(
    path: Path, sha256: str, job: Job | None, home: Home, max_pixels: int, summary: VerifySummary
) -> None:
    """One original, and what was made of it."""
    summary.originals += 1
    try:
        if file_sha256(path) != sha256:
            summary.faults.append(Fault(path, "the original has changed since the scan; scan again"))
            return
    except OSError as error:
        summary.faults.append(Fault(path, f"the original cannot be read: {error.strerror or error}"))
        return
    if job is not None:
        summary.outputs += 1
        summary.faults += faults_of(job, home, max_pixels=max_pixels)
