"""Finds damage in a photograph: photograph in, score map out; score map in, mask and regions out."""

from archive_restore.detection.detect import score
from archive_restore.detection.masks import Level, Policy, ScoreMap, Sensitivity, seed_of, threshold
from archive_restore.detection.painted import painted
from archive_restore.detection.regions import KINDS, PAINTED, Kind, Region, kind_called
from archive_restore.detection.unsure import specks_all_over
from archive_restore.detection.views import Verifier, closely

__all__ = [
    "KINDS",
    "PAINTED",
    "Kind",
    "Level",
    "Policy",
    "Region",
    "ScoreMap",
    "Sensitivity",
    "Verifier",
    "closely",
    "kind_called",
    "painted",
    "score",
    "seed_of",
    "specks_all_over",
    "threshold",
]
