"""`archive-restore revert`: remove restored photographs again."""

from pathlib import Path
from typing import Annotated

import typer

from archive_restore.errors import ExitCode, printable

Restored = Annotated[
    list[Path],
    typer.Argument(
        metavar="PATHS",
        help="Restored photographs or their originals, or folders of them.",
        show_default=False,
    ),
]
Again = Annotated[
    bool,
    typer.Option(
        "--again",
        help="Queue them, to be restored anew, also those that were rejected before; else they are left alone.",
    ),
]


def revert(paths: Restored, again: Again = False) -> None:
    """Remove restored photographs and their records. Originals stay as they are, always."""
    from archive_restore.cli.set_aside import SHOWN
    from archive_restore.console import say, show_next_step, show_table
    from archive_restore.home import default_home
    from archive_restore.revert import revert as remove
    from archive_restore.scanned import scanned_ledger
    from archive_restore.words import either

    home = default_home()
    with scanned_ledger(home) as ledger:
        summary = remove(paths, ledger=ledger, home=home, again=again)
    done = [f"Removed {printable(path)}" for path in summary.reverted]
    done += [f"Queued again {printable(path)}" for path in summary.again]
    for line in done[:SHOWN]:
        say(line)
    if len(done) > SHOWN:
        say(f"... and {len(done) - SHOWN:,} more.")
    if summary.kept:
        show_table(("kept", "why"), [(printable(one.path), one.reason) for one in summary.kept])
    if summary.held:
        say(
            f"{summary.held:,} {either(summary.held, 'is', 'are')} held for a look, because of large masks. See: "
            "archive-restore status"
        )
    if summary.queued:
        show_next_step("archive-restore run")
    if summary.kept:
        raise typer.Exit(ExitCode.SOME_FAILED)
