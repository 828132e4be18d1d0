"""Colour film in infrared light: where it lies, how far its infrared picture is displaced, and what its dyes stop.

Everything is done in densities, the negative logarithms of transmissions: light that passes a dye, dirt and a filter
is multiplied, so densities add up. An encoding for the eye multiplies them all by one number.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.detection.filters import Floats, at_edge, components, dilated, eroded, square

# Light below this share of the film's is a holder's or mask's, if it is a broad area at the edge of the scan; light
# above this multiple of it has passed no film.
HOLDER, NO_FILM = 0.2, 1.25
# Shares of the long side: the narrowest holder, and how far its blurred edge reaches.
NARROWEST_HOLDER, HOLDER_EDGE = 1 / 50, 1 / 150
# The window within which the picture's fine structure is compared with that of the infrared, share of the long side.
DETAIL = 1 / 160
# How far infrared and picture may lie apart, share of the long side. Lenses focus infrared elsewhere.
FARTHEST = 1 / 160
# Correlation from which a displacement is believed: noise alone reaches a tenth of this.
BELIEVED = 0.06
# What stands out by more than so many times the usual is held back when the two are laid upon each other.
HELD_BACK = 6.0
# Tiles across the long side, in each of which the dyes' share is fitted, leaning on that of the whole film.
TILES = 10
# Pixels further than this from the fit, in robust standard deviations, are defects and take no part in it.
OUTLIER = 2.5
# The spread is told from the deviation that so many per cent stay below, which is so many standard deviations of a
# normal distribution. Defects are fewer than the rest; the dark parts of a picture are not.
USUAL_SHARE, USUAL_DEVIATIONS = 95, 2.0
# What a fit could not follow is told from the median at as many steps of the prediction, where a step has at least
# this share of the film: more than defects have.
BINS, ENOUGH = 12, 0.02
# Predictions that span less are none, density.
LEAST_SPAN = 0.004
# Pixels from which the whole film's fit is made.
SAMPLE_PX = 100_000

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Undyed:
    """What is left of the infrared density without the dyes' part."""

    density: Floats  # (h, w)
    correlation: float  # of the fine structure of infrared and prediction, 0..1
    share: float  # the prediction's spread over that of the picture


def film_area(light: Floats) -> Mask:
    """(h, w) bool, True where light (h, w) passed film: not the holder, no perforation or gap at the scan's edge."""
    light = np.asarray(cv2.blur(light, (5, 5)), np.float32)  # of a holder there is little but noise
    usual = float(np.median(light[light >= HOLDER * np.percentile(light, 90)]))
    side = max(3, round(NARROWEST_HOLDER * max(light.shape)))
    margin = 2 * max(1, round(HOLDER_EDGE * max(light.shape))) + 1
    outside = np.zeros(light.shape, np.uint8)
    for beyond in (light < HOLDER * usual, light > NO_FILM * usual):
        # Broad areas alone: a hair that reaches the edge of the scan is a hair. Beyond the edge it goes on.
        framed = cv2.copyMakeBorder(beyond.view(np.uint8), side, side, side, side, cv2.BORDER_REPLICATE)
        broad = dilated(eroded(np.asarray(framed, np.uint8), square(side)), square(side))
        broad = broad[side:-side, side:-side]
        labels, boxes = components(np.ascontiguousarray(broad))
        touches = at_edge(boxes, light.shape)
        touches[0] = False
        outside |= touches[labels].view(np.uint8)
    return np.asarray(dilated(outside, square(margin)) == 0)


