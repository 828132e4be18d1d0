"""Lines that go on: the rest of a scratch, a hair or a crack of which a part is sure.

Where it crosses what is as light as it is, or grows fainter, a segmenter believes in it little, yet along a narrow
ridge more than beside it. Such a ridge is damage where it goes on from sure damage in its direction, in a print that
has suffered. In one that shows little sure damage nothing goes on, or what is falsely called would.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.detection.filters import Floats, Grey, components, dilated, square
from archive_restore.detection.masks import ScoreMap
from archive_restore.detection.suspects import KNOWN, LOWEST, STEPS, SURE, in_steps

# Score, in 255ths, of what went on.
GONE_ON = 190
# Share of a print that must be sure damage.
SUFFERED = 0.004
# Logarithms of odds: how far a ridge stands out, each of its pixels and their mean, and the least that it has.
PROMINENT, MEAN_PROMINENT, LEAST = 2.0, 2.5, -4.0
# px: what is broader than the first is no ridge; a ridge's length and mean breadth.
RIDGE_PX, LENGTH_PX, BREADTH_PX = 9, 15.0, 5.0
# px, sides of squares: what is so near to sure damage is its rim, and how near a ridge must come.
RIM_PX, NEAR_PX = 3, 9
# How far from where they meet, px, directions are told; how much longer than broad both must be there; and the cosine
# of the angle between them.
SIGHT_PX, SLENDER, ALONG = 25, 1.5, float(np.cos(np.radians(30)))
# Times that what went on is looked for what goes on from it.
ROUNDS = 3

Mask = NDArray[np.bool_]
Place = NDArray[np.float64]
"""Row and column."""


@dataclass(frozen=True)
class Ridge:
    """What stands out narrowly from the odds around it: rows and columns with what is in sight of it, which of these
    pixels it is, (h, w), and which lie between it and the sure damage that it touches."""

    window: tuple[slice, slice]
    own: Mask
    joint: Mask


def go_on(score_map: ScoreMap, odds: Floats) -> bool:
    """Adds to a score map (h, w), in place, what goes on from its sure damage, with the kind of that.

    Parameters
    ----------
    odds : (h, w), logarithms, as the segmenter has them

    Returns
    -------
    Whether anything does.
    """
    sure = score_map.scores >= SURE
    if np.count_nonzero(sure) < SUFFERED * sure.size:
        return False
    waiting = list(_ridges(odds, score_map.scores, sure))
    count = len(waiting)
    for _ in range(ROUNDS):
        near = dilated(sure.view(np.uint8), square(NEAR_PX)) > 0
        left = []
        for ridge in waiting:
            kind = _continued(ridge, near, sure, score_map.kinds)
            if kind is None:
                left.append(ridge)
                continue
            for plane, value in ((score_map.scores, GONE_ON), (score_map.kinds, kind), (sure, True)):
                plane[ridge.window][ridge.own | ridge.joint] = value
        if len(left) == len(waiting):
            break
        waiting = left
    return len(waiting) < count


def _ridges(odds: Floats, scores: Grey, sure: Mask) -> Iterator[Ridge]:
    """Those that are lines."""
    steps = in_steps(odds)  # of which OpenCV's filters take sixteen at a time
    top_hat = cv2.morphologyEx(steps, cv2.MORPH_TOPHAT, square(RIDGE_PX))
    rim = dilated(sure.view(np.uint8), square(RIM_PX)) > 0
    standing_out = (top_hat >= PROMINENT * STEPS) & (steps >= (LEAST - LOWEST) * STEPS) & (scores < KNOWN)
    labels, boxes = components((standing_out & ~rim).view(np.uint8))
    for label, (left, top, width, height, area) in enumerate(boxes.tolist()):
        length = float(np.hypot(width, height))
        if label == 0 or length < LENGTH_PX or area > BREADTH_PX * length:
            continue
        window = (
            slice(max(0, top - SIGHT_PX), top + height + SIGHT_PX),
            slice(max(0, left - SIGHT_PX), left + width + SIGHT_PX),
        )
        own = labels[window] == label
        if top_hat[window][own].mean() >= MEAN_PROMINENT * STEPS:
            beside = dilated(own.view(np.uint8), square(RIM_PX)) > 0
            yield Ridge(window, own, beside & (standing_out & rim)[window])


def _continued(ridge: Ridge, near: Mask, sure: Mask, kinds: Grey) -> int | None:
    """The kind of the sure damage that a ridge goes on from in its direction; None if there is none."""
    near, sure = near[ridge.window], sure[ridge.window]
    for place in _meetings(ridge.own & near):
        in_sight = _in_sight(sure.shape, place)
        seen = sure & in_sight
        (own_way, own_slender), (way, slender) = _way(ridge.own & in_sight), _way(seen)
        if min(own_slender, slender) >= SLENDER and abs(float(own_way @ way)) >= ALONG:
            return int(np.bincount(kinds[ridge.window][seen]).argmax())
    return None


def _meetings(shared: Mask) -> Iterator[Place]:
    """The middles of where a ridge comes near sure damage."""
    labels, boxes = components(shared.view(np.uint8))
    for label in range(1, len(boxes)):
        yield np.argwhere(labels == label).mean(axis=0)


def _in_sight(shape: tuple[int, ...], place: Place) -> Mask:
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return np.asarray(np.hypot(rows - place[0], columns - place[1]) <= SIGHT_PX)


def _way(mask: Mask) -> tuple[Place, float]:
    """The direction in which the pixels of a mask lie, of length 1, and how much farther than across it."""
    places = np.argwhere(mask)
    if len(places) < 3:
        return np.zeros(2), 0.0
    spread, ways = np.linalg.eigh(np.cov(places.T))
    across, along = np.sqrt(np.maximum(spread, 0) + 0.1)
    return ways[:, 1], float(along / across)
