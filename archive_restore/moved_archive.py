"""An archive whose folder was renamed or moved, with or without its restored photographs, is the same archive."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from archive_restore.errors import LockedError
from archive_restore.home import Home
from archive_restore.ledger import Archive, Ledger, WorkerLock
from archive_restore.photos.archive import is_gone, output_folder
from archive_restore.photos.codecs import file_sha256

LOOKED_AT: Final = 100
"""Files of a known archive that are looked for in a new place."""

SHARE: Final = 0.5
"""Of them, that have to lie there with the size that is known of them."""

READ: Final = 5
"""Of these, that are read: most have to have the content that is known of them."""


def moved_to(root: Path, ledger: Ledger) -> Archive | None:
    """The archive that is gone from where the ledger knows it and that lies at `root` (resolved) now; None if `root` is
    known, or is no such place."""
    archives = ledger.archives()
    if any(archive.root == root for archive in archives):
        return None
    likeness = {archive.id: _likeness(archive, root, ledger) for archive in archives}
    found = max(archives, key=lambda archive: likeness[archive.id], default=None)
    return found if found is not None and likeness[found.id] >= SHARE else None


def take_over(archive: Archive, root: Path, ledger: Ledger, home: Home) -> None:
    """Tells the ledger that an archive lies at `root` now. The caller holds the worker lock.

    What was chosen, found, restored and reverted there stays known. Restored photographs that came along are known
    at their new place; those that stayed behind follow with the next run.
    """
    before, now = output_folder(archive.root), output_folder(root)
    came_along = now.is_dir() and is_gone(before)
    ledger.move_archive(archive.id, root, outputs=(before, now) if came_along else None)
    # Else it is cut out anew; while a finetuning is at work there, it stays.
    with suppress(OSError, LockedError), WorkerLock(home.finetune_lock, work="finetuning"):
        home.finetuning(archive.root).replace(home.finetuning(root))


def _likeness(archive: Archive, root: Path, ledger: Ledger) -> float:
    """The share of an archive that is gone from its place and that lies at `root`."""
    if not is_gone(archive.root):
        return 0.0
    known = ledger.some_files(archive.id, LOOKED_AT)
    places = ((root / os.fsdecode(relative), size, digest) for relative, size, digest in known)
    there = [(place, digest) for place, size, digest in places if _size(place) == size]
    # Scans of one scanner are called alike and are of one size; some may have been edited.
    read = there[:READ]
    if 2 * sum(_content(place) == digest for place, digest in read) <= len(read):
        return 0.0
    return len(there) / max(1, len(known))


def _content(path: Path) -> str | None:
    try:
        return file_sha256(path)
    except OSError:
        return None


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
