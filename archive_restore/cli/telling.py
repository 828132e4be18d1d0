"""What commands tell, and how they say it: progress by --quiet, counts in words."""

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


def counted(number: int, noun: str) -> str:
    """A count with its noun: 1 photograph, 2,000 photographs."""
    return f"{number:,} {either(number, noun, noun + 's')}"


def either(number: int, one: str, several: str) -> str:
    """The words that go with a count: 1 is, 2 are."""
    return one if number == 1 else several


def network_share_note(home: Home, progress: "Progress") -> None:
    """Warns where SQLite cannot keep its promises."""
    from archive_restore.ledger import network_share

    share = network_share(home.ledger)
    if share is not None:
        progress.note(
            f"The ledger {printable(home.ledger)} lies on a network share ({share}), where a cut connection or a "
            f"second computer can damage it. Set {HOME_VARIABLE} to a folder on a disk of this computer."
        )
