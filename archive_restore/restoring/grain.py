"""Grain for what the generator wrote, so that a repair in a grainy photograph does not show as a smooth patch.

The generator predicts what can be predicted; grain cannot. What is missing of it in a hole is drawn: as strong as in
the flat parts of the photograph around the hole, and of the same correlation and colour (a Gaussian field of the
same power spectrum: Galerne, Gousseau and Morel, Random Phase Textures, IEEE TIP 2011, doi:10.1109/TIP.2010.2052822).
Where the hole holds as much fine detail already, nothing is added.
"""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.random import Generator as Random
from numpy.typing import NDArray

Floats = NDArray[np.float32]

CELL = 128
"""px; the strength of the grain is measured anew in every square of this side that has a hole, and blended."""

RING = 32
"""px around a cell that tell how strong the grain is there."""

BLOCK = 8
"""px; side of the blocks whose variance is compared to find flat ones."""

PATCH = 32
"""px; side of the flat patches whose spectra are averaged."""

PATCHES = 24
"""At most so many patches tell the grain's spectrum."""

FIELD = 256
"""px; the field of grain repeats after that, which nobody sees in grain."""

SMOOTH = 3.0
"""px; standard deviation of the Gaussian that separates grain from what lies under it."""

FLAT = 0.3
"""Share of the blocks around a hole that are taken to be flat."""

FLAT_BIAS = 1.12
"""The flattest blocks' variance understates that of all, measured on fields of grain of 0.5 to 1.2 px."""

STRONGEST = 1.5
"""Grain around one hole is at most that much stronger than the photograph's own: what exceeds it is texture."""

LEAST = 0.4
"""Levels of 255; weaker grain than the rounding to 8 bits is none."""


