"""Score maps, and the masks and regions that a policy makes of them."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum
from math import ceil

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.detection.filters import components, dilated, disc, repeated, square, stretched
from archive_restore.detection.planes import halved
from archive_restore.detection.regions import KINDS, Kind, Region, kind_called


class Sensitivity(StrEnum):
    """How sure the detectors must be."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


@dataclass(frozen=True)
class Hysteresis:
    """A region is damage if one of its pixels reaches `seed`, and reaches as far as `reach` holds."""

    seed: int  # 0..255
    reach: int  # 0..255


HYSTERESIS = {
    Sensitivity.LOW: Hysteresis(seed=225, reach=150),
    Sensitivity.NORMAL: Hysteresis(seed=185, reach=122),
    Sensitivity.HIGH: Hysteresis(seed=110, reach=70),
}

Level = Sensitivity | float
"""How sure the detectors must be: a name, or the least score (0..1) of a region's surest pixel."""

EVERY_KIND = frozenset(KINDS)


def hysteresis(level: Level) -> Hysteresis:
    """What a level means for scores of 0..255.

    A number is a seed. The names are points of the same scale: between them, and between them and the ends of
    the scale, the reach is linear in the seed, so that a lower number never calls less.

    Raises
    ------
    ValueError
        A number that is not within 0..1.
    """
    if isinstance(level, Sensitivity):
        return HYSTERESIS[level]
    if not 0 <= level <= 1:
        raise ValueError(f"a threshold lies between 0 and 1, not at {level}")
    named = sorted((known.seed, known.reach) for known in HYSTERESIS.values())
    surest_seed, surest_reach = named[-1]
    points = [(0, 0), *named, (255, 255 * surest_reach / surest_seed)]
    seed = 255 * level
    reach = np.interp(seed, [point[0] for point in points], [point[1] for point in points])
    # A score of 0 is no damage at any level.
    return Hysteresis(seed=max(1, round(seed)), reach=max(1, round(float(reach))))


SURE = 200
"""Scores from here on, of 255, prove damage."""

PROVEN = 0.002
"""Share of a photograph that is surely damaged, from which on it is an old print that has suffered."""

BOLDER = 0.65
"""What normal means in such a photograph: what is less sure there is damage oftener than in one that is whole."""


def levels_for(score_map: "ScoreMap", level: Level) -> Hysteresis:
    """What a level means in one photograph: `hysteresis`, but normal is bolder where damage is proven."""
    if (
        level is Sensitivity.NORMAL
        and np.count_nonzero(score_map.scores >= SURE) >= PROVEN * score_map.scores.size
    ):
        return hysteresis(BOLDER)
    return hysteresis(level)


def seed_of(level: Level) -> float:
    """The number (0..1) of a level."""
    return HYSTERESIS[level].seed / 255 if isinstance(level, Sensitivity) else level


@dataclass(frozen=True)
class Policy:
    """What of a score map becomes the mask."""

    level: Level = Sensitivity.NORMAL
    kinds: frozenset[Kind] = EVERY_KIND

    @property
    def text(self) -> str:
        """It in a line, as the ledger keeps it: "normal", "0.6", "high: dust, scratches"."""
        level = self.level.value if isinstance(self.level, Sensitivity) else f"{self.level:g}"
        if self.kinds == EVERY_KIND:
            return level
        return f"{level}: {', '.join(kind for kind in KINDS if kind in self.kinds)}"

    @classmethod
    def parsed(cls, text: str) -> "Policy":
        """The inverse of `text`; ValueError if it is none."""
        level, colon, kinds = text.partition(":")
        names = frozenset(kind_called(kind) for kind in kinds.split(",") if kind.strip())
        named = level in Sensitivity.__members__.values()
        return cls(Sensitivity(level) if named else float(level), names if colon else EVERY_KIND)


# A scanner's blur spreads the edge of a defect by about a pixel; the mask must cover it.
BLUR_MARGIN_PX = 1


@dataclass(frozen=True)
class ScoreMap:
    """What the detectors think of every pixel of a photograph, or of a reduced one if it is large."""

    scores: NDArray[np.uint8]  # (h, w), confidence that the pixel is damaged, 0..255
    kinds: NDArray[np.uint8]  # (h, w), index into KINDS, meaningful where scores > 0

    def of(self, kinds: Collection[Kind]) -> "ScoreMap":
        """The same without what is of another kind."""
        if EVERY_KIND.issubset(kinds):
            return self
        wanted = np.array([kind in kinds for kind in KINDS])
        return replace(self, scores=np.where(wanted[self.kinds], self.scores, 0).astype(np.uint8))

    def enlarged(self, shape: tuple[int, int]) -> "ScoreMap":
        """The same for each of `shape` (H, W) pixels; scores linear between pixels, kinds repeated."""
        if self.scores.shape == shape:
            return self
        return ScoreMap(stretched(self.scores, shape), repeated(dilated(self.kinds, square(3)), shape))

    def to_png(self) -> bytes:
        """Both planes in one PNG, the kinds above the scores."""
        # Mostly zeros: filters only take time.
        how = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE]
        done, data = cv2.imencode(".png", np.vstack([self.kinds, self.scores]), how)
        if not done:
            raise ValueError("the score map could not be encoded as PNG")
        return data.tobytes()

    @classmethod
    def from_png(cls, data: bytes) -> "ScoreMap":
        """The inverse of `to_png`. Raises ValueError if `data` is no score map."""
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
        planes = np.zeros(0, np.uint16) if decoded is None else np.asarray(decoded)
        if planes.ndim != 2 or planes.dtype != np.uint8 or planes.shape[0] % 2:
            raise ValueError("not a score map; scan the photograph again")
        half = planes.shape[0] // 2
        if planes[:half].max() >= len(KINDS):
            raise ValueError("the score map names a kind of damage that this version does not know")
        return cls(scores=planes[half:].astype(np.uint8), kinds=planes[:half].astype(np.uint8))


