"""`archive-restore models`: the generators there are, and which one an archive uses."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from archive_restore.cli.options import Json

if TYPE_CHECKING:  # --help imports nothing heavy
    from archive_restore.registry import Registered

Action = Annotated[
    Literal["list", "use", "remove"],
    typer.Argument(
        metavar="list|use|remove",
        help="list: all models; use: choose one for an archive; remove: delete an adopted one. [default: list]",
        show_default=False,
    ),
]
Name = Annotated[
    str | None,
    typer.Argument(
        metavar="NAME",
        help='For use: a model, or "default", the shipped one. For remove: one that was adopted.',
        show_default=False,
    ),
]
ForArchive = Annotated[
    Path | None,
    typer.Argument(metavar="ARCHIVE", help="For use: only this archive.", show_default=False),
]


def models(
    action: Action = "list", name: Name = None, archive: ForArchive = None, json: Json = False
) -> None:
    """List the generators, choose the one an archive uses, or remove one."""
    if action == "list" and name is not None:
        raise typer.BadParameter(f"list takes no name: {name}")
    if action == "remove" and archive is not None:
        raise typer.BadParameter(f"remove takes one name, no archive: {archive}")
    from archive_restore import registry as workflow
    from archive_restore.console import say
    from archive_restore.errors import printable
    from archive_restore.home import default_home
    from archive_restore.ledger import open_ledger

    home = default_home()
    with open_ledger(home.ledger) as ledger:
        if action == "list":
            _show(workflow.registered(ledger, home), json)
            return
        if name is None:
            raise typer.BadParameter(f"which one? archive-restore models {action} NAME")
        if action == "use":
            for root in workflow.use(ledger, home, name, archive):
                say(f"{printable(root)} uses {name} from now on.")
        else:
            workflow.remove(ledger, home, name)
            say(f"{name} is removed.")


def _show(found: "list[Registered]", json: bool) -> None:
    """Lines, not a table: at 80 columns seven columns would leave no name whole."""
    from dataclasses import asdict

    from archive_restore.console import say, show_json
    from archive_restore.errors import printable
    from archive_restore.words import counted

    if json:
        show_json([{**asdict(m), "archives": [printable(root) for root in m.archives]} for m in found])
        return
    for m in found:
        file = "its file is missing" if m.size is None else f"{m.size / 1e6:.1f} MB"
        say(f"{m.card.name} (default)" if m.default else m.card.name)
        say(f"  file      {file}, sha256 {m.card.sha256[:12]}")
        say(f"  trained   {m.card.trained or 'when is not known'}; {counted(m.card.samples, 'sample')}")
        if m.card.scores:
            say("  scores    " + ", ".join(f"{name} {value:.2f}" for name, value in m.card.scores.items()))
        for root in m.archives:
            say(f"  used for  {printable(root)}")
        say()
