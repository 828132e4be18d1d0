"""A print and the bands of lid, card or paper along its sides: only the print is restored by the network, from itself
alone. Where a torn corner reaches the lid, the lid's tone and the dark line of the print's edge would spread into the
repair, and the print into the lid. An even band needs no network; and what is blurred between both is mixed again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.restoring.fractions import Picture, fitted
from archive_restore.restoring.places import Place

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
View = NDArray[np.uint8]
Finish = Callable[[Picture, Picture, Mask], Picture]
"""The last touch: (picture, restored picture, mask) to what is written."""

WHITE = 255
"""The most that a sample holds of what is shown."""

BROADEST = 0.3
"""Share of a picture that a band takes at most."""

EVEN_SHARE = 0.9
"""Share of each of its lines that has the tone of the lines before."""

DARK, LIGHT = 0.16, 0.6
"""What black lids and card have at most, and white lids and old paper at least, share of what a sample can hold."""


class Limits(NamedTuple):
    """How far a sample of a band may be off the tone of the lines before; how near to the band's tone little of what
    follows is; both shares of what a sample can hold; how little, share of a line; and over how many lines the band
    ends, share of their length but 6 at least, since prints lie askew."""

    even: float
    step: float
    end_share: float
    slope: float


ALONE = Limits(0.08, 0.14, 0.2, 0.004)
"""Of a band that may be a white sky, with a horizon."""

ON_LID = Limits(0.08, 0.14, 0.7, 0.012)
"""Of one in a picture with a lid on all four sides; what it ends at may be as white as itself in part, as a sky is."""

LID = Limits(0.05, 0.05, 0.7, 0.012)
"""Of such a lid: a white one is little whiter than paper."""

MORE_SHARE = 0.02
"""By how little that falls farther inwards."""

KNOWN_SHARE = 0.5
"""Share of a line that must not be masked, to tell anything."""

NEAR_PX = 8
"""A hole that comes so near to the edge of a band reaches it."""

BLURRED_PX = 5
"""So many of the first lines of a band may be uneven."""

SMALLEST_PX = 32
"""Side of a print."""

SIDES = ((0, False), (1, True), (0, True), (1, False))
"""Top, right, bottom, left, in the order in which `np.rot90` turns them up: the axis across which their lines lie, and
whether these are counted from its end."""

PATCH_PX = 64
"""Breadth that a band needs at least to show its grain."""

BESIDE_PX = 33
"""px of a line's known samples whose mean is taken for the tone beside a hole."""

SEEN_PX = 60
"""px along an edge to each side of a hole that tell how it is blurred."""


@dataclass(frozen=True)
class Band:
    """An even band: its place; that of the lines in which it is blurred into the print, with one line of either; and
    the axis across which its lines lie."""

    place: Place
    edge: Place
    axis: int


def print_and_bands(colours: View, mask: Mask) -> tuple[Place, tuple[Band, ...]]:
    """Where the print lies in a picture, and the bands beside it, from the innermost outwards; all of it and none if no
    hole reaches the edge of a band.

    Parameters
    ----------
    colours : (H, W) or (H, W, 3) uint8, as it is shown
    mask : (H, W) bool, True = hole
    """
    whole = inner = np.s_[0 : mask.shape[0], 0 : mask.shape[1]]
    bands: list[Band] = []
    limits = [[LID, ON_LID] if _on_a_lid(colours, mask) else [ALONE] for _ in SIDES]
    reached, side, without = False, 0, 0
    while without < len(SIDES):  # since the last band
        lines, holes = np.rot90(colours[inner], side), np.rot90(mask[inner], side)
        found = (_band(lines, holes, each) for each in limits[side])
        even, edge = next((band for band in found if band[0]), (0, 0))
        rest = _lines(inner, side, edge, None)
        if even and min(mask[rest].shape) >= SMALLEST_PX:
            reached |= bool(mask[_lines(inner, side, max(0, edge - NEAR_PX), edge + NEAR_PX)].any())
            place, blurred = _lines(inner, side, 0, even), _lines(inner, side, even - 1, edge + 1)
            bands.insert(0, Band(place, blurred, SIDES[side][0]))
            inner, without, limits[side] = rest, -1, limits[side][-1:]
        side, without = (side + 1) % len(SIDES), without + 1
    return (inner, tuple(bands)) if reached and not mask[inner].all() else (whole, ())


def filled(picture: Picture, hole: Mask, axis: int) -> Picture:
    """An even band (h, w) or (h, w, 3) with its holes (h, w) filled, line by line, from what is known beside them."""
    result = picture.copy()
    lines, holes = (np.moveaxis(plane, axis, 0) for plane in (result, hole))
    for line, holed in zip(lines, holes, strict=True):
        known, lacking = np.flatnonzero(~holed), np.flatnonzero(holed)
        if not len(known):
            continue
        tones = line[known].astype(np.float32).reshape(len(known), -1)
        tones = cv2.blur(tones, (1, BESIDE_PX), borderType=cv2.BORDER_REFLECT).reshape(tones.shape)
        between = [np.interp(lacking, known, channel) for channel in tones.T]
        mixed = np.stack(between, axis=1).astype(np.float32)
        line[lacking] = fitted(mixed.reshape(line[lacking].shape), picture.dtype)
    return result


