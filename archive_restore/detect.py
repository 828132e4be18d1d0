"""The workflow of `detect`: finding the damage in a few paths, without a ledger."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from archive_restore.detection import Policy
from archive_restore.errors import InputError, SetAside, printable
from archive_restore.examine import Examination, Examined, Refused, ScanOptions, examine, usable
from archive_restore.ledger import KindCount
from archive_restore.photos.archive import (
    FoundFile,
    OnError,
    OnMasks,
    check_archive,
    check_output,
    same,
    walk,
)
from archive_restore.photos.companions import infrared_of_file
from archive_restore.processes import Lost, in_processes
from archive_restore.progress import Progress
from archive_restore.set_aside import noting_masks, noting_unreachable, tell_set_aside

MASK_SUFFIX: Final = b".png"
"""Appended to the whole name, so that a.jpg and a.tif keep two masks."""


@dataclass(frozen=True)
class DetectSummary:
    """What `detect` found and wrote."""

    photographs: int  # whose masks were written
    kept: int  # that had a mask already
    damaged: int
    kinds: list[KindCount]
    pixels: int
    set_aside: list[SetAside]
    unreachable: list[SetAside]


def detect_paths(
    paths: Sequence[Path],
    *,
    out: Path,
    options: ScanOptions,
    overwrite: bool = False,
    exclude: Sequence[Path] = (),
    progress: Progress,
) -> DetectSummary:
    """Writes the mask of each photograph, also an empty one: of sub/a.jpg in a folder, out/sub/a.jpg.png.

    A mask that is there already is kept, unless it is to be overwritten: somebody may have painted on it. Folders to
    `exclude` hold no photographs.

    Raises
    ------
    InputError
        A path cannot be read, `out` would mix with the photographs, or two masks would have one name.
    StorageError
        The masks cannot be written.
    """
    unreachable: list[SetAside] = []
    told = noting_unreachable(unreachable, progress), noting_masks(progress)
    masks = _masks_of(paths, out, exclude, *told)
    wanted = {mask: found for mask, found in masks.items() if overwrite or not os.path.lexists(mask)}
    if wanted:
        options = usable(options, progress)
    policy = options.policy(Policy())
    tasks = [
        Examination(root, file, options, mask=mask, policy=policy) for mask, (root, file) in wanted.items()
    ]
    photographs = damaged = pixels = 0
    found_in: Counter[str] = Counter()  # photographs by kind
    regions_of: Counter[str] = Counter()
    area_of: Counter[str] = Counter()  # px²
    set_aside: list[SetAside] = []
    progress.start("Detecting", len(tasks))
    for task, result in in_processes(examine, tasks, processes=options.processes):
        match result:
            case Examined(header=header, regions=regions):
                photographs += 1
                pixels += header.pixels
                damaged += bool(regions)
                found_in.update({region.kind for region in regions})
                for region in regions:
                    regions_of[region.kind] += 1
                    area_of[region.kind] += region.area
            case Refused(reason) | Lost(reason):
                set_aside.append(SetAside(task.path, reason))
                tell_set_aside(progress, set_aside, result)
        progress.advance()
    kinds = [KindCount(kind, number, regions_of[kind], area_of[kind]) for kind, number in found_in.items()]
    kinds.sort(key=lambda kind: (-kind.photographs, -kind.regions, kind.kind))
    kept = len(masks) - len(wanted)
    return DetectSummary(photographs, kept, damaged, kinds, pixels, set_aside, unreachable)


def _masks_of(
    paths: Sequence[Path], out: Path, exclude: Sequence[Path], on_error: OnError, on_masks: OnMasks
) -> dict[Path, tuple[Path, FoundFile]]:
    """Each photograph's folder and file by the path of its mask."""
    masks: dict[Path, tuple[Path, FoundFile]] = {}
    for path in paths:
        for root, file in _photographs(path, out, exclude, on_error, on_masks):
            mask = out / os.fsdecode(file.relative + MASK_SUFFIX)
            other = masks.setdefault(mask, (root, file))
            if not same(other[1].path(other[0]), file.path(root)):
                raise InputError(
                    f"{printable(other[1].path(other[0]))} and {printable(file.path(root))} would have the "
                    f"same mask, {printable(mask)}. Detect them one after the other, into two folders."
                )
    return masks


def _photographs(
    path: Path, out: Path, exclude: Sequence[Path], on_error: OnError, on_masks: OnMasks
) -> Iterator[tuple[Path, FoundFile]]:
    if not path.is_file():
        folder = check_archive(path)
        check_output(folder, out)
        for file in walk(folder, exclude=exclude, on_error=on_error, on_masks=on_masks):
            yield folder, file
        return
    if same(path.parent, out):
        raise InputError(
            f"{printable(out)} is the folder of {printable(path)}; masks there would pass for photographs. "
            "Name another folder with --out."
        )
    status = path.stat()
    infrared = infrared_of_file(path)
    beside = None if infrared is None else os.fsencode(infrared.name)
    yield path.parent, FoundFile(os.fsencode(path.name), status.st_size, status.st_mtime_ns, beside)
