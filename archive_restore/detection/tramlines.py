"""Tramlines: scratches that a camera or a scanner drew along a film. They are straight, parallel to a side, one or two
pixels wide and often fainter than the grain; one sees them because they are long.

So the response is added up along them: strips of the photograph say where something stands out from both of its
sides (Newson et al., Robust Automatic Line Scratch Detection in Films, IEEE Transactions on Image Processing 23(3),
2014), and the path through the strips that gathers most is found by dynamic programming. A scene has such lines,
too, wires and the edges of boxes; so nothing counts that the segmenter does not suspect as well, and a small judge
weighs traits that a person can read (tests/benchmarks/fit_tramlines.py).
"""

import json
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.detection.filters import Floats, Grey
from archive_restore.detection.judge import odds_of
from archive_restore.detection.verdict import Weights, parse, probability

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

NEAR_PX = 3
"""Columns beside what the segmenter suspects in which a line is looked for."""

LEAST_STRIPS = 4
"""Strips in which it suspects something there."""

UNSUSPECTED = 0.3
"""By how much a response is believed less in strips where it does not, so that a scratch does not go on as the edge
of a box."""

STEEPEST = 0.02
"""Columns that a line moves aside in a row."""

SHORTEST = 12
"""Strips."""

SUSPECTED, ENOUGH_SUSPECTED = -5.0, -4.0
"""Logarithms of the segmenter's odds: from which it suspects anything in a strip, and from which mean along a line that
is a candidate. Horizons are lines that it does not suspect."""

LARGEST_STEP = 0.6
"""By how much the tones of its two sides may differ, in contrasts: what separates two areas is an edge."""

DRAWN_PX = (2, 4)
"""The narrowest and the broadest that a line is drawn."""

GAP_STRIPS = 3
"""Strips over which a line's response is averaged; where that does not pay the toll, it is interrupted."""

REACH = 8
"""Columns to each side that are looked at."""

EDGE_PX = 4
"""Columns at the photograph's sides in which there is no line."""

TRAITS = (
    "length",  # logarithm of the strips
    "response",  # mean
    "hits",  # share of the strips where it stands out
    "contrast",  # logarithm of grey levels, as are the next but one and all spreads
    "clarity",  # logarithm of the contrast over the usual one around
    "sides",  # by how much its two sides differ, in contrasts
    "step",  # the same of their means
    "beside_spread",  # of what lies beside it along its way
    "own_spread",  # of its own tone along its way
    "follows",  # by how much its tone follows that of what lies beside
    "unevenness",  # spread of the contrast along its way, in contrasts
    "light",  # 1 if lighter than its sides
    "lean",
    "ends",  # how many of its ends are at the photograph's edge
    "end_change",  # by how much what lies beside changes where it ends
    "width",  # px, at half its height
    "odds",  # logarithm of the segmenter's odds on it, mean
    "most_odds",  # of the surer half
    "odds_beside",
    "others",  # logarithm of the candidates of its direction
    "neighbours",  # logarithm of those that run within 40 columns of it, and itself
    "side",  # distance to the photograph's left or right edge, share
)
NEAR_COLUMNS = 40


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
        straight = abs(int(way[0] - way[-1])) <= STEEPEST * STRIP_PX * len(way) + 1 if len(way) else False
        if gain >= ENOUGH and len(way) >= SHORTEST and straight:
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
        _centred(path, strips)
        for path in every
        if beside[np.arange(path.first, path.last), path.columns].mean() >= ENOUGH_SUSPECTED
    ]
    weighed = np.array(
        [list(_traits_of(path, every, strips, usual, odds).values()) for path in suspected], np.float32
    ).reshape(-1, len(TRAITS))
    lines = weighed[:, TRAITS.index("step")] <= LARGEST_STEP
    kept = [path for path, line in zip(suspected, lines, strict=True) if line]
    return Candidates(kept, weighed[lines], found)


@cache
def panel() -> tuple[Weights, ...]:
    """The judges of tramlines.json beside this module."""
    stored = json.loads(resources.files(__package__).joinpath("tramlines.json").read_text("ascii"))
    if stored["traits"] != list(TRAITS):
        raise RuntimeError(
            "tramlines.json was fitted to other traits; run python -m tests.benchmarks.fit_tramlines"
        )
    return tuple(parse(judge) for judge in stored["panel"])


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
            odds = np.mean([weights.odds(found.traits) for weights in panel()], axis=0)
            widths = found.traits[:, TRAITS.index("width")].clip(*DRAWN_PX)
            for path, value, width in zip(found.paths, probability(odds), widths, strict=True):
                _draw(canvas, path, found, round(255 * float(value)), round(float(width)))
    return result


def _draw(canvas: Grey, path: Path, found: Candidates, value: int, width: int) -> None:
    """Draws the parts of a line that can be seen, `width` px wide, in place."""
    number, x = _straight(path)
    seen = cv2.blur(found.responses[path.light], (1, GAP_STRIPS))[number, path.columns] > TOLL
    for strip, column in zip(number[seen], x[seen], strict=True):
        left = int(np.floor(column + 0.5 - width / 2 + 0.25))
        rows = canvas[strip * STRIP_PX : (strip + 1) * STRIP_PX, max(left, 0) : left + width]
        np.maximum(rows, np.uint8(value), out=rows)


