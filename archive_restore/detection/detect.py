"""All detectors, merged into one score map."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from archive_restore.detection import corners, creases, dust, scratches, spots, tears
from archive_restore.detection.candidates import Candidates, find
from archive_restore.detection.filters import Floats, dilated, repeated, square, stretched
from archive_restore.detection.masks import ScoreMap
from archive_restore.detection.palette import palette
from archive_restore.detection.planes import Plane, pyramid
from archive_restore.detection.regions import KINDS, Kind
from archive_restore.detection.shapes import Form, form
from archive_restore.detection.verdict import verdicts

LIKENESS: dict[Kind, Callable[[Form], Floats]] = {
    Kind.DUST: dust.likeness,
    Kind.HAIR: scratches.hair_likeness,
    Kind.SCRATCH: scratches.scratch_likeness,
    Kind.CREASE: creases.crease_likeness,
    Kind.CRACK: creases.crack_likeness,
    Kind.TEAR: tears.likeness,
    Kind.SPOT: spots.likeness,
}
# Below this probability nothing is stored: no sensitivity reaches so far.
FAINTEST = 0.1
# What resembles no kind of damage by at least this is doubted.
LIKELY = 0.8
# Blots of the size of a window pane or a face are the scene far more often than they are stains.
SPOT_DOUBT = 0.6
# A corner passes its tests or it does not; a low sensitivity does not believe it.
CORNER_SCORE = 200


def score(pixels: NDArray[np.uint8]) -> ScoreMap:
    """How sure the detectors are that each pixel is damaged, and of what kind.

    Parameters
    ----------
    pixels
        (H, W) or (H, W, 3) uint8, RGB, from 1x1 upwards.

    Returns
    -------
    ScoreMap
        (H, W) probabilities of damage as 0..255, and kinds.

    Raises
    ------
    ValueError
        If `pixels` is anything else.
    """
    if pixels.dtype != np.uint8 or not (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)):
        raise ValueError(f"expected (H, W) or (H, W, 3) uint8, got {pixels.shape} {pixels.dtype}")
    planes = pyramid(pixels)
    colours = palette(planes)
    every = [found for plane in planes for found in find(plane, colours)]
    levels = {plane.step: empty(plane.shape) for plane in planes}
    for found, probability in zip(every, verdicts(every, colours), strict=True):
        lay(levels[found.plane.step], found, probability)
    merged = empty(pixels.shape[:2])
    for level in levels.values():
        _merge(merged, level)
    _merge_corners(merged, planes)
    return merged


def empty(shape: tuple[int, ...]) -> ScoreMap:
    """A score map of `shape` (h, w) without any damage."""
    return ScoreMap(np.zeros(shape, np.uint8), np.zeros(shape, np.uint8))


def lay(level: ScoreMap, found: Candidates, probability: Floats) -> None:
    """Lays candidates of probability (N,) into the score map of their level; the surest one shows."""
    kinds, likeness = kinds_of(found)
    values = believed(probability, kinds, likeness)
    value = values[found.owner]
    scores, shown = level.scores.ravel(), level.kinds.ravel()
    surer = found.firm & (value > scores[found.position])
    position = found.position[surer]
    scores[position] = value[surer]
    shown[position] = kinds[found.owner[surer]]


def believed(probability: Floats, kinds: NDArray[np.uint8], likeness: Floats) -> NDArray[np.uint8]:
    """(N,) probabilities as 0..255, less for what looks like no kind of damage."""
    doubt = np.minimum(likeness / LIKELY, 1)
    doubt[kinds == KINDS.index(Kind.SPOT)] *= SPOT_DOUBT
    values = 255 * probability * doubt
    return np.where(values >= 255 * FAINTEST, values, 0).astype(np.uint8)


def kinds_of(found: Candidates) -> tuple[NDArray[np.uint8], Floats]:
    """(N,) index into KINDS of what each candidate looks like most, and (N,) how much so."""
    forms = form(found)
    likeness = np.stack([LIKENESS[kind](forms) for kind in KINDS if kind in LIKENESS])
    order = np.array([i for i, kind in enumerate(KINDS) if kind in LIKENESS], np.uint8)
    return order[likeness.argmax(axis=0)], likeness.max(axis=0)


def _merge(merged: ScoreMap, level: ScoreMap) -> None:
    if not level.scores.any():
        return
    scores, kinds = level.scores, level.kinds
    if scores.shape != merged.scores.shape:
        # The kind reaches a pixel further than the score, so that a smoothed rim has the kind of its body.
        kinds = repeated(dilated(kinds, square(3)), merged.scores.shape)
        scores = stretched(scores, merged.scores.shape)
    surer = scores > merged.scores
    merged.scores[surer] = scores[surer]
    merged.kinds[surer] = kinds[surer]


def _merge_corners(merged: ScoreMap, planes: list[Plane]) -> None:
    plane = next((p for p in planes if max(p.shape) <= corners.LONG_SIDE_PX), planes[-1])
    missing = corners.missing_corners(plane)
    if missing.any():
        whole = stretched(255 * missing.astype(np.uint8), merged.scores.shape) > 127
        merged.scores[whole] = np.maximum(merged.scores[whole], CORNER_SCORE)
        merged.kinds[whole] = KINDS.index(Kind.CORNER)
