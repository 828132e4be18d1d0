"""Finds damage in a photograph: photograph in, score map out; score map in, mask and regions out."""

from archive_restore.detection.detect import Verifier, score
from archive_restore.detection.masks import ScoreMap, Sensitivity, threshold
from archive_restore.detection.regions import KINDS, Kind, Region

__all__ = ["KINDS", "Kind", "Region", "ScoreMap", "Sensitivity", "Verifier", "score", "threshold"]
