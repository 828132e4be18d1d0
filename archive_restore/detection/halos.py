"""Halos: damage leaves more behind than what one would call damaged. A scanner sharpens it, so that it stands in a dark
or a light fringe; JPEG keeps colour at half the resolution, so that it stains its neighbours. What is filled in from a
fringe looks like a ghost of the damage; so the fringe is damage, too.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.detection.filters import Floats

RINGS_PX = (2, 3, 4, 5)
"""Distances from a region that can belong to its halo; the first pixel is the mask's margin."""

BEYOND_PX = 4
"""How much further away a pixel lies that a ring's pixel is compared with."""

STRETCH_PX = 32
"""Side of the squares in which a region's halo is looked for: a hair has one on the sky and none on the roofs."""

LEAST = 2
"""Levels of luminance, Cr or Cb by which a halo is darker, lighter or otherwise coloured than what is beyond it."""


@dataclass(frozen=True)
class Enough:
    """What makes a ring a halo: this share of its pixels is so, all in one direction, and there are that many. An
    object's edge beside a scratch is on one side."""

    share: float
    pixels: int


WHOLE = Enough(0.7, 12)
"""For the ring around a whole region."""

STRETCH = Enough(0.75, 24)
"""For the part of it in one square."""


def with_halos(
    scores: NDArray[np.uint8], labels: NDArray[np.int32], picture: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """The scores (h, w), in 255ths, with each region's halo as sure as the region is beside it.

    Parameters
    ----------
    scores, labels : (h, w); 0 = no region, regions from 1 on
    picture : (h, w) or (h, w, 3) uint8, RGB
    """
    distance = np.asarray(
        cv2.distanceTransform((labels == 0).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_3), np.float32
    )
    near = cv2.inRange(distance, RINGS_PX[0] - 0.5, RINGS_PX[-1] + 0.5)
    rows, columns = np.divmod(np.flatnonzero(near > 0), labels.shape[1])
    away = distance[rows, columns, None]
    outward = _outward(distance, rows, columns)
    inner = _moved(rows, columns, outward * -away, labels.shape)
    beyond = _moved(rows, columns, outward * BEYOND_PX, labels.shape)
    owner = labels[inner].astype(np.intp)
    # A pixel tells nothing where what is beyond it is another region, or outside of the photograph.
    told = (owner > 0) & (distance[beyond] > away[:, 0] + BEYOND_PX - 2)
    ring = np.rint(away[:, 0]).astype(np.int32) - RINGS_PX[0]
    difference = _colours(picture, (rows, columns)) - _colours(picture, beyond)
    stretch = _stretches(owner, inner, labels.shape)
    reached = _reached(owner, ring, told, difference, WHOLE) | _reached(
        stretch, ring, told, difference, STRETCH
    )
    # The mask's margin covers the outermost of them.
    covered = (owner > 0) & reached
    result = scores.copy()
    at = _moved(rows[covered], columns[covered], -outward[covered], labels.shape)
    values = scores[inner[0][covered], inner[1][covered]]
    np.maximum.at(result, at, values)
    return result


def _reached(
    owner: NDArray[np.intp],
    ring: NDArray[np.int32],
    told: NDArray[np.bool_],
    difference: NDArray[np.int32],
    enough: Enough,
) -> NDArray[np.bool_]:
    """(N,) whether each pixel belongs to the halo of its owner: its ring and those within differ from what is beyond.

    `difference` (N, C), of each pixel to what is beyond it; `told`, whether that tells anything.
    """
    rings = len(RINGS_PX)
    cell = owner * rings + ring
    cells = (int(owner.max(initial=0)) + 1) * rings
    pairs = np.bincount(cell[told], minlength=cells)
    halo = np.zeros(cells, bool)
    for channel in difference.T:
        for sign in (1, -1):
            agreeing = np.bincount(cell[told & (sign * channel >= LEAST)], minlength=cells)
            halo |= (agreeing >= enough.share * pairs) & (pairs >= enough.pixels)
    unbroken = np.logical_and.accumulate(halo.reshape(-1, rings), axis=1)
    return np.asarray(unbroken.ravel()[cell], np.bool_)


def _stretches(
    owner: NDArray[np.intp], at: tuple[NDArray[np.intp], NDArray[np.intp]], shape: tuple[int, ...]
) -> NDArray[np.intp]:
    """(N,) the stretch of a region that each of its pixels belongs to, numbered."""
    across, down = shape[1] // STRETCH_PX + 1, shape[0] // STRETCH_PX + 1
    places = (owner * down + at[0] // STRETCH_PX) * across + at[1] // STRETCH_PX
    return np.asarray(np.unique(places, return_inverse=True)[1], np.intp)


def _outward(distance: Floats, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Floats:
    """(N, 2) unit vectors, y and x, that lead away from the regions."""
    last_row, last_column = distance.shape[0] - 1, distance.shape[1] - 1
    down = distance[np.minimum(rows + 1, last_row), columns] - distance[np.maximum(rows - 1, 0), columns]
    right = distance[rows, np.minimum(columns + 1, last_column)] - distance[rows, np.maximum(columns - 1, 0)]
    length = np.maximum(np.hypot(down, right), 1e-6)
    return np.stack((down / length, right / length), axis=1)


def _moved(
    rows: NDArray[np.intp], columns: NDArray[np.intp], by: Floats, shape: tuple[int, ...]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pixels moved by (N, 2) px, kept inside the picture."""
    return (
        np.clip(rows + np.rint(by[:, 0]).astype(np.intp), 0, shape[0] - 1),
        np.clip(columns + np.rint(by[:, 1]).astype(np.intp), 0, shape[1] - 1),
    )


def _colours(picture: NDArray[np.uint8], at: tuple[NDArray[np.intp], NDArray[np.intp]]) -> NDArray[np.int32]:
    """(N, 3) luminance, Cr and Cb of pixels, or (N, 1) of a grey picture."""
    values = picture[at]
    if picture.ndim == 2:
        return values[:, None].astype(np.int32)
    if not len(values):
        return values.astype(np.int32)
    return cv2.cvtColor(values[:, None], cv2.COLOR_RGB2YCrCb)[:, 0].astype(np.int32)
