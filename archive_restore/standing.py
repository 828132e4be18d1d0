"""Where things stand, as a user is told it: what a run that died still holds in the ledger waits for the next one."""

from archive_restore.home import Home
from archive_restore.ledger import Counts, Ledger, State, is_held


def at_work(home: Home) -> bool:
    """Whether a run lives, so that what is leased is its own. It takes over the leases of the dead as it begins."""
    return is_held(home.worker_lock)


def standing(ledger: Ledger, home: Home, archive: int | None = None) -> Counts:
    """How many files are in which state: leased are only those that a living run restores right now."""
    counts = ledger.counts(archive)
    return counts if not counts.states[State.LEASED] or at_work(home) else counts.abandoned()
