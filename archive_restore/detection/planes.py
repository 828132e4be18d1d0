"""A photograph as a pyramid of luminance and chroma, each level half as wide as the one below it."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

# Nothing finer than this is looked at: a scan with more pixels is halved first. At 600 dpi a defect that is
# lost in halving is under 0.05 mm wide. This bounds the memory.
MAX_PIXELS = 16_000_000
# The coarsest level still shows a tear of a tenth of the picture's side as a structure of 9 px.
COARSEST_SIDE_PX = 90


@dataclass(frozen=True)
class Plane:
    """One level of the pyramid."""

    luminance: NDArray[np.uint8]  # (h, w)
    chroma: NDArray[np.uint8] | None  # (h, w, 2), CIELAB a and b, 128 = neutral; None: grey
    step: int  # pixels of the photograph a pixel of this level spans

    @property
    def shape(self) -> tuple[int, int]:
        return self.luminance.shape[0], self.luminance.shape[1]


def pyramid(pixels: NDArray[np.uint8]) -> list[Plane]:
    """The levels, finest first.

    Parameters
    ----------
    pixels
        (H, W) or (H, W, 3) uint8, RGB.
    """
    step = 1
    while pixels.shape[0] * pixels.shape[1] > MAX_PIXELS:
        pixels, step = halved(pixels), 2 * step
    chroma: NDArray[np.uint8] | None = None
    if pixels.ndim == 3:
        lab = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB), np.uint8)
        # A grey photograph stored as RGB has no chroma to ask about.
        if np.ptp(lab[..., 1:]) > 2:
            chroma = np.ascontiguousarray(lab[..., 1:])
        luminance = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
    else:
        luminance = pixels
    planes = [Plane(luminance, chroma, step)]
    while max(luminance.shape) >= 2 * COARSEST_SIDE_PX and min(luminance.shape) >= 4:
        luminance = halved(luminance)
        chroma = None if chroma is None else halved(chroma)
        step *= 2
        planes.append(Plane(luminance, chroma, step))
    return planes


def halved(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The area mean of 2 by 2 pixels; an odd last row or column is averaged with what is there."""
    height, width = picture.shape[:2]
    half = cv2.resize(picture, ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA)
    return np.asarray(half, np.uint8)
