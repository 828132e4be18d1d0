"""Windows: which rectangles of a photograph the network sees, and how what it wrote comes together again.

Pure geometry and arrays; no network here.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from archive_restore.restoring.fractions import Sample, fitted

CELL = 8
"""px; holes are counted and windows are placed in squares of this side, so that a large photograph takes
milliseconds. One of half the side saves 3 % of the windows' area over scratches."""

EAGERNESS = 0.85
"""Windows are chosen that hold the most holes by their area to this power: below 1, a larger window may hold a few
less a pixel, which leaves fewer remnants to others. Over scratches 1 takes 1 % more area, 0.7 takes as much."""

Shape = tuple[int, int]
"""Height and width, px."""

Places = NDArray[np.intp]


@dataclass(frozen=True)
class Window:
    """A rectangle of a picture, px."""

    top: int
    left: int
    height: int
    width: int

    @property
    def shape(self) -> Shape:
        return self.height, self.width

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, to index a picture with."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)


class _Axis(NamedTuple):
    """One direction of a picture, in which windows have their place, their context and their cells."""

    length: int  # of the picture, px
    context: int  # px
    cell: int  # px

    @property
    def cells(self) -> int:
        return -(-self.length // self.cell)

    def served(self, start: Places, side: int) -> tuple[Places, Places]:
        """The first cell that has its context in a window, and the one after the last. The picture's border needs
        none."""
        end = start + side
        first = np.where(start > 0, -(-(start + self.context) // self.cell), 0)
        return first, np.where(end == self.length, self.cells, (end - self.context) // self.cell)

    def choices(self, side: int) -> tuple[Places, Places]:
        """`served` by the window that begins as late as it can to serve a cell, for every cell."""
        latest = np.arange(self.cells) * self.cell - self.context
        return self.served(np.clip(latest, 0, self.length - side), side)

    def centred(self, cells: slice, side: int) -> int:
        """Where a window begins that serves these cells, in the middle of the places that do."""
        first, end = cells.start * self.cell, min(cells.stop * self.cell, self.length)
        farthest = self.length - side
        lowest = farthest if end > self.length - self.context else max(0, end + self.context - side)
        highest = 0 if first < self.context else min(first - self.context, farthest)
        return (lowest + highest) // 2


def cover(mask: NDArray[np.bool_], *, size: int, context: int, halves: bool = True) -> list[Window]:
    """Windows of little area in which every hole pixel has its context.

    Each hole pixel lies at least `context` px away from every edge of some window, except from edges that
    are the picture's own border. A window's sides are `size` or half of it, so that a thin scratch does not take
    squares. Windows are placed greedily: the topmost pixel that is not served yet gets the one that serves the
    most holes for its area, and that is centred on them as far as they leave room.

    Parameters
    ----------
    mask : (H, W) bool, True = hole; H and W at least `size` (pad smaller pictures first)
    size : longest side of a window, px
    context : margin around a hole pixel, px, less than half of `size`
    halves : sides may be half of `size`

    Returns
    -------
    Windows inside the picture, from top to bottom.
    """
    height, width = mask.shape
    if min(height, width) < size:
        raise ValueError(f"a picture of {width} x {height} px has no window of {size} px; pad it first")
    if not 0 <= 2 * context < size:
        raise ValueError(f"a context of {context} px leaves nothing of a window of {size} px")
    cell = min(CELL, size - 2 * context)
    sides = [size] if not halves or size // 2 - 2 * context < cell else [size, size // 2]
    down, across = _Axis(height, context, cell), _Axis(width, context, cell)
    rows_of, columns_of = ({side: axis.choices(side) for side in sides} for axis in (down, across))
    left = _counted(mask, cell)  # holes of each cell that no window serves yet
    windows: list[Window] = []
    for row in np.flatnonzero(left.any(axis=1)).tolist():
        while (columns := np.flatnonzero(left[row])).size:
            held, shape = _best(left, row, int(columns[0]), rows_of, columns_of)
            window = Window(down.centred(held[0], shape[0]), across.centred(held[1], shape[1]), *shape)
            windows.append(window)
            left[_served(down, window.top, shape[0]), _served(across, window.left, shape[1])] = 0
    return windows


def _served(axis: _Axis, start: int, side: int) -> slice:
    first, end = axis.served(np.array(start), side)
    return slice(int(first), int(end))


def _counted(mask: NDArray[np.bool_], cell: int) -> NDArray[np.int64]:
    """Hole pixels in each cell; those at the right and lower border may be cut off."""
    rows, columns = (-(-side // cell) for side in mask.shape)
    down, across = np.divmod(np.flatnonzero(mask), mask.shape[1])
    counts = np.bincount(down // cell * columns + across // cell, minlength=rows * columns)
    return counts.reshape(rows, columns)


def _best(
    left: NDArray[np.int64],
    row: int,
    column: int,
    rows_of: dict[int, tuple[Places, Places]],
    columns_of: dict[int, tuple[Places, Places]],
) -> tuple[tuple[slice, slice], Shape]:
    """What a window shall hold that serves a cell, and with it the most for its area, and its shape.

    All cells above `row` are served. `rows_of` and `columns_of` are the `choices` of each side.
    """
    deepest = max(int(ends[row]) for _, ends in rows_of.values())
    widest = max(int((ends - np.arange(len(ends))).max()) for _, ends in columns_of.values())
    begin = max(0, column - widest)
    near = left[row:deepest, begin : column + widest]
    sums = np.zeros((near.shape[0] + 1, near.shape[1] + 1), np.int64)
    near.cumsum(axis=0).cumsum(axis=1, out=sums[1:, 1:])
    most, rows, columns, shape = -1.0, slice(0), slice(0), (0, 0)
    for height, width in product(rows_of, columns_of):
        end = int(rows_of[height][1][row])
        firsts, ends = (places[begin : column + 1] for places in columns_of[width])
        serving = np.flatnonzero((firsts <= column) & (ends > column) & (firsts >= begin))
        sums_there = sums[end - row]
        values = sums_there[ends[serving] - begin] - sums_there[firsts[serving] - begin]
        best = int(values.argmax())
        value = values[best] / (height * width) ** EAGERNESS
        if value > most:
            chosen = serving[best]
            most, rows, columns = value, slice(row, end), slice(int(firsts[chosen]), int(ends[chosen]))
            shape = (height, width)
    held = np.asarray(left[rows, columns] > 0, np.bool_)
    return (_within(rows, held.sum(axis=1)), _within(columns, held.sum(axis=0))), shape


def _within(cells: slice, held: NDArray[np.int64]) -> slice:
    """The part of a run of cells from the first that holds anything to the last."""
    places = np.flatnonzero(held)
    return slice(cells.start + int(places[0]), cells.start + int(places[-1]) + 1)


@lru_cache(maxsize=16)
def blend_weights(shape: Shape) -> NDArray[np.float32]:
    """The Hann window, (H, W) float32, sampled at pixel centres so that no weight is 0."""
    down, across = (np.sin(np.pi * (np.arange(side) + 0.5) / side) ** 2 for side in shape)
    weights = np.outer(down, across).astype(np.float32)
    weights.flags.writeable = False
    return weights


class Canvas:
    """Collects what was written into the windows of one picture; overlaps are blended.

    It keeps sums for the hole pixels alone, so its memory follows the damage and not the photograph.

    Parameters
    ----------
    mask : (H, W) bool, the pixels to be written
    channels : samples of a pixel, 1 or 3
    """

    def __init__(self, mask: NDArray[np.bool_], *, channels: int) -> None:
        self._mask = mask
        self._positions = np.flatnonzero(mask)
        self._sums = np.zeros((self._positions.size, channels), np.float32)
        self._weights = np.zeros((self._positions.size, 1), np.float32)

    def add(self, window: Window, values: NDArray[np.float32]) -> None:
        """Takes what was written into `window`: (H, W, channels) float32, 0 to 255."""
        rows, columns = np.nonzero(self._mask[window.slices])
        flat = (rows + window.top) * self._mask.shape[1] + columns + window.left
        holes = np.searchsorted(self._positions, flat)
        weights = blend_weights(window.shape)[rows, columns][:, None]
        self._sums[holes] += weights * values[rows, columns]
        self._weights[holes] += weights

    def composite(self, pixels: NDArray[Sample]) -> NDArray[Sample]:
        """`pixels` with the holes written, (H, W) or (H, W, 3), equal to it everywhere else.

        Raises
        ------
        ValueError
            Some hole pixel lies in no window that was added.
        """
        if (self._weights == 0).any():
            raise ValueError("some hole pixels were never written")
        composed = np.ascontiguousarray(pixels).copy()
        samples = fitted(self._sums / self._weights, pixels.dtype)
        composed.reshape(-1, self._sums.shape[1])[self._positions] = samples
        return composed
