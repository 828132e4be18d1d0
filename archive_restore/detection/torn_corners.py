"""Torn corners: pieces missing at several corners of a print, through which the one ground behind it shows.

A single such piece is told from a dark coat or a bright window by its form (`corners.py`). Several need no form, and
need not lie in the very corner: few scenes have the same black or white hard edged in three corners and nowhere else
along their sides. Alike they are no damage, but a mount.
"""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.detection.corners import BLURRED_PX, neutral
from archive_restore.detection.filters import Grey, components, dilated, disc, luminance, square
from archive_restore.detection.planes import finest
from archive_restore.detection.soiled import soiled_rims

# Grey levels of black card and unlit lid, and of white paper and lid.
BLACK, WHITE = 40, 243
# A scan shows a strip of the lid beyond the print: grey levels of its median, and its breadth at most, share of a side.
STRIP_TONES, STRIP = (25, 215), 0.025
SHORTEST_SIDE_PX = 64
# px from the print's side from which a piece reaches it.
AT_SIDE_PX = 2
# How far from the corner a piece may reach along the sides, and how deep it is at least, shares of the short side.
REACH, DEPTH = 0.2, 0.014
# Its share of the print, at least and at most.
AREA = (0.0004, 0.04)
# The step at its rim, grey levels, the share of the rim that has it, and the spread of its tone.
STEP, STEP_SHARE, SPREAD = 45, 0.88, 10.0
# Corners that must lack something, and the share of the sides elsewhere that may have the ground's tone.
CORNERS, ELSEWHERE = 3, 0.03
# What is at least so light beside a piece, and no larger than this share of one, is paper that the tear bared.
BARE, BARE_SHARE = 215, 0.5
# Corners of a mount, laid upon each other, have this much in common of what either lacks.
ALIKE = 0.6

Mask = NDArray[np.bool_]


def torn_corners(picture: NDArray[np.uint8]) -> Mask:
    """(h, w) bool, True where three corners or more of a picture (h, w) or (h, w, 3), RGB, are torn off."""
    whole = luminance(picture)
    torn = np.zeros(whole.shape, bool)
    print_itself = _within_strip(whole)
    grey = np.ascontiguousarray(whole[print_itself])
    if min(grey.shape) < SHORTEST_SIDE_PX:
        return torn
    grey = np.asarray(cv2.medianBlur(grey, 3), np.uint8)
    sides = np.ones(grey.shape, bool)
    sides[AT_SIDE_PX:-AT_SIDE_PX, AT_SIDE_PX:-AT_SIDE_PX] = False
    for ground in (grey <= BLACK, grey >= WHITE):
        if _is_of_corners(ground & sides):
            pieces = _pieces_of(grey, ground & neutral(finest(picture))[print_itself], sides)
            torn[print_itself] |= pieces | _bared(grey, pieces)
    if not torn.any():
        return torn
    torn = dilated(torn.view(np.uint8), disc(2 * BLURRED_PX + 1)) > 0
    torn[print_itself] |= soiled_rims(picture[print_itself], torn[print_itself])
    return torn


def _within_strip(grey: Grey) -> tuple[slice, slice]:
    """Rows and columns of a scan without the strips of the lid along its sides."""

    def inside(lines: Grey) -> slice:
        most = max(1, round(STRIP * len(lines)))
        first, last = (_strip(side[:most]) for side in (lines, lines[::-1]))
        return slice(first, len(lines) - last)

    return inside(grey), inside(grey.T)


def _strip(lines: Grey) -> int:
    """How many lines from the first are the lid's, with the one in which it is blurred into the print."""
    dark, light = STRIP_TONES
    tones = np.median(lines, axis=1)
    ends = np.append((tones > dark) & (tones < light), True)
    count = int(ends.argmax())
    return count + 1 if count else 0


