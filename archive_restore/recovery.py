"""What a run that was killed left in the ledger and on the disk."""

from pathlib import Path

from archive_restore.durable import remove_stray_temporaries
from archive_restore.ledger import Ledger
from archive_restore.outputs import output_path
from archive_restore.photos.archive import output_folder
from archive_restore.photos.codecs import file_sha256


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
            recovered += ledger.finish(job, output=output, output_sha256=digest, model=None)
        else:
            ledger.release(job, crashed=True)
    return recovered


def _holds(path: Path, digest: str) -> bool:
    """Whether `path` is a file with this sha256."""
    try:
        return file_sha256(path) == digest
    except OSError:
        return False
