"""`archive-restore revert`: remove restored photographs again."""

from pathlib import Path
from typing import Annotated

import typer

from archive_restore.errors import ExitCode, InputError, printable

Restored = Annotated[
    list[Path],
    typer.Argument(
        metavar="PATHS",
        help="Restored photographs or their originals, or folders of them.",
        show_default=False,
    ),
]
Again = Annotated[
    bool, typer.Option("--again", help="Queue them, to be restored anew; else they are left alone.")
]


def revert(paths: Restored, again: Again = False) -> None:
    """Remove restored photographs and their records. Originals stay as they are, always."""
    from archive_restore.cli.set_aside import SHOWN
    from archive_restore.console import say, show_next_step, show_table
    from archive_restore.home import default_home
    from archive_restore.ledger import open_ledger
    from archive_restore.revert import revert as remove

    home = default_home()
    if not home.ledger.exists():
        raise InputError("Nothing was restored yet. First run: archive-restore scan ARCHIVE")
    with open_ledger(home.ledger) as ledger:
        summary = remove(paths, ledger=ledger, home=home, again=again)
    for path in summary.reverted[:SHOWN]:
        say(f"Removed {printable(path)}")
    if len(summary.reverted) > SHOWN:
        say(f"... and {len(summary.reverted) - SHOWN:,} more.")
    if summary.kept:
        show_table(("kept", "why"), [(printable(one.path), one.reason) for one in summary.kept])
    if again and summary.reverted:
        show_next_step("archive-restore run")
    if summary.kept:
        raise typer.Exit(ExitCode.SOME_FAILED)
