"""A first guess for the holes, which the generator then refines.

Thin holes are filled from their rim with a spline in tension (`splines.py`). Where a hole is deep, the rim says
little; there the guess is the picture restored at half the resolution, doubled. That alone, without a network, is as
good as the best classical inpainting.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.restoring import splines

SHALLOW = 4.0
"""Up to this distance from a known sample, px, the rim alone is the guess."""

DEEP = 8.0
"""From this distance on, px, the coarser picture alone is the guess."""


def prefill(picture: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Fills the holes of a picture from their rims.

    Parameters
    ----------
    picture : (H, W, 3) or (H, W) uint8
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


def is_deep(mask: NDArray[np.bool_]) -> bool:
    """Whether some hole pixel lies so far from the rim that the coarser picture is needed."""
    return bool(mask.any()) and float(depth(mask).max()) > SHALLOW


def halve(picture: NDArray[np.uint8], mask: NDArray[np.bool_]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Half the resolution, from known samples only.

    A coarse sample is the mean of the known ones among its four, and a hole only if all four are holes. An
    odd last row or column is repeated first.

    Parameters
    ----------
    picture : (H, W, 3) or (H, W) uint8
    mask : (H, W) bool, True = hole

    Returns
    -------
    picture : (ceil(H/2), ceil(W/2)[, 3]) uint8, 0 in the holes
    mask : (ceil(H/2), ceil(W/2)) bool
    """
    odd = ((0, mask.shape[0] % 2), (0, mask.shape[1] % 2))
    mask = np.pad(mask, odd, mode="edge")
    picture = np.pad(picture, odd + ((0, 0),) * (picture.ndim - 2), mode="edge")
    height, width = mask.shape[0] // 2, mask.shape[1] // 2
    known = (~mask).astype(np.float32)
    # INTER_AREA at exactly one half is the mean of four: sums follow by scaling both sides alike.
    share = cv2.resize(known, (width, height), interpolation=cv2.INTER_AREA)
    weight = known if picture.ndim == 2 else known[..., None]
    total = cv2.resize(picture * weight, (width, height), interpolation=cv2.INTER_AREA)
    divisor = np.maximum(share if picture.ndim == 2 else share[..., None], 1e-6)
    return np.rint(total / divisor).astype(np.uint8), share == 0


def double(picture: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Twice the resolution, cut to `shape` (H, W): the inverse of `halve` where all samples were known."""
    size = (2 * picture.shape[1], 2 * picture.shape[0])
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)[: shape[0], : shape[1]])


def prefill_deep(
    picture: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    coarse: NDArray[np.uint8],
    hole_depth: NDArray[np.float32],
) -> NDArray[np.uint8]:
    """Fills holes of which some are deep: their middle from the coarser picture, the rest from both rims.

    Parameters
    ----------
    picture : (H, W, 3) or (H, W) uint8
    mask : (H, W) bool, True = hole
    coarse : like `picture`, the restored coarser picture, doubled
    hole_depth : (H, W) float32, from `depth`; may be that of a larger picture of which this is a part

    Returns
    -------
    Like `picture`; equal to it outside the mask.
    """
    middle = mask & (hole_depth > DEEP)
    shape = (*mask.shape, 1) if picture.ndim == 3 else mask.shape
    rim = prefill(np.where(middle.reshape(shape), coarse, picture), mask & ~middle)
    return blend(rim, coarse, np.where(mask, hole_depth, np.float32(0)))


def coarse_weight(hole_depth: NDArray[np.float32]) -> NDArray[np.float32]:
    """The coarser picture's share of the guess: 0 up to a depth of `SHALLOW` px, 1 from `DEEP` px on. (H, W)."""
    return np.asarray(np.clip((hole_depth - SHALLOW) / (DEEP - SHALLOW), 0.0, 1.0), np.float32)


def blend(
    rim: NDArray[np.uint8], coarse: NDArray[np.uint8], hole_depth: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """From the rim's guess to the coarser picture's as the hole gets deeper (`SHALLOW` to `DEEP` px).

    Parameters
    ----------
    rim, coarse : (H, W, 3) or (H, W) uint8
    hole_depth : (H, W) float32, from `depth`

    Returns
    -------
    Like `rim`; equal to it where `hole_depth` is at most `SHALLOW`.
    """
    weight = coarse_weight(hole_depth)
    if rim.ndim == 3:
        weight = weight[..., None]
    blended: NDArray[np.uint8] = np.rint(rim + weight * (coarse.astype(np.float32) - rim)).astype(np.uint8)
    return blended
