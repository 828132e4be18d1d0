"""The list of photographs that only a person can decide on, as several commands show it."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from archive_restore.cli.set_aside import SHOWN
from archive_restore.errors import printable


def show_unsure(unsure: Sequence[Path], archive: Path, *, previewed: bool = False) -> None:
    """Prints the paths of an archive's photographs with faint specks all over, as many as fit a screen, and how to
    look at them (unless they are `previewed`) and decide."""
    from archive_restore.console import say, show_table

    if not unsure:
        return
    show_table(
        ("faint specks all over: dust and flakes, or snow and stars?",),
        [(printable(path),) for path in unsure[:SHOWN]],
    )
    if len(unsure) > SHOWN:
        say(f"... and {len(unsure) - SHOWN:,} more. All of them: archive-restore status --json")
    if not previewed:
        root = shlex.quote(printable(archive))
        say(f"To see what a high sensitivity would take: archive-restore report {root} --preview SHEET.jpg")
    say(
        "They are left alone. Where they are damage: archive-restore rescore PHOTOGRAPH --sensitivity high --again. "
        "Where they are not, the same without --sensitivity; then they are not listed any more."
    )
