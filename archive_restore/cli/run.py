"""`archive-restore run`: restore everything that is queued."""

import os
import subprocess
from typing import TYPE_CHECKING, Annotated

import typer

from archive_restore.cli.options import (
    DEFAULT_MAX_PIXELS,
    BatchSize,
    Device,
    Gpu,
    Grain,
    LogFile,
    MaxPixels,
    Model,
    OptionalArchive,
    Quiet,
    Recompress,
    Records,
    Thorough,
    Verbose,
    device_name,
    wrong_argument,
)
from archive_restore.errors import ArchiveRestoreError, ExitCode, InputError, printable
from archive_restore.words import counted, either

if TYPE_CHECKING:
    from archive_restore.ledger import Archive, Counts, Ledger
    from archive_restore.night import Estimate
    from archive_restore.run import RunSummary

Limit = Annotated[
    int | None, typer.Option("--limit", metavar="N", min=1, help="Stop after N photographs. [default: all]")
]

Until = Annotated[
    str | None, typer.Option("--until", metavar="HH:MM", help="Begin nothing after this time of day.")
]
For = Annotated[str | None, typer.Option("--for", metavar="6h", help="Begin nothing after so much time.")]
Nice = Annotated[bool, typer.Option("--nice", help="Leave the processor to other programs first.")]
OnFinish = Annotated[
    str | None,
    typer.Option(
        "--on-finish",
        metavar="CMD",
        help="A command for the shell once all is done or the time is up, not after Ctrl-C. Its environment has "
        "ARCHIVE_RESTORE_RESTORED, _SET_ASIDE, _QUEUED and _EXIT_CODE.",
    ),
]
OnlyEstimate = Annotated[bool, typer.Option("--estimate", help="Say what is to do, and do nothing.")]


