"""Repairs of a monochrome photograph are monochrome: grey in a grey one, and of its own sepia in a toned one. In one
whose tone JPEG or time have changed from place to place they come near that of their surroundings, and so does the deep
part of wide ones where a photograph has colours.

A network that writes three channels leaves a tint of a level or two in every hole, and more in wide ones.
"""

from dataclasses import dataclass
from functools import reduce
from math import ceil

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.restoring.fractions import Sample, fitted
from archive_restore.restoring.places import Place, box_of, grown
from archive_restore.restoring.prefill import DEEP, SHALLOW, coarse_weight, depth

PROBED = 300
"""Rows and columns of pixels, about, that tell whether a photograph is monochrome."""

SAME = 8.0
"""Levels of 255 that a pixel may be off the photograph's tone: grain, and JPEG's colour."""

NEARLY_ALL = 99.9
"""Percent of the pixels that must be: a small red flag makes a photograph coloured."""

TONED = 0.2
"""How far pixels may be off the photograph's tone where that changes, over how far the tone is off grey, both root mean
squares: toned prints have 0.15 to 0.17, few photographs of one colour (sunsets, seas) as little, others more."""

CELL_PX = 4
"""Side of the cells whose means tell the tone of the surroundings; what touches the mask, or such a cell, does not."""

REACHES = (6, 20, 60, 160)
"""Cells to each side that do; further ones where near ones tell too little."""

FLAT = 30.0
"""Variance of the level, of 255, below which a tone is taken not to depend on it."""

TRUSTED, TRUSTED_DEEP = 6.0, 20.0
"""Levels that the surroundings may be off their own tone, in a monochrome photograph and in one with colours; where it
is that much, repairs come half as near."""

ENOUGH = 0.15
"""Share of the cells around that must tell something; with so much they count half, with twice as much in full."""

MEAN = np.full(3, 1 / 3, np.float32)
"""Times three channels, their mean: ten times as fast as numpy's over so short an axis."""

Floats = NDArray[np.float32]
Tint = NDArray[np.float32]
"""(256, 3): what each channel has more or less than the mean of the three, at each level of that."""


def in_its_tone(
    pixels: NDArray[Sample], restored: NDArray[Sample], mask: NDArray[np.bool_]
) -> NDArray[Sample]:
    """The restored picture with the holes in the photograph's one tone; where that has colours, with the deep part of
    the holes nearer to the tone of their surroundings.

    Parameters
    ----------
    pixels, restored : (H, W) or (H, W, 3), RGB, uint8 or float32 of 0 to 255: the photograph, and what came of it
    mask : (H, W) bool, True = hole

    Returns
    -------
    Like `restored`, equal to it outside the mask.
    """
    tone = tone_of(pixels, mask) if pixels.ndim == 3 and mask.any() else None
    if tone is None:
        return restored
    monochrome = tone.everywhere or tone.spread <= TONED
    place = box_of(mask) if monochrome else _box_of_deep(mask)
    deep = None if monochrome else depth(mask[place])
    holes = mask[place] if deep is None else deep > SHALLOW
    if not holes.any():
        return restored
    written = restored[place][holes].astype(np.float32)
    level = written @ MEAN
    more = written - level[:, None]
    if tone.everywhere:
        more = np.stack([np.interp(level, np.arange(256), channel) for channel in tone.tint.T], axis=1)
    else:
        rows, columns = (side.start + at for side, at in zip(place, np.nonzero(holes), strict=True))
        usual, trust = _around(pixels, mask, (rows, columns), level, TRUSTED if monochrome else TRUSTED_DEEP)
        share = trust if deep is None else trust * coarse_weight(deep[holes])
        more += (usual - more) * share[:, None]
    toned = restored.copy()
    toned[place][holes] = fitted(np.asarray(level[:, None] + more, np.float32), restored.dtype)
    return toned


def _box_of_deep(mask: NDArray[np.bool_]) -> Place:
    """Rows and columns of all that `coarse_weight` may weigh, with what tells its depth."""
    core = cv2.erode(mask.view(np.uint8), np.ones((int(SHALLOW) + 1,) * 2, np.uint8))
    return grown(box_of(np.asarray(core, np.uint8).view(np.bool_)), ceil(DEEP) + 1, mask.shape)


