"""The list of what was set aside, as several commands show it."""

from collections.abc import Sequence
from pathlib import Path

from archive_restore.errors import printable

SHOWN = 20
"""Rows of a list in a terminal; the rest is counted."""


def show_set_aside(items: Sequence[tuple[Path, str]], *, count: int | None = None) -> None:
    """Prints paths and reasons; of `count` (default: all given) only as many as fit a screen."""
    from archive_restore.console import say, show_table

    if not items:
        return
    show_table(("set aside", "reason"), [(printable(path), reason) for path, reason in items[:SHOWN]])
    rest = (len(items) if count is None else count) - SHOWN
    if rest > 0:
        say(f"... and {rest:,} more. All of them: archive-restore status --failed")
