"""Fits the judge of straight lines (archive_restore/detection/tramlines.json).

usage: python -m tests.benchmarks.fit_tramlines PHOTOGRAPHS --weights FOLDER [--shapes FOLDER] [--samples N]
       [--out FILE]

PHOTOGRAPHS is a folder of undamaged photographs; tramlines and sometimes other damage are drawn over them. Each is
looked at as it is, too: cornices, kerbs, fences and pipes are as straight.
--weights holds the segmenter (models/detector of this repository); --shapes real artefacts as train_detector takes
them. Every fifth sample is kept out of the fit; for these it prints, at several thresholds, how much of the length of
what is called is damage, how much of the damage among the candidates is kept, and how many strips are called where
nothing is damaged.
"""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator as Random
from numpy.typing import NDArray

from archive_restore.detection import line_traits, tramlines
from archive_restore.detection.filters import luminance
from archive_restore.detection.paths import STRIP_PX
from archive_restore.detection.paths import Path as Line
from archive_restore.detection.views import seen
from archive_restore.networks.detector import Detector
from archive_restore.training import defects
from archive_restore.training.defects import wear
from archive_restore.training.defects.laying import Defect, Shape, Shapes
from archive_restore.training.detection_samples import sample
from tests.benchmarks.fit_judge import Candidates, fit

SEED = 1895  # of the drawn damage
UNDAMAGED = 3.0  # as in fit_judge: a line across a house front is worse than a scratch that stays
SIZES = (288, 448, 576, 704)  # px, of samples, where a photograph has so many
OTHER_DAMAGE = 0.35  # share of the damaged samples with other damage, too
MOST_LINES = 3  # groups of tramlines in a sample


def draw(random: Random, shape: Shape, shapes: Shapes) -> list[Defect]:
    """Tramlines, and sometimes what else there is."""
    drawn = defects.draw_some(random, shape, shapes) if random.random() < OTHER_DAMAGE else []
    for _ in range(int(random.integers(1, MOST_LINES + 1))):
        tone = defects.tone(random, "scratches")
        texture = float(random.uniform(0, 4))
        drawn.append(Defect(wear.draw_tramlines(random, shape), tone, texture, "scratches"))
    return drawn


def lines(
    photograph: NDArray[np.uint8], detector: Detector, shapes: Shapes, random: Random
) -> Iterator[Candidates]:
    """The candidates in what is drawn over a photograph, and in the photograph itself."""
    shorter = min(photograph.shape[:2])
    sizes = [size for size in SIZES if size <= shorter] or [shorter]
    one = sample(photograph, int(random.choice(sizes)), random, shapes, draw)
    yield from _candidates(one.picture, one.truth, detector)
    yield from _candidates(photograph, np.zeros(photograph.shape[:2], bool), detector)


def _candidates(
    picture: NDArray[np.uint8], damage: NDArray[np.bool_], detector: Detector
) -> Iterator[Candidates]:
    """Those that run down and those that run across; their area is their length in strips."""
    scores = seen(picture, detector).probability
    grey = luminance(picture)
    truth = damage.astype(np.uint8)
    for turned in (False, True):
        planes = (grey.T, scores.T, truth.T) if turned else (grey, scores, truth)
        plane, believed, damaged = (np.ascontiguousarray(plane) for plane in planes)
        found = tramlines.candidates(plane, believed)
        near = cv2.dilate(damaged, np.ones((1, 3), np.uint8)) > 0
        share = np.array([lying_on(line, near) for line in found.paths], np.float32)
        length = np.array([len(line.columns) for line in found.paths], np.float32)
        yield Candidates(found.traits, share, length, not damage.any())


def lying_on(line: Line, near: np.ndarray[tuple[int, int], np.dtype[np.bool_]]) -> float:
    """The share of a line's rows that are damaged."""
    rows = np.arange(line.first * STRIP_PX, line.last * STRIP_PX)
    return float(near[rows, np.repeat(line.columns, STRIP_PX)].mean())


def main() -> None:
    out = Path(tramlines.__file__).with_name("tramlines.json")
    fit(__doc__ or "", lines, line_traits.TRAITS, out, 2700, SEED, UNDAMAGED)


if __name__ == "__main__":
    main()