def threshold(
    score_map: ScoreMap,
    level: Level = Sensitivity.NORMAL,
    shape: tuple[int, int] | None = None,
    kinds: Collection[Kind] = EVERY_KIND,
) -> tuple[NDArray[np.bool_], list[Region]]:
    """The mask and the regions of a score map.

    Parameters
    ----------
    score_map
        As `score` returns it.
    level
        `high`, or a lower number, finds more and errs more; `normal` is bolder in a photograph that is surely
        damaged elsewhere (see `levels_for`).
    shape
        Height and width of the photograph, px, if it was larger than its score map.
    kinds
        The others are no damage.

    Returns
    -------
    mask
        (H, W) bool, True = damaged, grown by what blur needs.
    regions
        Connected (8 neighbours) pieces of the mask, from the top, in px of the photograph.
    """
    levels = levels_for(score_map, level)
    score_map = score_map.of(kinds)
    shape = shape or (score_map.scores.shape[0], score_map.scores.shape[1])
    core = followed(score_map.scores, levels).astype(np.uint8)
    if not core.any():
        return np.zeros(shape, bool), []
    grown = dilated(core, disc(2 * BLUR_MARGIN_PX + 1))
    if grown.shape == shape:
        return grown > 0, _regions(grown, grown * 255, core, score_map, shape)
    # Between the pixels of the score map an edge lies where the score, linear between them, reaches the level.
    near = np.where(dilated(core, square(3)) > 0, score_map.scores, 0).astype(np.uint8)
    fine = (stretched(near, shape) >= levels.reach).view(np.uint8)
    mask = dilated(fine, disc(2 * BLUR_MARGIN_PX + 1))
    return mask.view(np.bool_), _regions(grown, _covered(mask, grown.shape), core, score_map, shape)


def _covered(mask: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """How much of each pixel of a map of `shape` (h, w) a mask of 0 and 1 covers, of 255."""
    covered = mask * 255
    # The mean over any ratio takes as long as all the rest of a large photograph's mask.
    while covered.shape[0] >= 2 * shape[0] and covered.shape[1] >= 2 * shape[1]:
        covered = halved(covered)
    return np.asarray(cv2.resize(covered, shape[1::-1], interpolation=cv2.INTER_AREA), np.uint8)


def followed(scores: NDArray[np.uint8], levels: Hysteresis) -> NDArray[np.bool_]:
    """What is connected (8 neighbours) to a sure pixel, as far as the levels reach; (h, w) like `scores`."""
    sure = scores >= levels.seed
    if not sure.any():
        return sure
    # Without the boxes and areas that `components` gives.
    count, labels = cv2.connectedComponents((scores >= levels.reach).view(np.uint8))
    kept = np.zeros(count, bool)
    kept[labels[sure]] = True
    kept[0] = False
    return np.asarray(kept[labels], np.bool_)


def _regions(
    grown: NDArray[np.uint8],
    covered: NDArray[np.uint8],
    core: NDArray[np.uint8],
    score_map: ScoreMap,
    shape: tuple[int, int],
) -> list[Region]:
    """The pieces of a mask (h, w), in a photograph of `shape`: of `grown` pieces of the score map, those that have
    something of the mask, which covers so much of each of the map's pixels (of 255). Boxes are exact to such a
    pixel."""
    labels, boxes = components(grown)
    count = len(boxes)
    inside = core > 0
    found = labels[inside]
    votes = np.bincount(found * len(KINDS) + score_map.kinds[inside], minlength=count * len(KINDS)).reshape(
        count, len(KINDS)
    )
    surest = np.zeros(count, np.uint8)
    np.maximum.at(surest, found, score_map.scores[inside])
    rows, columns = np.nonzero((covered > 0) & (labels > 0))
    there = labels[rows, columns]
    areas = np.bincount(there, covered[rows, columns] / 255, count)
    first = np.full((2, count), np.iinfo(np.intp).max, np.intp)
    last = np.full((2, count), -1, np.intp)
    for axis, places in enumerate((rows, columns)):
        np.minimum.at(first[axis], there, places)
        np.maximum.at(last[axis], there, places)
    down, across = shape[0] / grown.shape[0], shape[1] / grown.shape[1]
    regions = []
    for label in range(1, count):
        if areas[label] == 0:
            continue
        top, left = int(first[0, label] * down), int(first[1, label] * across)
        bottom, right = ceil((last[0, label] + 1) * down), ceil((last[1, label] + 1) * across)
        regions.append(
            Region(
                kind=KINDS[int(votes[label].argmax())],
                left=left,
                top=top,
                width=min(right, shape[1]) - left,
                height=min(bottom, shape[0]) - top,
                area=max(1, round(float(areas[label]) * down * across)),
                score=float(surest[label]) / 255,
            )
        )
    return regions