def _centred(path: Path, strips: Floats) -> Path:
    """The path through the middle of its line: beside a strong one the response is as high."""
    tones = _profile(strips, *_straight(path)).mean(axis=0)[REACH - 1 : REACH + 2]
    aside = int(np.argmax(tones if path.light else -tones)) - 1
    return replace(path, columns=(path.columns + aside).clip(0, strips.shape[1] - 1))


def _traits_of(
    path: Path, every: list[Path], strips: Floats, usual: Floats, odds: Floats
) -> dict[str, float]:
    """The traits of a candidate by name, in the order of TRAITS; `odds` (n, w) are the highest of each strip's rows."""
    number, x = _straight(path)
    profile = _profile(strips, number, x)
    sign = 1 if path.light else -1
    own = sign * np.max(sign * profile[:, REACH - 1 : REACH + 2], axis=1)
    left, right = (
        profile[:, REACH - 4 : REACH - 2].mean(axis=1),
        profile[:, REACH + 3 : REACH + 5].mean(axis=1),
    )
    beside = (left + right) / 2
    gap = sign * (own - beside)
    contrast = max(float(np.median(gap)), 0.1)
    mean = sign * (profile - beside[:, None]).mean(axis=0)
    column = np.rint(x).astype(np.intp).clip(0, strips.shape[1] - 1)
    on = np.max([odds[number, (column + d).clip(0, odds.shape[1] - 1)] for d in (-1, 0, 1)], axis=0)
    off = [odds[number, (column + d).clip(0, odds.shape[1] - 1)] for d in (-6, 6)]
    neighbours = sum(
        min(other.last, path.last) - max(other.first, path.first) > 2
        and abs(float(other.columns.mean()) - float(path.columns.mean())) < NEAR_COLUMNS
        for other in every
    )
    covariance = float(np.mean((own - own.mean()) * (beside - beside.mean())))
    return {
        "length": np.log(len(number)),
        "response": path.gain / len(number) + TOLL,
        "hits": float((sign * own > np.maximum(sign * left, sign * right)).mean()),
        "contrast": np.log(contrast),
        "clarity": np.log(contrast / float(usual[number, column].mean())),
        "sides": min(float(np.abs(left - right).mean()) / (contrast + 1), 10),
        "step": min(abs(float((left - right).mean())) / (contrast + 1), 10),
        "beside_spread": np.log(float(beside.std()) + 1),
        "own_spread": np.log(float(own.std()) + 1),
        "follows": covariance / (float(beside.var()) + 16),
        "unevenness": min(float(gap.std()) / (contrast + 1), 10),
        "light": float(path.light),
        "lean": abs(x[-1] - x[0]) / len(x),
        "ends": float((path.first == 0) + (path.last == len(strips))),
        "end_change": _end_change(path, strips, number, x),
        "width": float((mean > 0.5 * mean[REACH - 1 : REACH + 2].max()).sum()),
        "odds": float(on.mean()),
        "most_odds": float(np.sort(on)[len(on) // 2 :].mean()),
        "odds_beside": float(np.mean(off)),
        "others": np.log(len(every)),
        "neighbours": np.log(1 + neighbours),
        "side": float(min(x.mean(), strips.shape[1] - x.mean())) / strips.shape[1],
    }


def _straight(path: Path) -> tuple[NDArray[np.intp], Floats]:
    """The strips of a path, and the straight line through its columns."""
    number = np.arange(path.first, path.last)
    if len(number) < 2:
        return number, path.columns.astype(np.float32)
    slope, start = np.polyfit(number, path.columns, 1)
    return number, np.asarray(start + slope * number, np.float32)


def _profile(strips: Floats, number: NDArray[np.intp], x: Floats) -> Floats:
    """(m, 2 REACH + 1) tones across a line, linear between columns."""
    at = x[:, None] + np.arange(-REACH, REACH + 1)
    at = at.clip(0, strips.shape[1] - 1.001)
    left = at.astype(np.intp)
    part = (at - left).astype(np.float32)
    rows = number[:, None]
    return np.asarray((1 - part) * strips[rows, left] + part * strips[rows, left + 1], np.float32)


def _end_change(path: Path, strips: Floats, number: NDArray[np.intp], x: Floats) -> float:
    """The mean change, logarithm of grey levels, of what lies beside a line at those of its ends that are inside."""
    changes = []
    for inner, way in ((0, -1), (-1, 1)):
        beyond = int(number[inner]) + 2 * way
        if 0 <= beyond < len(strips):
            pair = np.array([number[inner] - way, beyond]).clip(0, len(strips) - 1)
            tones = _profile(strips, pair, np.repeat(x[inner], 2))[
                :, [REACH - 4, REACH - 3, REACH + 3, REACH + 4]
            ]
            changes.append(float(np.abs(tones[0] - tones[1]).mean()))
    return float(np.log(np.mean(changes) + 1)) if changes else 0.0
