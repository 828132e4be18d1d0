"""`archive-restore scan`: find the damage in an archive."""

import shlex
from typing import TYPE_CHECKING

import typer

from archive_restore.cli.options import (
    DEFAULT_MAX_PIXELS,
    Anew,
    Archive,
    BySize,
    Detector,
    Device,
    Gpu,
    Jobs,
    LogFile,
    MaxCoverage,
    MaxPixels,
    Only,
    Preview,
    Quiet,
    Sensitivity,
    Skip,
    ThoroughSearch,
    Threshold,
    Verbose,
    device_name,
    wrong_argument,
)
from archive_restore.errors import ExitCode, printable
from archive_restore.words import counted, either

if TYPE_CHECKING:
    from archive_restore.scan import ScanSummary


def scan(
    archive: Archive,
    sensitivity: Sensitivity = None,
    threshold: Threshold = None,
    only: Only = None,
    skip: Skip = None,
    max_coverage: MaxCoverage = None,
    preview: Preview = None,
    detector: Detector = "learned",
    thorough: ThoroughSearch = None,
    by_size: BySize = False,
    anew: Anew = False,
    jobs: Jobs = None,
    gpu: Gpu = None,
    device: Device = None,
    max_pixels: MaxPixels = DEFAULT_MAX_PIXELS,
    log: LogFile = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Find the damage in an archive and queue what is damaged. A second scan reads only what changed."""
    from archive_restore import examine
    from archive_restore.cli.policy import chosen_kinds, chosen_level
    from archive_restore.cli.report import show_pages
    from archive_restore.cli.telling import network_share_note, telling
    from archive_restore.cli.unsure import show_unsure
    from archive_restore.console import say, show_next_step
    from archive_restore.home import default_home
    from archive_restore.ledger import State, open_ledger
    from archive_restore.log import EventLog
    from archive_restore.preview import check_form, check_sheet, write_preview
    from archive_restore.scan import scan as find_damage
    from archive_restore.scanned import check_apart, scanned_archives

    if by_size and thorough is not None:
        raise typer.BadParameter("give --by-size, --thorough or --no-thorough, not two of them")
    home = default_home()
    if preview is not None:
        with wrong_argument("--preview"):
            check_form(preview)
    if log is not None:
        check_apart(log.absolute().parent, home, archive)
    options = examine.ScanOptions(
        chosen_level(sensitivity, threshold),
        chosen_kinds(only, skip),
        max_coverage,
        max_pixels=max_pixels,
        jobs=jobs,
        detector=examine.Detector(detector),
        device=device_name(gpu, device),
        thorough=thorough,
        by_size=by_size,
        anew=anew,
    )
    with open_ledger(home.ledger) as ledger, telling(quiet) as progress:
        network_share_note(home, progress)
        if preview is not None:
            check_sheet(preview, [archive, *(known.root for known in ledger.archives())])
        with EventLog(log, tell=progress.note if verbose else None) as events:
            summary = find_damage(
                archive, ledger=ledger, home=home, options=options, progress=progress, log=events
            )
        pages = []
        if preview is not None:
            [known] = scanned_archives(ledger, archive)
            pages = write_preview(known, preview, ledger=ledger, home=home, progress=progress)
    if quiet:
        _show_unread(summary)
        return
    if summary.moved_from is not None:
        say(
            f"{printable(summary.moved_from)} is gone and its photographs are here: it was moved, and stays known."
        )
    if summary.found:
        _show_damage(summary)
    else:
        say(f"No photographs in {printable(summary.archive)}.")
    _show_set_aside(summary)
    earlier = summary.counts.unreadable - len(summary.set_aside)
    if earlier > 0:
        say(
            f"{earlier:,} {either(earlier, 'was', 'were')} set aside by earlier scans. Why: archive-restore status"
        )
    if summary.counts.missing:
        say(
            f"{counted(summary.counts.missing, 'photograph')} of earlier scans "
            f"{either(summary.counts.missing, 'is', 'are')} missing: remembered, and taken up again where found."
        )
    if summary.results:
        say(
            f"{counted(len(summary.results), 'photograph')} here {either(len(summary.results), 'is', 'are')} no "
            f"{either(len(summary.results), 'original', 'originals')} but what archive-restore made of one, first "
            f"{printable(summary.results[0])}. Put the originals back, or move these elsewhere; then scan again."
        )
    _show_infrared(summary)
    _show_closer_look(summary, anew=anew)
    show_unsure(summary.unsure, summary.archive, previewed=preview is not None)
    if preview is not None:
        show_pages(pages)
    _show_policy(summary)
    _show_held(summary)
    if summary.counts.states[State.QUEUED]:
        show_next_step(f"archive-restore run {shlex.quote(printable(archive))}")
    _end(summary)


def _show_infrared(summary: "ScanSummary") -> None:
    from archive_restore.console import say

    if summary.infrared_used:
        have = either(summary.infrared_used, "has", "have")
        say(f"{counted(summary.infrared_used, 'photograph')} {have} an infrared channel, which was used.")
    if summary.infrared_opaque:
        say(
            f"The infrared channel of {counted(summary.infrared_opaque, 'photograph')} shows the picture itself, as of "
            "silver film and Kodachrome; there the other detectors decided."
        )
    if summary.infrared_unfit:
        are = either(summary.infrared_unfit, "file is", "files are")
        say(
            f"{summary.infrared_unfit:,} {are} called as the infrared picture of a photograph (a_ir.tif of a.tif) and "
            "cannot be it. To have such a file looked at itself, give it another name."
        )


def _show_closer_look(summary: "ScanSummary", *, anew: bool) -> None:
    from archive_restore.console import say

    known = summary.unchanged + summary.recognised
    if summary.newly_thorough and known and not anew:
        say(
            f"{counted(known, 'known photograph')} {either(known, 'keeps', 'keep')} what was found before. To search "
            f"all as closely: archive-restore scan {shlex.quote(printable(summary.archive))} --anew"
        )
    if summary.reduced:
        say(
            f"{counted(summary.reduced, 'large photograph')} {either(summary.reduced, 'was', 'were')} searched at a "
            "reduced size. A closer search finds finer dust and hairs and errs less, but takes several times as long: "
            f"archive-restore scan {shlex.quote(printable(summary.archive))} --thorough --anew"
        )


def _show_policy(summary: "ScanSummary") -> None:
    from archive_restore.cli.policy import in_words
    from archive_restore.console import say
    from archive_restore.detection import Policy

    if summary.policy != Policy():
        say(f"What is damage: {in_words(summary.policy)}.")
    if summary.other_policy:
        say(
            f"{counted(summary.other_policy, 'photograph')} "
            f"{either(summary.other_policy, 'keeps its mask', 'keep their masks')}, made by another choice. To "
            "make all masks anew, also those that were chosen for a part: "
            f"archive-restore rescore {shlex.quote(printable(summary.archive))}"
        )


def _show_held(summary: "ScanSummary") -> None:
    from archive_restore.console import say
    from archive_restore.ledger import State

    held = summary.counts.states[State.HELD]
    if held:
        say(
            f"{held:,} {either(held, 'is', 'are')} held for a look: "
            f"{either(held, 'its mask covers', 'their masks cover')} more than {100 * summary.share:g} %. "
            f"Once looked at: archive-restore release {shlex.quote(printable(summary.archive))}"
        )


def _show_unread(summary: "ScanSummary") -> None:
    """All that a quiet scan says."""
    _show_set_aside(summary)
    _end(summary)


def _show_set_aside(summary: "ScanSummary") -> None:
    from archive_restore.cli.set_aside import show_set_aside, show_unreachable

    show_set_aside([(item.path, item.reason) for item in summary.set_aside])
    show_unreachable([(item.path, item.reason) for item in summary.unreachable])


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
        f"{counted(summary.found, 'photograph')} in {printable(summary.archive)}: "
        + ", ".join(f"{number:,} {step}" for step, number in steps.items() if number)
        + "."
    )
    say(f"{counts.damaged:,} damaged, {counts.undamaged:,} undamaged, {counts.unreadable:,} unreadable.")
    if summary.kinds:
        show_table(
            ("damage", "photographs", "regions", "% of all pixels"),
            [(k.kind, k.photographs, k.regions, 100 * k.area / summary.pixels) for k in summary.kinds],
        )
