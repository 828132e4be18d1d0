"""`archive-restore verify`: read everything again and compare."""

import typer

from archive_restore.cli.options import DEFAULT_MAX_PIXELS, MaxPixels, OptionalArchive
from archive_restore.errors import ExitCode, InputError, printable


def verify(archive: OptionalArchive = None, max_pixels: MaxPixels = DEFAULT_MAX_PIXELS) -> None:
    """Prove that originals are untouched, and restored photographs differ only where they were damaged.

    Exit code 0: all is as it should be; 1: something is not, and is named.
    """
    from archive_restore.cli.status import chosen_archives
    from archive_restore.console import TerminalProgress, duration, say, show_table
    from archive_restore.home import default_home
    from archive_restore.ledger import open_ledger
    from archive_restore.verify import verify as read_again

    home = default_home()
    if not home.ledger.exists():
        raise InputError("Nothing was scanned yet. First run: archive-restore scan ARCHIVE")
    with open_ledger(home.ledger) as ledger, TerminalProgress() as progress:
        archives = chosen_archives(ledger, archive)
        summary = read_again(archives, ledger=ledger, home=home, progress=progress, max_pixels=max_pixels)
    say(
        f"Read {summary.originals:,} originals and {summary.outputs:,} restored photographs in "
        f"{duration(summary.seconds)}."
    )
    if summary.faults:
        show_table(("wrong", "why"), [(printable(fault.path), fault.reason) for fault in summary.faults])
        raise typer.Exit(ExitCode.SOME_FAILED)
    say("Every original is as it was scanned; nothing differs outside the masks.")
