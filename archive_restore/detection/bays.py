"""Pieces that are missing along a photograph's sides: what lies behind it shows there as in its missing corners
(`corners.py`), and nowhere else. Heads, trunks and skies reach the sides, too; so what is not as even as a lid, or has
a soft edge, is no such bay, and where the ground's tone is known, by the lid beside the print or by a missing corner,
all other tones are the scene's.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from math import ceil, floor

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.detection.corners import (
    BLURRED_PX,
    CLIPPED,
    CLOSELY,
    DARKEST,
    FARTHEST_RIM_PX,
    PALEST,
    SAME_GROUND,
    SAME_TONE,
    filled_up,
    hard_share,
    into_lid,
    neutral,
    with_ends,
    within_lid,
    without_arms,
)
from archive_restore.detection.filters import Grey, dilated, disc
from archive_restore.detection.planes import Plane

# Shares of the short side: how broad the strip is in which a bay begins, and thinner than what it runs out into the
# scene; how long its mouth is, and how deep it is, at least and at most.
STRIP, ARM = 0.012, 0.03
MOUTH, DEPTH = (0.06, 0.6), (0.04, 0.35)
SMALLEST_PX = 64
# Its area over that of the rectangle around it (a half ellipse has 0.79), and over its convex hull's, at least; its
# length over that of its mouth, at most.
FILLED, SOLID, OVERHANG = (0.5, 1.0), 0.85, 1.3
# Tones of a black that is clipped, and sides along which a lid shows at least: one may be the ground of a landscape.
BLACKEST, LID_SIDES = 8, 2
# Spread of its tone at most, grey levels, share of its rim that must be hard, and of the rest that may have its tone:
# dark ones, pale ones, which skies between houses are like, and those over a ground that is known.
DARK, PALE, KNOWN = (1.2, 0.8, 0.05), (1.2, 0.8, 0.01), (1.5, 0.5, 1.0)


@dataclass(frozen=True, eq=False)
class Bay:
    """An even region at one of the sides, of the form that a missing piece may have."""

    mask: NDArray[np.bool_]  # (h, w) of the level
    tone: float  # grey levels
    spread: float  # of the tone inside, grey levels
    hard: float  # share of the rim where the step is hard
    elsewhere: float  # share of the rest of the picture that has its tone

    def missing(self, grounds: list[float]) -> bool:
        """True if this is a missing piece, through which one of the tones shows that are known, if any are."""
        known = any(abs(self.tone - ground) <= SAME_GROUND for ground in grounds)
        if grounds and not known:
            return False
        spread, hard, elsewhere = KNOWN if known else DARK if self.tone <= DARKEST else PALE
        return self.spread <= spread and self.hard >= hard and self.elsewhere <= elsewhere


def missing_pieces(plane: Plane, corners: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(h, w) bool, True where a piece is missing at a side of a photograph, beside the `corners` (h, w) that are."""
    missing = np.zeros(plane.shape, bool)
    place, cut = within_lid(plane.luminance)
    lid = np.ones(plane.shape, bool)
    lid[place] = False
    grounds = _tones_of_lid(plane.luminance, lid)
    if corners.any():
        grounds.append(float(np.median(plane.luminance[corners])))
    chroma = None if plane.chroma is None else np.ascontiguousarray(plane.chroma[place])
    for bay in _bays(Plane(np.ascontiguousarray(plane.luminance[place]), chroma, plane.step)):
        if bay.missing(grounds) and not (bay.mask & corners[place]).any():
            missing[place] |= bay.mask
    return into_lid(missing, lid, cut) if missing.any() else missing


def _tones_of_lid(luminance: Grey, lid: NDArray[np.bool_]) -> list[float]:
    """The tones that are alike along several sides of a scan, beyond which lies the lid (h, w)."""
    lines = np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]
    tones = [float(np.median(luminance[line])) for line in lines if lid[line].all()]
    return [tone for tone in tones if sum(abs(tone - other) <= SAME_GROUND for other in tones) >= LID_SIDES]


