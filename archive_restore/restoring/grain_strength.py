"""How strong the grain of a photograph is: around a hole, and on the smoothest thing right beside it.

Variances of small squares are compared, and the flat ones tell: what is rough may be texture.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.restoring.fine_detail import Floats

BLOCK = 8
"""px; side of the blocks whose variance is compared to find flat ones."""

NEAR = 2
"""Blocks; of those within so many of a hole the flat ones are looked for, too, and the flatter decide."""

ENOUGH = 8
"""Blocks; fewer tell too little."""

FLAT = 0.3
"""Share of the blocks around a hole that are taken to be flat."""

FLAT_BIAS = 1.12
"""The flattest blocks' variance understates that of all, measured on fields of grain of 0.5 to 1.2 px."""

CEILING = 12.0
"""Levels of 255; stronger grain than that is texture, too: the scans at hand have 2 to 8."""

SPOT = 4
"""px; side of the squares whose variance is compared right beside a hole, three by three together."""

SPOT_KNOWN = 0.6
"""Share of three by three such squares that must be known."""

SPOT_BIAS = 1.3
"""The flattest of them understates the grain, measured as `FLAT_BIAS` was."""


def means(plane: Floats, side: int) -> Floats:
    """Means of the squares of `side` px that lie wholly in a plane, (h // side, w // side); it has at least one."""
    height, width = (length // side for length in plane.shape)
    cut = plane[: height * side, : width * side]
    return np.asarray(cv2.resize(cut, (width, height), interpolation=cv2.INTER_AREA), np.float32)


def strength_around(energy: Floats, known: NDArray[np.bool_]) -> float | None:
    """Standard deviation of the grain in the flat parts around a cell, in levels; None if too little is known."""
    if min(known.shape) < BLOCK:
        return None
    share = means(known.astype(np.float32), BLOCK)
    told = share > 0.75
    if told.sum() < ENOUGH:
        return None
    variance = means(energy, BLOCK) / np.maximum(share, 1e-6)
    flat = float(np.quantile(variance[told], FLAT))
    holes = (share < 1).astype(np.uint8)
    beside = told & (cv2.dilate(holes, np.ones((2 * NEAR + 1,) * 2, np.uint8)) > 0)
    if beside.sum() >= ENOUGH:
        flat = min(flat, float(np.quantile(variance[beside], FLAT)))
    return FLAT_BIAS * float(np.sqrt(flat))


def strength_beside(energy: Floats, hole: Floats, reach: int) -> Floats:
    """Standard deviation of the smoothest that is known within `reach` px, in levels, (h, w); at least `CEILING` where
    nothing is known.

    Parameters
    ----------
    energy : (h, w), squares of the levels
    hole : (h, w), 1 in it, 0 outside
    reach : px
    """
    height, width = hole.shape
    size = max(1, width // SPOT), max(1, height // SPOT)
    outside = 1 - hole
    known, total = (
        cv2.blur(
            cv2.resize(plane, size, interpolation=cv2.INTER_AREA), (3, 3), borderType=cv2.BORDER_CONSTANT
        )
        for plane in (outside, energy * outside)
    )
    # Running sums leave a little less than nothing where there is nothing.
    variance = np.where(
        known > SPOT_KNOWN, np.clip(total / np.maximum(known, 1e-6), 0, CEILING**2), CEILING**2
    )
    around = np.ones((2 * (reach // SPOT) + 1,) * 2, np.uint8)
    flattest = cv2.blur(np.sqrt(cv2.erode(variance, around)), (3, 3))
    return np.asarray(SPOT_BIAS * cv2.resize(flattest, (width, height)), np.float32)
