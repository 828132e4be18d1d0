"""Fits the judge of suspects (archive_restore/detection/suspects.json).

usage: python -m tests.benchmarks.fit_suspects PHOTOGRAPHS --weights FOLDER [--shapes FOLDER] [--samples N]
       [--out FILE]

PHOTOGRAPHS is a folder of undamaged photographs; damage is drawn over them. --weights holds the segmenter
(models/detector of this repository); --shapes real artefacts as train_detector takes them. Every fifth sample is kept
out of the fit; for these it prints, at several thresholds, how much of what is called is damage, how much of the damage
that is suspected is called, and how much is called where nothing is damaged.
"""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator as Random
from numpy.typing import NDArray

from archive_restore.detection import suspects
from archive_restore.detection.detect import NAMED_FROM, judged
from archive_restore.detection.views import seen, seen_once
from archive_restore.networks.detector import Detector
from archive_restore.training.defects.laying import Shapes
from archive_restore.training.detection_samples import sample
from tests.benchmarks.fit_judge import NEAR, Candidates, fit

SEED = 4711  # of the drawn damage
SIZES = (288, 352, 448, 544)  # px; of small photographs, which the segmenter sees often
LARGE_SIZES = (704, 896)  # px; of those that it sees once
LARGE = 0.35  # their share


def found(
    photograph: NDArray[np.uint8], detector: Detector, shapes: Shapes, random: Random
) -> Iterator[Candidates]:
    """The suspects in one sample."""
    large = random.random() < LARGE
    one = sample(photograph, int(random.choice(LARGE_SIZES if large else SIZES)), random, shapes)
    opinion = (seen_once if large else seen)(one.picture, detector)
    scores, tried = judged(one.picture, opinion).merged.scores, opinion.probability >= NAMED_FROM
    suspected = suspects.suspects(one.picture, opinion.odds, scores, tried)
    if suspected is None:
        return
    regions, weighed, _ = suspected
    near = np.asarray(cv2.dilate(one.truth.astype(np.uint8), NEAR)).ravel()
    share = regions.whole.mean(near[regions.whole.position])
    yield Candidates(weighed, share, regions.whole.size, not one.truth.any())


def main() -> None:
    out = Path(suspects.__file__).with_name("suspects.json")
    fit(__doc__ or "", found, suspects.TRAITS, out, 4000, SEED)


if __name__ == "__main__":
    main()
