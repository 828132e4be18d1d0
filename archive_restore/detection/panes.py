"""Panes: what encloses an upright rectangle is the bars of a window, a frame or a fence. What cracks and crossing
scratches enclose is irregular.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.detection.filters import Floats

RECTANGULAR = 0.85
"""Share of the smallest rectangle around it that a pane fills; what damage encloses fills less."""

UPRIGHT = 10.0
"""Degrees that a pane may lean."""

SMALLEST_PX = 200

DOUBT = 4.0
"""Taken off the logarithm of a region's odds."""


def doubt(labels: NDArray[np.int32], count: int) -> Floats:
    """How much each of `count` regions is doubted, (N,): by `DOUBT`, if it encloses a pane.

    Parameters
    ----------
    labels : (h, w), 0 = none, regions from 1 on
    """
    doubts = np.zeros(count, np.float32)
    outlines, nested = cv2.findContours((labels > 0).view(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    if nested is None:
        return doubts
    for outline, parent in zip(outlines, np.asarray(nested)[0, :, 3].tolist(), strict=True):
        if parent >= 0 and _is_pane(outline):
            column, row = outlines[parent][0, 0].tolist()
            doubts[labels[row, column] - 1] = DOUBT
    return doubts


def _is_pane(outline: cv2.typing.MatLike) -> bool:
    area = cv2.contourArea(outline)
    if area < SMALLEST_PX:
        return False
    _, (width, height), angle = cv2.minAreaRect(outline)
    lean = min(angle % 90, 90 - angle % 90)
    return lean <= UPRIGHT and area >= RECTANGULAR * width * height
