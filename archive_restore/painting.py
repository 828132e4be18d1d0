"""Masks as files for other programs: what somebody painted is read, compared and named, a process a photograph."""

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archive_restore.detection import painted
from archive_restore.errors import PhotographError
from archive_restore.home import Home
from archive_restore.ledger import MaskedPhotograph, RegionRow
from archive_restore.masking import mask_at, read_score_map, row_of
from archive_restore.photos.mask_files import read_mask, write_mask

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Painting:
    """A task: a mask outside, the photograph it is of, and what it was when it was last written there."""

    path: Path
    photograph: MaskedPhotograph
    home: Home
    exported: str | None  # fingerprint; None: it was never written there


@dataclass(frozen=True)
class Written:
    """A mask that is outside now as it is in use."""

    fingerprint: str


@dataclass(frozen=True)
class Edited:
    """A mask outside that somebody changed and that is not in use; it is left as it is."""


@dataclass(frozen=True)
class Unchanged:
    """A mask outside that is as it was written there, or as it is in use."""


@dataclass(frozen=True)
class Painted:
    """A mask that somebody painted, to be taken over."""

    bits: bytes  # eight pixels a byte, rows one after the other
    shape: tuple[int, int]
    covered: int  # px
    regions: list[RegionRow]

    @property
    def mask(self) -> Mask:
        """(H, W) bool."""
        bits = np.unpackbits(np.frombuffer(self.bits, np.uint8), count=self.shape[0] * self.shape[1])
        return bits.reshape(self.shape).astype(bool)


@dataclass(frozen=True)
class Useless:
    """A file that cannot be a mask of its photograph, and why."""

    reason: str


def fingerprint(mask: Mask) -> str:
    """What tells a (H, W) mask from others of its photograph, however its file was written."""
    return hashlib.sha256(np.packbits(mask).tobytes()).hexdigest()


def export(task: Painting) -> Written | Edited | Useless:
    """Writes the mask in use to its path, unless somebody changed what is there.

    Raises
    ------
    StorageError
        It cannot be written; the next one would fare no better.
    """
    photograph, shape = task.photograph, _shape(task.photograph)
    in_use = task.home.mask(photograph.sha256)
    try:
        mask = read_mask(in_use, shape) if photograph.covered else mask_at(in_use, shape)
    except PhotographError as error:
        return Useless(task.home.lost_mask(photograph.sha256, error.reason))
    told = fingerprint(mask)
    try:
        if task.path.exists():
            there = fingerprint(read_mask(task.path, shape))
            if there == told:
                return Written(told)
            if there != task.exported:
                return Edited()
        write_mask(task.path, mask)
    except PhotographError as error:
        return Useless(error.reason)
    except OSError as error:  # its name may be too long with .png behind it
        return Useless(f"it cannot be written: {error.strerror}")
    return Written(told)


def read(task: Painting) -> Painted | Unchanged | Useless:
    """What somebody painted, unless nobody changed it."""
    try:
        mask = read_mask(task.path, _shape(task.photograph))
    except PhotographError as error:
        return Useless(error.reason)
    if fingerprint(mask) == task.exported:
        return Unchanged()
    return painting_of(mask, task.photograph, task.home)


def painting_of(mask: Mask, photograph: MaskedPhotograph, home: Home) -> Painted | Unchanged | Useless:
    """What a (H, W) mask that somebody painted for a photograph is beside the one in use."""
    if mask.all():
        return Useless("all of the photograph is marked, so that there is nothing to restore it from")
    in_use = home.mask(photograph.sha256)
    known = photograph.by_hand == (in_use == home.edited_mask(photograph.sha256))
    with suppress(PhotographError):  # one in use that cannot be read is replaced
        if known and np.array_equal(mask, mask_at(in_use, _shape(photograph))):
            return Unchanged()
    regions = painted(mask, read_score_map(home.score_map(photograph.sha256)))
    return Painted(
        np.packbits(mask).tobytes(),
        _shape(photograph),
        int(mask.sum()),
        [row_of(region) for region in regions],
    )


def _shape(photograph: MaskedPhotograph) -> tuple[int, int]:
    return photograph.height, photograph.width
