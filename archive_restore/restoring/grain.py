"""Grain for what the generator wrote, so that a repair in a grainy photograph does not show as a smooth patch.

The generator predicts what can be predicted; grain cannot. What is missing of it in a hole is drawn: as strong as in
the flat parts of the photograph around the hole, and of the same correlation and colour (a Gaussian field of the
same power spectrum: Galerne, Gousseau and Morel, Random Phase Textures, IEEE TIP 2011, doi:10.1109/TIP.2010.2052822).
Where the hole holds as much fine detail already, nothing is added; nor is there more than on the smoothest thing right
beside it, for what is rough around may be leaves.
"""

from collections.abc import Container, Iterator

import cv2
import numpy as np
from numpy.random import Generator as Random
from numpy.typing import NDArray

from archive_restore.restoring.fine_detail import MARGIN, Floats, energy_of, fine
from archive_restore.restoring.fractions import Sample, fitted
from archive_restore.restoring.grain_strength import CEILING, means, strength_around, strength_beside
from archive_restore.restoring.places import Place, box_of, counted_from, grown

Patch = tuple[float, Floats]
"""Mean square over the channels, and (PATCH, PATCH, C) of grain."""

CELL = 128
"""px; the strength of the grain is measured anew in every square of this side that has a hole, and blended."""

FEW = 64
"""Cells; where more have a hole, only those are measured that touch no other: a third of them tell as much."""

RING = 32
"""px around a cell that tell how strong the grain is there."""

PATCH = 32
"""px; side of the flat patches whose spectra are averaged."""

PATCHES = 24
"""At most so many patches tell the grain's spectrum."""

PATCHES_EACH = 12
"""At most so many from around one cell."""

FIELD = 256
"""px; the field of grain repeats after that, which nobody sees in grain."""

STRONGEST = 1.5
"""Grain around one hole is at most that much stronger than the photograph's own: what exceeds it is texture."""

COLOUR = 0.75
"""The grain's deviation in colour is at most that much of its deviation in lightness: film reaches 0.7, leaves more."""

LEAST = 0.4
"""Levels of 255; weaker grain than the rounding to 8 bits is none."""

LEAST_DEEP = 0.05
"""The same where samples have fractions: weaker grain stays below `LEAST` in shadows that are lifted by three stops."""


def match_grain(
    pixels: NDArray[Sample], restored: NDArray[Sample], mask: NDArray[np.bool_]
) -> NDArray[Sample]:
    """Draws the grain that the restored holes lack.

    Parameters
    ----------
    pixels : (H, W) or (H, W, 3), uint8 or float32 of 0 to 255, the photograph before; only what is outside the
        mask is read
    restored : like `pixels`, equal to it outside the mask
    mask : (H, W) bool, True = hole

    Returns
    -------
    Like `restored`, equal to it outside the mask; a function of its arguments alone.
    """
    cells = list(_cells(mask))
    if not cells:
        return restored.copy()
    strengths: dict[tuple[int, int], float] = {}
    patches: list[Patch] = []
    least = LEAST if restored.dtype == np.uint8 else LEAST_DEEP
    for cell in cells:
        if len(cells) <= FEW or not _beside(cell, strengths):
            part = grown(_square(cell), RING, mask.shape)
            known = ~mask[part]
            detail = fine(pixels[part], known)
            energy = energy_of(detail)
            strength = strength_around(energy, known)
            if strength is not None:
                strengths[cell] = strength
            patches += _patches(detail, energy, known, least)
    measured = list(strengths.values())
    if not measured or np.median(measured) < least:
        return restored.copy()
    usual = float(np.quantile(measured, 0.33))
    flat = _flattest(patches)
    if not flat:
        return restored.copy()
    field = _field(flat, np.random.default_rng(int(mask.sum())))
    plan = _blended(strengths, mask.shape, usual)
    grained = restored.copy()
    for cell in cells:
        _add(grained, restored, mask, field, plan, cell)
    return grained


