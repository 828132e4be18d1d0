"""`archive-restore retry`: set what failed going again."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from archive_restore.errors import printable

Paths = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="PATHS",
        help="Only these archives, folders or photographs; all that failed, if left out.",
        show_default=False,
    ),
]

Failed = Annotated[bool, typer.Option("--failed", help="All that failed, as without PATHS.")]


def retry(paths: Paths = None, failed: Failed = False) -> None:
    """Try again what was set aside."""
    if failed and paths:
        raise typer.BadParameter("give --failed or PATHS, not both")
    from archive_restore.console import say, show_next_step
    from archive_restore.home import default_home
    from archive_restore.ledger import Retried
    from archive_restore.scanned import place, scanned_ledger
    from archive_restore.words import either

    home = default_home()
    with scanned_ledger(home) as ledger:
        archives = ledger.archives()
        chosen = [place(path, archives) for path in paths or []] or [(known, None) for known in archives]
        queued = held = 0
        to_scan: dict[Path, int] = {}
        for archive, under in chosen:
            retried: Retried = ledger.retry(archive=archive.id, under=under)
            queued += retried.queued
            held += retried.held
            if retried.to_scan:
                to_scan[archive.root] = to_scan.get(archive.root, 0) + retried.to_scan
    if not queued and not held and not to_scan:
        say("Nothing there is set aside.")
    for root, number in to_scan.items():
        say(f"{number:,} that could not be read {either(number, 'is', 'are')} read again by the next scan.")
        show_next_step(f"archive-restore scan {shlex.quote(printable(root))}")
    if held:
        why = either(
            held, "is held for a look, because its mask is", "are held for a look, because their masks are"
        )
        say(f"{held:,} {why} large. See archive-restore status")
    if queued:
        say(f"{queued:,} queued again.")
        show_next_step("archive-restore run")
