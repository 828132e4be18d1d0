"""Provenance: a JSON file beside each restored photograph that says what was done to it, by what.

It stands for itself: a photograph that leaves the archive with its record needs no ledger.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar, get_origin

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore import __version__
from archive_restore.durable import remove_file, write_durably
from archive_restore.errors import PhotographError, StorageError, printable
from archive_restore.photos.codecs import (
    Photograph,
    change_of_mode,
    file_sha256,
    oddities,
    read_header,
    sha256,
)
from archive_restore.photos.large import Data, open_file
from archive_restore.photos.names import LONGEST_NAME

RECORD_SUFFIX = ".json"
"""Appended to the whole name, so that a.jpg and a.tif keep two records."""

FORM = 1
"""Of the record; raised when the meaning of a field changes."""

LARGEST: Final = 64 * 2**20
"""Bytes of a file that may be a record: hundreds of thousands of regions."""

LARGEST_NUMBER: Final = 2**53
"""Of bytes or pixels. What comes from JSON beyond it is no longer exact everywhere, and far more than there is."""

DEEPEST: Final = 4
"""Objects and lists in each other: a region in the regions of what was repainted."""

Part = TypeVar("Part")


@dataclass(frozen=True)
class Source:
    """The original, as it was when it was restored."""

    name: str  # its path below the archive, printable
    sha256: str
    size: int  # bytes


@dataclass(frozen=True)
class Result:
    """The restored photograph."""

    sha256: str
    format: str
    mode: str
    width: int  # px of the sheet
    height: int  # px of the sheet


@dataclass(frozen=True)
class Repainted:
    """Where something was repainted."""

    mask_sha256: str  # of the mask's file
    pixels: int
    regions: list[dict[str, Any]]  # left, top, width, height px, area px²; kind and score 0..1 where detected


@dataclass(frozen=True)
class Model:
    """What repainted it."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Record:
    """All that is known of one restoration."""

    original: Source
    restored: Result
    repainted: Repainted
    model: Model
    settings: Mapping[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)  # what had to be changed besides samples, what is odd
    version: str = __version__  # of archive-restore
    time: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    record: int = FORM


def describe(
    original: Photograph,
    mask: NDArray[np.bool_],
    data: Data,
    *,
    name: str,
    mask_file: Path,
    model: tuple[str, str],
    settings: Mapping[str, Any],
    regions: list[dict[str, Any]],
) -> Record:
    """The record of a photograph that is about to be written.

    Parameters
    ----------
    original : as it was decoded
    mask : (H, W) bool of its sheet
    data : the restored file
    name : path of the original below the archive, printable
    mask_file : where the mask was read from
    model : name and sha256 of the weights
    settings : what the user chose; None where device and damage decided
    regions : the damage, see `Repainted`
    """
    restored = read_header(original.path, data, max_pixels=original.header.pixels)
    changed = change_of_mode(original.header, restored)
    return Record(
        original=Source(name, sha256(original.source), len(original.source)),
        restored=Result(sha256(data), restored.format, restored.mode, restored.width, restored.height),
        repainted=Repainted(file_sha256(mask_file), int(mask.sum()), regions),
        model=Model(*model),
        settings=settings,
        notes=([changed] if changed else []) + oddities(original),
    )


def record_path(output: Path) -> Path:
    """Where the record of `output` lies: beside it, as a.jpg.json."""
    name = output.name + RECORD_SUFFIX
    if len(os.fsencode(name)) > LONGEST_NAME:
        name = hashlib.sha256(os.fsencode(output.name)).hexdigest() + RECORD_SUFFIX
    return output.with_name(name)


def write_record(output: Path, record: Record) -> None:
    """Writes the record of `output` durably.

    Raises
    ------
    PhotographError, StorageError
        As `write_durably`; or something else has its name.
    """
    if not _ours(output):
        name = printable(record_path(output).name)
        raise PhotographError(output, f"{name} is in the way of its record; move it elsewhere, then retry")
    text = json.dumps(asdict(record), ensure_ascii=False, indent=2)
    write_durably(record_path(output), (text + "\n").encode("utf-8", "backslashreplace"))


