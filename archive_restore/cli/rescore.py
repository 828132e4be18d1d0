"""`archive-restore rescore`: another choice of what is damage, without reading a photograph."""

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archive_restore.cli.options import Jobs, MaxCoverage, Only, Sensitivity, Skip, Threshold
from archive_restore.errors import printable

if TYPE_CHECKING:
    from archive_restore.ledger import Archive, Ledger
    from archive_restore.rescore import RescoreSummary

Part = Annotated[
    Path | None,
    typer.Argument(
        metavar="PATH",
        help="Only this archive, or only this folder or photograph of one; all that were scanned, if left out.",
        show_default=False,
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")]
Again = Annotated[
    bool,
    typer.Option(
        "--again",
        help="Queue restored photographs whose masks change, to be restored anew; else they stay as they are.",
    ),
]


def rescore(
    path: Part = None,
    sensitivity: Sensitivity = None,
    threshold: Threshold = None,
    only: Only = None,
    skip: Skip = None,
    max_coverage: MaxCoverage = None,
    again: Again = False,
    dry_run: DryRun = False,
    jobs: Jobs = None,
) -> None:
    """Change what is damage: makes masks and queue anew from what a scan stored, and says what changes.

    The choice for an archive is remembered: its next scan follows it. That for a folder or a photograph holds until
    the archive is rescored, or scanned --anew.
    """
    from archive_restore.cli.policy import chosen_kinds, chosen_level
    from archive_restore.console import TerminalProgress, say, show_next_step
    from archive_restore.examine import ScanOptions
    from archive_restore.home import default_home
    from archive_restore.ledger import State
    from archive_restore.rescore import rescore as make_anew
    from archive_restore.scanned import scanned_ledger
    from archive_restore.standing import standing

    options = ScanOptions(
        chosen_level(sensitivity, threshold), chosen_kinds(only, skip), max_coverage, jobs=jobs
    )
    home = default_home()
    with scanned_ledger(home) as ledger:
        for archive, under in _chosen(ledger, path):
            if under is not None and max_coverage is not None:
                raise typer.BadParameter(f"--max-coverage is for a whole archive: {printable(archive.root)}")
            with TerminalProgress() as progress:
                summary = make_anew(
                    archive,
                    under,
                    ledger=ledger,
                    home=home,
                    options=options,
                    again=again,
                    dry_run=dry_run,
                    progress=progress,
                )
            _show(summary, again=again, dry_run=dry_run)
        queued = standing(ledger, home).states[State.QUEUED]
    if dry_run:
        say("Nothing was changed (--dry-run).")
    elif queued:
        show_next_step("archive-restore run")


def _chosen(ledger: "Ledger", path: Path | None) -> "list[tuple[Archive, bytes | None]]":
    """Archives, and the path in one of what is to change; None is all of it."""
    from archive_restore.errors import InputError
    from archive_restore.scanned import place, scanned_archives

    archives = scanned_archives(ledger)
    if path is None:
        return [(archive, None) for archive in archives]
    try:
        return [place(path, archives)]
    except InputError:
        return [(archive, None) for archive in scanned_archives(ledger, path)]  # or says what to scan


def _show(summary: "RescoreSummary", *, again: bool, dry_run: bool) -> None:
    from archive_restore.cli.policy import in_words
    from archive_restore.console import say, show_table
    from archive_restore.detection import seed_of
    from archive_restore.words import counted, either

    before, now = summary.policy_before, summary.policy
    instead = "" if before == now else f" instead of {in_words(before)}"
    there = summary.archive if summary.under is None else summary.archive / os.fsdecode(summary.under)
    say(f"{printable(there)}: {in_words(now)}{instead}")
    show_table(
        ("", "photographs", "% of all pixels"),
        [
            (name, standing.photographs, 100 * standing.pixels / max(1, summary.pixels))
            for name, standing in (
                ("before", summary.before),
                (f"at {seed_of(now.level):.2f}", summary.after),
            )
        ],
    )

    def verb(number: int, one: str, several: str, maybe: str) -> str:
        return maybe if dry_run else either(number, one, several)

    say(
        f"{counted(summary.changed, 'mask')} {verb(summary.changed, 'changes', 'change', 'would change')}. "
        f"{summary.joining:,} {verb(summary.joining, 'joins', 'join', 'would join')} the queue, "
        f"{summary.leaving:,} {verb(summary.leaving, 'leaves', 'leave', 'would leave')} it; "
        f"{summary.held:,} {verb(summary.held, 'is', 'are', 'would be')} held for a look."
    )
    if summary.mended:
        say(
            f"{counted(summary.mended, 'lost mask')} {verb(summary.mended, 'is', 'are', 'would be')} made again, as "
            f"{either(summary.mended, 'it was', 'they were')}."
        )
    where = shlex.quote(printable(summary.archive))
    also = f", with {summary.elsewhere:,} of the same elsewhere" if summary.elsewhere else ""
    if (summary.restored or summary.elsewhere) and not again:
        say(
            f"{counted(summary.restored, 'restored photograph')}{also} would get another mask, and "
            f"{either(summary.restored, 'stays as it is', 'stay as they are')}. To restore anew, give the same command "
            "with --again."
        )
    elif summary.requeued or summary.elsewhere:
        are = verb(summary.requeued, "is", "are", "would be")
        say(f"{counted(summary.requeued, 'restored photograph')}{also} {are} queued again.")
    if summary.by_hand:
        stay = either(summary.by_hand, "mask by hand stays as it is", "masks by hand stay as they are")
        say(f"{summary.by_hand:,} {stay}.")
    if summary.unscored:
        say(
            f"{counted(summary.unscored, 'photograph')} without a score map "
            f"{either(summary.unscored, 'keeps its mask', 'keep their masks')}. To have that read again: "
            f"archive-restore scan {where}"
        )