def match_grain(
    pixels: NDArray[np.uint8], restored: NDArray[np.uint8], mask: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Draws the grain that the restored holes lack.

    Parameters
    ----------
    pixels : (H, W) or (H, W, 3) uint8, the photograph before; only what is outside the mask is read
    restored : like `pixels`, equal to it outside the mask
    mask : (H, W) bool, True = hole

    Returns
    -------
    Like `restored`, equal to it outside the mask; a function of its arguments alone.
    """
    cells = list(_cells(mask))
    if not cells:
        return restored.copy()
    strengths = {cell: _strength(pixels, mask, cell) for cell in cells}
    measured = [value for value in strengths.values() if value is not None]
    if not measured or np.median(measured) < LEAST:
        return restored.copy()
    usual = float(np.quantile(measured, 0.33))
    field = _field(pixels, mask, cells, np.random.default_rng(int(mask.sum())))
    if field is None:
        return restored.copy()
    plan = _blended(strengths, mask.shape, usual)
    grained = restored.copy()
    for row, column in cells:
        _add(grained, restored, mask, field, plan, row, column)
    return grained


def _cells(mask: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Row and column, in cells, of those that hold a hole."""
    for row in range(-(-mask.shape[0] // CELL)):
        strip: NDArray[np.bool_] = np.logical_or.reduce(mask[row * CELL : (row + 1) * CELL], axis=0)
        for column in range(-(-mask.shape[1] // CELL)):
            if strip[column * CELL : (column + 1) * CELL].any():
                yield row, column


def _around(shape: tuple[int, ...], cell: tuple[int, int], margin: int) -> tuple[slice, slice]:
    """A cell grown by `margin` px, inside the picture."""
    first = [max(0, index * CELL - margin) for index in cell]
    last = [min(side, (index + 1) * CELL + margin) for index, side in zip(cell, shape[:2], strict=True)]
    return slice(first[0], last[0]), slice(first[1], last[1])


def _fine(picture: NDArray[np.uint8], known: NDArray[np.bool_] | None = None) -> Floats:
    """What a Gaussian of `SMOOTH` px takes away, (h, w, C) float32; from `known` samples only, 0 elsewhere."""
    values = picture.astype(np.float32).reshape(*picture.shape[:2], -1)
    if known is None:
        return values - cv2.GaussianBlur(values, (0, 0), SMOOTH).reshape(values.shape)
    weight = known.astype(np.float32)[..., None]
    total = cv2.GaussianBlur(values * weight, (0, 0), SMOOTH).reshape(values.shape)
    share = cv2.GaussianBlur(weight, (0, 0), SMOOTH).reshape(weight.shape)
    return np.asarray((values - total / np.maximum(share, 1e-3)) * weight, np.float32)


def _energy(fine: Floats) -> Floats:
    """Mean square over the channels, (h, w)."""
    energy: Floats = np.square(fine).mean(axis=2)
    return energy


def _strength(pixels: NDArray[np.uint8], mask: NDArray[np.bool_], cell: tuple[int, int]) -> float | None:
    """Standard deviation of the grain in the flat parts around a cell, in levels; None if too little is known."""
    part = _around(mask.shape, cell, RING)
    known = ~mask[part]
    height, width = (side // BLOCK * BLOCK for side in known.shape)
    if not height or not width:
        return None

    def blocks(plane: NDArray[np.float32]) -> Floats:
        cut = plane[:height, :width].reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK)
        return np.asarray(cut.mean(axis=(1, 3)), np.float32)

    share = blocks(known.astype(np.float32))
    enough = share > 0.75
    if enough.sum() < 8:
        return None
    variance = blocks(_energy(_fine(pixels[part], known)))[enough] / share[enough]
    return FLAT_BIAS * float(np.sqrt(np.quantile(variance, FLAT)))


def _blended(strengths: dict[tuple[int, int], float | None], shape: tuple[int, ...], usual: float) -> Floats:
    """The strength at every cell's centre, (rows, columns), with the neighbours' where it is not known."""
    rows, columns = (-(-side // CELL) for side in shape[:2])
    total, weight = np.zeros((rows, columns), np.float32), np.zeros((rows, columns), np.float32)
    for cell, value in strengths.items():
        if value is not None:
            total[cell], weight[cell] = min(value, STRONGEST * usual), 1
    around = [cv2.blur(plane, (5, 5), borderType=cv2.BORDER_CONSTANT) for plane in (total, weight)]
    neighbours = np.where(around[1] > 0, around[0] / np.maximum(around[1], 1e-6), usual)
    return np.where(weight > 0, total, neighbours).astype(np.float32)


def _field(
    pixels: NDArray[np.uint8], mask: NDArray[np.bool_], cells: list[tuple[int, int]], random: Random
) -> Floats | None:
    """Grain of the photograph's spectrum and colour, (FIELD, FIELD, C) float32, periodic, of mean square 1 over the
    channels; None where no flat patch is known."""
    patches = _flat_patches(pixels, mask, cells)
    if not patches:
        return None
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
    spectrum = np.fft.fft2(np.fft.ifftshift(wide, axes=(0, 1)), axes=(0, 1)).real.clip(min=0)
    white = np.fft.fft2(random.normal(size=wide.shape), axes=(0, 1))
    field = np.fft.ifft2(white * np.sqrt(spectrum), axes=(0, 1)).real @ axes.T
    field -= field.mean(axis=(0, 1))
    return np.asarray(field / max(float(np.sqrt(np.square(field).mean())), 1e-6), np.float32)


def _flat_patches(
    pixels: NDArray[np.uint8], mask: NDArray[np.bool_], cells: list[tuple[int, int]]
) -> list[Floats]:
    """The flattest wholly known patches around some of the cells, (PATCH, PATCH, C) float32 each."""
    found: list[tuple[float, Floats]] = []
    for cell in cells[:: max(1, len(cells) // PATCHES)]:
        part = _around(mask.shape, cell, RING)
        known, fine = ~mask[part], _fine(pixels[part], ~mask[part])
        for top in range(0, known.shape[0] - PATCH + 1, PATCH):
            for left in range(0, known.shape[1] - PATCH + 1, PATCH):
                here = (slice(top, top + PATCH), slice(left, left + PATCH))
                if known[here].mean() > 0.95:
                    found.append((float(np.square(fine[here]).mean()), fine[here]))
    found.sort(key=lambda item: item[0])
    alive = [item for item in found if item[0] > LEAST**2]
    return [patch for _, patch in alive[: min(PATCHES, max(1, len(alive) // 3))]]


def _add(
    grained: NDArray[np.uint8],
    restored: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    field: Floats,
    plan: Floats,
    row: int,
    column: int,
) -> None:
    """Adds to one cell of `grained` what its holes lack."""
    margin = int(4 * SMOOTH)
    wide, cell = _around(mask.shape, (row, column), margin), _around(mask.shape, (row, column), 0)
    inner = tuple(slice(c.start - w.start, c.stop - w.start) for c, w in zip(cell, wide, strict=True))
    hole = mask[wide].astype(np.float32)
    present = cv2.blur(_energy(_fine(restored[wide])) * hole, (7, 7)) / np.maximum(
        cv2.blur(hole, (7, 7)), 1e-6
    )
    height, width = mask[cell].shape
    rows, columns = np.arange(cell[0].start, cell[0].stop), np.arange(cell[1].start, cell[1].stop)
    wanted = _between(plan, rows, columns)
    lacking = np.sqrt(np.maximum(np.square(wanted) - present[inner], 0)) * mask[cell]
    drawn = field[np.ix_(rows % FIELD, columns % FIELD)] * lacking[..., None]
    values = restored[cell].reshape(height, width, -1) + drawn
    grained[cell] = np.clip(np.rint(values), 0, 255).astype(np.uint8).reshape(restored[cell].shape)


def _between(plan: Floats, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Floats:
    """`plan`, known at the cells' centres, at these rows and columns of the picture: bilinear, (h, w)."""
    across, down = np.meshgrid((columns + 0.5) / CELL - 0.5, (rows + 0.5) / CELL - 0.5)
    where = (across.astype(np.float32), down.astype(np.float32))
    return np.asarray(cv2.remap(plan, *where, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)
