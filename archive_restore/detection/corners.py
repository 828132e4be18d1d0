"""Missing corners: what lies behind the photograph shows, even and beyond a hard edge, in its very corner. That is the
scan's, or lies within the lid that the scan shows around a print.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import ceil, floor

import cv2
import numpy as np
from numpy.polynomial import Polynomial
from numpy.typing import NDArray

from archive_restore.detection.filters import Grey, dilated, disc, square
from archive_restore.detection.planes import Plane

# Corners are large: they are looked for on the first level whose long side is at most this.
LONG_SIDE_PX = 640
# Tones that paper, scanner lid and black card have: grey levels, and CIELAB distance from neutral.
PALEST = 195
DARKEST = 60
MOST_CHROMA = 16.0
# How far a pixel may be from the corner's own tone, grey levels.
EVEN = 14
# How far the gap's blurred edge reaches beyond what has its tone, px, and how far what is asked of beyond that.
BLURRED_PX = 2
FARTHEST_RIM_PX = 4
# A step at the rim counts as hard from here, grey levels; this share of the rim must be hard.
HARD_STEP = 24
HARD_SHARE = 0.93
# Shares of the picture's short side that the gap takes of each of the two edges that meet in the corner.
SHORTEST_EDGE = 0.045
LONGEST_EDGE = 0.5
# Area over that of the triangle between the two edges' ends: a cut corner has 1, a sky or a margin far more.
TRIANGLE = (0.6, 1.35)
# A rim is torn that is so far from a smooth curve, in thousandths of its length: roofs, walls and the frames of
# turned pictures are straight. What is as far as the second has grown into the scene.
RAGGED, TORN_RAGGED = 8.0, 60.0
# What is torn, nearer to a triangle and no clipped white may fade into the scene: this share of its rim must be hard.
TORN_HARD, TORN_TRIANGLE = 0.75, (0.8, 1.2)
# So much of it, if its tone spreads no more than a lid's does, grey levels, which few shades and skies are.
EVEN_TORN_HARD, EVEN_SPREAD = 0.5, 2.0
# Where a scene has nearly the tone of a gap, what is so far from it belongs to the scene; the spread is less then.
CLOSELY, CLOSE_SPREAD = 5, 1.0
# Thinner than this share of the short side it runs out into the scene.
ARM = 0.04
# A second gap shows the same ground. Of so many grey levels as the first one, so even, torn and of such a form, it
# need not have any edge; two of that form prove each other, if this share of their rims is hard.
SAME_GROUND, SECOND_SPREAD, SECOND_TRIANGLE, LONGEST_SECOND_EDGE, BOTH_HARD = 3, 1.5, (0.7, 1.4), 0.8, 0.3
# Shares of the short side that it takes of each edge: the most is for dark ones, since white ones are skies over roofs.
SHORTEST_TORN_EDGE, LONGEST_TORN_EDGE = 0.08, 0.65
# Grey levels from which a scanner's highlights are clipped. Where more than this share of the rest is no farther than
# this from the tone of a gap that is straight, or clipped, that is a sky, a coat or a dark room.
CLIPPED, ELSEWHERE, SAME_TONE = 253, 0.003, 6
MOST_EVEN_SPREAD = 3.6
# The corners of a mount: so far from a triangle (a quarter circle leaves 0.43 of it), and alike within this factor.
# Their rims need be hard by this share alone, since few scenes have three such corners, and dark ones fade into black.
ROUNDED, ALIKE, MOUNT_HARD = (0.25, 1.35), 2.0, 0.4
# How far a pixel of a lid beside a print may be from its tone, or white paper is taken for a white lid; the share of
# each line that is no farther; and that of a side that the lid takes at most.
EVEN_LID, ALONG_SHARE, BROADEST_LID = 7, 0.9, 0.3
# Rise of a print's side over its length, and by how little the lid's share falls farther inwards.
MOST_SLOPE, MORE_SHARE = 0.02, 0.02
# Breadth of a print's margin at least, beyond the blurred edge of the print, px.
MARGIN_PX = 3
# Shorter rims have no raggedness to speak of.
SHORTEST_RIM_PX = 16


@dataclass(frozen=True, eq=False)
class Gap:
    """A region that grew from a corner, judged."""

    corner: int  # turns of np.rot90 that bring it to the upper left
    even: int  # grey levels that it grew from its tone at most
    mask: NDArray[np.bool_]  # (h, w) of the level
    tone: float  # grey levels
    spread: float  # of the tone inside, grey levels; without the finest grain, which scanners sharpen
    hard: float  # share of the rim where the step is hard
    triangle: float  # area over that of the triangle between its ends
    edges: tuple[float, float]  # shares of the short side
    of_margin: bool  # it cuts an even margin of another tone, as no sky or coat does
    raggedness: float  # deviation of its rim from a smooth curve, thousandths of its length

    @property
    def missing(self) -> bool:
        """True if this is a missing corner rather than a sky, a wall or a margin."""
        return self.spread <= MOST_EVEN_SPREAD and (self._cut or self._torn(TORN_HARD))

    @property
    def missing_beside_its_tone(self) -> bool:
        """True, too, if it fades into the scene for a greater part of its rim, but is as even as a lid is."""
        most = EVEN_SPREAD if self.even > CLOSELY else CLOSE_SPREAD
        return self.spread <= most and self._torn(EVEN_TORN_HARD)

    @property
    def may_be_second(self) -> bool:
        """True if such a region is missing where another corner is through which the same ground shows."""
        return (
            self.spread <= SECOND_SPREAD
            and RAGGED <= self.raggedness <= TORN_RAGGED
            and SECOND_TRIANGLE[0] <= self.triangle <= SECOND_TRIANGLE[1]
            and min(self.edges) >= SHORTEST_TORN_EDGE
            and max(self.edges) <= LONGEST_SECOND_EDGE
        )

    @property
    def ragged(self) -> bool:
        """True if its rim is torn rather than straight."""
        return self.raggedness >= RAGGED

    @property
    def _cut(self) -> bool:
        return (
            (self.hard >= HARD_SHARE or self.of_margin)
            and TRIANGLE[0] <= self.triangle <= TRIANGLE[1]
            and min(self.edges) >= SHORTEST_EDGE
            and max(self.edges) <= LONGEST_EDGE
        )

    def _torn(self, hard: float) -> bool:
        return (
            RAGGED <= self.raggedness <= TORN_RAGGED
            and self.hard >= hard
            and TORN_TRIANGLE[0] <= self.triangle <= TORN_TRIANGLE[1]
            and min(self.edges) >= SHORTEST_TORN_EDGE
            and max(self.edges) <= (LONGEST_TORN_EDGE if self.tone <= DARKEST else LONGEST_EDGE)
            and self.tone < CLIPPED
        )


def missing_corners(plane: Plane) -> NDArray[np.bool_]:
    """(h, w) bool, True where a corner of the photograph is missing."""
    missing = _missing_of(plane, None)
    place, cut = within_lid(plane.luminance)
    if missing[place].shape != missing.shape:
        chroma = None if plane.chroma is None else np.ascontiguousarray(plane.chroma[place])
        lid = np.ones(plane.shape, bool)
        lid[place] = False
        tone = float(np.median(plane.luminance[lid]))
        beside = np.zeros(plane.shape, np.uint8)
        beside[place] = _missing_of(Plane(plane.luminance[place], chroma, plane.step), tone)
        missing |= into_lid(beside > 0, lid, cut)
    return missing


def into_lid(missing: NDArray[np.bool_], lid: NDArray[np.bool_], cut: int) -> NDArray[np.bool_]:
    """What is `missing` of a print, up to the `lid` beside it and a little into that, or lines that are blurred would
    stay as dark as they are; `cut` as `within_lid` gives it."""
    reached = dilated(missing.view(np.uint8), square(2 * (2 * BLURRED_PX + cut) + 1)) > 0
    return np.asarray(reached & lid | missing)


def _missing_of(plane: Plane, tone: float | None) -> NDArray[np.bool_]:
    """(h, w) bool, True where corners are missing through which a `tone` shows, if it is given."""
    missing = np.zeros(plane.shape, bool)
    gaps = grown_from_corners(plane, EVEN if tone is None else EVEN_LID)
    found = [gap for gap in gaps if gap.missing or (tone is None and gap.missing_beside_its_tone)]
    known = {gap.corner for gap in found}
    closely = [gap for gap in grown_from_corners(plane, CLOSELY) if gap.corner not in known]
    found += [gap for gap in closely if gap.missing_beside_its_tone]
    # Three or four alike are a mount or rounded corners, however soft: the photograph's own border.
    if len(found) > 2 or of_mount(gaps, hard=0.0):
        return missing
    if tone is None:
        found = _not_of_scene(found, plane.luminance)
        found += _of_same_ground(found, closely)
    else:
        found = [gap for gap in found if abs(gap.tone - tone) <= EVEN_LID]
    for gap in found:
        missing |= gap.mask
    return missing


def _not_of_scene(gaps: list[Gap], luminance: Grey) -> list[Gap]:
    """Those that are torn, and not as white as clipped highlights, or have a tone that the rest has not."""
    if not gaps:
        return gaps
    rest = np.ones(luminance.shape, bool)
    for gap in gaps:
        rest &= ~gap.mask
    others = luminance[rest].astype(np.float32)

    def seen_elsewhere(tone: float) -> bool:
        return float(np.mean(np.abs(others - tone) <= SAME_TONE)) > ELSEWHERE if len(others) else False

    return [gap for gap in gaps if (gap.ragged and gap.tone < CLIPPED) or not seen_elsewhere(gap.tone)]


def _of_same_ground(found: list[Gap], others: list[Gap]) -> list[Gap]:
    """Those of the other regions through which the ground shows that shows through the gaps that are found, or, where
    there are none, through two of them."""
    others = [gap for gap in others if gap.may_be_second and gap not in found]
    known = found or [gap for gap in others if gap.hard >= BOTH_HARD]
    candidates = others if found else known
    return [
        gap
        for gap in candidates
        if any(gap is not one and abs(gap.tone - one.tone) <= SAME_GROUND for one in known)
    ]


def within_lid(luminance: Grey) -> tuple[tuple[slice, slice], int]:
    """Rows and columns of a scan without the black or white lid along its sides, which what is missing of the print
    shows, too; and how many lines of the print that cuts off at most, since it lies askew."""
    top, bottom, left, right = (
        _lid(lines) for lines in (luminance, luminance[::-1], luminance.T, luminance.T[::-1])
    )
    height, width = luminance.shape
    rows, columns = (
        slice(sum(first), max(sum(first), length - sum(last)))
        for first, last, length in ((top, bottom, height), (left, right, width))
    )
    return (rows, columns), max(cut for _, cut in (top, bottom, left, right))


def _lid(lines: Grey) -> tuple[int, int]:
    """How many lines from the first are the lid's, and in how many more it shows along the print or is blurred into
    that."""
    tone = float(np.median(lines[0]))
    if DARKEST < tone < PALEST:
        return 0, 0
    most, askew = int(BROADEST_LID * len(lines)), ceil(MOST_SLOPE * lines.shape[1])
    alike = np.mean(np.abs(lines[: most + askew].astype(np.int16) - round(tone)) <= EVEN_LID, axis=1)
    ends = np.flatnonzero(alike[:most] < ALONG_SHARE)
    if not len(ends) or not ends[0]:
        return 0, 0
    beyond = alike[ends[0] : ends[0] + askew + 1]
    # What is left of it is missing of the print.
    return int(ends[0]), int((beyond <= beyond.min() + MORE_SHARE).argmax()) + BLURRED_PX


def neutral(plane: Plane) -> NDArray[np.bool_]:
    """(h, w) bool, True where the colour is that of paper, scanner lid or black card."""
    if plane.chroma is None:
        return np.ones(plane.shape, bool)
    away = cv2.absdiff(plane.chroma, np.full_like(plane.chroma, 128)).astype(np.uint16)
    a, b = away[..., 0], away[..., 1]
    return np.asarray(a * a + b * b <= MOST_CHROMA**2)


def grown_from_corners(plane: Plane, even: int = EVEN) -> list[Gap]:
    """The even regions that grow from the corners of a picture, four at most; `even` grey levels from their tone."""
    # Of few pictures they are asked for.
    soft = cache(lambda: np.asarray(cv2.GaussianBlur(plane.luminance, (3, 3), 0), np.uint8))
    colourless = cache(lambda: neutral(plane))
    every = (_grown(plane.luminance, soft, colourless, turns, even) for turns in range(4))
    return [gap for gap in every if gap is not None]


def of_mount(gaps: list[Gap], hard: float = MOUNT_HARD) -> list[Gap]:
    """Those of the regions that grew from a picture's corners that are a mount's: three at least, rounded and alike, of
    whose rims this share is hard."""
    even = [gap for gap in gaps if gap.hard >= hard and gap.spread <= MOST_EVEN_SPREAD]
    rounded = [gap for gap in even if ROUNDED[0] <= gap.triangle <= ROUNDED[1]]
    areas = [int(gap.mask.sum()) for gap in rounded]
    middle = float(np.median(areas)) if areas else 0.0
    alike = [
        gap for gap, area in zip(rounded, areas, strict=True) if middle / ALIKE <= area <= middle * ALIKE
    ]
    return alike if len(alike) >= 3 else []


def _grown(
    luminance: Grey,
    soft: Callable[[], Grey],
    colourless: Callable[[], NDArray[np.bool_]],
    turns: int,
    even: int,
) -> Gap | None:
    """The even region without colour in the corner of a picture that `turns` of np.rot90 bring to the upper left; its
    mask lies as the picture does, as do the same `soft` and where it is `colourless`.

    None if its tone is not that of a gap, or if it runs along a whole edge of the picture.
    """
    luminance = np.rot90(luminance, turns)
    height, width = luminance.shape
    patch = max(2, round(0.012 * min(height, width)))
    if min(height, width) < 8 * patch:
        return None
    tone = float(np.median(luminance[:patch, :patch]))
    if DARKEST < tone < PALEST:
        return None
    blurred = np.rot90(soft(), turns)
    near = np.asarray(cv2.inRange(blurred, max(0, ceil(tone - even)), min(255, floor(tone + even))), np.uint8)
    grown = near & np.rot90(colourless(), turns)
    if not grown[0, 0]:
        return None
    _, _, _, (_, _, breadth, length) = cv2.floodFill(grown, None, (0, 0), 2, flags=4)
    # What is farther away than its rim has no say.
    part = slice(length + FARTHEST_RIM_PX), slice(breadth + FARTHEST_RIM_PX)
    region = whole = grown[part] == 2
    arm = 2 * round(ARM * min(height, width) / 2) + 1
    if even <= CLOSELY:
        region = without_arms(whole, arm)
    right, down = _run(region[0]), _run(region[:, 0])
    if not region.any() or region[height - 1 :].any() or region[:, width - 1 :].any():
        return None
    filled, outline = filled_up(region)
    hard = hard_share(luminance[part], filled, tone)
    if hard is None:
        return None
    side = min(height, width)
    mask = np.zeros((height, width), bool)
    mask[part] = dilated(with_ends(filled, whole, arm), disc(2 * BLURRED_PX + 1))
    return Gap(
        corner=turns,
        even=even,
        mask=np.rot90(mask, -turns),
        tone=tone,
        spread=float(blurred[part][region].std()),
        hard=hard,
        triangle=float(filled.sum() / max(right * down / 2, 1)),
        edges=(right / side, down / side),
        of_margin=_is_margin(luminance[:, right:], tone) and _is_margin(luminance[down:].T, tone),
        raggedness=_raggedness(outline),
    )


def filled_up(region: NDArray[np.bool_]) -> tuple[Grey, NDArray[np.int32]]:
    """A region (h, w), not empty, with its holes, 0 and 1, since dirt on a lid belongs to the gap; and its longest
    outline (N, 2), x and y."""
    filled = region.astype(np.uint8)
    outlines, _ = cv2.findContours(filled, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(filled, outlines, -1, 1, cv2.FILLED)
    return filled, np.asarray(max(outlines, key=len)[:, 0], np.int32)


def hard_share(luminance: Grey, filled: Grey, tone: float) -> float | None:
    """The share of the rim of a region of some tone, beyond its blurred edge, where the step is hard; None if it has no
    rim."""
    rim = dilated(filled, square(5)) > dilated(filled, square(3))
    steps = np.abs(luminance[rim].astype(np.float32) - tone)
    return float((steps >= HARD_STEP).mean()) if steps.size else None


def without_arms(region: NDArray[np.bool_], breadth: int, row: int = 0) -> NDArray[np.bool_]:
    """A region (h, w) from a `row` of its left side on without what runs out of it and is thinner than `breadth`, odd:
    edges in the scene that have the tone of the ground. Nothing if it is as thin as that there itself."""
    # Beyond the picture's edges it goes on, or its ends would be arms.
    beyond = cv2.copyMakeBorder(region.view(np.uint8), *4 * (breadth,), cv2.BORDER_REPLICATE)
    body = cv2.morphologyEx(beyond, cv2.MORPH_OPEN, disc(breadth))[breadth:-breadth, breadth:-breadth]
    # Their rounded feet and its own ragged rim come back.
    kept = dilated(np.ascontiguousarray(body), disc(2 * (breadth // 4) + 1)) & region.view(np.uint8)
    if kept[row, 0]:
        cv2.floodFill(kept, None, (0, row), 2, flags=4)
    return np.asarray(kept == 2)


def with_ends(body: Grey, region: NDArray[np.bool_], breadth: int) -> Grey:
    """What `without_arms` left of a region, with pointed ends of it that are as thin as arms and no longer than half of
    that."""
    return np.asarray(body | dilated(body, disc(breadth)) & region, np.uint8)


def _raggedness(outline: NDArray[np.int32]) -> float:
    """How far the rim of a gap in the upper left corner is from a cubic over the line between its ends, standard
    deviation in thousandths of that line's length; `outline` (N, 2), x and y."""
    rim = outline[(outline > 0).all(axis=1)].astype(np.float64)
    if not len(rim):
        return 0.0
    chord = rim[rim[:, 0].argmax()] - rim[rim[:, 1].argmax()]
    length = float(np.hypot(*chord))
    if length < SHORTEST_RIM_PX:
        return 0.0
    along = rim @ chord / length
    across = rim @ np.array([-chord[1], chord[0]]) / length
    smooth = Polynomial.fit(along, across, 3)
    return 1000 * float(np.std(across - smooth(along))) / length


def _is_margin(lines: Grey, tone: float) -> bool:
    """Whether the first lines beside a gap are even, and of another tone."""
    outermost = lines[BLURRED_PX : BLURRED_PX + MARGIN_PX, 2 * BLURRED_PX + 1 :].astype(np.int16)
    if not outermost.size:
        return False
    own = float(np.median(outermost))
    even = float(np.mean(np.abs(outermost - round(own)) <= EVEN_LID)) >= ALONG_SHARE
    return even and abs(own - tone) >= EVEN_LID


def _run(edge: NDArray[np.bool_]) -> int:
    """How many pixels from the start are True."""
    return int(edge.argmin()) if not edge.all() else len(edge)
