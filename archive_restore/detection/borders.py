"""The photograph's own border: paper frames, deckled edges, film rebates, the scanner's lid and mounts are no damage.

A border is an even band along a whole side of the scan, with an inner edge that is hard, straight or deckled, and
parallel to the side. What reaches from it into the picture (a missing corner, a torn edge) lies beyond that edge
and stays damage, as do the parts of scratches and creases inside the picture.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.detection.corners import BLURRED_PX, grown_from_corners, of_mount
from archive_restore.detection.filters import components, dilated, square, stretched
from archive_restore.detection.masks import ScoreMap
from archive_restore.detection.planes import Plane, halved_to

# Borders are looked for in a picture of at most this long side: enough for an edge, and soon done.
LONG_SIDE_PX = 640
SHORTEST_SIDE_PX = 32
# How far a border's pixels may be from its tone, grey levels and CIELAB a and b.
EVEN = 16
# Tones of paper, of card and the unlit lid, CIELAB lightness of 255, and the distance from neutral of faded paper.
PALEST, DARKEST, MOST_CHROMA, MOST_DARK_CHROMA = 178, 70, 32.0, 16.0
# Tones in between are a grey lid's only if they are this even, standard deviation, and this neutral.
LID_SPREAD, LID_CHROMA = 3.0, 6.0
# What differs from the border's tone and is smaller than this share of the picture (dust, perforations, writing) lies
# on the border.
ON_THE_BORDER = 0.01
# Bands one within the other: lid, paper, printed line.
MOST_BANDS = 3
# Shares of the side across: the narrowest and the broadest band, and how far a deckled edge may wander from a line.
NARROWEST, BROADEST, DECKLE = 0.004, 0.3, 0.012
# Rise of an inner edge over its length: a print lies askew by 2 degrees at most.
MOST_SLOPE = 0.035
# Share of the places along a side that have the border's tone, and whose inner edge lies near one line.
ALONG_SHARE, STRAIGHT_SHARE = 0.6, 0.65
# Share of the inner edge with a step of so many grey levels: a sky that fades has none.
STEP, STEP_SHARE = 20, 0.65
# A band on one side alone, with no other of about its tone, is a wall, a sky or a pavement, unless it is as narrow as
# this share of the side across, or black or white to the last level, within so much.
LONE_BREADTH, LAST_LEVELS = 0.03, 3
# Beyond the inner edge so much belongs to it, share of the long side.
MARGIN = 0.008
# Scores of damage, of 255, that goes on into this margin.
SURE = 128

Picture = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Line = NDArray[np.float64]


@dataclass(frozen=True)
class Band:
    """What lies along the upper side of a picture that was turned so."""

    turns: int  # of np.rot90
    depth: Line  # (w,) px to the inner edge
    tone: NDArray[np.float64]  # (1,) or (3,): lightness, and CIELAB a and b
    spread: float  # of the lightness along its start, standard deviation
    breadth: float  # share of the side across


def without_border(score_map: ScoreMap, picture: Picture) -> ScoreMap:
    """The score map with nothing on the photograph's own border.

    Parameters
    ----------
    score_map
        (h, w), of `picture`.
    picture
        (H, W) or (H, W, 3) uint8, RGB, of any size with the same proportions.
    """
    return without(score_map, border_of(picture)) if score_map.scores.any() else score_map


def without(score_map: ScoreMap, border: tuple[Mask, Mask]) -> ScoreMap:
    """The score map with nothing on a border, as `border_of` gives it."""
    if not border[0].any():
        return score_map
    shape = score_map.scores.shape
    itself, edge = (stretched(255 * part.view(np.uint8), shape) > 127 for part in border)
    scores = np.where(itself | edge, 0, score_map.scores).astype(np.uint8)
    # Damage that reaches from the picture into its edge goes on there.
    near = square(2 * round(_margin(shape)) + 1)
    reach = dilated((scores >= SURE).view(np.uint8), near) > 0
    return replace(score_map, scores=np.where(edge & reach, score_map.scores, scores).astype(np.uint8))


def border_of(picture: Picture) -> tuple[Mask, Mask]:
    """(h, w) bool of `picture`, halved to at most `LONG_SIDE_PX`: True on the border, and on its inner edge."""
    picture = halved_to(picture, LONG_SIDE_PX)
    if picture.ndim == 3:
        picture = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2LAB), np.uint8)
    border, wide = np.zeros((2, *picture.shape[:2]), bool)
    if min(border.shape) < SHORTEST_SIDE_PX:
        return border, wide
    picture = np.asarray(cv2.medianBlur(picture, 3), np.uint8)
    bands = [band for turns in range(4) for band in _bands(picture, turns)]
    for band in bands:
        if _believed(band, bands):
            for mask, margin in ((border, BLURRED_PX), (wide, _margin(border.shape))):
                across = np.rot90(mask, band.turns)  # a view
                across |= np.arange(len(across))[:, np.newaxis] < band.depth + margin
    border |= _mount(picture, wide)
    return border, wide & ~border


def _margin(shape: tuple[int, ...]) -> float:
    """px that belong to a border beyond its inner edge."""
    return max(2.0, MARGIN * max(shape))


def _bands(picture: Picture, turns: int) -> list[Band]:
    """The bands along one side, from the outermost inwards."""
    turned = np.rot90(picture if picture.ndim == 3 else picture[..., np.newaxis], turns)
    height, width = turned.shape[:2]
    turned = turned[: round(BROADEST * height) + 6]
    margin = _margin((height, width))
    bands: list[Band] = []
    start = np.zeros(width, int)
    while len(bands) < MOST_BANDS and start.max() < len(turned) - 8:
        places = np.repeat(np.arange(width), 3)
        outer = turned[(start[:, np.newaxis] + np.arange(3)).ravel(), places].astype(np.float64)
        tone = np.median(outer, axis=0)
        along = np.abs(outer - tone).max(axis=1) <= EVEN
        spread = float(outer[along, 0].std()) if along.any() else 0.0
        if along.mean() < ALONG_SHARE or not _is_tone_of_border(tone, spread):
            break
        turned = np.ascontiguousarray(turned)
        line = _inner_edge(turned, _near(turned, tone), start, height)
        if line is None or float(np.mean(line - start)) < NARROWEST * height:
            break
        bands.append(Band(turns, line, tone, spread, float(line.mean()) / height))
        start = np.clip(np.ceil(line + margin).astype(int), 0, len(turned) - 4)
    return bands


def _is_tone_of_border(tone: NDArray[np.float64], spread: float) -> bool:
    """Whether paper, card or a scanner's lid has this lightness (and colour)."""
    away = float(np.hypot(*(tone[1:] - 128))) if len(tone) == 3 else 0.0
    paper = tone[0] >= PALEST and away <= MOST_CHROMA
    black = tone[0] <= DARKEST and away <= MOST_DARK_CHROMA
    return bool(paper or black or (spread <= LID_SPREAD and away <= LID_CHROMA))


