"""Masks that somebody painted: the regions in them, named by what the detectors had seen there."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from archive_restore.detection.filters import components
from archive_restore.detection.masks import ScoreMap
from archive_restore.detection.regions import KINDS, PAINTED, Region

# A region has the kind of what was detected under so much of it, of 1; the rest of it is blur and a broad brush.
NAMED_SHARE = 0.1


def painted(mask: NDArray[np.bool_], score_map: ScoreMap | None) -> list[Region]:
    """The connected (8 neighbours) pieces of a (H, W) mask that somebody painted, from the top.

    Parameters
    ----------
    mask
        (H, W) bool, True = damaged.
    score_map
        What the detectors think of the photograph; without it all regions are of the kind `PAINTED`.
    """
    if not mask.any():
        return []
    labels, boxes = components(mask.view(np.uint8))
    kinds = _kinds(labels, boxes[:, 4], mask, score_map)
    return [
        Region(
            kind,
            left=int(box[0]),
            top=int(box[1]),
            width=int(box[2]),
            height=int(box[3]),
            area=int(box[4]),
            score=1.0,
        )
        for kind, box in list(zip(kinds, boxes, strict=True))[1:]
    ]


def _kinds(
    labels: NDArray[np.int32], areas: NDArray[np.int32], mask: NDArray[np.bool_], score_map: ScoreMap | None
) -> Iterator[str]:
    """The kind of each label, 0 included."""
    votes = np.zeros((len(areas), len(KINDS)), np.int64)
    if score_map is not None:
        detected = score_map.enlarged((mask.shape[0], mask.shape[1]))
        seen = mask & (detected.scores > 0)
        places = labels[seen].astype(np.int64) * len(KINDS) + detected.kinds[seen]
        votes = np.bincount(places, minlength=votes.size).reshape(votes.shape)
    for area, counts in zip(areas, votes, strict=True):
        named = counts.max() >= max(1, NAMED_SHARE * area)
        yield KINDS[int(counts.argmax())] if named else PAINTED
