"""Drawn photographs with known damage."""

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.detection import KINDS, Kind
from archive_restore.detection.candidates import find
from archive_restore.detection.detect import kinds_of
from archive_restore.detection.palette import palette
from archive_restore.detection.planes import pyramid
from archive_restore.detection.shapes import form

PAPER = 244
INK = 12


def scene(height: int = 360, width: int = 480, seed: int = 0, grain: float = 3.0) -> NDArray[np.uint8]:
    """A grey scene of soft shading and a few large shapes with edges, in the tones of an old print."""
    rng = np.random.default_rng(seed)
    cells = cv2.resize(rng.random((6, 8)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    picture = 70 + 80 * cells
    cv2.ellipse(picture, (width // 2, height // 2), (width // 6, height // 4), 20, 0, 360, 150.0, cv2.FILLED)
    cv2.rectangle(picture, (0, height * 3 // 4), (width, height), 60.0, cv2.FILLED)
    noise = cv2.GaussianBlur(rng.normal(0, 1, (height, width)).astype(np.float32), (0, 0), 0.8)
    picture = cv2.GaussianBlur(picture, (0, 0), 1.2) + grain * noise / noise.std()
    return np.clip(picture, 0, 255).astype(np.uint8)


def soft(height: int, width: int, patches: tuple[int, int] = (9, 9), seed: int = 0) -> NDArray[np.uint8]:
    """A picture (height, width, 3) of so many `patches` of any colour, down and across, that blend into each other."""
    small = np.random.default_rng(seed).integers(0, 256, (*patches, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def lay(picture: NDArray[np.uint8], shape: NDArray[np.uint8], tone: int) -> NDArray[np.uint8]:
    """`picture` under `tone` as far as `shape` (H, W), 0..255, covers it, with a texture of its own."""
    cover = shape.astype(np.float32) / 255
    own = tone + np.random.default_rng(1).normal(0, 2, picture.shape)
    return np.clip(picture * (1 - cover) + own * cover, 0, 255).astype(np.uint8)


def blank(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """No cover at all, to be drawn on."""
    return np.zeros(picture.shape[:2], np.uint8)


def covered(shape: NDArray[np.uint8], mask: NDArray[np.bool_]) -> float:
    """The share of `shape` that `mask` finds."""
    return float(mask[shape > 127].mean())


def beside(shape: NDArray[np.uint8], mask: NDArray[np.bool_], reach: int = 4) -> float:
    """The share of the picture called though it is more than `reach` px from `shape`."""
    far = cv2.dilate(shape, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)) == 0
    return float((mask & far).mean())


def look_of_largest(picture: NDArray[np.uint8], light: bool) -> Kind:
    """What the largest candidate of a picture looks like, whether or not it is believed to be damage."""
    planes = pyramid(picture)
    colours = palette(planes)
    found = [f for plane in planes for f in find(plane, colours) if f.light is light and f.cut == 28]
    areas = [found_at.trait("area") * found_at.plane.step**2 for found_at in found]
    level = max(range(len(found)), key=lambda i: areas[i].max())
    kinds, _ = kinds_of(form(found[level]))
    return KINDS[kinds[areas[level].argmax()]]
