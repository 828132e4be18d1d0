"""Pictures of the benchmarks: RGB (H, W, 3) uint8 as stored, whatever the file has, and masks (H, W) bool."""

import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Mask = NDArray[np.bool_]

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff"})


def read_picture(path: Path) -> Picture:
    """A photograph as RGB, never turned."""
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
    if picture is None:
        sys.exit(f"{path} is missing or no picture that OpenCV reads")
    return np.asarray(picture, np.uint8)


def write_picture(path: Path, picture: Picture, *options: int) -> None:
    """An RGB or grey picture, in the format of the path's suffix; `options` as `cv2.imwrite` takes them."""
    stored = picture[..., ::-1] if picture.ndim == 3 else picture
    if not cv2.imwrite(str(path), np.ascontiguousarray(stored), options):
        sys.exit(f"{path} cannot be written")


def drawn(mask: Mask) -> Picture:
    """A mask as a grey picture, 255 = damaged."""
    return mask.astype(np.uint8) * np.uint8(255)
