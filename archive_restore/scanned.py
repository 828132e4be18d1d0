"""What was scanned: the ledger and its archives as users name them, and what they are told where there is none."""

import os
import shlex
from contextlib import suppress
from pathlib import Path
from typing import Final

from archive_restore.errors import InputError, LedgerError, StorageError, printable
from archive_restore.home import Home
from archive_restore.ledger import Archive, Ledger, open_ledger
from archive_restore.photos.archive import lies_in

FIRST_RUN: Final = "First run: archive-restore scan"


class NothingScannedError(InputError):
    """No archive is known yet."""

    def __init__(self) -> None:
        super().__init__(f"Nothing was scanned yet. {FIRST_RUN} ARCHIVE")


def scanned_ledger(home: Home) -> Ledger:
    """The ledger, opened; NothingScannedError if there is none, so that asking leaves no empty one behind."""
    if not home.ledger.exists():
        raise NothingScannedError
    return open_ledger(home.ledger)


def scanned_archives(ledger: Ledger, archive: Path | None = None) -> list[Archive]:
    """All archives, or the one at this path, which need not be there now.

    Raises
    ------
    InputError
        It has not been scanned, or nothing has.
    """
    known = ledger.archives()
    if archive is None:
        if not known:
            raise NothingScannedError
        return known
    root = archive.expanduser().resolve()
    chosen = [one for one in known if one.root == root]
    if not chosen:
        raise InputError(
            f"{printable(root)} has not been scanned. {FIRST_RUN} {shlex.quote(printable(archive))}"
        )
    return chosen


def check_apart(output: Path, home: Home, *archives: Path) -> None:
    """Refuses a folder of results that would lie among the originals of one of these archives, or of one that was
    scanned. Where the ledger cannot be read, nothing is known of any: what asks needs no ledger otherwise.

    Raises
    ------
    InputError
        It would.
    """
    roots = [archive.expanduser().resolve() for archive in archives]
    with suppress(LedgerError, StorageError):
        if os.path.exists(home.ledger):  # noqa: PTH110 (Path's raises where nobody may look)
            with open_ledger(home.ledger) as ledger:
                roots += [archive.root for archive in ledger.archives()]
    folder = output.expanduser().resolve()
    for root in roots:
        if lies_in(folder, root):
            raise InputError(
                f"{printable(output)} lies among the photographs of {printable(root)}. Name another folder."
            )


def place(path: Path, archives: list[Archive]) -> tuple[Archive, bytes | None]:
    """The innermost archive that holds `path`, and the path below it (None: the whole archive).

    The last part of the path is not resolved, so that a link in an archive stands for itself.
    """
    absolute = path.expanduser().absolute()
    candidates = {absolute, absolute.parent.resolve() / absolute.name, absolute.resolve()}
    holding = [
        (archive, candidate.relative_to(archive.root))
        for archive in archives
        for candidate in candidates
        if candidate.is_relative_to(archive.root)
    ]
    if not holding:
        raise InputError(
            f"{printable(path)} lies in no archive that was scanned. See archive-restore status."
        )
    archive, relative = max(holding, key=lambda held: len(held[0].root.parts))
    return archive, os.fsencode(relative.as_posix()) if relative.parts else None
