"""The `masks` workflows: masks go out to be edited in other programs, come back, and are told back to automatic.

What somebody painted is keyed by the photograph's content, as everything here is: it stays with a photograph that
is scanned again, rescored, moved or renamed, and nothing but another import or a reset changes it.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from archive_restore.by_hand import give_back, take_over
from archive_restore.cores import usable_cores
from archive_restore.detection import Policy
from archive_restore.durable import write_durably, writing
from archive_restore.errors import InputError, printable
from archive_restore.home import MASKS_LIST, Home
from archive_restore.ledger import Archive, KnownFile, Ledger, MaskedPhotograph, no_run_or_scan
from archive_restore.painting import Edited, Painted, Painting, Unchanged, Useless, Written, export, read
from archive_restore.photos.archive import FoundFile, check_archive, check_output, walk
from archive_restore.photos.names import by_fold, the_one_like
from archive_restore.processes import Lost, in_processes
from archive_restore.progress import Progress
from archive_restore.scanned import scanned_archives

LOOKED_AT: Final = 100
"""Masks by which an archive is known again that was moved."""

UNSCORED: Final = "there is no score map to make its mask from; scan its archive, then reset it again"

SUFFIX: Final = b".png"
"""Appended to the whole name of a photograph, so that a.jpg and a.tif keep two masks."""


@dataclass(frozen=True)
class LeftAlone:
    """A mask that was not taken, or not written, and why."""

    path: Path
    reason: str


@dataclass
class MasksSummary:
    """What was done."""

    masks: int = 0  # written, taken over, or told back to automatic
    unchanged: int = 0  # as they had been exported, or as they are in use
    requeued: int = 0  # restored photographs that are restored anew
    left_alone: list[LeftAlone] = field(default_factory=list)


@dataclass(frozen=True)
class _Exported:
    """A mask that was written to a folder of masks."""

    photograph: str  # sha256
    fingerprint: str
    by_hand: bool = False


@dataclass
class _List:
    """What is known of a folder of masks."""

    archive: Path | None = None
    masks: dict[bytes, _Exported] = field(default_factory=dict)  # by path in the folder

    def fingerprint(self, path: bytes) -> str | None:
        """Of the mask that was last written there; None if none was."""
        return self.masks[path].fingerprint if path in self.masks else None

    @classmethod
    def read(cls, folder: Path) -> "_List":
        """An empty one, if there is none."""
        try:
            lines = (folder / MASKS_LIST).read_text("utf-8").splitlines(keepends=True)
            # A last row without an end, or a brace, is one that a killed export did not finish.
            if len(lines) > 1 and lines[-1][0] == "{" and lines[-1][-1] not in "}\n":
                del lines[-1]
            head, *rows = [json.loads(line) for line in lines if line.strip()]
            return cls(
                Path(head["archive"]),
                {os.fsencode(row.pop("mask")): _Exported(**row) for row in rows},
            )
        except FileNotFoundError:
            return cls()
        # AttributeError: a row that is no object. RecursionError: brackets in brackets without end.
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise InputError(
                f"{printable(folder / MASKS_LIST)} cannot be read ({error}). Remove it: masks are then found by their "
                "paths."
            ) from None

    def of(self, ledger: Ledger) -> Path | None:
        """The archive of which they are: where it lies now, if it was moved and is known there."""
        archives = ledger.archives()
        if self.archive is None or any(archive.root == self.archive for archive in archives):
            return self.archive
        some = list(self.masks.values())[:LOOKED_AT]
        holding = [
            sum(ledger.masked_content(archive.id, mask.photograph) is not None for mask in some)
            for archive in archives
        ]
        most = max(holding, default=0)
        return archives[holding.index(most)].root if most else self.archive

    def write(self, folder: Path) -> None:
        head = json.dumps({"archive": os.fspath(self.archive or "")}) + "\n"
        rows = "".join(_row(path, exported) for path, exported in sorted(self.masks.items()))
        write_durably(folder / MASKS_LIST, (head + rows).encode("ascii"))

    def add(self, folder: Path, path: bytes, exported: _Exported) -> None:
        """Enters a mask that was written, at once: else those of an export that is killed would pass for edited ones
        when the automatic masks are others."""
        self.masks[path] = exported
        file = folder / MASKS_LIST
        with writing(file), file.open("a", encoding="ascii") as rows:
            rows.write(_row(path, exported))


def _row(mask: bytes, exported: _Exported) -> str:
    """A line of the list."""
    return json.dumps({"mask": os.fsdecode(mask), **asdict(exported)}) + "\n"


def export_masks(
    archive: Archive, out: Path, *, every: bool, ledger: Ledger, home: Home, progress: Progress
) -> MasksSummary:
    """Writes the mask of each damaged photograph to `out`, that of sub/a.jpg to sub/a.jpg.png; all, with `every`.

    A mask there that somebody edited and that was not imported yet is kept.

    Raises
    ------
    InputError
        `out` lies in an archive, or holds the masks of another one.
    StorageError
        The masks cannot be written.
    """
    for known in ledger.archives():
        check_output(known.root, out)
    listed = _List.read(out)
    if listed.archive is not None and listed.of(ledger) != archive.root:
        raise InputError(
            f"{printable(out)} holds masks of {printable(listed.archive or out)}. Name another "
            "folder with --out."
        )
    listed.archive = archive.root
    summary = MasksSummary()
    count = sum(1 for _ in _exported(archive, ledger, every=every))
    if count:
        listed.write(out)
    progress.start("Exporting masks", count)
    tasks = (
        Painting(out / os.fsdecode(path), photograph, home, listed.fingerprint(path))
        for photograph in _exported(archive, ledger, every=every)
        for path in [photograph.relative + SUFFIX]
    )
    try:
        for task, result in in_processes(export, tasks, processes=usable_cores()):
            progress.advance()
            if isinstance(result, Written):
                summary.masks += 1
                exported = _Exported(task.photograph.sha256, result.fingerprint, task.photograph.by_hand)
                listed.add(out, task.photograph.relative + SUFFIX, exported)
            else:
                reason = (
                    "it was edited and is not imported yet; it is kept"
                    if isinstance(result, Edited)
                    else result.reason
                )
                summary.left_alone.append(LeftAlone(task.path, reason))
    finally:
        progress.stop()
        if listed.masks:
            listed.write(out)
    return summary


def _exported(archive: Archive, ledger: Ledger, *, every: bool) -> Iterator[MaskedPhotograph]:
    return (one for one in ledger.masked(archive.id) if every or one.covered or one.by_hand)


def import_masks(
    folder: Path, *, archive: Path | None, ledger: Ledger, home: Home, progress: Progress
) -> MasksSummary:
    """Takes over the masks in `folder` that somebody painted. What was restored with another mask is queued again.

    Parameters
    ----------
    folder : of `sub/a.jpg.png` for sub/a.jpg
    archive : of which they are; None: as they were exported, or the only one there is

    Raises
    ------
    InputError
        There is no such folder or archive.
    LockedError
        A scan or a run is at work.
    StorageError
        The masks cannot be kept. The same command goes on.
    """
    folder = check_archive(folder, "the masks")
    listed = _List.read(folder)
    known = _archive_of(archive or listed.of(ledger), ledger)
    if listed.archive is None and (folder == known.root or known.root in folder.parents):
        raise InputError(
            f"{printable(folder)} holds the photographs. Name the folder that the masks were exported to."
        )
    summary = MasksSummary()
    with no_run_or_scan(home):
        progress.start("Importing masks", None)
        try:
            tasks = _paintings(folder, listed, known, ledger, home, summary)
            for task, result in in_processes(read, tasks, processes=usable_cores()):
                progress.advance()
                _take(task, result, ledger, summary)
        finally:
            progress.stop()
    return summary


def _archive_of(root: Path | None, ledger: Ledger) -> Archive:
    archives = scanned_archives(ledger, root)
    if len(archives) > 1:
        raise InputError("Of which archive are these masks? Add --archive ARCHIVE.")
    return archives[0]


def _paintings(
    folder: Path, listed: _List, archive: Archive, ledger: Ledger, home: Home, summary: MasksSummary
) -> Iterator[Painting]:
    """The masks in the folder, each with its photograph; what is of no photograph is left alone."""
    names = _Names(listed, archive, ledger)

    def unreachable(path: Path, error: OSError) -> None:
        reason = f"cannot be opened: {error.strerror or error}. Correct that, then import again"
        summary.left_alone.append(LeftAlone(path, reason))

    for found in walk(folder, on_error=unreachable):
        path = found.path(folder)
        exported = names.exported(found.relative)
        photograph, reason = _photograph_of(found, exported, names, archive, ledger)
        if photograph is None:
            summary.left_alone.append(LeftAlone(path, reason))
            continue
        # What somebody had painted already is wanted again where a reset has taken it back.
        told = None if exported is None or exported.by_hand else exported.fingerprint
        yield Painting(path, photograph, home, told)


@dataclass(frozen=True)
class _Names:
    """What is called as a mask is, also where another system spelt it otherwise: macOS decomposes "ä"."""

    listed: _List
    archive: Archive
    ledger: Ledger

    def exported(self, mask: bytes) -> _Exported | None:
        """What was last written as the mask at this path."""
        spelt = mask if mask in self.listed.masks else the_one_like(mask, self._masks)
        return None if spelt is None else self.listed.masks[spelt]

    def photograph(self, relative: bytes) -> KnownFile | None:
        """What the archive has at this path."""
        known = self.ledger.known_at(self.archive.id, [relative]).get(relative)
        spelt = the_one_like(relative, self._photographs) if known is None else None
        return known if spelt is None else self.ledger.known_at(self.archive.id, [spelt]).get(spelt)

    @cached_property
    def _masks(self) -> dict[str, list[bytes]]:
        return by_fold(self.listed.masks)

    @cached_property
    def _photographs(self) -> dict[str, list[bytes]]:
        return by_fold(relative for _, relative in self.ledger.present(self.archive.id))


def _photograph_of(
    found: FoundFile, exported: _Exported | None, names: _Names, archive: Archive, ledger: Ledger
) -> tuple[MaskedPhotograph | None, str]:
    """The photograph of a mask, or why there is none."""
    if not found.relative.lower().endswith(SUFFIX):
        return None, "it is no PNG; save the mask as PNG"
    if exported is not None:
        sha256: str | None = exported.photograph
    else:
        relative = found.relative[: -len(SUFFIX)]
        known = names.photograph(relative)
        if known is None:
            name = printable(os.fsdecode(relative))
            return None, f"there is no photograph {name} in {printable(archive.root)} that was scanned"
        sha256 = known.sha256
    photograph = ledger.masked_content(archive.id, sha256) if sha256 else None
    return photograph, "its photograph has changed or is gone since; scan, then export the masks again"


def _take(
    task: Painting, result: Painted | Unchanged | Useless | Lost, ledger: Ledger, summary: MasksSummary
) -> None:
    match result:
        case Unchanged():
            summary.unchanged += 1
        case Painted():
            summary.requeued += take_over(result, task.photograph, ledger, task.home)
            summary.masks += 1
        case Useless(reason) | Lost(reason):
            summary.left_alone.append(LeftAlone(task.path, reason))


def reset_masks(
    places: Sequence[tuple[Archive, bytes | None]], *, ledger: Ledger, home: Home, progress: Progress
) -> MasksSummary:
    """Masks by hand become what the detectors make of the photographs, by what their archives take for damage.

    Parameters
    ----------
    places : archives, and paths below them

    Raises
    ------
    InputError
        There is no photograph at one of them.
    LockedError
        A scan or a run is at work.
    StorageError
        A mask cannot be written, or removed. The same command goes on.
    """
    summary = MasksSummary()
    with no_run_or_scan(home):
        for archive, under in places:  # all of them, before anything changes
            if next(ledger.masked(archive.id, under), None) is None:
                there = archive.root if under is None else archive.root / os.fsdecode(under)
                raise InputError(f"There is no photograph at {printable(there)} that was scanned.")
        progress.start("Resetting masks", None)
        try:
            for archive, under in places:
                policy = Policy() if archive.policy is None else Policy.parsed(archive.policy)
                for photograph in ledger.masked(archive.id, under):
                    if not photograph.by_hand and not home.edited_mask(photograph.sha256).exists():
                        continue
                    requeued = give_back(photograph, policy, ledger, home)
                    if requeued is None:
                        path = archive.root / os.fsdecode(photograph.relative)
                        summary.left_alone.append(LeftAlone(path, UNSCORED))
                    else:
                        summary.requeued += requeued
                        summary.masks += 1
                    progress.advance()
        finally:
            progress.stop()
    return summary
