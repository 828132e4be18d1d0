"""Edges: what runs along a side of a picture and hardly reaches into it is the paper's edge, or the scanner's line."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from archive_restore.detection.filters import Floats

ALONG, INTO = 0.9, 0.06
"""Shares of the side that an edge takes at least, and of the picture across that it reaches into it at most."""

SLIVERS = ((0.01, 4.0), (0.025, 10.0))
"""What reaches into the picture by no more than such a share of it, and is so many times as long, is one as well."""

TOUCHING = 0.01
"""Share of the picture across that an edge may stay away from its side."""

DOUBT = 4.0
"""Taken off the logarithm of a region's odds."""


def doubt(labels: NDArray[np.int32], part: tuple[slice, slice], shape: tuple[int, ...]) -> Floats:
    """How much each of N regions is doubted, (N,): by `DOUBT`, if it is an edge.

    Parameters
    ----------
    labels : 0 = none, regions from 1 to N, in a `part` (rows, columns) of a picture of `shape` (h, w)
    """
    boxes = ndimage.find_objects(labels)
    doubts = np.zeros(len(boxes), np.float32)
    for index, box in enumerate(boxes):
        spans = [
            Span((within.start or 0) + place.start, (within.start or 0) + place.stop, side)
            for place, within, side in zip(box, part, shape, strict=False)
        ]
        if _is_edge(*spans) or _is_edge(*spans[::-1]):
            doubts[index] = DOUBT
    return doubts


class Span(NamedTuple):
    """Where a region lies along a side, px."""

    first: int
    end: int
    side: int

    @property
    def length(self) -> int:
        return self.end - self.first

    @property
    def into(self) -> float:
        """How far it reaches into the picture from the nearer end of the side, as a share of it."""
        return min(self.end, self.side - self.first) / self.side

    @property
    def away(self) -> float:
        """How far it stays from that end, as a share of the side."""
        return min(self.first, self.side - self.end) / self.side


def _is_edge(along: Span, across: Span) -> bool:
    whole = along.length >= ALONG * along.side and across.into <= INTO
    sliver = any(across.into <= into and along.length >= times * across.length for into, times in SLIVERS)
    return across.away <= TOUCHING and (whole or sliver)
