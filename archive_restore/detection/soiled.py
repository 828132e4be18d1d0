"""Soiled rims: the rust, dirt, glue, or bared paper along what was torn off a print.

They are torn off with it: a repair continues what it finds at its edge, and would fill the hole with rust.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.detection.filters import components, disc

# A rim reaches so far from the hole, share of the picture's short side, and at least so many px; the print that it is
# compared with begins beyond it and is twice as broad.
REACH, LEAST_REACH_PX = 0.02, 3
# A pixel is soiled that differs so much in a channel from the print beyond the rim, grey levels.
STEP = 24
# Share of the px beside the hole that are soiled, and by how much it is above that of the print beyond: a tear runs
# through light and dark things, but along none of them.
BESIDE_PX, SHARE, EXCESS = 2, 0.6, 0.3

Mask = NDArray[np.bool_]


def soiled_rims(picture: NDArray[np.uint8], torn: Mask) -> Mask:
    """(h, w) bool, True along the `torn` pieces (h, w) of a picture (h, w) or (h, w, 3), RGB, as far as their rims are
    soiled.

    All pieces of a print are judged together: what soiled one has soiled the others, and where one lies in a thing of
    another tone than what is around that, the others do not.
    """
    none = np.zeros_like(torn)
    reach = max(LEAST_REACH_PX, round(REACH * min(torn.shape)))
    away = np.asarray(cv2.distanceTransform((~torn).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE))
    beyond = (away > reach + 1) & (away <= 3 * reach)
    beside = (away > 0) & (away <= BESIDE_PX)
    if not beside.any() or not beyond.any():
        return none
    differs = _distance(picture, beyond, spread=1.5 * reach) >= STEP
    share = float(differs[beside].mean())
    if share < SHARE or share - float(differs[beyond].mean()) < EXCESS:
        return none
    rim = (away > 0) & (away <= reach)
    joined, _ = components((differs & rim | torn).view(np.uint8))
    soiled = np.isin(joined, np.unique(joined[torn])).view(np.uint8)
    # What the rim encloses is soiled, too.
    closed = np.asarray(cv2.morphologyEx(soiled, cv2.MORPH_CLOSE, disc(reach | 1)))
    return np.asarray(closed.view(np.bool_) & rim)


def _distance(picture: NDArray[np.uint8], beyond: Mask, spread: float) -> NDArray[np.float32]:
    """(h, w) how far each pixel is from the mean of the nearest print that lies `beyond` (h, w): the largest of its
    channels, grey levels."""
    weight = cv2.GaussianBlur(beyond.astype(np.float32), (0, 0), spread)
    farthest = np.zeros(beyond.shape, np.float32)
    for channel in cv2.split(picture):
        levels = channel.astype(np.float32)
        mean = cv2.GaussianBlur(levels * beyond, (0, 0), spread) / np.maximum(
            weight, np.finfo(np.float32).eps
        )
        farthest = np.maximum(farthest, np.abs(levels - mean))
    return farthest