def _is_of_corners(ground: Mask) -> bool:
    """Whether a ground that shows along the sides does so near the corners: most pictures are done with this."""
    reach = int(REACH * min(ground.shape)) + 1
    near, far = slice(None, reach), slice(-reach, None)
    corners = [np.count_nonzero(ground[rows, columns]) for rows in (near, far) for columns in (near, far)]
    elsewhere = np.count_nonzero(ground) - sum(corners)
    return bool(np.count_nonzero(corners) >= CORNERS and elsewhere <= ELSEWHERE * _around(ground.shape))


def _around(shape: tuple[int, ...]) -> int:
    """px along the sides of a picture, `AT_SIDE_PX` deep."""
    return 2 * AT_SIDE_PX * (shape[0] + shape[1] - 2 * AT_SIDE_PX)


def _pieces_of(grey: Grey, ground: Mask, sides: Mask) -> Mask:
    """The missing pieces through which a `ground` (h, w) shows; none if it shows in few corners, or elsewhere along the
    `sides` (h, w), too."""
    labels, boxes = components(ground.view(np.uint8))
    lacking: dict[int, Mask] = {}  # by corner
    for label in np.unique(labels[sides & ground]).tolist():
        if AREA[0] <= boxes[label, cv2.CC_STAT_AREA] / ground.size <= AREA[1]:
            piece = labels == label
            corner = _corner_of(piece & sides)
            if corner is not None and _is_hole(grey, piece):
                lacking[corner] = lacking.get(corner, False) | piece
    every: Mask = np.logical_or.reduce([np.zeros_like(ground), *lacking.values()])
    beside = dilated(every.view(np.uint8), square(2 * AT_SIDE_PX + 3)) > 0
    elsewhere = np.count_nonzero(ground & sides & ~beside)
    if len(lacking) < CORNERS or elsewhere > ELSEWHERE * _around(ground.shape) or _alike(lacking):
        return np.zeros_like(ground)
    return every


def _corner_of(reached: Mask) -> int | None:
    """The corner near which all lies that a piece reaches of the sides, numbered row by row; None if there is none."""
    height, width = reached.shape
    rows, columns = np.nonzero(reached)
    reach = REACH * min(height, width)
    for number, (top, left) in enumerate(_corners(height, width)):
        if max(np.abs(rows - top).max(), np.abs(columns - left).max()) <= reach:
            return number
    return None


def _corners(height: int, width: int) -> Iterator[tuple[int, int]]:
    for top in (0, height - 1):
        for left in (0, width - 1):
            yield top, left


def _is_hole(grey: Grey, piece: Mask) -> bool:
    """Whether a piece is deep, even, and hard edged."""
    flat = piece.view(np.uint8)
    # The picture's border is no rim.
    deepest = float(cv2.distanceTransform(np.pad(flat, 1, mode="edge"), cv2.DIST_L2, 3).max())
    inside = grey[piece]
    rim = grey[dilated(flat, square(7)) > dilated(flat, square(5))].astype(np.int16)
    steps = np.abs(rim - int(np.median(inside)))
    hard = bool(len(steps)) and float(np.mean(steps >= STEP)) >= STEP_SHARE
    return hard and float(inside.std()) <= SPREAD and deepest >= DEPTH * min(grey.shape)


def _alike(lacking: dict[int, Mask]) -> bool:
    """Whether a corner lacks the same as two others, as those of a mount do."""
    turned = [
        piece[:: -1 if corner > 1 else 1, :: -1 if corner % 2 else 1] for corner, piece in lacking.items()
    ]
    common = [
        [np.count_nonzero(one & other) > ALIKE * np.count_nonzero(one | other) for other in turned]
        for one in turned
    ]
    return bool(np.sum(common, axis=1).max() >= CORNERS)  # with itself


def _bared(grey: Grey, pieces: Mask) -> Mask:
    """The paper that shows beside missing pieces, where the picture's layer was torn off with them."""
    labels, boxes = components((grey >= BARE).view(np.uint8))
    beside = np.unique(labels[dilated(pieces.view(np.uint8), square(2 * BLURRED_PX + 1)) > 0])
    most = BARE_SHARE * np.count_nonzero(pieces) / CORNERS
    bare = [label for label in beside.tolist() if label and boxes[label, cv2.CC_STAT_AREA] <= most]
    return np.isin(labels, bare)
