"""The three region masks of the context encoder (Pathak et al., CVPR 2016, section 3.3), as pure functions of a
generator. A mask is (H, W) bool, True = to be predicted.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.random import Generator as Random
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

BLOCKS = 6

AREA_LIMIT = 0.25
"""Random blocks cover at most this share of the picture (section 3.3)."""

WAVELENGTH = 16.0
"""px between the samples of the noise of which random regions are made."""

REGION_AREA = (0.20, 0.30)
"""Random regions are kept if they cover this share (the original code's `random` mask)."""


def centre(size: int, overlap: int = 4) -> Mask:
    """The central square of half the side, less `overlap` px on each side: what is hidden from the encoder.

    At `size` 128 the network writes the central 64x64 and 56x56 of it are hidden.
    """
    mask = np.zeros((size, size), bool)
    low, high = size // 4 + overlap, size - size // 4 - overlap
    mask[low:high, low:high] = True
    return mask


def written_square(size: int) -> tuple[slice, slice]:
    """Rows and columns of the central square that the centre form writes: the middle half of each."""
    middle = slice(size // 4, size - size // 4)
    return middle, middle


def random_blocks(random: Random, size: int) -> Mask:
    """Overlapping squares at random places, together at most a quarter of the picture."""
    mask = np.zeros((size, size), bool)
    for _ in range(BLOCKS):
        side = int(random.integers(size // 8, size // 3))
        top, left = (int(v) for v in random.integers(0, size - side, 2))
        grown = mask.copy()
        grown[top : top + side, left : left + side] = True
        if grown.mean() <= AREA_LIMIT:
            mask = grown
    return mask


def random_region(random: Random, size: int) -> Mask:
    """An arbitrary shape: low-frequency noise, upsampled, thresholded so that 20 to 30 % is covered.

    The threshold is the quantile of the share drawn, so that no mask has to be drawn twice.
    """
    samples = max(2, round(size / WAVELENGTH))
    noise = cv2.resize(
        random.normal(0, 1, (samples, samples)).astype(np.float32),
        (size, size),
        interpolation=cv2.INTER_CUBIC,
    )
    share = random.uniform(REGION_AREA[0] + 0.01, REGION_AREA[1] - 0.01)
    return np.asarray(noise > np.quantile(noise, 1 - share))


def region_from_shapes(random: Random, size: int, shapes: Sequence[Mask]) -> Mask:
    """Damage shapes that the detector found, placed anywhere: turned, mirrored, scaled, up to a quarter.

    Parameters
    ----------
    shapes : cut-outs (h, w) bool of single regions, at least one

    Returns
    -------
    (size, size) bool, never empty
    """
    mask = place(random, shapes[int(random.integers(len(shapes)))], size)
    for _ in range(int(random.integers(0, 8))):
        grown = mask | place(random, shapes[int(random.integers(len(shapes)))], size)
        if grown.mean() <= AREA_LIMIT:
            mask = grown
    return mask


def place(random: Random, shape: Mask, size: int) -> Mask:
    """One shape, turned by quarters, mirrored, scaled by 0.7 to 1.4 (never beyond the picture or a quarter of
    it), anywhere."""
    turned = np.rot90(shape, int(random.integers(4)))
    turned = turned[:, :: int(random.choice([-1, 1]))]
    fitting = min(size / max(turned.shape), 0.9 * size * np.sqrt(AREA_LIMIT / max(1, turned.sum())))
    scale = min(float(random.uniform(0.7, 1.4)), float(fitting))
    height, width = (max(1, round(side * scale)) for side in turned.shape)
    resized = cv2.resize(turned.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA) > 0.3
    if not resized.any():  # a thin shape made small
        resized[height // 2, width // 2] = True
    mask = np.zeros((size, size), bool)
    top = int(random.integers(0, size - height + 1))
    left = int(random.integers(0, size - width + 1))
    mask[top : top + height, left : left + width] = resized
    return mask
