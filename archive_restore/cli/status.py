"""`archive-restore status`: where things stand."""

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from archive_restore.cli.options import Json, OptionalArchive
from archive_restore.errors import printable

if TYPE_CHECKING:
    from archive_restore.ledger import Archive, Counts, Ledger

Failed = Annotated[bool, typer.Option("--failed", help="List everything that was set aside, with reasons.")]

WORDS = {"leased": "in work"}
"""What the ledger calls otherwise."""


def status(archive: OptionalArchive = None, failed: Failed = False, json: Json = False) -> None:
    """Show where things stand: what is queued, held, done and set aside."""
    from archive_restore.console import say, show_json
    from archive_restore.home import default_home
    from archive_restore.scanned import NothingScannedError, scanned_archives, scanned_ledger
    from archive_restore.standing import standing

    home = default_home()
    try:
        with scanned_ledger(home) as ledger:
            archives = scanned_archives(ledger, archive)
            if json:
                told = [_json(ledger, one, standing(ledger, home, one.id)) for one in archives]
                show_json({"ledger": printable(home.ledger), "archives": told})
            elif failed:
                _show_failed(ledger, archives)
            else:
                _show(ledger, [(one, standing(ledger, home, one.id)) for one in archives])
    except NothingScannedError as nothing:  # that is where things stand
        if json:
            show_json({"archives": []})
        else:
            say(str(nothing))


def _show(ledger: "Ledger", counts: "list[tuple[Archive, Counts]]") -> None:
    from archive_restore.cli.next_step import next_step
    from archive_restore.cli.set_aside import SHOWN, show_set_aside, show_unreachable
    from archive_restore.cli.unsure import show_unsure
    from archive_restore.console import say, show_next_step, show_table
    from archive_restore.ledger import State

    states = [state for state in State if any(count.states[state] for _, count in counts)]
    missing = any(count.missing for _, count in counts)
    show_table(
        (
            "archive",
            "photographs",
            "undamaged",
            *(WORDS.get(state, state) for state in states),
            *(["missing"] if missing else []),
        ),
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
        unreachable = ledger.unreachable(archive.id, SHOWN)
        show_unreachable([(one.path, one.reason) for one in unreachable], count=count.unreachable)
        _show_held(ledger, archive, count.states[State.HELD])
        show_unsure(ledger.unsure(archive.id), archive.root)
        if count.by_hand:
            say(f"Masks by hand in {printable(archive.root)}: {count.by_hand:,}")
        if archive.scanned_at is None:
            say(f"The scan of {printable(archive.root)} has not gone through.")
    step = next_step(ledger, counts)
    if any(count.states[State.LEASED] for _, count in counts):
        say("A run is at work.")
    elif step is not None:
        show_next_step(step)


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

    unreachable = [one for archive in archives for one in ledger.unreachable(archive.id)]
    if unreachable:
        show_table(("cannot be opened", "reason"), [(printable(one.path), one.reason) for one in unreachable])
    failures = [failure for archive in archives for failure in ledger.failures(archive.id)]
    if not failures:
        say("No photograph is set aside." if unreachable else "Nothing is set aside.")
        return
    show_table(
        ("set aside", "by", "attempts", "reason"),
        [(printable(f.path), f.stage, f.attempts, f.reason) for f in failures],
    )


def _json(ledger: "Ledger", archive: "Archive", counts: "Counts") -> dict[str, object]:
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
        "unreachable": [
            {"path": printable(one.path), "reason": one.reason} for one in ledger.unreachable(archive.id)
        ],
        "held": [{"path": printable(h.path), "reason": h.reason} for h in ledger.held(archive.id)],
        "unsure": [printable(path) for path in ledger.unsure(archive.id)],
        "masks_by_hand": counts.by_hand,
    }
