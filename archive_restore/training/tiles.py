"""The undamaged parts of a user's own photographs, as tiles to train on, and the shapes of their damage."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator as Random
from numpy.typing import NDArray

TILE = 256
"""px; twice the largest training window, so that crops can still be reduced."""

SMALLEST_TILE = 128
"""px; of a photograph too small for a whole tile."""

MARGIN = 16
"""px kept between a tile and the damage that was found: what is near damage is often damaged too faintly to call."""

TILES_A_PHOTOGRAPH = 12
"""At most, so that one large photograph does not outweigh the others."""

SMALLEST_SHAPE = 12
"""px²; smaller regions are specks that the drawn damage has enough of."""


@dataclass(frozen=True)
class Tile:
    """A square of a photograph, px."""

    top: int
    left: int
    side: int

    @property
    def slices(self) -> tuple[slice, slice]:
        return slice(self.top, self.top + self.side), slice(self.left, self.left + self.side)


def undamaged_tiles(mask: NDArray[np.bool_], random: Random) -> list[Tile]:
    """Squares without damage, at full resolution, that do not overlap; up to `TILES_A_PHOTOGRAPH` by chance.

    Parameters
    ----------
    mask : (H, W) bool, True = damaged; it is grown by `MARGIN`

    Returns
    -------
    Tiles of `TILE` px, or of the short side of a photograph that is smaller than that but not than
    `SMALLEST_TILE`.
    """
    side = min(TILE, *mask.shape)
    if side < SMALLEST_TILE:
        return []
    square = np.ones((2 * MARGIN + 1, 2 * MARGIN + 1), np.uint8)
    near = cv2.dilate(mask.astype(np.uint8), square) if mask.any() else mask.astype(np.uint8)
    sums = cv2.integral(near)
    tops, lefts = (np.arange(0, length - side + 1, side) for length in mask.shape)
    damage = (
        sums[np.ix_(tops + side, lefts + side)]
        - sums[np.ix_(tops, lefts + side)]
        - sums[np.ix_(tops + side, lefts)]
        + sums[np.ix_(tops, lefts)]
    )
    free = [Tile(int(tops[i]), int(lefts[j]), side) for i, j in np.argwhere(damage == 0)]
    chosen = random.permutation(len(free))[:TILES_A_PHOTOGRAPH]
    return [free[i] for i in sorted(chosen)]


def damage_shapes(mask: NDArray[np.bool_], limit: int) -> list[NDArray[np.bool_]]:
    """The connected regions of a mask, cut out, the largest first, up to `limit`. (H, W) bool to (h, w) bool
    each."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA]
    largest = sorted(range(1, count), key=lambda label: -int(areas[label]))[:limit]
    shapes = []
    for label in largest:
        if areas[label] < SMALLEST_SHAPE:
            break
        left, top, width, height = (int(value) for value in stats[label, :4])
        shapes.append(labels[top : top + height, left : left + width] == label)
    return shapes