def _around(
    pixels: NDArray[Sample],
    mask: NDArray[np.bool_],
    at: tuple[NDArray[np.intp], NDArray[np.intp]],
    level: Floats,
    trusted: float,
) -> tuple[Floats, Floats]:
    """What the surroundings of pixels, `at` rows and columns (N,), have more than such a `level` (N,) in each channel,
    (N, 3): a line fitted there, as by a guided filter (He et al., ECCV 2010); and how far to trust that, (N,) from 0 to
    1."""
    away = (max(REACHES) + 2) * CELL_PX
    first = tuple(max(0, int(side.min()) - away) // CELL_PX * CELL_PX for side in at)
    place = tuple(slice(start, int(side.max()) + away) for start, side in zip(first, at, strict=True))
    pixels, mask = pixels[place], mask[place]
    cells = tuple(-(-side // CELL_PX) for side in mask.shape)
    small = cv2.resize(pixels, cells[::-1], interpolation=cv2.INTER_AREA).astype(np.float32)
    grown = cv2.dilate(mask.view(np.uint8), np.ones((2 * CELL_PX - 1,) * 2, np.uint8))
    touched = cv2.resize(grown, cells[::-1], interpolation=cv2.INTER_NEAREST)
    tells = (cv2.dilate(touched, np.ones((3, 3), np.uint8)) == 0).astype(np.float32)
    rows, columns = ((side - start) // CELL_PX for start, side in zip(first, at, strict=True))
    asked, which = np.unique(rows * cells[1] + columns, return_inverse=True)
    sums = Sums(small, tells)
    usual, trust, untold = np.zeros((len(level), 3), np.float32), np.zeros_like(level), np.ones_like(level)
    for reach in REACHES:
        line = sums.line(*np.divmod(asked, cells[1]), reach)
        middle, mean, slope, off, share = (values[which] for values in line)
        told = untold * np.clip(share / ENOUGH - 1, 0, 1)
        weight = told * trusted**2 / (trusted**2 + off)
        usual += (mean + slope * (level - middle)[:, None]) * weight[:, None]
        trust += weight
        untold -= told
    return np.asarray(usual / np.maximum(trust, 1e-6)[:, None], np.float32), trust


class Sums:
    """What the cells (h, w, 3) of a picture add up to in any window, of those alone that tell something (`tells` (h, w)
    is 1), so that few windows cost little (summed area tables: Crow, SIGGRAPH 1984)."""

    def __init__(self, cells: Floats, tells: Floats) -> None:
        light = cells @ MEAN
        colour = cells - light[..., None]
        told = (light * tells)[..., None]
        known = colour * tells[..., None]
        planes = (
            np.dstack([tells, told, told * light[..., None]]),
            known,
            known * light[..., None],
            known * colour,
        )
        self.shape = tells.shape
        self.tables = [cv2.integral(plane) for plane in planes]

    def line(self, rows: NDArray[np.intp], columns: NDArray[np.intp], reach: int) -> tuple[Floats, ...]:
        """The lines that the cells lie on within `reach` of some, (N,): mean level (N,), mean colour (N, 3) and its
        slope, how far cells are off, squared (N,), and the share of them that tells anything."""
        top, left = np.maximum(rows - reach, 0), np.maximum(columns - reach, 0)
        bottom = np.minimum(rows + reach + 1, self.shape[0])
        right = np.minimum(columns + reach + 1, self.shape[1])
        sums = np.hstack(
            [
                table[bottom, right] - table[top, right] - table[bottom, left] + table[top, left]
                for table in self.tables
            ]
        )
        means = sums / np.maximum(sums[:, :1], 1e-4)
        middle, usual = means[:, 1], means[:, 3:6]
        variance = np.maximum(means[:, 2] - middle**2, 0)[:, None]
        together = means[:, 6:9] - middle[:, None] * usual
        slope = together / (variance + FLAT)
        off = means[:, 9:12] - usual**2 - 2 * slope * together + slope**2 * variance
        share = sums[:, 0] / ((bottom - top) * (right - left))
        told = middle, usual, slope, np.maximum(off.max(axis=1), 0), share
        return tuple(np.asarray(values, np.float32) for values in told)


@dataclass(frozen=True)
class Tone:
    """The tone of a photograph, told from what is not masked: its `tint`; whether all but a few pixels have it
    `everywhere`; and their `spread`, how far they are off it over how far it is off grey."""

    tint: Tint
    everywhere: bool
    spread: float


def tone_of(pixels: NDArray[Sample], mask: NDArray[np.bool_]) -> Tone | None:
    """The tone of a photograph (H, W, 3); None where nothing can be seen of it."""
    rows, columns = (max(1, side // PROBED) for side in mask.shape)
    known = pixels[::rows, ::columns][~mask[::rows, ::columns]].astype(np.float32)
    if not len(known):
        return None
    level = known @ MEAN
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
    off = more - tint[step]
    everywhere = bool(np.percentile(reduce(np.maximum, np.abs(off).T), NEARLY_ALL) <= SAME)
    return Tone(tint, everywhere, float(np.sqrt(np.mean(off**2) / max(float(np.mean(more**2)), 1e-6))))
