"""`archive-restore rescore`: another choice of what is damage, without reading a photograph."""

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from archive_restore.cli.options import Jobs, MaxCoverage, Only, OptionalArchive, Sensitivity, Skip, Threshold
from archive_restore.errors import InputError, printable

if TYPE_CHECKING:
    from archive_restore.rescore import RescoreSummary

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")]
Again = Annotated[
    bool,
    typer.Option(
        "--again",
        help="Queue restored photographs whose masks change, to be restored anew; else they stay as they are.",
    ),
]


def rescore(
    archive: OptionalArchive = None,
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

    The choice is remembered: the next scan of the archive follows it.
    """
    from archive_restore.cli.policy import chosen_kinds, chosen_level
    from archive_restore.cli.status import chosen_archives
    from archive_restore.console import TerminalProgress, say, show_next_step
    from archive_restore.examine import ScanOptions
    from archive_restore.home import default_home
    from archive_restore.ledger import State, open_ledger
    from archive_restore.rescore import rescore as make_anew

    options = ScanOptions(
        chosen_level(sensitivity, threshold), chosen_kinds(only, skip), max_coverage, jobs=jobs
    )
    home = default_home()
    if not home.ledger.exists():
        raise InputError("Nothing was scanned yet. First run: archive-restore scan ARCHIVE")
    with open_ledger(home.ledger) as ledger:
        for known in chosen_archives(ledger, archive):
            with TerminalProgress() as progress:
                summary = make_anew(
                    known,
                    ledger=ledger,
                    home=home,
                    options=options,
                    again=again,
                    dry_run=dry_run,
                    progress=progress,
                )
            _show(summary, again=again, dry_run=dry_run)
        queued = ledger.counts().states[State.QUEUED]
    if dry_run:
        say("Nothing was changed (--dry-run).")
    elif queued:
        show_next_step("archive-restore run")


def _show(summary: "RescoreSummary", *, again: bool, dry_run: bool) -> None:
    from archive_restore.cli.policy import in_words
    from archive_restore.console import say, show_table
    from archive_restore.detection import seed_of

    before, now = summary.policy_before, summary.policy
    instead = "" if before == now else f" instead of {in_words(before)}"
    say(f"{printable(summary.archive)}: {in_words(now)}{instead}")
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
    would, are = ("would ", "would be") if dry_run else ("", "are")
    say(
        f"{summary.changed:,} masks {would}change. {summary.joining:,} {would}join the queue, "
        f"{summary.leaving:,} {would}leave it; {summary.held:,} {are} held for a look."
    )
    where = shlex.quote(printable(summary.archive))
    if summary.restored and not again:
        say(
            f"{summary.restored:,} restored photographs would get another mask, and stay as they are. To restore "
            "them anew, give the same command with --again."
        )
    if summary.requeued:
        say(f"{summary.requeued:,} restored photographs {are} queued again.")
    if summary.by_hand:
        say(f"{summary.by_hand:,} masks by hand stay as they are.")
    if summary.unscored:
        say(
            f"{summary.unscored:,} photographs have no score map, and keep their masks. To have them read again: "
            f"archive-restore scan {where}"
        )
