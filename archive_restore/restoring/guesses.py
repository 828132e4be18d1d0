"""The first guess of one level of a photograph, made block by block as windows want it.

Windows overlap and share their holes; what every window filled by itself would be filled twice.
"""

import threading

import numpy as np
from numpy.typing import NDArray

from archive_restore.restoring.fractions import Picture
from archive_restore.restoring.places import Place, counted_from, grown
from archive_restore.restoring.prefill import SHALLOW, depth, double_within, prefill, prefill_deep

BLOCK = 256
"""px; side of the squares in which holes are filled. Larger ones save nothing: their holes tie each other up."""

AROUND = 24
"""px around a block that are filled with it and thrown away; the rim of a hole tells no farther."""


class FirstGuess:
    """A picture whose holes are filled, where somebody looks.

    Parameters
    ----------
    pixels : (H, W) or (H, W, 3), uint8 or float32 of 0 to 255
    mask : (H, W) bool, True = hole
    coarse : like `pixels`, the restored picture at half the resolution, so large that doubled it covers `pixels`; None
        where no hole is deep
    """

    def __init__(self, pixels: Picture, mask: NDArray[np.bool_], coarse: Picture | None) -> None:
        self._pixels = pixels
        self._mask = mask
        self._coarse = coarse
        self._filled = np.empty_like(pixels)  # where somebody looked
        rows, columns = (range(-(-side // BLOCK)) for side in mask.shape)
        # A block that is being filled is waited for; those that are filled are no longer here.
        self._missing = {(row, column): threading.Lock() for row in rows for column in columns}

    def within(self, place: Place) -> Picture:
        """What the guess shows at a place, a view of it. May be asked by several threads at once."""
        rows, columns = (range(side.start // BLOCK, -(-side.stop // BLOCK)) for side in place)
        for block in [(row, column) for row in rows for column in columns]:
            lock = self._missing.get(block)
            if lock is not None:
                with lock:
                    if block in self._missing:
                        self._fill(*block)
                        del self._missing[block]
        return self._filled[place]

    def _fill(self, row: int, column: int) -> None:
        square = np.s_[row * BLOCK : (row + 1) * BLOCK, column * BLOCK : (column + 1) * BLOCK]
        block, around = (grown(square, margin, self._mask.shape) for margin in (0, AROUND))
        hole = self._mask[block]
        self._filled[block] = self._pixels[block]
        if not hole.any():
            return
        picture, holes = self._pixels[around], self._mask[around]
        depths = depth(holes) if self._coarse is not None else None
        if self._coarse is None or depths is None or depths.max() <= SHALLOW:
            guess = prefill(picture, holes)
        else:
            guess = prefill_deep(picture, holes, double_within(self._coarse, around), depths)
        self._filled[block][hole] = guess[counted_from(around, block)][hole]
