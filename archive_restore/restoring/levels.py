"""One photograph, coarse to fine: which windows must be written before which.

A hole that is deeper than its rim can tell is restored at half the resolution first, and so on down; the
doubled result is the first guess at the level above.
"""

from collections.abc import Generator
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.restoring.fractions import Picture, Sample
from archive_restore.restoring.guesses import FirstGuess
from archive_restore.restoring.prefill import DEEP, SHALLOW, depth, halve, prefill
from archive_restore.restoring.windows import Canvas, Window, cover

STRIP = 512
"""Rows that are measured or halved at a time, even, px; bounds the float copies of a large photograph."""

HALO = int(DEEP) + 4
"""px around a crop that decide its depths up to `DEEP` (the distance transform errs by under 5 %)."""

MARGIN = 2
"""Coarse px around a deep hole that are restored with it, because doubling interpolates."""


class Cut(NamedTuple):
    """A window as the generator takes it; grey pictures have three equal channels.

    `guess` (H, W, 3), its holes filled with a first guess; `hole` (H, W) bool, True = hole; `scan`
    (H, W, 3), with the damage still in it, or `guess` again where nothing under the mask is to be believed.
    """

    guess: Picture
    hole: NDArray[np.bool_]
    scan: Picture


class Level:
    """One scale of one photograph: windows cut out on demand, and what was written into them.

    `cut` may run in any thread, and in several at once; `paste` must not run twice at once.

    Parameters
    ----------
    pixels : (H, W) or (H, W, 3), uint8 or float32 of 0 to 255
    mask : (H, W) bool, True = hole
    wanted : (H, W) bool, the holes to be written at this scale, inside `mask`
    coarse : like `pixels`, the restored picture at half the resolution; None where no hole is deep
    scan : like `pixels`, with the damage in the holes; None where nothing under the mask is to be believed
    size, context, halves : as `windows.cover` takes them
    """

    def __init__(
        self,
        pixels: Picture,
        mask: NDArray[np.bool_],
        wanted: NDArray[np.bool_],
        coarse: Picture | None,
        scan: Picture | None = None,
        *,
        size: int,
        context: int,
        halves: bool = True,
    ) -> None:
        self._shape = mask.shape
        self._pixels = at_least(pixels, size)
        self._mask = at_least(mask, size)
        self._guess = FirstGuess(
            self._pixels, self._mask, None if coarse is None else at_least(coarse, -(-size // 2))
        )
        self._scan = None if scan is None else at_least(scan, size)
        wanted = at_least(wanted, size, mirrored=False)
        self._canvas = Canvas(wanted, channels=1 if pixels.ndim == 2 else 3)
        self.windows: list[Window] = cover(wanted, size=size, context=context, halves=halves)

    @property
    def area(self) -> int:
        """px of all windows."""
        return sum(window.height * window.width for window in self.windows)

    @property
    def pixels(self) -> int:
        """px of the picture at this scale."""
        return int(self._shape[0] * self._shape[1])

    def cut(self, window: Window) -> Cut:
        """What the generator is given of a window."""
        guess = in_colour(self._guess.within(window.slices))
        scan = guess if self._scan is None else in_colour(self._scan[window.slices])
        return Cut(guess, self._mask[window.slices], scan)

    def paste(self, window: Window, values: NDArray[np.float32]) -> None:
        """Takes what the network wrote into a window: (H, W, 3) float32, 0 to 255."""
        if self._pixels.ndim == 2:
            values = values.mean(axis=2, keepdims=True)
        self._canvas.add(window, values)

    def composite(self) -> Picture:
        """The picture with the wanted holes written, like `pixels`. All windows must have been pasted."""
        height, width = self._shape
        return self._canvas.composite(self._pixels)[:height, :width]


Painting = Generator[Level, None, Picture]
"""A photograph being restored: yields its levels, coarsest first, and is resumed when all windows of a level
have been pasted; returns the restored pixels."""


def coarse_to_fine(
    pixels: Picture,
    mask: NDArray[np.bool_],
    *,
    size: int,
    context: int,
    halves: bool = True,
    scan: Picture | None = None,
    wanted: NDArray[np.bool_] | None = None,
) -> Painting:
    """Restores one picture in levels.

    A coarse picture that fills no more than half of a window's side would mostly be its own mirror image in it, which
    the generator makes too much of (in windows of 128 px it cost missing corners 0.7 dB): there the first guess is the
    end.

    Parameters
    ----------
    pixels : (H, W) or (H, W, 3), uint8 or float32 of 0 to 255
    mask : (H, W) bool, True = hole; not all of it
    size, context, halves : as `windows.cover` takes them
    scan : like `pixels` (often the same), what shines through the damage; None if nothing is to be believed
    wanted : (H, W) bool, the holes to be written; all of `mask` if left out

    Returns
    -------
    Through `StopIteration.value`, pixels like `pixels`, equal to them outside `wanted`.
    """
    wanted = mask if wanted is None else wanted
    deep = deeper_than_the_rim_tells(mask) & wanted
    coarse = None
    if deep.any():
        coarse, coarse_mask = halved(pixels, mask)
        if max(coarse_mask.shape) > size // 2:
            coarse_scan = None if scan is None else halved(scan, np.zeros_like(mask))[0]
            coarse_wanted = _grown(any_of_four(deep), MARGIN) & coarse_mask
            coarse = yield from coarse_to_fine(
                coarse,
                coarse_mask,
                size=size,
                context=context,
                halves=halves,
                scan=coarse_scan,
                wanted=coarse_wanted,
            )
        else:
            coarse = prefill(coarse, coarse_mask)
    del deep
    level = Level(pixels, mask, wanted, coarse, scan, size=size, context=context, halves=halves)
    yield level
    return level.composite()


def in_colour(picture: Picture) -> Picture:
    """(H, W) as three equal channels; (H, W, 3) as it is."""
    return np.repeat(picture[..., None], 3, axis=2) if picture.ndim == 2 else picture


def deeper_than_the_rim_tells(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Hole pixels more than `SHALLOW` px from any known sample, (H, W) bool; measured in strips."""
    deep = np.zeros_like(mask)
    for top in range(0, mask.shape[0], STRIP):
        first = max(0, top - HALO)
        strip = mask[first : top + STRIP + HALO]
        if strip.any():
            deep[top : top + STRIP] = depth(strip)[top - first :][:STRIP] > SHALLOW
    return deep


def halved(
    pixels: NDArray[Sample], mask: NDArray[np.bool_], *, strip: int = STRIP
) -> tuple[NDArray[Sample], NDArray[np.bool_]]:
    """`prefill.halve` in strips of `strip` rows (even): the same result with float copies of one only."""
    strips = [halve(pixels[t : t + strip], mask[t : t + strip]) for t in range(0, mask.shape[0], strip)]
    return np.concatenate([picture for picture, _ in strips]), np.concatenate([hole for _, hole in strips])


def any_of_four(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(H, W) bool to (ceil(H/2), ceil(W/2)) bool."""
    even = np.pad(mask, ((0, mask.shape[0] % 2), (0, mask.shape[1] % 2)))
    rows = even[0::2] | even[1::2]
    return rows[:, 0::2] | rows[:, 1::2]


def at_least(plane: NDArray[Any], size: int, *, mirrored: bool = True) -> NDArray[Any]:
    """`plane` (H, W[, C]) mirrored at its lower and right border (or padded with zeros) until both sides are
    at least `size` px; itself if they are."""
    missing = [(0, max(0, size - side)) for side in plane.shape[:2]]
    if missing == [(0, 0), (0, 0)]:
        return plane
    missing += [(0, 0)] * (plane.ndim - 2)
    return np.pad(plane, missing, mode="reflect") if mirrored else np.pad(plane, missing)


def _grown(mask: NDArray[np.bool_], margin: int) -> NDArray[np.bool_]:
    """`mask` and everything up to `margin` px beside it, (H, W) bool."""
    square = np.ones((2 * margin + 1, 2 * margin + 1), np.uint8)
    return np.asarray(cv2.dilate(mask.astype(np.uint8), square), bool)