def displacement(density: Floats, dark: list[Floats], film: Mask) -> tuple[float, float]:
    """px right and down by which the infrared lies beside the picture; (0, 0) where that cannot be told.

    Dirt, scratches and what the dyes stop show in both, light or dark: the displacement is where they
    correlate most, of either sign.
    """
    reach = max(1, round(FARTHEST * max(film.shape)))
    if min(film.shape) < 8 * reach:
        return 0.0, 0.0
    first, second = (_flattened(plane, film) for plane in (density, _weighted(np.ones(len(dark)), dark)))
    inner = second[reach:-reach, reach:-reach]
    found = np.asarray(cv2.matchTemplate(first, inner, cv2.TM_CCOEFF_NORMED), np.float64)
    strength = np.abs(np.nan_to_num(found))
    row, column = np.unravel_index(int(strength.argmax()), strength.shape)
    if strength[row, column] < BELIEVED:
        return 0.0, 0.0
    down = row + _summit(strength[:, column], int(row)) - reach
    right = column + _summit(strength[row], int(column)) - reach
    return float(right), float(down)


def moved(plane: NDArray[Any], shift: tuple[float, float]) -> NDArray[Any]:
    """The plane (h, w), float32 or uint8, shifted back by (right, down) px."""
    if shift == (0.0, 0.0):
        return plane
    matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float64)
    how = (cv2.INTER_NEAREST if plane.dtype == np.uint8 else cv2.INTER_LINEAR) | cv2.WARP_INVERSE_MAP
    size = (plane.shape[1], plane.shape[0])
    return np.asarray(cv2.warpAffine(plane, matrix, size, flags=how, borderMode=cv2.BORDER_REPLICATE))


def without_dyes(density: Floats, dark: list[Floats], film: Mask) -> Undyed:
    """The density less what the visible picture predicts.

    The prediction is a quadratic form of the densities of the colours, fitted to the whole film, and again to the
    fine structure of tiles. Defects are no part of it: they stand out from the fit.

    Parameters
    ----------
    density
        (h, w) of the infrared.
    dark
        (h, w) densities of the picture's colours.
    film
        (h, w) where to look.
    """
    # Squares, since picture and infrared need not be encoded alike.
    terms = [plane - np.float32(np.median(plane[film])) for plane in dark]
    terms += [plane * plane for plane in terms]
    step = max(1, round((film.sum() / SAMPLE_PX) ** 0.5))
    whole = _fit_to_film(density, terms, film, step)
    flat = density - _weighted(whole, terms)
    fine, details = _detail(density), [_detail(term) for term in terms]
    rest = _detail(flat)
    usual = float(np.percentile(np.abs(rest[::step, ::step][film[::step, ::step]]), USUAL_SHARE))
    fits = (film & (np.abs(rest) <= OUTLIER * usual / USUAL_DEVIATIONS)).astype(np.float32)
    own = density.copy()
    predicted = np.zeros_like(fine)
    for weight, term, detail in zip(_fit_in_tiles(fine, details, fits, whole), terms, details, strict=True):
        own -= weight * term
        predicted += weight * detail
    used = fits > 0
    spread = float(np.std(_weighted(np.ones(len(dark)), details[: len(dark)])[used])) / len(dark)
    apart, follows = float(np.std((fine - predicted)[used])), float(np.std(predicted[used]))
    own -= _usual_at(density - own, own, film)
    return Undyed(own, follows / max(1e-9, float(np.hypot(apart, follows))), follows / max(1e-6, spread))


def _weighted(weights: NDArray[np.float64], planes: list[Floats]) -> Floats:
    total = np.zeros_like(planes[0])
    for weight, plane in zip(weights, planes, strict=True):
        total += np.float32(weight) * plane
    return total


def _fit_to_film(density: Floats, terms: list[Floats], film: Mask, step: int) -> NDArray[np.float64]:
    """The weight of each term, fitted to every `step`th pixel, beside a lamp's uneven light."""
    chosen = film[::step, ::step]
    rows, columns = np.nonzero(chosen)
    y, x = rows / chosen.shape[0] - 0.5, columns / chosen.shape[1] - 0.5
    lamp = [np.ones(len(x)), x, y, x * x, x * y, y * y]
    known = [term[::step, ::step][chosen].astype(np.float64) for term in terms]
    weights = _robust_fit(np.stack(known + lamp, axis=1), density[::step, ::step][chosen].astype(np.float64))
    return weights[: len(terms)]


