"""`archive-restore run`: restore everything that is queued."""

from typing import Annotated

import typer

from archive_restore.cli.options import (
    DEFAULT_MAX_PIXELS,
    BatchSize,
    Device,
    Gpu,
    MaxPixels,
    Model,
    OptionalArchive,
    device_name,
)
from archive_restore.errors import ExitCode, printable

Limit = Annotated[
    int | None, typer.Option("--limit", metavar="N", min=1, help="Stop after N photographs. [default: all]")
]


def run(
    archive: OptionalArchive = None,
    gpu: Gpu = None,
    device: Device = None,
    batch_size: BatchSize = None,
    limit: Limit = None,
    model: Model = None,
    max_pixels: MaxPixels = DEFAULT_MAX_PIXELS,
) -> None:
    """Restore what a scan has queued. Killed or stopped, the same command goes on."""
    chosen = device_name(gpu, device)
    from archive_restore.cli.set_aside import show_set_aside
    from archive_restore.console import TerminalProgress, duration, say, show_next_step
    from archive_restore.home import default_home
    from archive_restore.ledger import open_ledger
    from archive_restore.run import RunOptions
    from archive_restore.run import run as restore

    home = default_home()
    options = RunOptions(archive, chosen, batch_size, limit, model, max_pixels)
    with open_ledger(home.ledger) as ledger, TerminalProgress() as progress:
        summary = restore(ledger=ledger, home=home, options=options, progress=progress)

    if summary.recovered:
        say(f"{summary.recovered:,} finished by a run that was killed are now recorded as done.")
    if summary.restored:
        say(
            f"Restored {summary.restored:,} photographs ({summary.megapixels:,.1f} megapixels) in "
            f"{duration(summary.seconds)} on {summary.device}."
        )
    for folder in summary.outputs:
        say(f"They are in {printable(folder)}; the originals are as they were.")
    show_set_aside([(one.path, one.reason) for one in summary.set_aside])
    if summary.interrupted:
        say("Stopped as asked; nothing is lost.")
    elif not summary.restored and not summary.recovered and not summary.set_aside:
        say("Nothing is queued. Scan an archive first, or again: archive-restore scan ARCHIVE")
    if summary.queued:
        say(f"{summary.queued:,} photographs are still queued.")
        show_next_step("archive-restore run")
    elif summary.set_aside:
        show_next_step("archive-restore retry")
    elif summary.restored or summary.recovered:
        show_next_step("archive-restore report")
    if summary.interrupted:
        raise typer.Exit(ExitCode.INTERRUPTED)
    if summary.set_aside:
        raise typer.Exit(ExitCode.SOME_FAILED)
