"""Texture for wide holes, where the generator can only predict what is likely: something smooth.

What is fine is copied from around the hole, patch by patch from the rim inwards: a patch that continues what is told
already, and lies on the same tones (texture transfer: Efros and Freeman, Image Quilting for Texture Synthesis and
Transfer, SIGGRAPH 2001, doi:10.1145/383259.383296). The generator's picture stays under it, and only as much is added
as that lacks; nothing where no patch is like enough, or where those that are show things instead of a texture.
"""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.photos.large import tiles
from archive_restore.restoring.fine_detail import MARGIN, Floats, energy_of, fine, lightness_of
from archive_restore.restoring.fractions import Picture, Sample, fitted
from archive_restore.restoring.levels import any_of_four, halved
from archive_restore.restoring.places import Place, counted_from, grown
from archive_restore.restoring.prefill import depth, double_within
from archive_restore.restoring.texture_patches import SIDE, Patches, patches_around, tones_of

LARGEST = 1600
"""px; a picture whose long side is larger gets the texture of its half first, and so on."""

WIDE = 7.0
"""px, in the picture whose long side is at most `LARGEST`: a hole this deep is wide, as far as such a circle fits."""

RIM = 4
"""px; so far the rim tells what is fine, and the generator draws it."""

STEP = 16
"""px between the centres of the places that get a patch."""

CELL = 8 * STEP
"""px; places in a square of this side choose among the same patches."""

FEATHER = 9
"""px; side of the square in which a patch gives way to what is told already, and over which energies are compared."""

BELIEVED = (3.0, 1.5)
"""How unlike a place a patch may be, from where on nothing of it is taken to where all of it is."""


def match_texture(restored: NDArray[Sample], mask: NDArray[np.bool_]) -> NDArray[Sample]:
    """Draws the texture that wide holes lack.

    Parameters
    ----------
    restored : (H, W) or (H, W, 3), uint8 or float32 of 0 to 255, the holes written by a generator
    mask : (H, W) bool, True = hole

    Returns
    -------
    Like `restored`, equal to it outside the mask, and itself where no hole is wide; a function of its arguments alone.
    """
    masks = [mask]
    while max(masks[-1].shape) > LARGEST:
        masks.append(any_of_four(masks[-1]))
    depths = depth(masks[-1])
    wide = _opened(depths)
    if min(wide.shape) < SIDE or not wide.any():
        return restored
    pictures = [restored]
    for finer in masks[:-1]:
        pictures.append(halved(pictures[-1], np.zeros_like(finer))[0])
    drawn = _filled(pictures[-1], masks[-1], wide, depths)
    while len(pictures) > 1:
        coarse, finer = pictures.pop(), masks[len(pictures) - 1]
        wide = _doubled(wide, finer.shape) & finer
        drawn = _filled(_with_coarse(pictures[-1], coarse, drawn, wide), finer, wide, depths)
    return drawn


def _opened(depths: Floats) -> NDArray[np.bool_]:
    """What of the holes a circle of `WIDE` px covers that lies in them, (H, W) bool."""
    narrow = depths < WIDE
    if narrow.all():
        return np.zeros_like(narrow)
    return np.asarray(depth(narrow) < WIDE) & (depths > 0)


def _doubled(plane: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Each pixel four times, cut to `shape` (H, W)."""
    return np.repeat(np.repeat(plane, 2, axis=0), 2, axis=1)[: shape[0], : shape[1]]


def _with_coarse(
    picture: NDArray[Sample], coarse: NDArray[Sample], drawn: NDArray[Sample], wide: NDArray[np.bool_]
) -> NDArray[Sample]:
    """A picture with what was drawn in its half, `drawn` less `coarse`, in the wide holes."""
    result = picture.copy()
    for cell in _cells(wide):
        there = wide[cell]
        added = double_within(drawn, cell).astype(np.float32) - double_within(coarse, cell)
        result[cell][there] = fitted(picture[cell][there] + added[there], picture.dtype)
    return result


def _filled(
    picture: NDArray[Sample], mask: NDArray[np.bool_], wide: NDArray[np.bool_], depths: Floats
) -> NDArray[Sample]:
    """One scale of a picture with texture in its wide holes. `depths` are of the smallest scale, px."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * RIM + 1, 2 * RIM + 1))
    told = ~(np.asarray(cv2.erode(mask.view(np.uint8), disc), bool) & wide)
    reduction = -(-max(mask.shape) // max(depths.shape))
    result = picture.copy()
    for cell in _from_the_rim(_cells(~told), depths, reduction):
        patches = patches_around(picture, mask, cell)
        if patches is not None:
            for place in _from_the_rim(_places(~told[cell], cell, mask.shape), depths, reduction):
                _draw(result, picture, told, wide, place, patches)
    return result


def _cells(wanted: NDArray[np.bool_]) -> Iterator[Place]:
    """Squares of `CELL` px that hold something wanted."""
    height, width = wanted.shape
    return (cell for cell in tiles(height, width, CELL) if wanted[cell].any())


def _places(wanted: NDArray[np.bool_], cell: Place, shape: tuple[int, ...]) -> Iterator[Place]:
    """Places for patches, whose middles cover what is wanted in a cell; inside a picture of `shape` (H, W)."""
    margin = (SIDE - STEP) // 2
    for row in range(0, wanted.shape[0], STEP):
        for column in range(0, wanted.shape[1], STEP):
            if wanted[row : row + STEP, column : column + STEP].any():
                top = min(max(0, cell[0].start + row - margin), shape[0] - SIDE)
                left = min(max(0, cell[1].start + column - margin), shape[1] - SIDE)
                yield np.s_[top : top + SIDE, left : left + SIDE]


def _from_the_rim(places: Iterator[Place], depths: Floats, reduction: int) -> list[Place]:
    """Those whose middles are less deep first."""

    def deep(place: Place) -> float:
        row, column = (
            min((side.start + side.stop) // 2 // reduction, length - 1)
            for side, length in zip(place, depths.shape, strict=True)
        )
        return float(depths[row, column])

    return sorted(places, key=deep)


def _draw(
    result: NDArray[Sample],
    picture: NDArray[Sample],
    told: NDArray[np.bool_],
    wide: NDArray[np.bool_],
    place: Place,
    patches: Patches,
) -> None:
    """Adds to one place of `result` the detail of a patch that `picture` lacks there, and marks it as told."""
    known = told[place].copy()
    told[place] = True
    number, unlike = patches.best(lightness_of(_fine_at(result, place)), known, tones_of(picture[place]))
    belief = float(np.interp(unlike, BELIEVED[::-1], (1, 0)))
    if not belief:
        return
    patches.copied(number)
    drawn = patches.drawn(number)
    has, gives = (cv2.blur(energy_of(detail), (FEATHER, FEATHER)) for detail in (patches.shown(place), drawn))
    share = belief * np.sqrt(np.maximum(gives - has, 0) / np.maximum(gives, 1e-3))
    weight = np.where(known, cv2.blur((~known).astype(np.float32), (FEATHER, FEATHER)), 1) * wide[place]
    before, smooth = (some[place].astype(np.float32).reshape(SIDE, SIDE, -1) for some in (result, picture))
    values = before + weight[..., None] * (smooth + share[..., None] * drawn - before)
    result[place] = fitted(values, result.dtype).reshape(result[place].shape)


def _fine_at(picture: Picture, place: Place) -> Floats:
    """What is fine in a place of a picture, (h, w, C)."""
    outer = grown(place, MARGIN, picture.shape)
    return fine(picture[outer])[counted_from(outer, place)]
