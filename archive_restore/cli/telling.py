"""What commands tell: progress by --quiet, where the ledger lies."""

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from archive_restore.errors import printable
from archive_restore.home import HOME_VARIABLE, Home

if TYPE_CHECKING:
    from archive_restore.progress import Progress


def telling(quiet: bool) -> "AbstractContextManager[Progress]":
    """The terminal's progress, or none."""
    from archive_restore.console import TerminalProgress
    from archive_restore.progress import NullProgress

    return nullcontext(NullProgress()) if quiet else TerminalProgress()


def network_share_note(home: Home, progress: "Progress") -> None:
    """Warns where SQLite cannot keep its promises."""
    from archive_restore.ledger import network_share

    share = network_share(home.ledger)
    if share is not None:
        progress.note(
            f"The ledger {printable(home.ledger)} lies on a network share ({share}), where a cut connection or a "
            f"second computer can damage it. Set {HOME_VARIABLE} to a folder on a disk of this computer."
        )
