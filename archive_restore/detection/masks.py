"""Score maps, and the masks and regions that a sensitivity makes of them."""

from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.detection.filters import components, dilated, disc
from archive_restore.detection.regions import KINDS, Region


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
    Sensitivity.LOW: Hysteresis(seed=205, reach=140),
    Sensitivity.NORMAL: Hysteresis(seed=160, reach=105),
    Sensitivity.HIGH: Hysteresis(seed=110, reach=70),
}

# A scanner's blur spreads the edge of a defect by about a pixel; the mask must cover it.
BLUR_MARGIN_PX = 1


@dataclass(frozen=True)
class ScoreMap:
    """What the detectors think of every pixel of a photograph."""

    scores: NDArray[np.uint8]  # (H, W), confidence that the pixel is damaged, 0..255
    kinds: NDArray[np.uint8]  # (H, W), index into KINDS, meaningful where scores > 0

    def to_png(self) -> bytes:
        """Both planes in one PNG, the kinds above the scores."""
        done, data = cv2.imencode(".png", np.vstack([self.kinds, self.scores]))
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
    score_map: ScoreMap, sensitivity: Sensitivity = Sensitivity.NORMAL
) -> tuple[NDArray[np.bool_], list[Region]]:
    """The mask and the regions of a score map.

    Parameters
    ----------
    score_map
        As `score` returns it.
    sensitivity
        `high` finds more and errs more.

    Returns
    -------
    mask
        (H, W) bool, True = damaged, grown by what blur needs.
    regions
        Connected (8 neighbours) pieces of the mask, from the top.
    """
    levels = HYSTERESIS[sensitivity]
    reach = (score_map.scores >= levels.reach).astype(np.uint8)
    if not reach.any():
        return np.zeros(reach.shape, bool), []
    labels, _ = components(reach)
    kept = np.zeros(labels.max() + 1, bool)
    kept[labels[score_map.scores >= levels.seed]] = True
    kept[0] = False
    core = kept[labels].astype(np.uint8)
    grown = dilated(core, disc(2 * BLUR_MARGIN_PX + 1))
    return grown > 0, _regions(grown, core, score_map)


def _regions(mask: NDArray[np.uint8], core: NDArray[np.uint8], score_map: ScoreMap) -> list[Region]:
    labels, boxes = components(mask)
    count = len(boxes)
    inside = core > 0
    found = labels[inside]
    votes = np.bincount(found * len(KINDS) + score_map.kinds[inside], minlength=count * len(KINDS)).reshape(
        count, len(KINDS)
    )
    surest = np.zeros(count, np.uint8)
    np.maximum.at(surest, found, score_map.scores[inside])
    return [
        Region(
            kind=KINDS[int(votes[label].argmax())],
            left=int(box[cv2.CC_STAT_LEFT]),
            top=int(box[cv2.CC_STAT_TOP]),
            width=int(box[cv2.CC_STAT_WIDTH]),
            height=int(box[cv2.CC_STAT_HEIGHT]),
            area=int(box[cv2.CC_STAT_AREA]),
            score=float(surest[label]) / 255,
        )
        for label, box in enumerate(boxes)
        if label > 0
    ]
