"""Patches of what surrounds a hole, and which of them would continue in it.

A patch is worth copying if it shows a texture, not a thing: what is lively all over, without extremes and without one
direction. Of a thing only the edges would be copied.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.restoring.fine_detail import Floats, fine, lightness_of
from archive_restore.restoring.fractions import Picture
from archive_restore.restoring.places import Place, counted_from, grown

SIDE = 32
"""px; side of a patch."""

REACHES = (96, 192, 384)
"""px around a cell in which patches are looked for: farther ones where nearer ones are too few."""

STEPS_A_REACH = 16
"""Patches begin every so many-th part of the reach."""

FEWEST = 16
"""Patches to choose from."""

FLOOR = 4.0
"""Mean square of levels, of 255, that is no detail: what is lost in rounding and in JPEG."""

SPOT = SIDE // 4
"""px; a patch is lively all over if its liveliest squares of this side are little more so than its dullest."""

UNEVEN = (4.0, 1.5)
"""How many times as lively they may be; and what a factor e more costs."""

PEAK = (5.0, 0.3)
"""How many standard deviations its extreme may be away; and what one more costs."""

ALONG = 2.5
"""px; standard deviation of the Gaussian over which directions are compared (structure tensor: Bigun and Granlund,
Optimal Orientation Detection of Linear Symmetry, ICCV 1987)."""

STREAKED = (0.45, 8.0)
"""Coherence that textures may have, of 0 (every direction) to 1 (one): pebbles, leaves and rock have less, trusses,
masonry and print more. And what a further 1 costs."""

TONE = 10.0
"""Levels of 255, in each quarter of a patch, that cost 1."""

EVERY = 2
"""px, down and across, from one that is compared to the next."""

COMPARABLE = (SIDE // EVERY) ** 2 // 8
"""Of those, so many must be told of a place before patches are compared with its detail."""

LIVELINESS = 2.0
"""What it costs to be e times as lively as a place, or as dull: in mean squares of the detail."""

WEIGHED = 0.2
"""How much of what speaks against a patch counts in the choice; all of it counts in whether the choice is believed."""

AGAIN = 0.5
"""What it costs to copy a patch once more."""


@dataclass(frozen=True)
class Patches:
    """Those around a cell, K of them, `SIDE` px square.

    Attributes
    ----------
    around : the surroundings' place in the picture
    detail : (h, w, C) float32, what is fine there
    rows, columns : (K,) where patches begin in it
    lightness : (K, P) float32, of the patches' detail, every other pixel of every other row
    squares : (K, P) float32, its squares
    energies : (K,) float32, their means
    tones : (K, 4 C) float32, of their quarters, levels of 255
    doubts : (K,) float32, what speaks against its being a texture
    copies : (K,) float32, what it costs that it was copied already; grows with every copy
    """

    around: Place
    detail: Floats
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    lightness: Floats
    squares: Floats
    energies: Floats
    tones: Floats
    doubts: Floats
    copies: Floats

    def drawn(self, number: int) -> Floats:
        """The detail of a patch, (SIDE, SIDE, C)."""
        row, column = int(self.rows[number]), int(self.columns[number])
        return self.detail[row : row + SIDE, column : column + SIDE]

    def shown(self, place: Place) -> Floats:
        """The detail of a place of the picture in or beside the cell, (h, w, C)."""
        return self.detail[counted_from(self.around, place)]

    def best(self, detail: Floats, told: NDArray[np.bool_], tones: Floats) -> tuple[int, float]:
        """The patch that would continue in a place, and how unlike that place it is (0: not at all), with what speaks
        against its being a texture: where wood ends, or a railing, the leaves beside it are no substitute.

        Parameters
        ----------
        detail : (SIDE, SIDE) float32, lightness of what is fine in the place
        told : (SIDE, SIDE) bool, where that is to be continued
        tones : (4 C,) of the place's quarters
        """
        unlike = self.copies + np.square((self.tones - tones) / TONE).mean(axis=1) + WEIGHED * self.doubts
        known = told[::EVERY, ::EVERY].astype(np.float32).ravel()
        count = known.sum()
        if count >= COMPARABLE:
            wanted = detail[::EVERY, ::EVERY].ravel() * known
            energy = np.square(wanted).sum() / count
            energies = np.einsum("kp,p->k", self.squares, known) / count
            alike = np.einsum("kp,p->k", self.lightness, wanted) / count
            # By the sum of both energies, since dull patches are near everything.
            unlike += (energy + energies - 2 * alike) / (energy + energies + FLOOR)
            unlike += LIVELINESS * np.square(np.log((self.energies + FLOOR) / (energy + FLOOR)))
        number = int(unlike.argmin())
        return number, float(unlike[number] + (1 - WEIGHED) * self.doubts[number])

    def copied(self, number: int) -> None:
        """Remembers that a patch was copied."""
        self.copies[number] += AGAIN


def patches_around(picture: Picture, mask: NDArray[np.bool_], cell: Place) -> Patches | None:
    """The wholly known patches around a cell of a picture; None where there are too few.

    Parameters
    ----------
    picture : (H, W) or (H, W, C), its holes filled
    mask : (H, W) bool, True = hole
    """
    for reach in REACHES:
        place = grown(cell, reach, mask.shape)
        rows, columns = _beginnings(mask[place], reach // STEPS_A_REACH)
        if len(rows) >= FEWEST:
            break
    else:
        return None
    around = picture[place]
    detail = fine(around)
    values = around.astype(np.float32).reshape(detail.shape)
    lightness = lightness_of(detail)
    tones = cv2.blur(values, (SIDE // 2, SIDE // 2), anchor=(0, 0)).reshape(detail.shape)
    quarters = [tones[rows + down, columns + across] for down, across in _squares(SIDE // 2)]
    views = np.lib.stride_tricks.sliding_window_view(lightness, (SIDE, SIDE))[..., ::EVERY, ::EVERY]
    compared = views[rows, columns].reshape(len(rows), -1)
    squares = np.square(compared)
    return Patches(
        place,
        detail,
        rows,
        columns,
        compared,
        squares,
        squares.mean(axis=1),
        np.concatenate(quarters, axis=1),
        _doubts(lightness, rows, columns),
        np.zeros(len(rows), np.float32),
    )


def tones_of(place: Picture) -> Floats:
    """(SIDE, SIDE) or (SIDE, SIDE, C) to (4 C,), the mean of each quarter."""
    halves = place.astype(np.float32).reshape(2, SIDE // 2, 2, SIDE // 2, -1)
    return np.asarray(halves.mean(axis=(1, 3)).ravel(), np.float32)


def _beginnings(mask: NDArray[np.bool_], step: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns, every so many px, where patches without a hole begin."""
    if min(mask.shape) < SIDE:
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    holes = cv2.dilate(mask.view(np.uint8), np.ones((SIDE, SIDE), np.uint8), anchor=(0, 0))
    height, width = (side - SIDE + 1 for side in mask.shape)
    rows, columns = np.nonzero(holes[:height:step, :width:step] == 0)
    return rows * step, columns * step


