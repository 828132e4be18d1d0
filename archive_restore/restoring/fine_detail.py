"""What is fine in a picture: grain and the finer half of texture."""

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.restoring.fractions import Picture

Floats = NDArray[np.float32]

SMOOTH = 3.0
"""px; standard deviation of the Gaussian that separates what is fine from what lies under it."""

MARGIN = int(4 * SMOOTH)
"""px around a place that decide what is fine in it."""


def fine(picture: Picture, known: NDArray[np.bool_] | None = None) -> Floats:
    """What a Gaussian of `SMOOTH` px takes away.

    Parameters
    ----------
    picture : (h, w) or (h, w, C)
    known : (h, w) bool; only these samples are read. None for all.

    Returns
    -------
    (h, w, C) float32, in levels; 0 where nothing is known
    """
    values: Floats = picture.astype(np.float32).reshape(*picture.shape[:2], -1)
    if known is not None:
        values = np.asarray(cv2.copyTo(values, known.view(np.uint8)), np.float32).reshape(values.shape)
    smooth = cv2.GaussianBlur(values, (0, 0), SMOOTH)
    if known is not None:
        weight = known.astype(np.float32)
        weight /= np.maximum(cv2.GaussianBlur(weight, (0, 0), SMOOTH), 1e-3)
        smooth = cv2.multiply(smooth, cv2.merge([weight] * values.shape[2]))
    return np.asarray(cv2.subtract(values, smooth.reshape(values.shape)), np.float32).reshape(values.shape)


def energy_of(detail: Floats) -> Floats:
    """Mean square over the channels, (h, w, C) to (h, w)."""
    return lightness_of(np.asarray(cv2.multiply(detail, detail), np.float32).reshape(detail.shape))


def lightness_of(values: Floats) -> Floats:
    """Mean over the channels, (h, w, C) to (h, w)."""
    channels = values.shape[2]
    return np.asarray(cv2.transform(values, np.full((1, channels), 1 / channels, np.float32)), np.float32)