def _near(picture: Picture, tone: NDArray[np.float64]) -> Mask:
    """(h, w) True where a pixel has the tone, or something small lies on it."""
    low, high = np.clip(np.rint(tone) - EVEN, 0, 255), np.clip(np.rint(tone) + EVEN, 0, 255)
    other = np.asarray(cv2.inRange(picture, low, high), np.uint8) == 0
    labels, boxes = components(other.view(np.uint8))
    small = boxes[:, cv2.CC_STAT_AREA] < ON_THE_BORDER * other.size / BROADEST
    small[0] = True
    return np.asarray(small[labels], bool)


def _inner_edge(picture: Picture, near: Mask, start: NDArray[np.int_], height: int) -> Line | None:
    """(w,) the line on which the tone that begins at `start` (w,) ends; None if it does so on none."""
    rows, width = near.shape
    ends = (~near & (np.arange(rows)[:, np.newaxis] >= start)).argmax(axis=0)
    ended = ends > 0
    deckle = max(2.0, DECKLE * height)
    step = int(deckle)
    if ended.sum() < STRAIGHT_SHARE * width:
        return None
    # The most frequent depth, and from there the line.
    line = np.full(width, (np.bincount(ends[ended] // step).argmax() + 0.5) * step)
    places, slope = np.arange(width, dtype=np.float64), 0.0
    for reach in (3 * deckle, 2 * deckle, deckle):
        fits = ended & (np.abs(ends - line) <= reach)
        if fits.sum() < 8:
            return None
        slope, offset = np.polyfit(places[fits], ends[fits], 1)
        line = slope * places + offset
    fits = ended & (np.abs(ends - line) <= deckle)
    if fits.sum() < STRAIGHT_SHARE * width or abs(slope) > MOST_SLOPE:
        return None
    at, where = ends[fits], np.flatnonzero(fits)
    outside = picture[np.maximum(at - 3, 0), where, 0].astype(np.int16)
    inside = picture[np.minimum(at + 2, rows - 1), where, 0].astype(np.int16)
    return line if (np.abs(inside - outside) >= STEP).mean() >= STEP_SHARE else None


def _believed(band: Band, bands: list[Band]) -> bool:
    ends = min(band.tone[0], 255 - band.tone[0])
    if band.breadth <= LONE_BREADTH or max(ends, band.spread) <= LAST_LEVELS:
        return True
    return any(other.turns != band.turns and np.abs(other.tone - band.tone).max() <= EVEN for other in bands)


def _mount(picture: Picture, border: Mask) -> Mask:
    """True outside a round, oval or rounded mount: even, and alike in three corners or more."""
    mount = np.zeros_like(border)
    free = _bounds(~border)
    if free is None:
        return mount
    part = np.ascontiguousarray(picture[free])
    corners = part[[0, 0, -1, -1], [0, -1, 0, -1]].reshape(4, -1).astype(np.float64)
    tone = np.median(corners, axis=0)
    if (np.abs(corners - tone).max(axis=1) <= EVEN).sum() < 3:
        return mount
    inner = _bounds(~_near(part, tone))
    if inner is None:
        return mount
    part = np.ascontiguousarray(part[inner])
    lightness = part if part.ndim == 2 else np.ascontiguousarray(part[..., 0])
    plane = Plane(lightness, None if part.ndim == 2 else np.ascontiguousarray(part[..., 1:]), 1)
    gaps = of_mount(grown_from_corners(plane))
    if not gaps:
        return mount
    mount[:] = True
    mount[free][inner] = np.logical_or.reduce([gap.mask for gap in gaps])
    return dilated(mount.view(np.uint8), square(2 * round(_margin(border.shape)) + 1)) > 0


def _bounds(mask: Mask) -> tuple[slice, slice] | None:
    """The box of what is True; None if it is too small for a picture."""
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    if min(width, height) < SHORTEST_SIDE_PX:
        return None
    return slice(top, top + height), slice(left, left + width)
