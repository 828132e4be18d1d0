"""Rectangles of a picture, as rows and columns."""

import cv2
import numpy as np
from numpy.typing import NDArray

Place = tuple[slice, slice]
"""Rows and columns."""


def box_of(mask: NDArray[np.bool_]) -> Place:
    """The smallest rectangle that holds all of a mask (H, W) that is True; an empty one if nothing is."""
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    return slice(top, top + height), slice(left, left + width)


def grown(place: Place, margin: int, shape: tuple[int, ...]) -> Place:
    """A place with up to `margin` px around it, inside a picture of `shape` (H, W[, C])."""
    rows, columns = (
        slice(max(0, side.start - margin), min(length, side.stop + margin))
        for side, length in zip(place, shape, strict=False)
    )
    return rows, columns


def counted_from(around: Place, place: Place) -> Place:
    """A place counted from the upper left corner of one around it."""
    rows, columns = (
        slice(one.start - first.start, one.stop - first.start)
        for one, first in zip(place, around, strict=True)
    )
    return rows, columns