def touched_up(picture: Picture, band: Picture, hole: Mask, axis: int, finish: Finish) -> Picture:
    """A filled band with its last touch; between its mirror images where it is narrow: grain is told from patches."""
    lacking = max(0, PATCH_PX - hole.shape[axis])
    before = lacking // 2
    beside = [(before, lacking - before) if side == axis else (0, 0) for side in range(picture.ndim)]
    old, new = (np.pad(plane, beside, mode="symmetric") for plane in (picture, band))
    finished = finish(old, new, np.pad(hole, beside[:2], mode="symmetric"))
    return np.take(finished, range(before, before + hole.shape[axis]), axis)


def joined(picture: Picture, hole: Mask, axis: int) -> Picture:
    """The edge of a band, (h, w) or (h, w, 3), with its holes (h, w) filled: between the band in the first line and the
    print in the last, or the other way round, each line mixed of both, and darker or lighter than that, as it is beside
    the hole, for prints lie a little askew."""
    result = picture.copy()
    lines, holes = np.moveaxis(result, axis, 0), np.moveaxis(hole, axis, 0)
    exact, holed = lines.astype(np.float32), np.logical_or.reduce(holes)
    ends = np.flatnonzero(np.diff(holed, prepend=False, append=False)).tolist()
    for start, stop in zip(ends[::2], ends[1::2], strict=True):
        near = slice(max(0, start - SEEN_PX), stop + SEEN_PX)
        own = slice(start - near.start, stop - near.start)
        for number in range(1, len(lines) - 1):
            mixed = _mixed(exact[:, near], number, ~holed[near])[own]
            lacking = holes[number, start:stop]
            lines[number, start:stop][lacking] = fitted(mixed[lacking], picture.dtype)
    return result


def _mixed(lines: Floats, number: int, known: Mask) -> Floats:
    """One line as a mixture of the first and the last, and what it is darker or lighter, as where `known` (n,)."""
    first, way = lines[0], lines[-1] - lines[0]
    length = float((way[known] ** 2).sum())
    if not length:
        return np.asarray(first + np.float32(number / (len(lines) - 1)) * way, np.float32)
    share = float(((lines[number] - first) * way)[known].sum()) / length
    mixed = first + np.float32(min(max(share, 0.0), 1.0)) * way
    return np.asarray(mixed + np.median((lines[number] - mixed)[known], axis=0), np.float32)


def _lines(place: Place, side: int, first: int, last: int | None) -> Place:
    """The lines of a place counted from one of its sides, a number of `SIDES`; all from the first where no last is
    given."""
    axis, backwards = SIDES[side]
    start, stop = place[axis].start, place[axis].stop
    last = stop - start if last is None else min(last, stop - start)
    cut = slice(stop - last, stop - first) if backwards else slice(start + first, start + last)
    return (cut, place[1]) if axis == 0 else (place[0], cut)


def _on_a_lid(colours: View, mask: Mask) -> bool:
    """Whether all four outermost lines of a picture have one tone."""
    outermost = [(np.rot90(colours, side)[0], np.rot90(mask, side)[0]) for side in range(len(SIDES))]
    known = np.concatenate([line[~holes] for line, holes in outermost])
    if not len(known):
        return False
    alike = np.abs(known - np.median(known, axis=0)) <= LID.even * WHITE
    return float(np.mean(alike.reshape(len(known), -1).all(axis=1))) >= EVEN_SHARE


def _band(colours: View, mask: Mask, limits: Limits) -> tuple[int, int]:
    """How many lines from the first are a band's, without and with those in which it is blurred into what follows; 0
    and 0 if there is none."""
    height, width = mask.shape
    most, blur = int(BROADEST * height), max(6, round(limits.slope * width))
    known = ~mask[: most + blur]
    told = np.count_nonzero(known, axis=1) >= KNOWN_SHARE * width

    def share(line: int, like: int, off: float) -> float:
        """Of one line that is so near to another one's tone; NaN where that is no lid's, or too little is known."""
        if not (told[line] and told[like]):
            return np.nan
        tone = np.median(colours[like][known[like]], axis=0)
        if tone.max() > DARK * WHITE and tone.min() < LIGHT * WHITE:
            return np.nan
        alike = np.abs(colours[line][known[line]] - tone) <= off * WHITE
        return float(np.mean(alike.all(axis=1) if alike.ndim == 2 else alike))

    # Its first lines may still have some of the band before, which lies askew.
    start = next(
        (line for line in range(min(most, BLURRED_PX)) if share(line, line, limits.even) >= EVEN_SHARE), 0
    )
    even = (share(line, max(start, line - 2), limits.even) >= EVEN_SHARE for line in range(start, most))
    band = next((start + line for line, is_even in enumerate(even) if not is_even), start)
    if band == start:
        return 0, 0
    window = range(band, min(band + blur, len(known)))
    shares = np.array([share(line, band - 1, limits.step) for line in window])
    if not len(shares) or np.isnan(shares).any():
        return 0, 0
    ends = int((shares <= shares.min() + MORE_SHARE).argmax())
    # With the line in which the last of it is blurred into what follows.
    return (band, band + ends + 2) if shares[ends] <= limits.end_share else (0, 0)
