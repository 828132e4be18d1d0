"""`archive-restore scan`: find the damage in an archive."""

import shlex
from typing import TYPE_CHECKING

import typer

from archive_restore.cli.options import (
    DEFAULT_MAX_PIXELS,
    Archive,
    Detector,
    Device,
    Gpu,
    Jobs,
    LogFile,
    MaxPixels,
    Quiet,
    Sensitivity,
    Verbose,
    device_name,
)
from archive_restore.errors import ExitCode, printable

if TYPE_CHECKING:
    from archive_restore.scan import ScanSummary


def scan(
    archive: Archive,
    sensitivity: Sensitivity = "normal",
    detector: Detector = "heuristic",
    jobs: Jobs = None,
    gpu: Gpu = None,
    device: Device = None,
    max_pixels: MaxPixels = DEFAULT_MAX_PIXELS,
    log: LogFile = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Find the damage in an archive and queue what is damaged. A second scan reads only what changed."""
    from archive_restore import detection
    from archive_restore import scan as scanning
    from archive_restore.cli.telling import network_share_note, telling
    from archive_restore.console import say, show_next_step
    from archive_restore.home import default_home
    from archive_restore.ledger import State, open_ledger
    from archive_restore.log import EventLog
    from archive_restore.scan import ScanOptions
    from archive_restore.scan import scan as find_damage

    home = default_home()
    options = ScanOptions(
        detection.Sensitivity(sensitivity),
        max_pixels=max_pixels,
        jobs=jobs,
        detector=scanning.Detector(detector),
        device=device_name(gpu, device),
    )
    with open_ledger(home.ledger) as ledger, telling(quiet) as progress:
        network_share_note(home, progress)
        with EventLog(log, tell=progress.note if verbose else None) as events:
            summary = find_damage(
                archive, ledger=ledger, home=home, options=options, progress=progress, log=events
            )
    if quiet:
        _show_unread(summary)
        return
    if summary.found:
        _show_damage(summary)
    else:
        say(f"No photographs in {printable(summary.archive)}.")
    _show_set_aside(summary)
    earlier = summary.counts.unreadable - len(summary.set_aside)
    if earlier > 0:
        say(f"{earlier:,} were set aside by earlier scans. Why: archive-restore status")
    if summary.counts.missing:
        say(
            f"{summary.counts.missing:,} photographs of earlier scans are missing. They are remembered, and "
            "taken up again where they are found."
        )
    if summary.other_sensitivity:
        say(
            f"{summary.other_sensitivity:,} photographs keep their masks, which were made with another "
            f"sensitivity than {sensitivity}."
        )
    if summary.counts.states[State.QUEUED]:
        show_next_step(f"archive-restore run {shlex.quote(printable(archive))}")
    _end(summary)


def _show_unread(summary: "ScanSummary") -> None:
    """All that a quiet scan says."""
    _show_set_aside(summary)
    _end(summary)


def _show_set_aside(summary: "ScanSummary") -> None:
    from archive_restore.cli.set_aside import show_set_aside

    show_set_aside([(item.path, item.reason) for item in [*summary.set_aside, *summary.unreachable]])


def _end(summary: "ScanSummary") -> None:
    if summary.set_aside or summary.unreachable:
        raise typer.Exit(ExitCode.SOME_FAILED)


def _show_damage(summary: "ScanSummary") -> None:
    from archive_restore.console import say, show_table

    counts = summary.counts
    steps = {
        "examined": summary.examined,
        "recognised": summary.recognised,
        "unchanged": summary.unchanged,
        "set aside": len(summary.set_aside),
    }
    say(
        f"{summary.found:,} photographs in {printable(summary.archive)}: "
        + ", ".join(f"{number:,} {step}" for step, number in steps.items() if number)
        + "."
    )
    say(f"{counts.damaged:,} damaged, {counts.undamaged:,} undamaged, {counts.unreadable:,} unreadable.")
    if summary.kinds:
        show_table(
            ("damage", "photographs", "regions", "% of all pixels"),
            [(k.kind, k.photographs, k.regions, 100 * k.area / summary.pixels) for k in summary.kinds],
        )
