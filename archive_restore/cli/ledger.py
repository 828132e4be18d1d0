"""`archive-restore ledger`: look after the ledger's file."""

import shlex
from pathlib import Path
from typing import Annotated, Literal

import typer

from archive_restore.errors import ExitCode, InputError, printable

What = Annotated[
    Literal["check", "backup", "rebuild", "forget"],
    typer.Argument(
        metavar="check|backup|rebuild|forget",
        help="Read all of it and say whether it is sound; copy it; make it anew from the records beside "
        "restored photographs; or remove archives from it.",
        show_default=False,
    ),
]
Paths = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="PATHS",
        help="backup: the file to write [default: one in the home's folder backups]; rebuild and forget: the archives.",
        show_default=False,
    ),
]


def ledger(what: What, paths: Paths = None) -> None:
    """Check, copy, rebuild or prune the ledger, in which all scans and runs are remembered.

    Exit code of check: 0 if it is sound, 7 if not.
    """
    match what:
        case "check":
            if paths:
                raise typer.BadParameter(f"check takes no path: {printable(paths[0])}")
            _check()
        case "backup":
            _backup(paths or [])
        case "rebuild":
            _rebuild(paths or [])
        case "forget":
            _forget(paths or [])


def _check() -> None:
    from archive_restore.console import say, show_error
    from archive_restore.home import default_home
    from archive_restore.ledger import open_ledger

    home = default_home()
    if not home.ledger.exists():
        raise InputError("There is no ledger yet. It comes with the first: archive-restore scan ARCHIVE")
    with open_ledger(home.ledger) as opened:
        faults = opened.faults()
    if not faults:
        say(f"{printable(home.ledger)} is sound.")
        return
    for fault in faults:
        show_error(fault)
    say("Put a backup in its place, or run: archive-restore ledger rebuild ARCHIVE...")
    raise typer.Exit(ExitCode.LEDGER)


def _backup(paths: list[Path]) -> None:
    from archive_restore.console import say, size
    from archive_restore.home import default_home
    from archive_restore.upkeep import backup

    if len(paths) > 1:
        raise typer.BadParameter("name one file to copy the ledger to, or none")
    written = backup(default_home(), paths[0] if paths else None)
    say(f"Copied to {printable(written)} ({size(written.stat().st_size)}).")


def _rebuild(paths: list[Path]) -> None:
    from archive_restore.cli.set_aside import show_set_aside
    from archive_restore.console import TerminalProgress, say, show_next_step
    from archive_restore.home import default_home
    from archive_restore.upkeep import rebuild
    from archive_restore.words import counted, either

    if not paths:
        raise typer.BadParameter("name the archives: archive-restore ledger rebuild ARCHIVE...")
    with TerminalProgress() as progress:
        summary = rebuild(paths, home=default_home(), progress=progress)
    are = either(summary.remembered, "is", "are")
    say(f"{counted(summary.remembered, 'restored photograph')} {are} in the new ledger.")
    if summary.gone:
        gone = either(
            summary.gone,
            "The original of 1 is not there; it is taken up again where it is found.",
            f"The originals of {summary.gone:,} are not there; they are taken up again where they are found.",
        )
        say(gone)
    if summary.replaced is not None:
        say(f"The former ledger is {printable(summary.replaced)}.")
    show_set_aside([(one.path, one.reason) for one in summary.skipped], remembered=False)
    for path in paths:
        show_next_step(f"archive-restore scan {shlex.quote(printable(path))}")
    if summary.skipped:
        raise typer.Exit(ExitCode.SOME_FAILED)


def _forget(paths: list[Path]) -> None:
    from archive_restore.console import say
    from archive_restore.home import default_home
    from archive_restore.upkeep import forget
    from archive_restore.words import counted

    if not paths:
        raise typer.BadParameter("name the archives: archive-restore ledger forget ARCHIVE...")
    for path in paths:
        known = forget(path, home=default_home())
        say(
            f"{printable(path)} is forgotten, with {counted(known, 'photograph')}. Originals and restored photographs "
            "stay where they are."
        )
