"""What a tramline's judge weighs of a path: traits that a person can read."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from archive_restore.detection.filters import Floats
from archive_restore.detection.paths import TOLL, Path, straight

REACH = 8
"""Columns to each side that are looked at."""

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


def centred(path: Path, strips: Floats) -> Path:
    """The path through the middle of its line: beside a strong one the response is as high."""
    tones = _profile(strips, *straight(path)).mean(axis=0)[REACH - 1 : REACH + 2]
    aside = int(np.argmax(tones if path.light else -tones)) - 1
    return replace(path, columns=(path.columns + aside).clip(0, strips.shape[1] - 1))


def traits_of(path: Path, every: list[Path], strips: Floats, usual: Floats, odds: Floats) -> dict[str, float]:
    """The traits of a candidate by name, in the order of TRAITS; `odds` (n, w) are the highest of each strip's rows."""
    number, x = straight(path)
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
        "end_change": _end_change(strips, number, x),
        "width": float((mean > 0.5 * mean[REACH - 1 : REACH + 2].max()).sum()),
        "odds": float(on.mean()),
        "most_odds": float(np.sort(on)[len(on) // 2 :].mean()),
        "odds_beside": float(np.mean(off)),
        "others": np.log(len(every)),
        "neighbours": np.log(1 + neighbours),
        "side": float(min(x.mean(), strips.shape[1] - x.mean())) / strips.shape[1],
    }


def _profile(strips: Floats, number: NDArray[np.intp], x: Floats) -> Floats:
    """(m, 2 REACH + 1) tones across a line, linear between columns."""
    at = x[:, None] + np.arange(-REACH, REACH + 1)
    at = at.clip(0, strips.shape[1] - 1.001)
    left = at.astype(np.intp)
    part = (at - left).astype(np.float32)
    rows = number[:, None]
    return np.asarray((1 - part) * strips[rows, left] + part * strips[rows, left + 1], np.float32)


def _end_change(strips: Floats, number: NDArray[np.intp], x: Floats) -> float:
    """The mean change, logarithm of grey levels, of what lies beside a line at those of its ends that are inside."""
    changes = []
    for inner, way in ((0, -1), (-1, 1)):
        beyond = int(number[inner]) + 2 * way
        if 0 <= beyond < len(strips):
            pair = np.array([number[inner] - way, beyond]).clip(0, len(strips) - 1)
            beside = [REACH - 4, REACH - 3, REACH + 3, REACH + 4]
            tones = _profile(strips, pair, np.repeat(x[inner], 2))[:, beside]
            changes.append(float(np.abs(tones[0] - tones[1]).mean()))
    return float(np.log(np.mean(changes) + 1)) if changes else 0.0
