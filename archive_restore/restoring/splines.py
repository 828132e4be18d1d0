"""Fills holes with a spline in tension: as smooth as a thin plate near the rim, as calm as a membrane further in.

The samples of a hole minimise the sum of (Laplacian)² + TENSION · |gradient|² (Smith and Wessel, Gridding with
continuous curvature splines in tension, Geophysics 55(3), 1990, doi:10.1190/1.1442837). Without tension that is
biharmonic inpainting (the best for thin cracks, but it overshoots in wide holes), with tension alone harmonic
inpainting.

With L the Laplacian of the graph of pixels (a pixel's number of neighbours times it, less its neighbours), the
picture x solves (L² + TENSION · L) x = 0 in the holes. A sample knows twelve others. Numbered along a thin hole, those
have near numbers: the matrix is a narrow band, and solved in a time that grows with the hole's length alone.
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import lapack
from scipy.sparse import csgraph

from archive_restore.restoring.fractions import Picture, Sample, fitted

TENSION = 2.0
"""1/px². Measured on nine kinds of damage: 0.1 is best for cracks alone, 10 for missing corners alone."""

STEPS = (
    *((-2, 0), (-1, -1), (-1, 0), (-1, 1), (0, -2), (0, -1)),
    *((0, 1), (0, 2), (1, -1), (1, 0), (1, 1), (2, 0)),
)
"""Rows and columns from a sample to the twelve that it knows of, in the picture's order: neighbours, diagonal ones, and
neighbours' neighbours."""

BESIDE = 0.0
WEIGHTS = (1.0, 2.0, BESIDE, 2.0, 1.0, BESIDE, BESIDE, 1.0, 2.0, BESIDE, 2.0, 1.0)
"""Theirs in the matrix; a neighbour's depends on the picture's border and on the tension."""

REACH = 2
"""px; the farthest of them."""


def fill(picture: NDArray[Sample], mask: NDArray[np.bool_], tension: float = TENSION) -> NDArray[Sample]:
    """Fills the holes of a picture; free at its border.

    Parameters
    ----------
    picture : (H, W, 3) or (H, W), uint8 or float32 of 0 to 255
    mask : (H, W) bool, True = hole; neither none nor all of it
    tension : 1/px²

    Returns
    -------
    Like `picture`; equal to it outside the mask. Takes some 2 µs a hole pixel (`tests.benchmarks.speed`), and in holes
    wider than 30 px in proportion to the square of their width.
    """
    right = _right_side(picture, mask, tension)
    samples = _solved(_knowing(mask), _degrees(mask), tension, right)
    filled = picture.copy()
    filled[mask] = fitted(samples, picture.dtype).reshape(-1, *picture.shape[2:])
    return filled


def _right_side(picture: Picture, mask: NDArray[np.bool_], tension: float) -> NDArray[np.float64]:
    """What the known samples say to those of the holes, (N, C). float32 holds all that is summed of 8-bit samples
    exactly."""
    known = cv2.copyTo(picture, (~mask).view(np.uint8)).astype(np.float32)
    # Replicated, what lies outside the picture differs by nothing: L is that of the picture's own pixels.
    once = cv2.Laplacian(known, cv2.CV_32F, ksize=1, borderType=cv2.BORDER_REPLICATE)
    twice = cv2.Laplacian(once, cv2.CV_32F, ksize=1, borderType=cv2.BORDER_REPLICATE)
    right = tension * once.reshape(mask.size, -1)[mask.ravel()].astype(np.float64)
    return np.asarray(right - twice.reshape(mask.size, -1)[mask.ravel()], np.float64)


def _knowing(mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Of each of the N hole samples, numbered in the picture's order, the numbers of those that it knows of, (N, 12);
    -1 where that is no hole sample."""
    height, width = mask.shape
    stride = width + 2 * REACH
    wide = np.zeros((height + 2 * REACH, stride), np.bool_)
    wide[REACH:-REACH, REACH:-REACH] = mask
    at = np.flatnonzero(wide)
    number = np.full(wide.size, -1, np.int32)
    number[at] = np.arange(at.size, dtype=np.int32)
    steps = np.array([down * stride + across for down, across in STEPS])
    return np.asarray(number[at[:, None] + steps], np.int32)


def _degrees(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How many neighbours each hole sample has in the picture, (N,)."""
    degrees = np.full(mask.shape, 4.0)
    for border in (degrees[0], degrees[-1], degrees[:, 0], degrees[:, -1]):
        border -= 1
    return np.asarray(degrees[mask], np.float64)


def _solved(
    knowing: NDArray[np.int32],
    degrees: NDArray[np.float64],
    tension: float,
    right: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The hole samples, (N, C): Cholesky's factors of the band that Cuthill and McKee's numbering makes."""
    count, each = knowing.shape
    others = knowing.ravel()
    there = np.flatnonzero(others >= 0)
    pairs, ends = others[there], np.searchsorted(there, np.arange(0, others.size + 1, each))
    graph = sparse.csr_array((np.ones(pairs.size, np.int8), pairs, ends.astype(np.int32)), shape=(count,) * 2)
    order = csgraph.reverse_cuthill_mckee(graph, symmetric_mode=True)
    place = np.empty(count, np.int32)
    place[order] = np.arange(count, dtype=np.int32)
    own = there // each
    below = place[own] > place[pairs]  # every pair of samples once
    pairs, own, step = pairs[below], own[below], (there - own * each)[below]
    column, row = place[pairs], place[own]
    weights = np.array(WEIGHTS)[step]
    beside = np.flatnonzero(weights == BESIDE)
    weights[beside] = -(degrees[own[beside]] + degrees[pairs[beside]] + tension)
    # Row by row in memory what LAPACK calls the columns of a lower band: the diagonal first.
    apart = row - column
    width = 1 + int(apart.max(initial=0))
    band = np.zeros((count, width))
    band[:, 0] = (degrees * (degrees + 1 + tension))[order]
    band.ravel()[column.astype(np.intp) * width + apart] = weights
    _, solution, _ = lapack.dpbsv(band.T, right[order], lower=1, overwrite_ab=1)
    return np.asarray(solution[place], np.float64)
