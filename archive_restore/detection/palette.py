"""Which colours a photograph is made of, and which of them belong to its damage."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.detection.planes import Plane

# CIELAB is quantised to steps of 8 in each axis: finer than paper and dust differ, coarser than grain.
BITS = 3
SIDE = 256 >> BITS
# The palette is taken from the finest level below this: half a million pixels say enough about colours.
ENOUGH_PIXELS = 800_000


@dataclass(frozen=True)
class Palette:
    """How much of a photograph has each colour."""

    codes: NDArray[np.int32]  # (h, w), the place of each pixel's colour, on a level of the pyramid
    shares: NDArray[np.float32]  # (SIDE**3,), each 0..1, smoothed over neighbouring colours


def palette(planes: list[Plane]) -> Palette:
    """The palette of a photograph."""
    return palette_of(next((p for p in planes if p.luminance.size <= ENOUGH_PIXELS), planes[-1]))


def palette_of(plane: Plane) -> Palette:
    """The palette of one level."""
    codes = codes_of(plane)
    counts = np.bincount(codes.ravel(), minlength=SIDE**3).astype(np.float32)
    return Palette(codes, smoothed(counts) / np.float32(codes.size))


def codes_of(plane: Plane) -> NDArray[np.int32]:
    """(h, w) the place of each pixel's colour in a palette."""
    luminance = plane.luminance.astype(np.int32)
    if plane.chroma is None:
        return code(luminance, np.int32(128), np.int32(128))
    return code(luminance, plane.chroma[..., 0].astype(np.int32), plane.chroma[..., 1].astype(np.int32))


def code(
    luminance: NDArray[np.int32], a: NDArray[np.int32] | np.int32, b: NDArray[np.int32] | np.int32
) -> NDArray[np.int32]:
    """The place of a colour (0..255 in each axis) in a palette."""
    return np.asarray(((luminance >> BITS) * SIDE + (a >> BITS)) * SIDE + (b >> BITS), np.int32)


def smoothed(counts: NDArray[np.float32]) -> NDArray[np.float32]:
    """`counts` (SIDE**3,) summed over the neighbouring colours with weights 1/2, 1, 1/2 along each axis."""
    cube = counts.reshape(SIDE, SIDE * SIDE)
    weights = np.array([[0.5], [1], [0.5]], np.float32)
    for _ in range(3):
        # The first axis is summed, and the next one becomes the first.
        summed = np.asarray(
            cv2.filter2D(cube, cv2.CV_32F, weights, borderType=cv2.BORDER_CONSTANT), np.float32
        )
        cube = np.ascontiguousarray(summed.reshape(SIDE, SIDE, SIDE).transpose(1, 2, 0)).reshape(SIDE, -1)
    return cube.ravel()