def _squares(side: int) -> Iterator[tuple[int, ...]]:
    """Where the squares of a side begin that make up a patch."""
    return product(range(0, SIDE, side), repeat=2)


def _doubts(lightness: Floats, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Floats:
    """What speaks against each patch's being a texture, (K,); `lightness` (h, w) is the detail's."""
    squares = np.square(lightness)
    energy = _over(squares, SIDE)[rows, columns] + FLOOR
    spots = _over(squares, SPOT)
    lively = np.sort([spots[rows + down, columns + across] for down, across in _squares(SPOT)], axis=0)
    uneven = np.log((lively[-3:].mean(axis=0) + FLOOR) / (lively[:5].mean(axis=0) + FLOOR))
    peaks = cv2.dilate(np.abs(lightness), np.ones((SIDE, SIDE), np.uint8), anchor=(0, 0))
    coherent, all_of_it = _directions(lightness)
    streaked = _over(coherent, SIDE)[rows, columns] / (_over(all_of_it, SIDE)[rows, columns] + 1e-3)
    terms = (
        (uneven, np.log(UNEVEN[0]), UNEVEN[1]),
        (peaks[rows, columns] / np.sqrt(energy), *PEAK),
        (streaked, *STREAKED),
    )
    return np.asarray(sum(cost * np.maximum(value - free, 0) for value, free, cost in terms), np.float32)


def _over(plane: Floats, side: int) -> Floats:
    """Means of the squares of `side` px that begin at each pixel."""
    return np.asarray(cv2.blur(plane, (side, side), anchor=(0, 0)), np.float32)


def _directions(lightness: Floats) -> tuple[Floats, Floats]:
    """The part of the gradients' energy that has one direction nearby, and all of it, (h, w)."""
    across, down = cv2.Sobel(lightness, -1, 1, 0), cv2.Sobel(lightness, -1, 0, 1)
    xx, yy, xy = (
        cv2.GaussianBlur(product, (0, 0), ALONG) for product in (across * across, down * down, across * down)
    )
    return np.asarray(np.sqrt(np.square(xx - yy) + 4 * np.square(xy)), np.float32), np.asarray(xx + yy)
