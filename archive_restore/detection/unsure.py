"""What only somebody who looks can decide: faint specks all over a photograph are dust and flakes, or snow and stars.

A mask leaves them alone, as it must; but then the photograph should be named, or its owner takes it for searched.
"""

from collections.abc import Collection

import numpy as np

from archive_restore.detection import swarms
from archive_restore.detection.filters import components
from archive_restore.detection.masks import EVERY_KIND, HYSTERESIS, Level, ScoreMap, Sensitivity, levels_for
from archive_restore.detection.regions import Kind

PARTS = 4
"""A photograph has so many parts down, and across."""

MANY, MOST_PARTS = swarms.MANY, swarms.MOST_PARTS
"""Regions that a high sensitivity finds beyond the mask, in so many of the parts: as many as make a swarm, so that one
which nothing proves is asked about. Few undamaged photographs have so many: night skies, strings of lamps."""


def specks_all_over(
    score_map: ScoreMap, level: Level = Sensitivity.NORMAL, kinds: Collection[Kind] = EVERY_KIND
) -> bool:
    """Whether a high sensitivity would find many more regions, all over the photograph, than `level` does, which makes
    its mask of what is of these kinds."""
    scores, high, own = score_map.of(kinds).scores, HYSTERESIS[Sensitivity.HIGH], levels_for(score_map, level)
    seeds = scores >= high.seed
    if not seeds.any():
        return False
    labels, boxes = components((scores >= high.reach).view(np.uint8))
    beyond = np.zeros(len(boxes), bool)
    beyond[labels[seeds]] = True
    beyond[labels[scores >= own.seed]] = False  # they are in the mask, or in part
    left, top, width, height = boxes[beyond, :4].T
    down = (top + height // 2) * PARTS // scores.shape[0]
    across = (left + width // 2) * PARTS // scores.shape[1]
    return len(left) >= MANY and len(set(zip(down.tolist(), across.tolist(), strict=True))) >= MOST_PARTS
