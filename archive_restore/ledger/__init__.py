"""What was found, what is to do and what was done, in one SQLite file. The only place of sqlite_utils."""

from archive_restore.ledger.connection import fold_wal
from archive_restore.ledger.jobs import (
    Archive,
    Backlog,
    Counts,
    Failure,
    Held,
    Job,
    KindCount,
    KnownContent,
    KnownFile,
    MaskedPhotograph,
    Pace,
    Pile,
    RegionRow,
    Retried,
    Reviewed,
    RunRow,
    ScannedPhotograph,
    Stage,
    State,
    Unreachable,
)
from archive_restore.ledger.ledger import Ledger, open_ledger
from archive_restore.ledger.location import network_share
from archive_restore.ledger.lock import WorkerLock, is_held, lone_lock, no_run, no_run_or_scan
from archive_restore.ledger.running import Queue

__all__ = [
    "Archive",
    "Backlog",
    "Counts",
    "Failure",
    "Held",
    "Job",
    "KindCount",
    "KnownContent",
    "KnownFile",
    "Ledger",
    "MaskedPhotograph",
    "Pace",
    "Pile",
    "Queue",
    "RegionRow",
    "Retried",
    "Reviewed",
    "RunRow",
    "ScannedPhotograph",
    "Stage",
    "State",
    "Unreachable",
    "WorkerLock",
    "fold_wal",
    "is_held",
    "lone_lock",
    "network_share",
    "no_run",
    "no_run_or_scan",
    "open_ledger",
]
