"""The undamaged parts of a user's own photographs, as tiles to train on, and the shapes of their damage."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator as Random
from numpy.typing import NDArray

from archive_restore.detection.filters import components

TILES = (256, 192, 128)
"""px; twice the largest training window, so that crops can still be reduced; smaller ones where damage or the
photograph's size leave no room for those."""

STEPS_A_TILE = 8
"""Places at which a tile may begin, along its own length."""

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
    Tiles of the largest of the sides `TILES` that has any.
    """
    square = np.ones((2 * MARGIN + 1, 2 * MARGIN + 1), np.uint8)
    near = cv2.dilate(mask.astype(np.uint8), square) if mask.any() else mask.astype(np.uint8)
    sums = cv2.integral(near)
    for side in TILES:
        if side <= min(mask.shape):
            chosen = apart(free_tiles(sums, side, random))
            if chosen:
                return chosen
    return []


def free_tiles(sums: NDArray[np.generic], side: int, random: Random) -> list[Tile]:
    """All tiles of `side` px without damage, in random order. `sums` (H+1, W+1) is the damage's integral."""
    tops, lefts = (
        np.unique(np.append(np.arange(0, length - side, side // STEPS_A_TILE), length - side))
        for length in (sums.shape[0] - 1, sums.shape[1] - 1)
    )
    damage = (
        sums[np.ix_(tops + side, lefts + side)]
        - sums[np.ix_(tops, lefts + side)]
        - sums[np.ix_(tops + side, lefts)]
        + sums[np.ix_(tops, lefts)]
    )
    free = [Tile(int(tops[i]), int(lefts[j]), side) for i, j in np.argwhere(damage == 0)]
    return [free[i] for i in random.permutation(len(free))]


def apart(tiles: list[Tile]) -> list[Tile]:
    """The first tiles of the list that do not overlap one another, up to `TILES_A_PHOTOGRAPH`, by position."""
    chosen: list[Tile] = []
    for tile in tiles:
        if all(abs(tile.top - o.top) >= o.side or abs(tile.left - o.left) >= o.side for o in chosen):
            chosen.append(tile)
            if len(chosen) == TILES_A_PHOTOGRAPH:
                break
    return sorted(chosen, key=lambda tile: (tile.top, tile.left))


def damage_shapes(mask: NDArray[np.bool_], limit: int) -> list[NDArray[np.bool_]]:
    """The connected regions of a mask, cut out, the largest first, up to `limit`. (H, W) bool to (h, w) bool
    each."""
    labels, boxes = components(mask.view(np.uint8))
    largest = sorted(range(1, len(boxes)), key=lambda label: -int(boxes[label, 4]))[:limit]
    shapes = []
    for label in largest:
        left, top, width, height, area = boxes[label].tolist()
        if area < SMALLEST_SHAPE:
            break
        shapes.append(labels[top : top + height, left : left + width] == label)
    return shapes