def read_record(output: Path) -> Record | None:
    """The record of `output`; None if there is none.

    Raises
    ------
    PhotographError
        There is something else in its place.
    """
    path = record_path(output)
    try:
        with open_file(path) as file:
            text = file.read(LARGEST + 1)
        if len(text) > LARGEST:
            raise ValueError(f"it is larger than {LARGEST // 2**20} MiB")
        content = json.loads(text.decode("utf-8"))
        _check_depth(content, DEEPEST)
        return _made(
            Record,
            {
                **content,
                "original": _made(Source, content["original"]),
                "restored": _made(Result, content["restored"]),
                "repainted": _made(Repainted, content["repainted"]),
                "model": _made(Model, content["model"]),
            },
        )
    except FileNotFoundError:
        return None
    # RecursionError: brackets in brackets without end.
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise PhotographError(path, f"the record cannot be read ({reason})") from error


def _made(kind: type[Part], values: Mapping[str, Any]) -> Part:
    """A dataclass of what JSON gave; TypeError if a field is missing, unknown or of another type, ValueError if it is a
    number that nothing can have."""
    made = kind(**values)
    for one in fields(kind):  # type: ignore[arg-type]  # it is a dataclass
        value = getattr(made, one.name)
        if not isinstance(value, get_origin(one.type) or one.type) or isinstance(value, bool):  # type: ignore[arg-type]
            raise TypeError(f"{one.name} is of another type")
        if isinstance(value, int) and not 0 <= value <= LARGEST_NUMBER:
            raise ValueError(f"{one.name} is no number that a photograph can have")
    return made


def _check_depth(value: object, levels: int) -> None:
    """ValueError if there are more objects and lists in each other than so many."""
    if isinstance(value, dict | list):
        if not levels:
            raise ValueError("it is nested too deeply")
        for part in value.values() if isinstance(value, dict) else value:
            _check_depth(part, levels - 1)


def remove_record(output: Path) -> None:
    """Removes the record of `output`, if there is one; StorageError if it cannot be removed. What else has its name
    stays."""
    if _ours(output):
        remove_file(record_path(output))


@contextmanager
def recorded(output: Path, record: Record | None) -> Iterator[None]:
    """Around writing `output`, which `record` tells of (None: nothing does). The record comes first: what a run that
    was killed had written is known by its output alone. Where it cannot be written, what lay there keeps its own.

    Raises
    ------
    PhotographError, StorageError
        As `write_record`.
    """
    former = None
    with suppress(PhotographError):  # of what is no record, `write_record` tells
        former = read_record(output)
    if record is None:
        remove_record(output)
    else:
        write_record(output, record)
    try:
        yield
    except (PhotographError, StorageError):
        if record is None or not _is_there(output, record):
            with suppress(PhotographError, StorageError):  # the disk refuses that as well
                if record is not None:
                    remove_file(record_path(output))  # first, which makes room
                if former is not None and os.path.lexists(output):
                    write_record(output, former)
        raise


def _is_there(output: Path, record: Record) -> bool:
    """Whether what a record tells of was written."""
    try:
        return file_sha256(output) == record.restored.sha256
    except OSError:
        return False


def _ours(output: Path) -> bool:
    """Whether nothing but a record has the name of one."""
    try:
        read_record(output)
    except PhotographError:
        return False
    return True


def regions_of(mask: NDArray[np.bool_]) -> list[dict[str, Any]]:
    """The connected (8 neighbours) pieces of a (H, W) mask that somebody gave, from the top down.

    Told from their outlines, which takes a tenth of the time of numbering every pixel's piece. Outlines run through
    pixels, so Pick's theorem counts what they hold: area + boundary / 2 + 1 with the boundary, area - boundary / 2 + 1
    without it, which is a hole.
    """
    outlines, family = cv2.findContours(mask.view(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    regions = []
    for outer, (_, _, hole, parent) in enumerate(family[0] if outlines else ()):
        if parent >= 0:
            continue
        steps = len(outlines[outer]) if len(outlines[outer]) > 1 else 0
        area = cv2.contourArea(outlines[outer]) + steps / 2 + 1
        while hole >= 0:
            area -= cv2.contourArea(outlines[hole]) - len(outlines[hole]) / 2 + 1
            hole = family[0][hole][0]
        left, top, width, height = cv2.boundingRect(outlines[outer])
        regions.append({"left": left, "top": top, "width": width, "height": height, "area": int(area)})
    return sorted(regions, key=lambda region: (region["top"], region["left"]))