def _usual_at(predicted: Floats, own: Floats, film: Mask) -> Floats:
    """What remains (h, w) where as much as at each pixel was predicted: what the fit's form could not follow.

    It is the median over all pixels of about the same prediction, where those are enough to be no defects.
    """
    inside, rest = predicted[film], own[film]
    low, high = np.percentile(inside, (0.5, 99.5))
    if high - low < LEAST_SPAN:
        return np.zeros_like(own)
    bins = np.clip((BINS * (inside - low) / (high - low)).astype(np.int32), 0, BINS - 1)
    order = np.argsort(bins, kind="stable")
    ends = np.searchsorted(bins[order], np.arange(BINS + 1))
    enough = np.flatnonzero(np.diff(ends) >= ENOUGH * len(bins))
    if not len(enough):
        return np.zeros_like(own)
    medians = [float(np.median(rest[order[ends[i] : ends[i + 1]]])) for i in enough]
    centres = low + (enough + 0.5) * (high - low) / BINS
    return np.interp(predicted, centres, medians).astype(np.float32)


def _robust_fit(columns: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights (C,) of columns (N, C) that give `wanted` (N,), outliers left out."""
    ridge = 1e-4 * np.diag((columns**2).sum(axis=0) + 1e-6)
    fits = np.ones(len(wanted), bool)
    weights: NDArray[np.floating] = np.zeros(columns.shape[1])
    for _ in range(5):
        inside = columns[fits]
        weights = np.linalg.solve(inside.T @ inside + ridge, inside.T @ wanted[fits])
        apart = np.abs(wanted - columns @ weights)
        fits = apart <= OUTLIER / USUAL_DEVIATIONS * np.percentile(apart, USUAL_SHARE)
    return weights.astype(np.float64)


def _fit_in_tiles(
    fine: Floats, details: list[Floats], fits: Floats, whole: NDArray[np.float64]
) -> list[Floats]:
    """The weight (h, w) of each colour, fitted in tiles, as far as they tell more than the `whole` does."""
    height, width = fine.shape
    unit = max(height, width) / TILES
    grid = max(1, round(width / unit)), max(1, round(height / unit))
    count = len(details)

    def over_tiles(plane: Floats) -> NDArray[np.float64]:
        return np.asarray(cv2.resize(plane * fits, grid, interpolation=cv2.INTER_AREA), np.float64)

    gram = np.zeros((grid[1], grid[0], count, count))
    right = np.zeros((grid[1], grid[0], count))
    for i, one in enumerate(details):
        right[..., i] = over_tiles(one * fine)
        for j in range(i + 1):
            gram[..., i, j] = gram[..., j, i] = over_tiles(one * details[j])
    usual = gram.mean(axis=(0, 1))
    gram += usual + 1e-9 * np.eye(count)
    right += usual @ whole
    weights = np.linalg.solve(gram, right[..., np.newaxis])[..., 0].astype(np.float32)
    return [
        np.asarray(cv2.resize(weights[..., i], (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
        for i in range(count)
    ]


def _summit(values: NDArray[np.float64], at: int) -> float:
    """How far from index `at` the parabola through it and its neighbours is highest."""
    if not 0 < at < len(values) - 1:
        return 0.0
    before, here, after = values[at - 1 : at + 2]
    bend = before - 2 * here + after
    return float(0.5 * (before - after) / bend) if bend < 0 else 0.0


def _flattened(plane: Floats, film: Mask) -> Floats:
    """Its fine structure, in units of its spread; what stands out most is held back, so that it does not rule."""
    fine = _detail(plane)
    spread = float(np.median(np.abs(fine[film]))) + 1e-6
    fine = np.asarray(np.tanh(fine / (HELD_BACK * spread)), np.float32)
    fine[~film] = 0
    return fine


def _detail(plane: Floats) -> Floats:
    sigma = max(2.0, DETAIL * max(plane.shape))
    return np.asarray(plane - cv2.GaussianBlur(plane, (0, 0), sigma), np.float32)