def _cells(mask: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Row and column, in cells, of those that hold a hole."""
    starts = np.arange(0, mask.shape[1], CELL)
    for row in range(-(-mask.shape[0] // CELL)):
        strip = np.logical_or.reduce(mask[row * CELL : (row + 1) * CELL], axis=0)
        for column in np.flatnonzero(np.logical_or.reduceat(strip, starts)).tolist():
            yield row, column


def _beside(cell: tuple[int, int], others: Container[tuple[int, int]]) -> bool:
    """Whether a cell touches one of others, all of which come before it."""
    row, column = cell
    before = [(row - 1, column - 1), (row - 1, column), (row - 1, column + 1), (row, column - 1)]
    return any(one in others for one in before)


def _square(cell: tuple[int, int]) -> Place:
    """The rows and columns of a cell, beyond the picture's edge too."""
    row, column = (index * CELL for index in cell)
    return slice(row, row + CELL), slice(column, column + CELL)


def _blended(strengths: dict[tuple[int, int], float], shape: tuple[int, ...], usual: float) -> Floats:
    """The strength at every cell's centre, (rows, columns), with the neighbours' where it was not measured."""
    rows, columns = (-(-side // CELL) for side in shape[:2])
    total, weight = np.zeros((rows, columns), np.float32), np.zeros((rows, columns), np.float32)
    for cell, value in strengths.items():
        total[cell], weight[cell] = min(value, STRONGEST * usual, CEILING), 1
    around = [cv2.blur(plane, (5, 5), borderType=cv2.BORDER_CONSTANT) for plane in (total, weight)]
    neighbours = np.where(around[1] > 0, around[0] / np.maximum(around[1], 1e-6), min(usual, CEILING))
    return np.where(weight > 0, total, neighbours).astype(np.float32)


def _field(patches: list[Floats], random: Random) -> Floats:
    """Grain of these patches' spectrum and colour, (FIELD, FIELD, C) float32, periodic, of mean square 1 over the
    channels."""
    samples = np.concatenate([patch.reshape(-1, patch.shape[2]) for patch in patches])
    _, axes = np.linalg.eigh(np.atleast_2d(np.cov(samples, rowvar=False)))
    taper = np.outer(np.hanning(PATCH), np.hanning(PATCH))[..., None]
    rotated = np.stack(patches) @ axes
    power = np.mean(np.abs(np.fft.fft2(rotated * taper, axes=(1, 2))) ** 2, axis=0)
    # Many short spectra, averaged and made finer, are the field's: its correlation is as short as they are.
    correlation = np.fft.fftshift(np.fft.ifft2(power, axes=(0, 1)).real, axes=(0, 1))
    wide = np.zeros((FIELD, FIELD, power.shape[2]))
    begin = (FIELD - PATCH) // 2
    wide[begin : begin + PATCH, begin : begin + PATCH] = correlation
    spectrum = np.fft.rfft2(np.fft.ifftshift(wide, axes=(0, 1)), axes=(0, 1)).real.clip(min=0)
    white = np.fft.rfft2(random.normal(size=wide.shape), axes=(0, 1))
    field = np.fft.irfft2(white * np.sqrt(spectrum), s=(FIELD, FIELD), axes=(0, 1)) @ axes.T
    field -= field.mean(axis=(0, 1))
    lightness = field.mean(axis=2, keepdims=True)
    colour = field - lightness
    deviation = max(float(np.sqrt(np.square(colour).mean())), 1e-6)
    field = lightness + colour * min(1.0, COLOUR * float(lightness.std()) / deviation)
    return np.asarray(field / max(float(np.sqrt(np.square(field).mean())), 1e-6), np.float32)


def _patches(detail: Floats, energy: Floats, known: NDArray[np.bool_], least: float) -> list[Patch]:
    """The flattest wholly known patches of what surrounds a cell."""
    if min(known.shape) < PATCH:
        return []
    whole = np.argwhere(means(known.astype(np.float32), PATCH) > 0.95)
    flatness = means(energy, PATCH)
    alive = [(float(flatness[row, column]), row, column) for row, column in whole.tolist()]
    flattest = sorted(item for item in alive if item[0] > least**2)[: max(1, len(alive) // 3)]
    return [
        (strength, detail[row * PATCH :, column * PATCH :][:PATCH, :PATCH].copy())
        for strength, row, column in flattest[:PATCHES_EACH]
    ]


def _flattest(patches: list[Patch]) -> list[Floats]:
    """Those that show the grain alone, (PATCH, PATCH, C) float32 each."""
    return [patch for _, patch in sorted(patches, key=lambda item: item[0])[:PATCHES]]


def _add(
    grained: NDArray[Sample],
    restored: NDArray[Sample],
    mask: NDArray[np.bool_],
    field: Floats,
    plan: Floats,
    cell: tuple[int, int],
) -> None:
    """Adds to one cell of `grained` what its holes lack."""
    square = _square(cell)
    held = box_of(mask[square])
    rows, columns = (
        slice(side.start + one.start, side.start + one.stop) for side, one in zip(square, held, strict=True)
    )
    place = rows, columns
    wide = grown(place, MARGIN, mask.shape)
    inner = counted_from(wide, place)
    hole = mask[wide].astype(np.float32)
    energy = energy_of(fine(restored[wide]))
    present = cv2.blur(energy * hole, (7, 7)) / np.maximum(cv2.blur(hole, (7, 7)), 1e-6)
    height, width = mask[place].shape
    down, across = np.arange(rows.start, rows.stop), np.arange(columns.start, columns.stop)
    wanted = np.minimum(_between(plan, down, across), strength_beside(energy, hole, MARGIN)[inner])
    lacking = np.sqrt(np.maximum(np.square(wanted) - present[inner], 0)) * mask[place]
    drawn = field[np.ix_(down % FIELD, across % FIELD)] * lacking[..., None]
    values = restored[place].reshape(height, width, -1) + drawn
    grained[place] = fitted(values, restored.dtype).reshape(restored[place].shape)


def _between(plan: Floats, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Floats:
    """`plan`, known at the cells' centres, at these rows and columns of the picture: bilinear, (h, w)."""
    across, down = np.meshgrid((columns + 0.5) / CELL - 0.5, (rows + 0.5) / CELL - 0.5)
    where = (across.astype(np.float32), down.astype(np.float32))
    return np.asarray(cv2.remap(plan, *where, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)
