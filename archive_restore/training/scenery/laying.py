"""Tools with which scenery is laid over a picture (H, W, 3) float32, 0 to 255."""

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.random import Generator as Random
from numpy.typing import NDArray

from archive_restore.training import damage

Picture = NDArray[np.float32]


def lay(picture: Picture, opacity: NDArray[np.float32], tone: NDArray[np.floating]) -> None:
    """Lays one tone (3,) over the picture at `opacity` (H, W), 0 to 1, in place."""
    box = box_of(opacity)
    if box is not None:
        inside = picture[box]
        inside += (tone.astype(np.float32) - inside) * opacity[box][..., None]


def unit(drawing: NDArray[np.uint8]) -> NDArray[np.float32]:
    """0 to 255 as 0 to 1."""
    return drawing.astype(np.float32) / np.float32(255)


def box_of(opacity: NDArray[np.float32]) -> tuple[slice, slice] | None:
    """The smallest box outside of which the opacity (H, W) is 0; None if it is so everywhere."""
    left, top, width, height = cv2.boundingRect((opacity > 0).view(np.uint8))
    return (slice(top, top + height), slice(left, left + width)) if width else None


def grey_tone(random: Random, light: float) -> NDArray[np.float64]:
    """A nearly neutral tone: light with this probability, else dark."""
    level = random.uniform(175, 255) if random.random() < light else random.uniform(0, 75)
    return np.clip(level + random.normal(0, 7, 3), 0, 255)


def discs(shape: tuple[int, int], centres: Iterable[Iterable[float]], radius: float) -> Picture:
    """Opacity (H, W) of antialiased discs of one radius about points x, y, px."""
    drawing = np.zeros(shape, np.uint8)
    for centre in centres:
        at = tuple(round(16 * v) for v in centre)
        cv2.circle(drawing, at, round(16 * radius), 255, -1, cv2.LINE_AA, 4)
    return unit(drawing)


def strokes(shape: tuple[int, int], lines: list[NDArray[np.float64]], width: float) -> Picture:
    """Opacity (H, W) of antialiased lines of one width, each (N, 2) points x, y."""
    opacity = np.zeros(shape, np.float32)
    for points in lines:
        damage.stroke(opacity, points, np.full(len(points), width))
    return opacity
