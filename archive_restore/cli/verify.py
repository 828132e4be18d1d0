"""`archive-restore verify`: read everything again and compare."""

import typer

from archive_restore.cli.options import DEFAULT_MAX_PIXELS, MaxPixels, OptionalArchive
from archive_restore.errors import ExitCode, printable
from archive_restore.words import counted, either


def verify(archive: OptionalArchive = None, max_pixels: MaxPixels = DEFAULT_MAX_PIXELS) -> None:
    """Prove that originals are untouched, and restored photographs differ only where they were damaged.

    Exit code 0: all is as it should be; 1: something is not, and is named, or there was nothing to read.
    """
    from archive_restore.console import TerminalProgress, duration, say, show_table
    from archive_restore.home import default_home
    from archive_restore.scanned import scanned_archives, scanned_ledger
    from archive_restore.verify import verify as read_again

    home = default_home()
    with scanned_ledger(home) as ledger, TerminalProgress() as progress:
        archives = scanned_archives(ledger, archive)
        summary = read_again(archives, ledger=ledger, home=home, progress=progress, max_pixels=max_pixels)
    say(
        f"Read {counted(summary.originals, 'original')} and {counted(summary.outputs, 'restored photograph')} in "
        f"{duration(summary.seconds)}."
    )
    if summary.waiting:
        say(
            f"{summary.waiting:,} of them {either(summary.waiting, 'was', 'were')} made by another mask than there is "
            "now; only what they hash to was looked at. See: archive-restore status"
        )
    if summary.gone:
        say(
            f"{counted(summary.gone, 'photograph')}, never restored, {either(summary.gone, 'is', 'are')} gone."
        )
    if summary.unreachable:
        noun = either(summary.unreachable, "folder or link", "folders or links")
        say(
            f"{summary.unreachable:,} {noun} could not be opened by the scan; what is in there is not verified."
        )
    if summary.unreadable:
        say(
            f"{summary.unreadable:,} could not be read by the scan, nor compared. Why: archive-restore status"
        )
    if summary.faults:
        for title, unchecked in (("wrong", False), ("cannot be compared", True)):
            rows = [(printable(one.path), one.reason) for one in summary.faults if one.unchecked is unchecked]
            if rows:
                show_table((title, "why"), rows)
        raise typer.Exit(ExitCode.SOME_FAILED)
    if not summary.proven:
        say("Nothing was read, so nothing is proven: no scan has found a photograph that can be read.")
        raise typer.Exit(ExitCode.SOME_FAILED)
    there = " that is known and there" if summary.gone or summary.unreachable else ""
    restored = "nothing differs outside the masks" if summary.outputs else "nothing is restored yet"
    say(f"Every original{there} is as it was scanned; {restored}.")
