"""What is shown of one photograph: before, after and its mask, as a viewer turns them, or a part of them."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from archive_restore.detection import Policy, threshold
from archive_restore.displaying import Mask, Pixels, as_displayed, shrink_mask, upright
from archive_restore.errors import InputError, PhotographError, printable
from archive_restore.home import Home
from archive_restore.ledger import RegionRow, Reviewed
from archive_restore.masking import read_score_map
from archive_restore.photos.codecs import decode
from archive_restore.photos.mask_files import read_mask
from archive_restore.photos.rendering import viewable

TURNED_BACK: Final = {6: 8, 8: 6}
"""EXIF orientations that undo others; the rest undo themselves."""

SUBPIXEL_BITS: Final = 4
"""Of the points of strokes, as OpenCV takes them."""

MOST_POINTS: Final = 200_000
"""Of all strokes together: hours of painting."""


@dataclass(frozen=True)
class Stroke:
    """A line that somebody painted on the photograph as it is shown."""

    points: tuple[tuple[float, float], ...]  # x, y, px
    width: float  # px
    erases: bool  # what it covers is no damage

    @classmethod
    def parsed(cls, value: object) -> "Stroke":
        """Of JSON; ValueError if it is none."""
        if not isinstance(value, dict):
            raise ValueError("a stroke is an object")
        points, erases = value.get("points"), value.get("erases")
        if not isinstance(points, list) or not points or not isinstance(erases, bool):
            raise ValueError("a stroke has points, a width and whether it erases")
        pairs = []
        for point in points:
            if not isinstance(point, list) or len(point) != 2:
                raise ValueError("a point is two numbers")
            pairs.append((_number(point[0]), _number(point[1])))
        return cls(tuple(pairs), max(1.0, _number(value.get("width"))), erases)


@dataclass(frozen=True)
class Pictures:
    """A photograph upright, as it was and as it is; all of one size."""

    before: Pixels  # (H, W) or (H, W, 3)
    after: Pixels | None  # like it; None if there is none
    mask: Mask  # (H, W), True = damaged
    profile: bytes | None  # ICC
    turn: int  # EXIF orientation, by which the stored ones are turned

    @property
    def size(self) -> tuple[int, int]:
        """W, H, px."""
        return self.mask.shape[1], self.mask.shape[0]

    @property
    def bytes(self) -> int:
        return self.before.nbytes + self.mask.nbytes + (0 if self.after is None else self.after.nbytes)


def pictures_of(one: Reviewed, home: Home, *, damaged: bool, bold: Policy | None = None) -> Pictures:
    """What there is to see of a photograph.

    Parameters
    ----------
    damaged : its mask marks something, so that there must be one
    bold : nobody said what its faint specks are: its mask is to have them, as by this policy

    Raises
    ------
    PhotographError
        It, what was restored of it, or its mask cannot be read, or they do not belong together.
    """
    photograph = decode(one.path)
    before = viewable(photograph)
    shape = (before.shape[0], before.shape[1])
    turn, profile = as_displayed(bytes(photograph.source))
    after = None
    if one.job is not None and one.job.output is not None:
        after = upright(_restored(one.path, one.job.output), turn)
    scores = read_score_map(home.score_map(one.sha256)) if bold is not None else None
    if scores is not None and bold is not None:
        stored = threshold(scores, bold.level, shape, bold.kinds)[0]
    else:
        stored = _mask_of(one, home, shape) if damaged else np.zeros(shape, bool)
    mask = upright(stored, turn)
    if after is not None and after.shape[:2] != mask.shape:
        raise PhotographError(one.path, "what was restored has another size; scan its archive again")
    return Pictures(upright(before, turn), after, mask, profile, turn)


def _restored(original: Path, output: Path) -> Pixels:
    """What was restored; where it cannot be shown, how to have it again."""
    try:
        return viewable(decode(output))
    except PhotographError as error:
        again = f"To have it again: archive-restore revert {shlex.quote(printable(original))} --again"
        reason = error.reason if output.exists() else "it is no longer there"
        raise PhotographError(output, f"what was restored cannot be shown: {reason}. {again}") from error


def _mask_of(one: Reviewed, home: Home, shape: tuple[int, int]) -> Mask:
    """The (H, W) mask in use. A lost one is not taken for an empty one: strokes over that would be all of the mask."""
    try:
        return read_mask(home.mask(one.sha256), shape)
    except PhotographError as error:
        raise PhotographError(one.path, home.lost_mask(one.sha256, error.reason, one.path)) from error


@dataclass(frozen=True)
class Box:
    """A part of a picture, px."""

    left: int
    top: int
    width: int
    height: int

    def within(self, size: tuple[int, int]) -> "Box":
        """What of it lies in a picture of W x H px; InputError if nothing does."""
        left, top = max(0, self.left), max(0, self.top)
        right, bottom = min(size[0], self.left + self.width), min(size[1], self.top + self.height)
        if right <= left or bottom <= top:
            raise InputError("There is nothing of the photograph in this part.")
        return Box(left, top, right - left, bottom - top)


def part(picture: Pixels, box: Box, side: int) -> Pixels:
    """A part of a picture, made small if its longer side has more than so many px."""
    cut = picture[box.top : box.top + box.height, box.left : box.left + box.width]
    size = _small(box, side)
    if size == (box.width, box.height):
        return np.ascontiguousarray(cut)
    return np.asarray(cv2.resize(cut, size, interpolation=cv2.INTER_AREA), np.uint8)


def part_of_mask(mask: Mask, box: Box, side: int) -> Mask:
    """The same of a mask; thin lines stay."""
    cut = mask[box.top : box.top + box.height, box.left : box.left + box.width]
    size = _small(box, side)
    return cut if size == (box.width, box.height) else shrink_mask(cut, size)


def _small(box: Box, side: int) -> tuple[int, int]:
    scale = min(1.0, side / max(box.width, box.height))
    return max(1, round(box.width * scale)), max(1, round(box.height * scale))


def painted_over(pictures: Pictures, strokes: Sequence[Stroke]) -> Mask:
    """The mask with strokes over it, (H, W) as the photograph is stored.

    Raises
    ------
    InputError
        They are more than anybody paints.
    """
    if sum(len(stroke.points) for stroke in strokes) > MOST_POINTS:
        raise InputError("That is too much at once. Save oftener.")
    canvas = pictures.mask.astype(np.uint8)
    most = 2 * max(canvas.shape)
    for stroke in strokes:
        points = np.clip(np.array(stroke.points, np.float64), -most, most)
        # Places count from the corner of the first pixel on the screen, from its middle in OpenCV.
        fixed = np.rint((points - 0.5) * (1 << SUBPIXEL_BITS)).astype(np.int32)
        value = 0 if stroke.erases else 1
        # OpenCV's lines have the next odd width: those of 10 px are 11 px wide, as those of 11 should be.
        width = max(1, round(min(stroke.width, max(canvas.shape))) // 2 * 2)
        if len(fixed) == 1:
            fixed = np.repeat(fixed, 2, axis=0)
        cv2.polylines(canvas, [fixed], False, value, width, cv2.LINE_8, SUBPIXEL_BITS)
    return upright(canvas.astype(bool), TURNED_BACK.get(pictures.turn, pictures.turn))


def shown_box(region: RegionRow, size: tuple[int, int], turn: int) -> Box:
    """Where a region, which is of the photograph as stored, lies in one of `size` (W, H) that is shown upright."""
    left, top, width, height = region.left, region.top, region.width, region.height
    if turn in (5, 6, 7, 8):
        left, top, width, height = top, left, height, width
    if turn in (3, 4, 7, 8):
        top = size[1] - top - height
    if turn in (2, 3, 6, 7):
        left = size[0] - left - width
    return Box(left, top, width, height)


def _number(value: object) -> float:
    """Of JSON; ValueError if it is none."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not isfinite(value):
        raise ValueError(f"{value!r} is no number")
    return float(value)
