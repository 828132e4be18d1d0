"""A first guess for the holes, which the generator then refines.

Thin holes are filled from their rim with a spline in tension (`splines.py`). Where a hole is deep, the rim says
little; there the guess is the picture restored at half the resolution, doubled. That alone, without a network, is as
good as the best classical inpainting.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.restoring import splines
from archive_restore.restoring.fractions import Sample, fitted

SHALLOW = 4.0
"""Up to this distance from a known sample, px, the rim alone is the guess."""

DEEP = 8.0
"""From this distance on, px, the coarser picture alone is the guess."""


def prefill(picture: NDArray[Sample], mask: NDArray[np.bool_]) -> NDArray[Sample]:
    """Fills the holes of a picture from their rims.

    Parameters
    ----------
    picture : (H, W, 3) or (H, W), uint8 or float32 of 0 to 255
    mask : (H, W) bool, True = hole

    Returns
    -------
    Like `picture`; equal to it outside the mask. A picture that is all hole comes back mid-grey, because
    there is nothing to read.
    """
    if not mask.any():
        return picture.copy()
    if mask.all():
        return np.full_like(picture, 128)
    return splines.fill(picture, mask)


def depth(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Distance of each hole pixel to the nearest known sample, px; 0 outside the mask. The picture's border
    is no sample, so a missing corner is deep. (H, W) bool to (H, W) float32."""
    if mask.all():
        return np.full(mask.shape, float(max(mask.shape)), np.float32)
    return np.asarray(cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3), np.float32)


def halve(picture: NDArray[Sample], mask: NDArray[np.bool_]) -> tuple[NDArray[Sample], NDArray[np.bool_]]:
    """Half the resolution, from known samples only.

    A coarse sample is the mean of the known ones among its four, and a hole only if all four are holes. An
    odd last row or column is repeated first.

    Parameters
    ----------
    picture : (H, W, 3) or (H, W), uint8 or float32 of 0 to 255
    mask : (H, W) bool, True = hole

    Returns
    -------
    picture : (ceil(H/2), ceil(W/2)[, 3]), 0 in the holes
    mask : (ceil(H/2), ceil(W/2)) bool
    """
    if mask.shape[0] % 2 or mask.shape[1] % 2:
        odd = ((0, mask.shape[0] % 2), (0, mask.shape[1] % 2))
        mask = np.pad(mask, odd, mode="edge")
        picture = np.pad(picture, odd + ((0, 0),) * (picture.ndim - 2), mode="edge")
    size = mask.shape[1] // 2, mask.shape[0] // 2
    # INTER_AREA at exactly one half is the mean of four; of zeros and fours, how many are fours.
    small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), picture.dtype)
    if not mask.any():
        return small, np.zeros(small.shape[:2], np.bool_)
    holes = np.asarray(cv2.resize(mask.astype(np.uint8) * 4, size, interpolation=cv2.INTER_AREA))
    rows, columns = np.nonzero(holes)
    four = (2 * rows[:, None] + (0, 0, 1, 1), 2 * columns[:, None] + (0, 1, 0, 1))
    known = (~mask[four]).reshape(-1, 4, *(1,) * (picture.ndim - 2))
    total = (picture[four] * known).sum(axis=1, dtype=np.float32)
    small[rows, columns] = fitted(total / np.maximum(known.sum(axis=1), 1), picture.dtype)
    return small, np.asarray(holes == 4, np.bool_)


def double(picture: NDArray[Sample], shape: tuple[int, int]) -> NDArray[Sample]:
    """Twice the resolution, cut to `shape` (H, W): the inverse of `halve` where all samples were known."""
    size = (2 * picture.shape[1], 2 * picture.shape[0])
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)[: shape[0], : shape[1]])


def double_within(picture: NDArray[Sample], place: tuple[slice, slice]) -> NDArray[Sample]:
    """What `double` would show at a place of the doubled picture, without doubling the rest."""
    part, inside = [], []
    for side, length in zip(place, picture.shape, strict=False):
        first, last = max(0, side.start // 2 - 1), min(length, side.stop // 2 + 2)
        part.append(slice(first, last))
        inside.append(slice(side.start - 2 * first, side.stop - 2 * first))
    small = picture[part[0], part[1]]
    return double(small, (2 * small.shape[0], 2 * small.shape[1]))[inside[0], inside[1]]


def prefill_deep(
    picture: NDArray[Sample],
    mask: NDArray[np.bool_],
    coarse: NDArray[Sample],
    hole_depth: NDArray[np.float32],
) -> NDArray[Sample]:
    """Fills holes of which some are deep: their middle from the coarser picture, the rest from both rims.

    Parameters
    ----------
    picture : (H, W, 3) or (H, W), uint8 or float32 of 0 to 255
    mask : (H, W) bool, True = hole
    coarse : like `picture`, the restored coarser picture, doubled
    hole_depth : (H, W) float32, from `depth`; may be that of a larger picture of which this is a part

    Returns
    -------
    Like `picture`; equal to it outside the mask.
    """
    middle = mask & (hole_depth > DEEP)
    known = picture.copy()
    known[middle] = coarse[middle]
    return blend(prefill(known, mask & ~middle), coarse, np.where(mask, hole_depth, np.float32(0)))


def coarse_weight(hole_depth: NDArray[np.float32]) -> NDArray[np.float32]:
    """The coarser picture's share of the guess: 0 up to a depth of `SHALLOW` px, 1 from `DEEP` px on."""
    return np.asarray(np.clip((hole_depth - SHALLOW) / (DEEP - SHALLOW), 0.0, 1.0), np.float32)


def blend(rim: NDArray[Sample], coarse: NDArray[Sample], hole_depth: NDArray[np.float32]) -> NDArray[Sample]:
    """From the rim's guess to the coarser picture's as the hole gets deeper (`SHALLOW` to `DEEP` px).

    Parameters
    ----------
    rim, coarse : (H, W, 3) or (H, W), uint8 or float32 of 0 to 255
    hole_depth : (H, W) float32, from `depth`

    Returns
    -------
    Like `rim`; equal to it where `hole_depth` is at most `SHALLOW`.
    """
    deep = hole_depth > SHALLOW
    shown = rim[deep].astype(np.float32)
    weight = coarse_weight(hole_depth[deep]).reshape(-1, *(1,) * (shown.ndim - 1))
    blended = rim.copy()
    blended[deep] = fitted(shown + weight * (coarse[deep] - shown), rim.dtype)
    return blended
