"""Repairs of a monochrome photograph are monochrome: grey in a grey one, and of its own sepia in a toned one.

A network that writes three channels leaves a tint of a level or two in every hole, and more in wide ones.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.restoring.fractions import Sample, fitted

PROBED = 300
"""Rows and columns of pixels, about, that tell whether a photograph is monochrome."""

SAME = 8.0
"""Levels of 255 that a pixel may be off the photograph's tone: grain, and JPEG's colour."""

NEARLY_ALL = 99.9
"""Percent of the pixels that must be: a small red flag makes a photograph coloured."""

Tint = NDArray[np.float32]
"""(256, 3): what each channel has more or less than the mean of the three, at each level of that."""


def in_its_tone(
    pixels: NDArray[Sample], restored: NDArray[Sample], mask: NDArray[np.bool_]
) -> NDArray[Sample]:
    """The restored picture with the holes in the photograph's one tone; as it is where that has colours.

    Parameters
    ----------
    pixels, restored : (H, W) or (H, W, 3), RGB, uint8 or float32 of 0 to 255: the photograph, and what came of it
    mask : (H, W) bool, True = hole

    Returns
    -------
    Like `restored`, equal to it outside the mask.
    """
    tint = tint_of(pixels, mask) if pixels.ndim == 3 else None
    if tint is None or not mask.any():
        return restored
    level = restored[mask].astype(np.float32).mean(axis=1)
    more = [np.interp(level, np.arange(256), channel) for channel in tint.T]
    toned = restored.copy()
    toned[mask] = fitted(np.asarray(level[:, None] + np.stack(more, axis=1), np.float32), restored.dtype)
    return toned


def tint_of(pixels: NDArray[Sample], mask: NDArray[np.bool_]) -> Tint | None:
    """The tint of a monochrome photograph (H, W, 3), told from what is not masked; None if it has colours."""
    rows, columns = (max(1, side // PROBED) for side in mask.shape)
    known = pixels[::rows, ::columns][~mask[::rows, ::columns]].astype(np.float32)
    if not len(known):
        return None
    level = known.mean(axis=1)
    more = known - level[:, None]
    step = np.rint(level).astype(np.intp)
    count = np.bincount(step, minlength=256)
    seen = np.flatnonzero(count)
    tint = np.stack(
        [
            np.interp(np.arange(256), seen, np.bincount(step, channel, 256)[seen] / count[seen])
            for channel in more.T
        ],
        axis=1,
    ).astype(np.float32)
    # A level that few pixels have would be told by one coloured pixel.
    tint = np.asarray(cv2.blur(tint, (1, 9)), np.float32)
    off = np.abs(more - tint[step]).max(axis=1)
    return tint if np.percentile(off, NEARLY_ALL) <= SAME else None
