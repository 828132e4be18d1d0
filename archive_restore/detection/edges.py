"""Edges: what runs along a side of a picture and hardly reaches into it is the paper's edge, or the scanner's line."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from archive_restore.detection.filters import Floats

ALONG, INTO = 0.9, 0.06
"""Shares of the side that an edge takes at least, and of the picture across that it reaches into it at most."""

SLIVERS = ((0.01, 4.0), (0.025, 10.0))
"""What reaches into the picture by no more than such a share of it, and is so many times as long, is one as well."""

TOUCHING = 0.01
"""Share of the picture across that an edge may stay away from its side."""

DOUBT = 4.0
"""Taken off the logarithm of a region's odds."""


def doubt(boxes: NDArray[np.int32], part: tuple[slice, slice], shape: tuple[int, ...]) -> Floats:
    """How much each of N regions is doubted, (N,): by `DOUBT`, if it is an edge.

    Parameters
    ----------
    boxes : (N, 4 or more) left, top, width and height, px, in a `part` (rows, columns) of a picture of `shape` (h, w)
    """
    left, top, width, height = boxes[:, :4].T
    down = _Spans(top + part[0].start, height, shape[0])
    across = _Spans(left + part[1].start, width, shape[1])
    return np.float32(DOUBT) * (_are_edges(down, across) | _are_edges(across, down)).astype(np.float32)


class _Spans(NamedTuple):
    """Where N regions begin along a side, and how long they are there; px of a side of so many."""

    first: NDArray[np.int32]
    length: NDArray[np.int32]
    side: int

    @property
    def beyond(self) -> NDArray[np.int32]:
        return self.side - self.first - self.length


def _are_edges(along: _Spans, across: _Spans) -> NDArray[np.bool_]:
    away = np.minimum(across.first, across.beyond) / across.side
    into = away + across.length / across.side
    edges = (along.length >= ALONG * along.side) & (into <= INTO)
    for least, times in SLIVERS:
        edges |= (into <= least) & (along.length >= times * across.length)
    return np.asarray(edges & (away <= TOUCHING))
