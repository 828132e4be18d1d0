"""Contact sheets: the same place of several pictures side by side, at 1:1, so that a person can judge a repair."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from tests.benchmarks.pictures import Mask, Picture, write_picture

Place = tuple[slice, slice]
"""Rows and columns."""

CELL = 260
"""px; side of a cell, at 1:1."""

GAP = 2
"""px between cells."""

ROWS_A_PAGE = 6

LABEL = (255, 255, 0)


def most_damaged(mask: Mask, count: int = 1) -> list[Place]:
    """Up to `count` squares of `CELL` px (less in a smaller picture) with the most damage, worst first; none twice."""
    side = min(CELL, *mask.shape)
    left_over = mask.astype(np.float32)
    places: list[Place] = []
    while len(places) < count and left_over.any():
        density = cv2.boxFilter(left_over, -1, (side, side), borderType=cv2.BORDER_CONSTANT)
        row, column = np.unravel_index(int(density.argmax()), mask.shape)
        top = int(np.clip(row - side // 2, 0, mask.shape[0] - side))
        left = int(np.clip(column - side // 2, 0, mask.shape[1] - side))
        place = (slice(top, top + side), slice(left, left + side))
        places.append(place)
        left_over[place] = 0
    return places


def strip(name: str, cells: Mapping[str, Picture], place: Place) -> Picture:
    """One row of a sheet: `place` of each picture (RGB or grey) with its label; `name` in the first."""
    row = []
    for label, picture in cells.items():
        part = picture[place]
        canvas = np.zeros((CELL + GAP, CELL + GAP, 3), np.uint8)
        canvas[: part.shape[0], : part.shape[1]] = part if part.ndim == 3 else part[..., None]
        write(canvas, label, CELL - 6)
        row.append(canvas)
    write(row[0], name, 14)
    return np.hstack(row)


def write(canvas: Picture, text: str, baseline: int) -> None:
    """Yellow with a black shadow, so that it can be read on any photograph."""
    for offset, colour in ((1, (0, 0, 0)), (0, LABEL)):
        at = (4 + offset, baseline + offset)
        cv2.putText(canvas, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.42, colour, 1, cv2.LINE_AA)


def save(strips: Sequence[Picture], folder: Path, name: str) -> list[Path]:
    """Writes the strips as `folder`/`name`-NN.png, `ROWS_A_PAGE` each. Returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for first in range(0, len(strips), ROWS_A_PAGE):
        files.append(folder / f"{name}-{first // ROWS_A_PAGE:02d}.png")
        write_picture(files[-1], np.vstack(strips[first : first + ROWS_A_PAGE]))
    return files
