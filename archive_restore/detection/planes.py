"""A photograph as a pyramid of luminance and chroma, each level half as wide as the one below it."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.detection.filters import luminance

# Larger scans are reduced to this long side first. It bounds time and memory, and makes damage as wide as it looks:
# on a print of 15 cm a pixel is then 0.15 mm.
WORKING_SIDE_PX = 1024
# Up to this long side nothing is reduced, since that would only lose what is fine.
LARGEST_AS_IT_IS_PX = 1536
# Up to this one for a close look, and larger scans are reduced to it.
CLOSE_SIDE_PX = 2048
# The working picture's sides are multiples of this, where it had to be reduced anyway.
WORKING_MULTIPLE_PX = 32
# The coarsest level still shows a tear of a tenth of the picture's side as a structure of 9 px.
COARSEST_SIDE_PX = 90


@dataclass(frozen=True)
class Plane:
    """One level of the pyramid."""

    luminance: NDArray[np.uint8]  # (h, w)
    chroma: NDArray[np.uint8] | None  # (h, w, 2), CIELAB a and b, 128 = neutral; None: grey
    step: int  # pixels of the working picture a pixel of this level spans

    @property
    def shape(self) -> tuple[int, int]:
        return self.luminance.shape[0], self.luminance.shape[1]


def working_picture(pixels: NDArray[np.uint8], *, close: bool = False) -> NDArray[np.uint8]:
    """The photograph (H, W) or (H, W, 3) uint8, reduced if it is larger than a quick look needs, or a close one."""
    height, width = pixels.shape[:2]
    if max(height, width) <= (CLOSE_SIDE_PX if close else LARGEST_AS_IT_IS_PX):
        return pixels
    scale = (CLOSE_SIDE_PX if close else WORKING_SIDE_PX) / max(height, width)
    multiple = WORKING_MULTIPLE_PX
    rows, columns = (max(multiple, round(side * scale / multiple) * multiple) for side in (height, width))
    rows, columns = min(rows, height), min(columns, width)
    # Halving to below twice the size and then a linear step is six times as fast as the mean over any ratio.
    while pixels.shape[0] >= 2 * rows and pixels.shape[1] >= 2 * columns:
        pixels = halved(pixels)
    return np.asarray(cv2.resize(pixels, (columns, rows), interpolation=cv2.INTER_LINEAR), np.uint8)


def finest(pixels: NDArray[np.uint8]) -> Plane:
    """The level of (H, W) or (H, W, 3) uint8, RGB, as it is."""
    if pixels.ndim == 2:
        return Plane(pixels, None, 1)
    lab = cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB)
    chroma = np.asarray(cv2.merge(cv2.split(lab)[1:]), np.uint8)
    # A grey photograph stored as RGB has no chroma to ask about.
    return Plane(luminance(pixels), chroma if np.ptp(chroma) > 2 else None, 1)


def pyramid(pixels: NDArray[np.uint8]) -> list[Plane]:
    """The levels, finest first.

    Parameters
    ----------
    pixels
        (H, W) or (H, W, 3) uint8, RGB.
    """
    planes = [finest(pixels)]
    while max(planes[-1].shape) >= 2 * COARSEST_SIDE_PX and min(planes[-1].shape) >= 4:
        last = planes[-1]
        chroma = None if last.chroma is None else halved(last.chroma)
        planes.append(Plane(halved(last.luminance), chroma, 2 * last.step))
    return planes


def halved_to(picture: NDArray[np.uint8], long_side: int) -> NDArray[np.uint8]:
    """The picture halved until its long side is at most so many px."""
    while max(picture.shape[:2]) > long_side:
        picture = halved(picture)
    return picture


def halved(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The area mean of 2 by 2 pixels; an odd last row or column is averaged with what is there."""
    height, width = picture.shape[:2]
    down, across = height // 2, width // 2
    half = np.empty((height - down, width - across, *picture.shape[2:]), np.uint8)
    if down and across:
        # At any other ratio than one half OpenCV takes ten times as long.
        even = picture[: 2 * down, : 2 * across]
        half[:down, :across] = cv2.resize(even, (across, down), interpolation=cv2.INTER_AREA)
    if height % 2:
        half[down:] = halved(np.repeat(picture[-1:], 2, axis=0))
    if width % 2:
        half[:, across:] = halved(np.repeat(picture[:, -1:], 2, axis=1))
    return half