def _bays(plane: Plane) -> Iterator[Bay]:
    """What along the four sides has the form of a bay."""
    if min(plane.shape) < SMALLEST_PX:
        return
    soft = np.asarray(cv2.GaussianBlur(plane.luminance, (3, 3), 0), np.uint8)
    colourless = cache(lambda: neutral(plane))  # of few pictures it is asked
    for turns in range(4):
        turned = np.rot90(soft, turns)
        for first, last in _mouths(turned):
            bay = _grown(plane.luminance, turned, colourless, turns, first, last)
            if bay is not None:
                yield bay


def _mouths(soft: Grey) -> Iterator[tuple[int, int]]:
    """Rows from and to which the left side of a picture has one tone that lid or paper may have, away from corners."""
    side = min(soft.shape)
    tones = soft[:, : max(2, round(STRIP * side))].mean(axis=1)
    ends = np.flatnonzero(np.abs(np.diff(tones)) > CLOSELY) + 1
    for first, last in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True):
        if MOUTH[0] * side <= last - first <= MOUTH[1] * side:
            tone = float(np.median(tones[first:last]))
            if BLACKEST < tone <= DARKEST or PALEST <= tone < CLIPPED:
                yield first, last


def _grown(
    luminance: Grey,
    soft: Grey,
    colourless: Callable[[], NDArray[np.bool_]],
    turns: int,
    first: int,
    last: int,
) -> Bay | None:
    """The even region without colour that grows from between two rows of the left side of `soft`, which is the picture
    after `turns` of np.rot90; None if it has not the form of a bay. Its mask lies as the picture does."""
    height, width = soft.shape
    side, row = min(height, width), (first + last) // 2
    tone = float(np.median(soft[first:last, : max(2, round(STRIP * side))]))
    near = np.asarray(
        cv2.inRange(soft, max(0, ceil(tone - CLOSELY)), min(255, floor(tone + CLOSELY))), np.uint8
    )
    near &= np.rot90(colourless(), turns)
    if not near[row, 0]:
        return None
    _, _, _, (_, top, breadth, length) = cv2.floodFill(near, None, (0, row), 2, flags=4)
    # What is farther away than its rim has no say.
    top, bottom = max(0, top - FARTHEST_RIM_PX), min(height, top + length + FARTHEST_RIM_PX)
    part = slice(top, bottom), slice(breadth + FARTHEST_RIM_PX)
    whole, arm = near[part] == 2, 2 * round(ARM * side / 2) + 1
    region = without_arms(whole, arm, row - top)
    if not region.any() or region[[0, -1]].any() or region[:, -1].any():
        return None
    filled, outline = filled_up(region)
    mouth = np.flatnonzero(filled[:, 0])
    along, deep = float(np.ptp(mouth)) + 1, float(np.flatnonzero(filled.any(axis=0))[-1]) + 1
    tall = float(np.ptp(np.flatnonzero(filled.any(axis=1)))) + 1
    area = float(filled.sum())
    hull = cv2.contourArea(cv2.convexHull(outline))
    fits = (
        MOUTH[0] <= along / side <= MOUTH[1]
        and DEPTH[0] <= deep / side <= DEPTH[1]
        and FILLED[0] <= area / (along * deep) <= FILLED[1]
        and area >= SOLID * hull
        and tall <= OVERHANG * along
    )
    luminance = np.rot90(luminance, turns)
    hard = hard_share(luminance[part], filled, tone) if fits else None
    if hard is None:
        return None
    mask = np.zeros((height, width), bool)
    mask[part] = filled
    rest = luminance[~mask].astype(np.int16)
    mask[part] = dilated(with_ends(filled, whole, arm), disc(2 * BLURRED_PX + 1))
    return Bay(
        mask=np.rot90(mask, -turns),
        tone=tone,
        spread=float(soft[part][region].std()),
        hard=hard,
        elsewhere=float(np.mean(np.abs(rest - round(tone)) <= SAME_TONE)),
    )
