"""`archive-restore release`: let what is held for a look be restored."""

from pathlib import Path
from typing import Annotated

import typer

Held = Annotated[
    list[Path],
    typer.Argument(
        metavar="PATHS", help="The photographs that you looked at, or folders of them.", show_default=False
    ),
]


def release(paths: Held) -> None:
    """Queue photographs that are held for a look, because their masks are large.

    They are held again if their masks grow. To see the masks: archive-restore scan ARCHIVE --preview SHEET
    """
    from archive_restore.console import say, show_next_step
    from archive_restore.home import default_home
    from archive_restore.scanned import place, scanned_ledger

    home = default_home()
    with scanned_ledger(home) as ledger:
        archives = ledger.archives()
        chosen = [place(path, archives) for path in paths]
        queued = sum(ledger.allow(archive.id, under) for archive, under in chosen)
    if not queued:
        say("Nothing there is held.")
        return
    say(f"{queued:,} queued.")
    show_next_step("archive-restore run")
