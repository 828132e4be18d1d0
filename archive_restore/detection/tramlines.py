"""Tramlines: scratches that a camera or a scanner drew along a film. They are straight, parallel to a side, one or two
pixels wide and often fainter than the grain; one sees them because they are long.

`paths` finds lines by what stands out along them. A scene has such lines, too, wires and the edges of boxes; so nothing
counts that the segmenter does not suspect as well, and a small judge weighs `line_traits`
(tests/benchmarks/fit_tramlines.py).
"""

from dataclasses import dataclass

import cv2
import numpy as np

from archive_restore.detection.filters import Floats, Grey
from archive_restore.detection.line_traits import TRAITS, centred, traits_of
from archive_restore.detection.odds import odds_of
from archive_restore.detection.paths import (
    SHORTEST,
    STRIP_PX,
    TOLL,
    Path,
    paths,
    responses,
    straight,
    strips_of,
)
from archive_restore.detection.verdict import mean_odds, probability

NEAR_PX = 3
"""Columns beside what the segmenter suspects in which a line is looked for."""

LEAST_STRIPS = 4
"""Strips in which it suspects something there."""

UNSUSPECTED = 0.3
"""By how much a response is believed less in strips where it does not, so that a scratch does not go on as the edge
of a box."""

SUSPECTED, ENOUGH_SUSPECTED = -5.0, -4.0
"""Logarithms of the segmenter's odds: from which it suspects anything in a strip, and from which mean along a line that
is a candidate. Horizons are lines that it does not suspect."""

LARGEST_STEP = 0.6
"""By how much the tones of its two sides may differ, in contrasts: what separates two areas is an edge."""

DRAWN_PX = (2, 4)
"""The narrowest and the broadest that a line is drawn."""

GAP_STRIPS = 3
"""Strips over which a line's response is averaged; where that does not pay the toll, it is interrupted."""


@dataclass(frozen=True)
class Candidates:
    """The candidates of one direction, N of them, and what they are weighed by."""

    paths: list[Path]
    traits: Floats  # (N, T), columns as in TRAITS
    responses: dict[bool, Floats]  # (n, w) by light and dark


def candidates(luminance: Grey, scores: Grey) -> Candidates:
    """The upright lines of a photograph; those that lie are the upright ones of the photograph transposed.

    Parameters
    ----------
    luminance, scores : (h, w) uint8; grey levels, and the segmenter's probabilities in 255ths
    """
    count = luminance.shape[0] // STRIP_PX
    rows = scores[: count * STRIP_PX].reshape(count, STRIP_PX, -1)
    odds = odds_of(np.asarray(rows.max(axis=1), np.uint8))
    doubtful = np.count_nonzero(odds >= SUSPECTED, axis=0).astype(np.float32)
    nowhere = cv2.dilate(doubtful[None], np.ones((1, 2 * NEAR_PX + 1), np.uint8))[0] < LEAST_STRIPS
    if nowhere.all():
        return Candidates([], np.zeros((0, len(TRAITS)), np.float32), {})
    strips = strips_of(luminance)
    found, usual = responses(strips)
    near = cv2.dilate(odds, np.ones((5, 2 * NEAR_PX + 1), np.uint8))
    for response in found.values():
        response[near < SUSPECTED] -= UNSUSPECTED
        response[:, nowhere] = -1
    every = paths(found)
    beside = cv2.dilate(odds, np.ones((1, 3), np.uint8))
    suspected = [
        centred(path, strips)
        for path in every
        if beside[np.arange(path.first, path.last), path.columns].mean() >= ENOUGH_SUSPECTED
    ]
    weighed = np.array(
        [list(traits_of(path, every, strips, usual, odds).values()) for path in suspected], np.float32
    ).reshape(-1, len(TRAITS))
    lines = weighed[:, TRAITS.index("step")] <= LARGEST_STEP
    kept = [path for path, line in zip(suspected, lines, strict=True) if line]
    return Candidates(kept, weighed[lines], found)


def tramlines(luminance: Grey, scores: Grey) -> Grey:
    """How surely each pixel belongs to a tramline, (h, w) in 255ths.

    Parameters
    ----------
    luminance, scores : (h, w) uint8; grey levels, and the segmenter's probabilities in 255ths
    """
    result = np.zeros(luminance.shape, np.uint8)
    for canvas, grey, seen in (
        (result, luminance, scores),
        (
            result.T,
            np.asarray(cv2.transpose(luminance), np.uint8),
            np.asarray(cv2.transpose(scores), np.uint8),
        ),
    ):
        if min(grey.shape) < SHORTEST * STRIP_PX:
            continue
        found = candidates(grey, seen)
        if found.paths:
            odds = mean_odds("tramlines", TRAITS, found.traits)
            widths = found.traits[:, TRAITS.index("width")].clip(*DRAWN_PX)
            for path, value, width in zip(found.paths, probability(odds), widths, strict=True):
                _draw(canvas, path, found, round(255 * float(value)), round(float(width)))
    return result


def _draw(canvas: Grey, path: Path, found: Candidates, value: int, width: int) -> None:
    """Draws the parts of a line that can be seen, `width` px wide, in place."""
    number, x = straight(path)
    seen = cv2.blur(found.responses[path.light], (1, GAP_STRIPS))[number, path.columns] > TOLL
    for strip, column in zip(number[seen], x[seen], strict=True):
        left = int(np.floor(column + 0.5 - width / 2 + 0.25))
        rows = canvas[strip * STRIP_PX : (strip + 1) * STRIP_PX, max(left, 0) : left + width]
        np.maximum(rows, np.uint8(value), out=rows)
