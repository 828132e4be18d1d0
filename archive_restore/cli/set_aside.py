"""The list of what was set aside, as several commands show it."""

from collections.abc import Sequence
from pathlib import Path

from archive_restore.errors import printable
from archive_restore.words import either

SHOWN = 20
"""Rows of a list in a terminal; the rest is counted."""


def show_set_aside(
    items: Sequence[tuple[Path, str]], *, count: int | None = None, remembered: bool = True
) -> None:
    """Prints paths and reasons; of `count` (default: all given) only as many as fit a screen. What is not `remembered`
    by the ledger is printed whole: nothing else could show it."""
    from archive_restore.console import show_table

    if not items:
        return
    shown = items[:SHOWN] if remembered else items
    show_table(("set aside", "reason"), [(printable(path), reason) for path, reason in shown])
    _show_rest((len(items) if count is None else count) - len(shown))


def show_unreachable(items: Sequence[tuple[Path, str]], *, count: int | None = None) -> None:
    """Prints folders and links that could not be opened, as `show_set_aside` does photographs."""
    from archive_restore.console import say, show_table

    if not items:
        return
    number = len(items) if count is None else count
    noun = either(number, "folder or link", "folders or links")
    say(f"{number:,} {noun} could not be opened; what is in there was not looked at.")
    show_table(("cannot be opened", "reason"), [(printable(path), reason) for path, reason in items[:SHOWN]])
    _show_rest(number - SHOWN)


def _show_rest(number: int) -> None:
    from archive_restore.console import say

    if number > 0:
        say(f"... and {number:,} more. All of them: archive-restore status --failed")
