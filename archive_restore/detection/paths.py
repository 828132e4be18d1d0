"""The paths through the strips of a photograph along which something stands out: straight upright lines, also those
that are fainter than the grain.

The response is added up along them: strips say where something stands out from both of its sides (Newson et al.,
Robust Automatic Line Scratch Detection in Films, IEEE Transactions on Image Processing 23(3), 2014), and the path
through the strips that gathers most is found by dynamic programming.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.detection.filters import Floats, Grey

STRIP_PX = 8
"""Height of the strips; a line that leans by less than `STEEPEST` stays in its column there."""

WIDTHS = (1, 3)
"""px of the lines that are looked for."""

GAP_PX, BESIDE_PX = 1, 2
"""A line's blurred flank, which tells nothing, and what lies beside it."""

AROUND = (5, 61)
"""Strips and columns within which a response is compared with the usual one."""

LEAST_USUAL = 0.25
"""Grey levels; nothing is fainter than that."""

TOLL, BEND = 0.3, 1.0
"""What each strip and each column that a path moves aside cost it; a strip's response is at most 1."""

ENOUGH = 5.0
"""Response that a path gathers at least."""

MOST_PATHS = 96
"""Paths of one direction that are followed; where there are more, the photograph is full of lines."""

STEEPEST = 0.02
"""Columns that a line moves aside in a row."""

SHORTEST = 12
"""Strips."""

EDGE_PX = 4
"""Columns at the photograph's sides in which there is no line."""


@dataclass(frozen=True)
class Path:
    """One candidate: its first strip, its column (N,) in each strip from there on, whether it is light, and the
    response that it gathered."""

    first: int
    columns: NDArray[np.intp]
    light: bool
    gain: float

    @property
    def last(self) -> int:
        """The strip after it."""
        return self.first + len(self.columns)


def strips_of(luminance: Grey) -> Floats:
    """(h // STRIP_PX, w) means over the rows of each strip."""
    count, width = luminance.shape[0] // STRIP_PX, luminance.shape[1]
    rows = luminance[: count * STRIP_PX].reshape(count, STRIP_PX, width)
    return np.asarray(rows.sum(axis=1, dtype=np.uint16) / np.float32(STRIP_PX), np.float32)


def responses(strips: Floats) -> tuple[dict[bool, Floats], Floats]:
    """By light and dark, (n, w) in [-1, 1], how far each column of a strip stands out from both of its sides; and
    (n, w) the usual difference around it, grey levels."""
    found = {light: np.full(strips.shape, -1, np.float32) for light in (True, False)}
    usual = np.zeros_like(strips)
    for width in WIDTHS:
        body = cv2.blur(strips, (width, 1)) if width > 1 else strips
        beside = np.asarray(cv2.blur(strips, (BESIDE_PX, 1), anchor=(0, 0)), np.float32)
        away = width // 2 + GAP_PX
        left, right = _moved(beside, -away - BESIDE_PX), _moved(beside, away + 1)
        difference = body - (left + right) / 2
        here = cv2.blur(np.abs(difference), AROUND[::-1]) + np.float32(LEAST_USUAL)
        usual = here if width == WIDTHS[0] else np.maximum(usual, here)
        np.maximum(found[True], (body - np.maximum(left, right)) / here, out=found[True])
        np.maximum(found[False], (np.minimum(left, right) - body) / here, out=found[False])
    for response in found.values():
        np.clip(response, -1, 1, out=response)
        response[:, :EDGE_PX] = response[:, -EDGE_PX:] = -1
    return found, usual


def _moved(strips: Floats, by: int) -> Floats:
    """What is `by` columns to the right of each."""
    return np.roll(strips, -by, axis=1)


def paths(found: dict[bool, Floats]) -> list[Path]:
    """The paths from strip to strip that gather most of the responses (n, w), without what another one has, too."""
    # Light and dark side by side; nothing crosses the edges between them, whose responses are low.
    tolled = np.hstack(list(found.values())) - np.float32(TOLL)
    count, width = tolled.shape
    # A strip before the first one, and a column to each side, in which nothing is gathered.
    gathered = np.zeros((count + 1, width + 2), np.float32)
    aside = np.empty(width, np.float32)
    for before, after, toll in zip(gathered[:-1], gathered[1:, 1:-1], tolled, strict=True):
        np.maximum(before[:-2], before[2:], out=aside)
        aside -= np.float32(BEND)
        np.maximum(aside, before[1:-1], out=aside)
        aside += toll
        np.maximum(aside, 0, out=after)
    highest = cv2.dilate(gathered, np.ones((3, 7), np.uint8))
    rows, columns = np.nonzero((gathered >= ENOUGH) & (gathered >= highest))
    used = np.zeros(gathered.shape, bool)
    kept: list[Path] = []
    for i in np.argsort(-gathered[rows, columns], kind="stable")[:MOST_PATHS]:
        first, way, gain = _traced(gathered, used, int(rows[i]), int(columns[i]))
        upright = abs(int(way[0] - way[-1])) <= STEEPEST * STRIP_PX * len(way) + 1 if len(way) else False
        if gain >= ENOUGH and len(way) >= SHORTEST and upright:
            side, way = divmod(way - 1, width // len(found))
            kept.append(Path(first, way, list(found)[int(side[0])], gain))
    return kept


def _traced(
    gathered: Floats, used: NDArray[np.bool_], row: int, column: int
) -> tuple[int, NDArray[np.intp], float]:
    """The path that ends in a strip, back to where it began or meets another one: its first strip, its columns, and
    what it gathered on the way."""
    gain, way = float(gathered[row, column]), []
    while row > 0 and gathered[row, column] > 0 and not used[row, column]:
        way.append(column)
        used[row, max(column - 4, 0) : column + 5] = True
        row -= 1
        middle = gathered[row, column]
        left, right = gathered[row, column - 1] - BEND, gathered[row, column + 1] - BEND
        if left > middle and left >= right:
            column -= 1
        elif right > middle:
            column += 1
    gain -= float(gathered[row, column])
    return row, np.array(way[::-1], np.intp), gain


def straight(path: Path) -> tuple[NDArray[np.intp], Floats]:
    """The strips of a path, and the straight line through its columns."""
    number = np.arange(path.first, path.last)
    if len(number) < 2:
        return number, path.columns.astype(np.float32)
    slope, start = np.polyfit(number, path.columns, 1)
    return number, np.asarray(start + slope * number, np.float32)
