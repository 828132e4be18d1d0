"""`archive-restore models`: the generators there are, and which one an archive uses."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from archive_restore.cli.options import Json

if TYPE_CHECKING:  # --help imports nothing heavy
    from archive_restore.registry import Registered

Action = Annotated[
    Literal["list", "use", "remove"],
    typer.Argument(help="list: all models; use: choose one for an archive; remove: delete an adopted one."),
]
Name = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME]", help='For use and remove; "default" is the shipped one.', show_default=False
    ),
]
ForArchive = Annotated[
    Path | None,
    typer.Argument(metavar="[ARCHIVE]", help="For use: only this archive.", show_default=False),
]


def models(
    action: Action = "list", name: Name = None, archive: ForArchive = None, json: Json = False
) -> None:
    """List the generators, choose the one an archive uses, or remove one."""
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
    from dataclasses import asdict

    from archive_restore.console import show_json, show_table
    from archive_restore.errors import printable

    if json:
        show_json([{**asdict(m), "archives": [printable(root) for root in m.archives]} for m in found])
        return
    show_table(
        ("model", "MB", "trained", "samples", "scores", "sha256", "used for"),
        [
            (
                f"{m.card.name} (default)" if m.default else m.card.name,
                "missing" if m.size is None else f"{m.size / 1e6:.1f}",
                m.card.trained,
                m.card.samples,
                ", ".join(f"{name} {value:.2f}" for name, value in m.card.scores.items()),
                m.card.sha256[:12],
                ", ".join(printable(root) for root in m.archives),
            )
            for m in found
        ],
    )
