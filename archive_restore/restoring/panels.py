"""Panels: a print, and the even bands of lid or card along its sides, which are restored each from itself alone.

Where a torn corner reaches the lid, its white and the dark line of the print's edge would spread into the repair.
"""

import numpy as np
from numpy.typing import NDArray

from archive_restore.photos.photograph import Samples

Mask = NDArray[np.bool_]
Place = tuple[slice, slice]
"""Rows and columns."""

BROADEST = 0.3
"""Share of a picture that a band takes at most."""

EVEN, EVEN_SHARE = 0.08, 0.9
"""How far a sample of a band may be off the tone of the lines before, share of what its type can hold; and the share of
each of its lines that is no farther off."""

DARK, LIGHT = 0.16, 0.6
"""What black lids and card have at most, and white lids and old paper at least, share of what a sample can hold."""

STEP, END_SHARE, SLOPE = 0.2, 0.2, 0.004
"""How near to a band's tone, share of what a sample can hold, only so small a share of the print's first line is; and
over how many lines, share of their length but 6 at least, a band ends, since prints lie a little askew: a sky ends
otherwise."""

KNOWN_SHARE = 0.65
"""Share of a line that must not be masked, to tell anything."""

NEAR_PX = 8
"""A hole that comes so near to the edge of a band reaches it."""

SMALLEST_PX = 32
"""Side of a print."""

SIDES = ((0, False), (1, True), (0, True), (1, False))
"""Top, right, bottom, left, in the order in which `np.rot90` turns them up: the axis across which their lines lie, and
whether these are counted from its end."""


def panels(colours: Samples, mask: Mask) -> list[Place]:
    """The places of a picture that are restored each from itself alone: all of it or, where a hole reaches the straight
    edge of an even band, the bands and last the print. No two overlap; together they hold all that is masked.

    Parameters
    ----------
    colours : (H, W) or (H, W, C), integers of any depth, without alpha
    mask : (H, W) bool, True = hole
    """
    whole = inner = np.s_[0 : mask.shape[0], 0 : mask.shape[1]]
    places: list[Place] = []
    reached, side, without = False, 0, 0
    while without < len(SIDES):  # since the last band
        band, edge = _band(np.rot90(colours[inner], side), np.rot90(mask[inner], side))
        rest = _lines(inner, side, edge, None)
        if band and min(mask[rest].shape) >= SMALLEST_PX:
            reached |= bool(mask[_lines(inner, side, max(0, edge - NEAR_PX), edge + NEAR_PX)].any())
            places += [_lines(inner, side, 0, band), _lines(inner, side, band, edge)]
            inner, without = rest, -1
        side, without = (side + 1) % len(SIDES), without + 1
    places.append(inner)
    if not reached or any(mask[place].all() for place in places):
        return [whole]
    return [place for place in places if mask[place].any()]


def _lines(place: Place, side: int, first: int, last: int | None) -> Place:
    """The lines of a place counted from one of its sides, a number of `SIDES`; all from the first where no last is
    given."""
    axis, backwards = SIDES[side]
    start, stop = place[axis].start, place[axis].stop
    last = stop - start if last is None else min(last, stop - start)
    cut = slice(stop - last, stop - first) if backwards else slice(start + first, start + last)
    return (cut, place[1]) if axis == 0 else (place[0], cut)


def _band(colours: Samples, mask: Mask) -> tuple[int, int]:
    """How many lines from the first are a band's, without and with those in which it is blurred into what follows; 0
    and 0 if there is none."""
    height, width = mask.shape
    most, blur = int(BROADEST * height), max(6, round(SLOPE * width))
    known = ~mask[: most + blur]
    told = np.count_nonzero(known, axis=1) >= KNOWN_SHARE * width
    white = np.iinfo(colours.dtype).max

    def share(line: int, like: int, off: float) -> float:
        """Of one line that is so near to another one's tone; NaN where that is no lid's, or too little is known."""
        if not (told[line] and told[like]):
            return np.nan
        tone = np.median(colours[like][known[like]], axis=0)
        if tone.max() > DARK * white and tone.min() < LIGHT * white:
            return np.nan
        alike = np.abs(colours[line][known[line]] - tone) <= off * white
        return float(np.mean(alike.all(axis=1) if alike.ndim == 2 else alike))

    even = (share(line, max(0, line - 2), EVEN) >= EVEN_SHARE for line in range(most))
    band = next((line for line, is_even in enumerate(even) if not is_even), 0)
    if not band:
        return 0, 0
    last = min(band + blur, len(known))
    edge = next((line for line in range(band, last) if share(line, band - 1, STEP) <= END_SHARE), -1) + 1
    return (band, edge) if edge else (0, 0)
