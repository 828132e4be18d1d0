"""What was found, what is to do and what was done, in one SQLite file. The only place of sqlite_utils."""

from archive_restore.ledger.jobs import (
    Archive,
    Counts,
    Failure,
    Job,
    KindCount,
    KnownContent,
    KnownFile,
    RegionRow,
    Retried,
    ScannedPhotograph,
    Stage,
    State,
)
from archive_restore.ledger.ledger import Ledger, open_ledger
from archive_restore.ledger.lock import WorkerLock

__all__ = [
    "Archive",
    "Counts",
    "Failure",
    "Job",
    "KindCount",
    "KnownContent",
    "KnownFile",
    "Ledger",
    "RegionRow",
    "Retried",
    "ScannedPhotograph",
    "Stage",
    "State",
    "WorkerLock",
    "open_ledger",
]
