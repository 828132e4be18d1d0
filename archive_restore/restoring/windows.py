"""Windows: which squares of a photograph the network sees, and how what it wrote comes together again.

Pure geometry and arrays; no network here.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Window:
    """A square of a picture, px."""

    top: int
    left: int
    size: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, to index a picture with."""
        return slice(self.top, self.top + self.size), slice(self.left, self.left + self.size)


def cover(mask: NDArray[np.bool_], *, size: int, context: int) -> list[Window]:
    """Few windows in which every hole pixel has its context.

    Each hole pixel lies at least `context` px away from every edge of some window, except from edges that
    are the picture's own border. Windows are placed greedily: the topmost uncovered pixel begins a band, the
    band is swept from left to right, and each window is centred on the pixels that it was opened for, as far
    as they leave room.

    Parameters
    ----------
    mask : (H, W) bool, True = hole; H and W at least `size` (pad smaller pictures first)
    size : side of a window, px
    context : margin around a hole pixel, px, less than half of `size`

    Returns
    -------
    Windows inside the picture, from top to bottom.
    """
    height, width = mask.shape
    if min(height, width) < size:
        raise ValueError(f"a picture of {width} x {height} px has no window of {size} px; pad it first")
    if not 0 <= 2 * context < size:
        raise ValueError(f"a context of {context} px leaves nothing of a window of {size} px")
    remaining = mask.copy()
    windows: list[Window] = []
    for row in np.flatnonzero(mask.any(axis=1)).tolist():
        band = remaining[row : _reach(row, height, size, context)]
        columns = np.flatnonzero(band.any(axis=0)) if band[0].any() else np.empty(0, np.intp)
        while columns.size:
            column = int(columns[0])
            group = band[:, column : _reach(column, width, size, context)]
            rows, group_columns = np.flatnonzero(group.any(axis=1)), np.flatnonzero(group.any(axis=0))
            window = Window(
                _placed(row + int(rows[0]), row + int(rows[-1]) + 1, height, size, context),
                _placed(column, column + int(group_columns[-1]) + 1, width, size, context),
                size,
            )
            windows.append(window)
            covered = _core(window.left, width, size, context)
            remaining[_core(window.top, height, size, context), covered] = False
            columns = columns[columns >= covered.stop]
            columns = columns[band[:, columns].any(axis=0)]
    return windows


def _reach(first: int, length: int, size: int, context: int) -> int:
    """End of the longest run beginning at pixel `first` that one window can hold with its context."""
    if first < context:
        return length if size == length else size - context
    start = min(first - context, length - size)
    return length if start == length - size else start + size - context


def _placed(first: int, end: int, length: int, size: int, context: int) -> int:
    """Where a window begins that holds the run [first, end), in the middle of the places that do."""
    lowest = length - size if end > length - context else max(0, end + context - size)
    highest = 0 if first < context else min(first - context, length - size)
    return (lowest + highest) // 2


def _core(start: int, length: int, size: int, context: int) -> slice:
    """The pixels of a window that have their context."""
    first = start + context if start > 0 else 0
    end = start + size - context if start + size < length else length
    return slice(first, end)


def blend_weights(size: int) -> NDArray[np.float32]:
    """The Hann window, (size, size) float32, sampled at pixel centres so that no weight is 0."""
    line = np.sin(np.pi * (np.arange(size) + 0.5) / size) ** 2
    return np.outer(line, line).astype(np.float32)


class Canvas:
    """Collects what was written into the windows of one picture; overlaps are blended.

    It keeps sums for the hole pixels alone, so its memory follows the damage and not the photograph.

    Parameters
    ----------
    mask : (H, W) bool, the pixels to be written
    channels : samples of a pixel, 1 or 3
    size : side of the windows, px
    """

    def __init__(self, mask: NDArray[np.bool_], *, channels: int, size: int) -> None:
        self._mask = mask
        self._positions = np.flatnonzero(mask)
        self._sums = np.zeros((self._positions.size, channels), np.float32)
        self._weights = np.zeros((self._positions.size, 1), np.float32)
        self._blend = blend_weights(size)

    def add(self, window: Window, values: NDArray[np.float32]) -> None:
        """Takes what was written into `window`: (size, size, channels) float32, 0 to 255."""
        rows, columns = np.nonzero(self._mask[window.slices])
        flat = (rows + window.top) * self._mask.shape[1] + columns + window.left
        holes = np.searchsorted(self._positions, flat)
        weights = self._blend[rows, columns][:, None]
        self._sums[holes] += weights * values[rows, columns]
        self._weights[holes] += weights

    def composite(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """`pixels` with the holes written, (H, W) or (H, W, 3) uint8, equal to it everywhere else.

        Raises
        ------
        ValueError
            Some hole pixel lies in no window that was added.
        """
        if (self._weights == 0).any():
            raise ValueError("some hole pixels were never written")
        composed = np.ascontiguousarray(pixels).copy()
        samples = np.clip(np.rint(self._sums / self._weights), 0, 255).astype(np.uint8)
        composed.reshape(-1, self._sums.shape[1])[self._positions] = samples
        return composed
