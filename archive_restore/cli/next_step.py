"""The command that fits where things stand."""

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from archive_restore.errors import printable

if TYPE_CHECKING:
    from archive_restore.ledger import Archive, Counts, KnownFile, Ledger

ASKED: Final = 1000
"""Paths at once."""


def next_step(ledger: "Ledger", standing: "Sequence[tuple[Archive, Counts]]") -> str | None:
    """What gets these archives further; None if nothing has to."""
    from archive_restore.ledger import State

    unfinished = [archive for archive, _ in standing if archive.scanned_at is None]
    failed = [archive for archive, counts in standing if counts.states[State.FAILED]]
    unopened = [archive for archive, counts in standing if counts.unreachable]
    if unfinished:
        return _scan(unfinished[0])
    if any(counts.states[State.QUEUED] for _, counts in standing):
        return "archive-restore run"
    if failed and not all(_wait_for_scan(ledger, archive) for archive in failed):
        return "archive-restore retry"
    if failed:  # another `retry` would change nothing
        return _scan(failed[0])
    return _scan(unopened[0]) if unopened else None


def _scan(archive: "Archive") -> str:
    return f"archive-restore scan {shlex.quote(printable(archive.root))}"


def _wait_for_scan(ledger: "Ledger", archive: "Archive") -> bool:
    """Whether all that failed is read by the next scan: `retry` set it going again, or a run found it changed."""
    paths = [failure.relative for failure in ledger.failures(archive.id)]
    known: dict[bytes, KnownFile] = {}
    for first in range(0, len(paths), ASKED):
        known |= ledger.known_at(archive.id, paths[first : first + ASKED])
    return all(file.modified_ns is None for file in known.values())