def run(
    archive: OptionalArchive = None,
    gpu: Gpu = None,
    device: Device = None,
    batch_size: BatchSize = None,
    limit: Limit = None,
    until: Until = None,
    lasting: For = None,
    nice: Nice = False,
    on_finish: OnFinish = None,
    estimate: OnlyEstimate = False,
    model: Model = None,
    max_pixels: MaxPixels = DEFAULT_MAX_PIXELS,
    grain: Grain = True,
    thorough: Thorough = None,
    recompress: Recompress = False,
    records: Records = True,
    log: LogFile = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Restore what a scan has queued. Killed or stopped, the same command goes on.

    When the disk is full it waits until there is room, and goes on.
    """
    chosen = device_name(gpu, device)
    from archive_restore.cli.telling import network_share_note, telling
    from archive_restore.clock import SystemClock
    from archive_restore.home import default_home
    from archive_restore.log import EventLog
    from archive_restore.night import estimate as look_ahead
    from archive_restore.night import next_time, parse_duration, parse_time
    from archive_restore.run import RunOptions, place_of
    from archive_restore.run import run as restore
    from archive_restore.scanned import check_apart, scanned_archives, scanned_ledger
    from archive_restore.standing import at_work

    home, now = default_home(), SystemClock().now().astimezone()
    with wrong_argument("--until"):
        end = next_time(parse_time(until), now.replace(tzinfo=None)) if until is not None else None
    with wrong_argument("--for"):
        span = parse_duration(lasting) if lasting is not None else None
    options = RunOptions(
        archive,
        chosen,
        batch_size,
        limit,
        model,
        max_pixels,
        grain,
        thorough,
        recompress,
        records,
        end,
        span,
    )
    if log is not None:
        check_apart(log.absolute().parent, home)
    if nice:
        _be_nice()
    with scanned_ledger(home) as ledger, telling(quiet) as progress:
        network_share_note(home, progress)
        archives = scanned_archives(ledger, archive)
        if estimate or not quiet:
            lives = at_work(home)
            ahead = look_ahead(ledger, archives, place_of(options), abandoned=not lives)
            _show_estimate(ahead, in_work=len(ledger.leased()) if lives else 0, aloud=estimate)
        if estimate:
            return
        summary = None
        try:
            with EventLog(log, tell=progress.note if verbose else None) as events:
                summary = restore(ledger=ledger, home=home, options=options, progress=progress, log=events)
            standing = [(known, ledger.counts(known.id)) for known in archives]
            code = _show(summary, ledger, standing, quiet=quiet)
        except ArchiveRestoreError as error:
            if on_finish is not None:
                _finish(on_finish, summary, error.exit_code)
            raise
    if on_finish is not None and not summary.interrupted:
        _finish(on_finish, summary, code)
    if code is not ExitCode.OK:
        raise typer.Exit(code)


def _show(
    summary: "RunSummary", ledger: "Ledger", standing: "list[tuple[Archive, Counts]]", *, quiet: bool
) -> ExitCode:
    from archive_restore.cli.next_step import next_step
    from archive_restore.cli.set_aside import show_set_aside
    from archive_restore.console import say, show_next_step
    from archive_restore.ledger import State

    idle = not quiet and not _show_done(summary)
    held = sum(counts.states[State.HELD] for _, counts in standing)
    rejected = sum(counts.states[State.REJECTED] for _, counts in standing)
    if held and not quiet:
        say(
            f"{held:,} {either(held, 'is', 'are')} held for a look, because of large masks. See: archive-restore status"
        )
    if rejected and idle:
        say(
            f"{rejected:,} {either(rejected, 'was', 'were')} rejected, by review or revert, and "
            f"{either(rejected, 'stays as it is', 'stay as they are')}. To have them restored after all: "
            "archive-restore review, or archive-restore revert --again PHOTOGRAPHS"
        )
    show_set_aside([(one.path, one.reason) for one in summary.set_aside])
    step = next_step(ledger, standing) if idle or summary.set_aside else None
    if quiet:
        pass
    elif summary.queued:
        show_next_step("archive-restore run")
    elif step is not None:
        show_next_step(step)
    elif not idle:
        show_next_step("archive-restore report")
    elif not held and not rejected:
        say("Photographs that are new are found by another scan: archive-restore scan ARCHIVE")
    if summary.interrupted:
        return ExitCode.INTERRUPTED
    return ExitCode.SOME_FAILED if summary.set_aside else ExitCode.OK


def _show_done(summary: "RunSummary") -> bool:
    """Whether there was anything to do."""
    from archive_restore.console import duration, megapixels, say

    if summary.recovered:
        say(f"{summary.recovered:,} finished by a run that was killed are now recorded as done.")
    if summary.followed:
        say(
            f"Moved {counted(summary.followed, 'restored photograph')} after "
            f"{either(summary.followed, 'its original', 'their originals')}."
        )
    if summary.taken_back:
        say(
            f"Removed {counted(summary.taken_back, 'restored photograph')}: nothing is left in "
            f"{either(summary.taken_back, 'its mask', 'their masks')}."
        )
    if summary.restored:
        say(
            f"Restored {counted(summary.restored, 'photograph')} ({megapixels(summary.megapixels)} megapixels) in "
            f"{duration(summary.seconds)} on {summary.device}."
        )
    if summary.found:
        lay = either(summary.found, "restored photograph lay", "restored photographs lay")
        say(f"{summary.found:,} {lay} there already, as a record beside each says; known again.")
    if summary.linked:
        duplicates = counted(summary.linked, "duplicate")
        say(f"{duplicates} took what was restored in another place, as links or copies.")
    for folder in summary.outputs:
        say(f"They are in {printable(folder)}; the originals are as they were.")
    if summary.interrupted:
        say("Stopped as asked; nothing is lost.")
    elif summary.time_up:
        say("The time is up.")
    if summary.queued:
        say(f"{counted(summary.queued, 'photograph')} {either(summary.queued, 'is', 'are')} still queued.")
    done = bool(
        summary.followed
        or summary.taken_back
        or summary.restored
        or summary.recovered
        or summary.linked
        or summary.found
        or summary.set_aside
        or summary.queued
    )
    if not done:
        say("Nothing is queued.")
    return done


def _show_estimate(ahead: "Estimate", *, in_work: int, aloud: bool) -> None:
    """What is to do: on standard error, or as a result if that was asked for."""
    from archive_restore.console import duration, megapixels, say, say_aside, size

    tell = say if aloud else say_aside
    if in_work and aloud:
        say(f"Another run is at work, on {counted(in_work, 'photograph')} now.")
    if not ahead.photographs:
        if aloud:
            say("Nothing is queued.")
        return
    parts = [
        counted(ahead.photographs, "photograph"),
        f"{megapixels(ahead.megapixels)} megapixels, {megapixels(ahead.damaged_megapixels)} of them damaged",
    ]
    if ahead.seconds is not None:
        parts.append(f"about {duration(ahead.seconds)} at the pace of the last runs")
    tell(f"To do: {'; '.join(parts)}.")
    for disk in ahead.disks:
        tell(f"Needs about {size(disk.needed)} in {printable(disk.folder)}; {size(disk.free)} are free.")
    for disk in ahead.too_full:
        tell(f"That is not enough in {printable(disk.folder)}: the run will pause there until you make room.")


def _be_nice() -> None:
    if not hasattr(os, "nice"):
        raise InputError("--nice is not known on this system; set the priority in the task manager.")
    os.nice(10)


def _finish(command: str, summary: "RunSummary | None", code: ExitCode) -> None:
    """Runs the user's own command; what it returns is its own affair."""
    from archive_restore.console import say_aside

    told = {
        "RESTORED": summary.restored if summary else 0,
        "SET_ASIDE": len(summary.set_aside) if summary else 0,
        "QUEUED": summary.queued if summary else "",
        "EXIT_CODE": int(code),
    }
    environment = {f"ARCHIVE_RESTORE_{name}": str(value) for name, value in told.items()}
    done = subprocess.run(command, shell=True, env={**os.environ, **environment}, check=False)
    if done.returncode:
        say_aside(f"The --on-finish command ended with {done.returncode}.")
