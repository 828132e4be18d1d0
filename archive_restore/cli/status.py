"""`archive-restore status`: where things stand."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archive_restore.cli.options import Json, OptionalArchive
from archive_restore.errors import InputError, printable

if TYPE_CHECKING:
    from archive_restore.ledger import Archive, Ledger

Failed = Annotated[bool, typer.Option("--failed", help="List everything that was set aside, with reasons.")]


def status(archive: OptionalArchive = None, failed: Failed = False, json: Json = False) -> None:
    """Show where things stand: what is queued, held, done and set aside."""
    from archive_restore.console import say, show_json, show_next_step
    from archive_restore.home import default_home
    from archive_restore.ledger import open_ledger

    home = default_home()
    if not home.ledger.exists():
        if json:
            show_json({"archives": []})
        else:
            say("Nothing was scanned yet.")
            show_next_step("archive-restore scan ARCHIVE")
        return
    with open_ledger(home.ledger) as ledger:
        archives = chosen_archives(ledger, archive)
        if json:
            show_json({"ledger": printable(home.ledger), "archives": [_json(ledger, a) for a in archives]})
        elif failed:
            _show_failed(ledger, archives)
        else:
            _show(ledger, archives)


def chosen_archives(ledger: "Ledger", archive: Path | None) -> "list[Archive]":
    """All archives, or the one at this path (which need not be there now). Raises InputError."""
    archives = ledger.archives()
    if archive is None:
        return archives
    root = archive.expanduser().resolve()
    chosen = [known for known in archives if known.root == root]
    if not chosen:
        raise InputError(
            f"{printable(root)} was not scanned. First run: archive-restore scan "
            f"{shlex.quote(printable(archive))}"
        )
    return chosen


def _show(ledger: "Ledger", archives: "list[Archive]") -> None:
    from archive_restore.cli.set_aside import SHOWN, show_set_aside
    from archive_restore.console import say, show_next_step, show_table
    from archive_restore.ledger import State

    counts = [(archive, ledger.counts(archive.id)) for archive in archives]
    states = [state for state in State if any(count.states[state] for _, count in counts)]
    missing = any(count.missing for _, count in counts)
    show_table(
        ("archive", "photographs", "undamaged", *states, *(["missing"] if missing else [])),
        [
            (
                printable(archive.root),
                count.photographs,
                count.undamaged,
                *(count.states[state] for state in states),
                *([count.missing] if missing else []),
            )
            for archive, count in counts
        ],
    )
    for archive, count in counts:
        failures = ledger.failures(archive.id, SHOWN)
        show_set_aside([(f.path, f.reason) for f in failures], count=count.states[State.FAILED])
        _show_held(ledger, archive, count.states[State.HELD])
        if count.by_hand:
            say(f"Masks by hand in {printable(archive.root)}: {count.by_hand:,}")
        if archive.scanned_at is None:
            say(f"The scan of {printable(archive.root)} has not gone through.")
    unfinished = [archive for archive in archives if archive.scanned_at is None]
    if unfinished:
        show_next_step(f"archive-restore scan {shlex.quote(printable(unfinished[0].root))}")
    elif any(count.states[State.QUEUED] + count.states[State.LEASED] for _, count in counts):
        show_next_step("archive-restore run")
    elif any(count.states[State.FAILED] for _, count in counts):
        show_next_step("archive-restore retry")


def _show_held(ledger: "Ledger", archive: "Archive", number: int) -> None:
    from archive_restore.cli.set_aside import SHOWN
    from archive_restore.console import say, show_table

    if not number:
        return
    show_table(
        ("held for a look", "reason"),
        [(printable(held.path), held.reason) for held in ledger.held(archive.id, SHOWN)],
    )
    if number > SHOWN:
        say(f"... and {number - SHOWN:,} more.")
    root = shlex.quote(printable(archive.root))
    say(f"To look at them: archive-restore report {root} --preview SHEET.jpg")
    say(f"To have them restored: archive-restore release {root}")


def _show_failed(ledger: "Ledger", archives: "list[Archive]") -> None:
    from archive_restore.console import say, show_table

    failures = [failure for archive in archives for failure in ledger.failures(archive.id)]
    if not failures:
        say("Nothing is set aside.")
        return
    show_table(
        ("set aside", "by", "attempts", "reason"),
        [(printable(f.path), f.stage, f.attempts, f.reason) for f in failures],
    )


def _json(ledger: "Ledger", archive: "Archive") -> dict[str, object]:
    counts = ledger.counts(archive.id)
    return {
        "archive": printable(archive.root),
        "scanned_at": archive.scanned_at,
        "photographs": counts.photographs,
        "undamaged": counts.undamaged,
        "damaged": counts.damaged,
        "unreadable": counts.unreadable,
        "missing": counts.missing,
        "megapixels": ledger.pixels(archive.id) / 1e6,
        "states": {state.value: number for state, number in counts.states.items()},
        "kinds": [
            {"kind": k.kind, "photographs": k.photographs, "regions": k.regions, "pixels": k.area}
            for k in ledger.kinds(archive.id)
        ],
        "failed": [
            {"path": printable(f.path), "stage": f.stage, "reason": f.reason, "attempts": f.attempts}
            for f in ledger.failures(archive.id)
        ],
        "held": [{"path": printable(h.path), "reason": h.reason} for h in ledger.held(archive.id)],
        "masks_by_hand": counts.by_hand,
    }
