"""`archive-restore review`: photographs before and after in the browser, to be accepted, rejected or masked by hand."""

from typing import TYPE_CHECKING, Annotated

import typer

from archive_restore.cli.options import OptionalArchive

if TYPE_CHECKING:
    from archive_restore.review import Verdicts

Port = Annotated[
    int | None,
    typer.Option(
        "--port",
        metavar="N",
        min=1,
        max=65_535,
        help="Of this machine, where the page is served; another machine sees it through ssh -L N:127.0.0.1:N. "
        "[default: one that is free]",
    ),
]
Browser = Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")]


def review(archive: OptionalArchive = None, port: Port = None, browser: Browser = True) -> None:
    """Look at photographs before and after in the browser: accept or reject what was restored, correct masks.

    What is held or waits for a run can be looked at, too, before it is restored. The page is served to this machine
    alone, until Ctrl-C.
    """
    from archive_restore.console import say
    from archive_restore.home import default_home
    from archive_restore.review import Desk, Server
    from archive_restore.scanned import scanned_ledger

    home = default_home()
    with scanned_ledger(home) as ledger:
        desk = Desk(ledger, home, archive)
        server = Server(desk, port)
        say(_standing(desk.piles()))
        say(f"Review them at {server.address} (Ctrl-C ends it).")
        if browser:
            _open(server.address)
        server.serve()
        _show(desk.verdicts, desk.piles()["waiting"])


def _open(address: str) -> None:
    """In the browser, if there is a screen: without, Python would open one for terminals, and wait for it."""
    import os
    import sys
    import webbrowser

    if sys.platform in ("win32", "darwin") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(address)


def _standing(piles: dict[str, int]) -> str:
    parts = [f"{piles['new']:,} restored to look at"]
    words = {
        "unsure": "with faint specks",
        "held": "held",
        "waiting": "waiting for a run",
        "accepted": "accepted",
        "rejected": "rejected",
        "undamaged": "undamaged",
    }
    parts += [f"{piles[pile]:,} {said}" for pile, said in words.items() if piles[pile]]
    return ", ".join(parts) + "."


def _show(verdicts: "Verdicts", waiting: int) -> None:
    from archive_restore.console import say, show_next_step
    from archive_restore.words import counted

    parts = [f"{verdicts.accepted:,} accepted"] if verdicts.accepted else []
    if verdicts.reconsidered:
        parts.append(f"{verdicts.reconsidered:,} to be looked at again")
    if verdicts.reverted:
        parts.append(f"{verdicts.reverted:,} rejected and removed")
    if verdicts.left_alone:
        parts.append(f"{verdicts.left_alone:,} left alone")
    if verdicts.queued:
        parts.append(f"{verdicts.queued:,} queued")
    if verdicts.masks:
        parts.append(counted(verdicts.masks, "mask") + " corrected")
    if verdicts.settled:
        parts.append(f"{verdicts.settled:,} with specks left as they are")
    say(f"{', '.join(parts)}." if parts else "Nothing was changed.")
    if waiting and (verdicts.queued or verdicts.masks):
        show_next_step("archive-restore run")
