"""Lattices: straight bars of one thing that cross others at right angles, upright, are a window's or a fence's.

`panes` knows them by what they enclose; these may enclose nothing, where only some of the bars were taken for damage. A
photograph that was folded has such lines as well, but from side to side.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.detection.filters import Floats, square

SMALLEST = 0.2
"""Share of the picture's long side that both sides of a lattice's box have at least."""

FOLDED = 0.9
"""Shares of the picture that the box of a fold takes in one direction."""

ALONG, BARS = 0.4, 3
"""A bar takes such a share of the box, in its direction; so many bars are a lattice, not all in one direction."""

THIN, WITHIN = 0.18, 0.85
"""Share of the box that bars of one direction cover at most, and of the region's pixels that lie within bars."""

LEAN_PX = 5
"""Bars may lean by less."""

DOUBT = 4.0
"""Taken off the logarithm of a region's odds."""


def doubt(labels: NDArray[np.int32], boxes: NDArray[np.int32], shape: tuple[int, ...]) -> Floats:
    """How much each of N regions is doubted, (N,): by `DOUBT`, if it is a lattice.

    Parameters
    ----------
    labels : 0 = none, regions from 1 to N, in a part of a picture of `shape` (h, w)
    boxes : (N, 5) left, top, width, height and area, px
    """
    doubts = np.zeros(len(boxes), np.float32)
    large = boxes[:, 2:4].min(axis=1, initial=max(shape)) >= SMALLEST * max(shape)
    folds = (boxes[:, 2] >= FOLDED * shape[1]) | (boxes[:, 3] >= FOLDED * shape[0])
    for index in np.flatnonzero(large & ~folds):
        left, top, width, height, _ = boxes[index].tolist()
        if _is_lattice(labels[top : top + height, left : left + width] == index + 1):
            doubts[index] = DOUBT
    return doubts


def _is_lattice(region: NDArray[np.bool_]) -> bool:
    """Of a region (h, w) in its box."""
    thick = np.asarray(cv2.dilate(region.view(np.uint8), square(LEAN_PX)))
    rows, columns = thick.mean(axis=1) >= ALONG, thick.mean(axis=0) >= ALONG
    down, across = _runs(columns), _runs(rows)
    if not (down and across and down + across >= BARS) or max(rows.mean(), columns.mean()) > THIN:
        return False
    bars = rows[:, None] | columns
    return bool((region & bars).sum() >= WITHIN * region.sum())


def _runs(where: NDArray[np.bool_]) -> int:
    """How many runs of True there are."""
    return int(where[0]) + int(np.count_nonzero(where[1:] & ~where[:-1]))
