"""`archive-restore masks`: masks go out to be edited, come back, and are told back to automatic."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from archive_restore.errors import ExitCode, printable

if TYPE_CHECKING:
    from archive_restore.hand_masks import MasksSummary

Action = Annotated[
    Literal["export", "import", "reset"],
    typer.Argument(
        metavar="export|import|reset",
        help="Write masks to a folder, to be edited in any program; take over what was edited there; let the "
        "detectors decide again.",
        show_default=False,
    ),
]
Paths = Annotated[
    list[Path],
    typer.Argument(
        metavar="PATHS",
        help="export: the archive; import: the folder of masks; reset: photographs, or folders of them.",
        show_default=False,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="For export: where the masks go.", show_default=False),
]
All = Annotated[
    bool, typer.Option("--all", help="For export: also the empty masks of undamaged photographs.")
]
ForArchive = Annotated[
    Path | None,
    typer.Option(
        "--archive",
        metavar="ARCHIVE",
        help="For import: the archive of masks that were not exported. [default: the only one there is]",
    ),
]


def masks(
    action: Action, paths: Paths, out: Out = None, every: All = False, archive: ForArchive = None
) -> None:
    """Edit masks by hand: white is damage. The mask of sub/a.jpg is DIR/sub/a.jpg.png.

    A mask by hand stays with its photograph, whatever is scanned or rescored, also where that is moved or renamed.
    """
    from archive_restore.console import TerminalProgress
    from archive_restore.hand_masks import export_masks, import_masks, reset_masks
    from archive_restore.home import default_home
    from archive_restore.scanned import place, scanned_archives, scanned_ledger

    if action != "reset" and len(paths) != 1:
        raise typer.BadParameter(f"name one {'archive' if action == 'export' else 'folder of masks'}")
    if action == "export" and out is None:
        raise typer.BadParameter("where to? Add --out DIR")
    if action != "export" and (out is not None or every):
        raise typer.BadParameter("--out and --all are for export")
    if action != "import" and archive is not None:
        raise typer.BadParameter("--archive is for import")
    home = default_home()
    with scanned_ledger(home) as ledger, TerminalProgress() as progress:
        if action == "export":
            [known] = scanned_archives(ledger, paths[0])
            folder = out or Path()
            summary = export_masks(known, folder, every=every, ledger=ledger, home=home, progress=progress)
        elif action == "import":
            summary = import_masks(paths[0], archive=archive, ledger=ledger, home=home, progress=progress)
        else:
            places = [place(path, ledger.archives()) for path in paths]
            summary = reset_masks(places, ledger=ledger, home=home, progress=progress)
    _show(summary, action, out)


def _show(summary: "MasksSummary", action: str, out: Path | None) -> None:
    from archive_restore.cli.set_aside import SHOWN
    from archive_restore.console import say, show_next_step, show_table
    from archive_restore.words import counted, either

    if action == "export" and out is not None:
        say(
            f"{counted(summary.masks, 'mask')} in {printable(out)}. White is damage; save as PNG, at the same size."
        )
        show_next_step(f"archive-restore masks import {shlex.quote(printable(out))}")
    elif action == "import":
        were, are = either(summary.masks, "was", "were"), either(summary.unchanged, "is", "are")
        say(
            f"{counted(summary.masks, 'mask')} by hand {were} taken over, {summary.unchanged:,} {are} unchanged."
        )
    else:
        say(f"{counted(summary.masks, 'mask')} {either(summary.masks, 'is', 'are')} the detectors' again.")
    if summary.requeued:
        now = either(summary.requeued, "has another mask now, and is", "have another mask now, and are")
        say(f"{counted(summary.requeued, 'photograph')}, restored before, {now} queued again.")
        show_next_step("archive-restore run")
    if summary.left_alone:
        show_table(
            ("left alone", "reason"),
            [(printable(one.path), one.reason) for one in summary.left_alone[:SHOWN]],
        )
        if len(summary.left_alone) > SHOWN:
            say(f"... and {len(summary.left_alone) - SHOWN:,} more.")
        raise typer.Exit(ExitCode.SOME_FAILED)
