"""The command line: parses, calls one workflow, prints. The only place of typer, and of exit codes.

Each command is a module here with a function of the same name. Command modules import nothing heavy at
their top, so that `--help` stays quick; numpy, OpenCV and torch are imported inside the function.
"""

import functools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from archive_restore import __version__
from archive_restore.cores import share_cores
from archive_restore.errors import ArchiveRestoreError, ExitCode, printable

COMMANDS = (
    "scan",
    "run",
    "status",
    "report",
    "review",
    "rescore",
    "release",
    "masks",
    "retry",
    "verify",
    "revert",
    "ledger",
    "detect",
    "inpaint",
    "finetune",
    "models",
    "train",
    "evaluate",
    "doctor",
    "demo",
)
"""Module names, in the order in which `--help` shows them."""

Command = Callable[..., None]


@contextmanager
def _parsing() -> Iterator[None]:
    """Around what typer parses, where it also shows help and the version; an exit code if these cannot be shown."""
    try:
        yield
    except BrokenPipeError:  # whoever read it wants no more
        raise
    except OSError as error:
        from archive_restore.console import not_shown, show_error

        reason = not_shown(error)
        show_error(str(reason))
        raise typer.Exit(reason.exit_code) from error


class _Program(TyperGroup):
    """The program itself."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        with _parsing():
            return super().parse_args(ctx, args)


class _InWords(TyperCommand):
    """A command whose help and errors are for users: they know no types of Python."""

    # Any: typer brings its own click, whose classes are private.
    def format_options(self, ctx: Any, formatter: Any) -> None:
        records: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is None:
                continue
            if parameter.param_type_name == "argument":
                records["Arguments"].append((parameter.metavar or parameter.name or "", record[1]))
            else:
                records["Options"].append(record)
        for title, rows in records.items():
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        for before, given in zip(["", *args], args, strict=False):
            if not given and not before.startswith("-"):  # as a shell gives a variable that is not set
                raise typer.BadParameter('an argument is empty; the folder that you are in is "."')
        try:
            with _parsing():
                return super().parse_args(ctx, args)
        except typer.BadParameter as error:
            error.message = error.message.removeprefix("Value error, ")  # so pydantic begins
            raise


app = typer.Typer(
    name="archive-restore",
    cls=_Program,
    help="Restores damaged photographs in an archive and touches nothing but the damage.",
    epilog="A first evening: archive-restore scan ~/old_photos, then archive-restore run",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # typer's rich help doubles the time of `--help`
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"archive-restore {__version__}")
        raise typer.Exit


@app.callback()
def program(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version and stop."
    ),
) -> None:
    """Options of the program itself."""


def guarded(command: Command) -> Command:
    """`command`, with what the program raises on purpose turned into a message and an exit code."""

    @functools.wraps(command)
    def run(*args: object, **options: object) -> None:
        try:
            command(*args, **options)
        except ArchiveRestoreError as error:
            from archive_restore.console import show_error

            show_error(str(error))
            raise typer.Exit(error.exit_code) from error
        except PermissionError as error:  # a folder that may not be entered, most often the home
            from archive_restore.console import show_error

            if error.filename is None:
                raise
            path = Path(os.fsdecode(error.filename))
            show_error(
                f"No permission to look at {printable(path.name)} in {printable(path.parent)}. Correct the permissions "
                "of that folder and of those it lies in, or run as their owner; then run the same command again."
            )
            raise typer.Exit(ExitCode.INPUT) from error
        except KeyboardInterrupt as interrupt:
            from archive_restore.console import show_error

            show_error("Stopped. Nothing is lost: the same command goes on where it stopped.")
            raise typer.Exit(ExitCode.INTERRUPTED) from interrupt

    return run


def _open_missing_streams() -> None:
    """A standard stream that was closed, as `>&-` does, leads nowhere, here and in the processes that are started:
    else a photograph would get its number, and with it what libraries print there."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            stream = open(os.devnull, mode, encoding="utf-8")  # noqa: PTH123, SIM115 (stays open)
            os.set_inheritable(stream.fileno(), True)
            setattr(sys, name, stream)


for _name in COMMANDS:
    app.command(_name, cls=_InWords)(guarded(getattr(import_module(f"{__name__}.{_name}"), _name)))


def main() -> None:
    """The console script `archive-restore`."""
    _open_missing_streams()
    share_cores()
    app()
