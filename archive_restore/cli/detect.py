"""`archive-restore detect`: photographs to masks, without a ledger."""

import typer

from archive_restore.cli.options import (
    DEFAULT_MAX_PIXELS,
    Detector,
    Device,
    Gpu,
    Jobs,
    MaxPixels,
    Only,
    OutputFolder,
    Overwrite,
    Photographs,
    Sensitivity,
    Skip,
    ThoroughSearch,
    Threshold,
    device_name,
)
from archive_restore.errors import ExitCode, printable
from archive_restore.words import counted, either


def detect(
    paths: Photographs,
    out: OutputFolder,
    sensitivity: Sensitivity = None,
    threshold: Threshold = None,
    only: Only = None,
    skip: Skip = None,
    overwrite: Overwrite = False,
    detector: Detector = "learned",
    thorough: ThoroughSearch = None,
    jobs: Jobs = None,
    gpu: Gpu = None,
    device: Device = None,
    max_pixels: MaxPixels = DEFAULT_MAX_PIXELS,
) -> None:
    """Write the mask of each photograph: of sub/a.jpg, DIR/sub/a.jpg.png, 255 where it is damaged.

    Masks that are there already are kept: somebody may have painted on them.
    """
    from archive_restore import examine
    from archive_restore.cli.policy import chosen_kinds, chosen_level
    from archive_restore.cli.set_aside import show_set_aside, show_unreachable
    from archive_restore.console import TerminalProgress, say, show_table
    from archive_restore.detect import detect_paths
    from archive_restore.home import default_home
    from archive_restore.scanned import check_apart

    home = default_home()
    check_apart(out, home)
    options = examine.ScanOptions(
        chosen_level(sensitivity, threshold),
        chosen_kinds(only, skip),
        max_pixels=max_pixels,
        jobs=jobs,
        detector=examine.Detector(detector),
        device=device_name(gpu, device),
        thorough=thorough,
    )
    with TerminalProgress() as progress:
        summary = detect_paths(
            paths, out=out, options=options, overwrite=overwrite, exclude=[home.root], progress=progress
        )
    if summary.kinds:
        show_table(
            ("damage", "photographs", "regions", "% of all pixels"),
            [(k.kind, k.photographs, k.regions, 100 * k.area / summary.pixels) for k in summary.kinds],
        )
    show_set_aside([(item.path, item.reason) for item in summary.set_aside], remembered=False)
    show_unreachable([(item.path, item.reason) for item in summary.unreachable])
    if summary.photographs:
        say(
            f"{counted(summary.photographs, 'mask')} in {printable(out)}, {summary.damaged:,} of them not empty."
        )
    if summary.kept:
        were = either(summary.kept, "was", "were")
        are = either(summary.kept, "is kept; --overwrite replaces it", "are kept; --overwrite replaces them")
        say(f"{summary.kept:,} {were} in {printable(out)} already and {are}.")
    if not (summary.photographs or summary.kept or summary.set_aside):
        say(f"No photographs in {', '.join(printable(path) for path in paths)}.")
    if summary.set_aside or summary.unreachable:
        raise typer.Exit(ExitCode.SOME_FAILED)
