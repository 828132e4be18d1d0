"""`archive-restore inpaint`: photographs and masks to restored photographs, without a ledger."""

from pathlib import Path
from typing import Annotated

import typer

from archive_restore.cli.options import (
    DEFAULT_MAX_PIXELS,
    BatchSize,
    Device,
    Gpu,
    Grain,
    MaxPixels,
    Model,
    OutputFolder,
    Overwrite,
    Photographs,
    Recompress,
    Records,
    Thorough,
    device_name,
)
from archive_restore.errors import ExitCode, printable

Masks = Annotated[
    Path,
    typer.Option(
        "--masks",
        metavar="DIR",
        help="Where the masks are: sub/a.jpg.png for sub/a.jpg, 8-bit, 255 = damaged.",
        show_default=False,
    ),
]
Opaque = Annotated[
    bool,
    typer.Option(
        "--opaque",
        help="Believe nothing under the masks: to remove what is no damage. Else what shines through is kept.",
    ),
]


def inpaint(
    paths: Photographs,
    masks: Masks,
    out: OutputFolder,
    overwrite: Overwrite = False,
    gpu: Gpu = None,
    device: Device = None,
    batch_size: BatchSize = None,
    model: Model = None,
    max_pixels: MaxPixels = DEFAULT_MAX_PIXELS,
    grain: Grain = True,
    thorough: Thorough = None,
    opaque: Opaque = False,
    recompress: Recompress = False,
    records: Records = True,
) -> None:
    """Restore photographs by given masks, keeping names and formats. Nothing is recorded."""
    chosen = device_name(gpu, device)
    from archive_restore.console import TerminalProgress, duration, say, show_table
    from archive_restore.home import default_home
    from archive_restore.inpaint import InpaintOptions, inpaint_paths
    from archive_restore.scanned import check_apart
    from archive_restore.words import counted, either

    home = default_home()
    check_apart(out, home)
    options = InpaintOptions(
        chosen, batch_size, model, max_pixels, grain, thorough, opaque, overwrite, recompress, records
    )
    with TerminalProgress() as progress:
        summary = inpaint_paths(paths, masks=masks, out=out, home=home, options=options, progress=progress)
    say(
        f"Restored {counted(summary.restored, 'photograph')} and copied {summary.copied:,} with "
        f"{either(summary.copied, 'an empty mask', 'empty masks')} to "
        f"{printable(out)} in {duration(summary.seconds)}."
    )
    if summary.kept:
        already = either(summary.kept, "was there already and is kept", "were there already and are kept")
        say(f"{summary.kept:,} {already}; --overwrite replaces what is there.")
    if summary.set_aside:
        rows = [(printable(one.path), one.reason) for one in summary.set_aside]
        show_table(("set aside", "why"), rows)
    if summary.interrupted:
        say("Stopped as asked. The same command goes on.")
        raise typer.Exit(ExitCode.INTERRUPTED)
    if summary.set_aside:
        raise typer.Exit(ExitCode.SOME_FAILED)
