"""What a verifier thinks of a picture, which is shown to it once, or several times if it is small or to be looked at
closely.

Views differ in size. Each is wrong in its own way, so that the mean of their odds is surer than any of them where they
agree, and unsure where they do not. What is broad on a print is seen best where it is smallest, though, and one view
that sees it is outvoted: in a print that has surely suffered, the mean of their probabilities counts if it is more.

A soft photograph, scanned too finely or enlarged, shows less than its size says: a small one is seen reduced, too, as
a large one is, and a large one is reduced more.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.detection.filters import Floats, Grey, area_resized, luminance, stretched
from archive_restore.detection.odds import scores_of

Verifier = Callable[[NDArray[np.uint8]], Floats]
"""Takes a working picture (h, w) or (h, w, 3) uint8, RGB; gives the logarithm of the odds of damage, (h, w) float32."""


class View(NamedTuple):
    """How a picture is shown: so many `times` as large and perhaps `mirrored`, if its long side is `under` so many px;
    how much that counts for what is `judged`, and for what is `suspected` beside sure damage."""

    times: float
    mirrored: bool
    under: float
    judged: float
    suspected: float


SMALL_PX, TINY_PX = 1300, 450
"""In a small photograph a hair is a pixel wide, in a tiny one less."""

VIEWS = (
    View(1.0, False, SMALL_PX, 0.8, 1.0),
    View(1.7, True, SMALL_PX, 1.1, 1.0),
    View(2.5, False, SMALL_PX, 1.1, 1.0),
    View(4.0, True, TINY_PX, 0.9, 0.0),
)

LARGEST_PX = 2210
"""Long side of the largest of these views."""

CLOSE_VIEWS = (
    View(0.5, False, math.inf, 0.8, 1.0),
    View(1.0, True, math.inf, 1.1, 1.0),
    View(1.5, False, math.inf, 1.1, 1.0),
)
"""Of a picture that is not small: from half of it, in which what is broad is no broader than in small ones, to half as
large again, which is made of the photograph where that was reduced."""

SOFT_VIEWS = (
    View(0.4, False, math.inf, 0.8, 1.0),
    View(0.7, True, math.inf, 1.1, 1.0),
    View(1.1, False, math.inf, 1.1, 1.0),
)
"""Of a picture that is not small but very soft: at its own size even a tear is too broad to be taken for one."""

EDGES = 0.05
"""Of a picture, by which its `fineness` is told."""

SOFT_FROM_PX, SOFT, VERY_SOFT = 900, 0.64, 0.6
"""Long side from which on a small photograph may be soft; the `fineness` below which it is; and that below which one
that is not small is very soft."""

CLOSE_PIXELS = 10_000_000
"""px of the largest photographs that are looked at closely where nobody said how: a print of 10 by 15 cm that was
scanned at 600 dpi has 8.4 million."""


@dataclass(frozen=True)
class Seen:
    """What a verifier thinks of each pixel of a picture, each (h, w).

    `probability` of damage, uint8 in 255ths, for what is judged; `odds`, logarithms, float32, for what is suspected; in
    how many `views` it was seen; `generous`, as `probability`: the mean of those of the views, None for one view.
    """

    probability: Grey
    odds: Floats
    views: int = 1
    generous: Grey | None = None

    def believing(self, share: float) -> "Seen":
        """The same with `probability` so far on its way to `generous` (1 = all of it), where that is more."""
        if self.generous is None or not share:
            return self
        more = cv2.subtract(self.generous, self.probability)  # 0 where it is less
        more = cv2.convertScaleAbs(more, alpha=share)
        return replace(self, probability=np.asarray(cv2.add(self.probability, more), np.uint8))


def closely(shape: tuple[int, ...], thorough: bool | None) -> bool:
    """Whether a photograph of `shape` (H, W, ...) is looked at closely: never a small one, which is seen often anyway;
    others if it is wished (`thorough`), or, where nobody said (None), if that does not take too long."""
    height, width = shape[:2]
    if max(height, width) < SMALL_PX:
        return False
    return height * width <= CLOSE_PIXELS if thorough is None else thorough


def fineness(picture: NDArray[np.uint8]) -> float:
    """How sharp the edges of a picture (h, w) or (h, w, 3), RGB, are for its size: the contrast of its finest octave
    over that of the next (Laplacian pyramid: Burt and Adelson, IEEE Trans. Comm. 1983) where that is highest.

    Elsewhere the finest octave of a soft scan is full of the scanner's noise, which says nothing.
    """
    plane = np.asarray(luminance(picture), np.float32)
    octaves = []
    for _ in range(2):
        coarser = np.asarray(cv2.pyrDown(plane), np.float32)
        octaves.append(cv2.absdiff(plane, cv2.pyrUp(coarser, dstsize=plane.shape[::-1])))
        plane = coarser
    finest, following = octaves
    least = np.percentile(following, 100 * (1 - EDGES))
    following = cv2.resize(following, finest.shape[::-1], interpolation=cv2.INTER_LINEAR)
    edges = following >= least
    contrast = float(following[edges].sum())
    return float(finest[edges].sum()) / contrast if contrast else 1.0


def seen(
    picture: NDArray[np.uint8],
    verifier: Verifier,
    *,
    original: NDArray[np.uint8] | None = None,
    close: bool = False,
) -> Seen:
    """A picture in as many views as its size asks for.

    Parameters
    ----------
    picture : (h, w) or (h, w, 3) uint8, RGB
    original : what it is when it was not reduced yet, of which views that are larger are made
    close : it is looked at closely, see `closely`; else one that is not small, or was reduced, is shown once, and a
        soft one as if it were
    """
    side = max(picture.shape[:2])
    reduced = original is not None and original is not picture
    if close:
        views = SOFT_VIEWS if fineness(picture) < VERY_SOFT else CLOSE_VIEWS
        return seen_often(picture, verifier, views, original)
    if not reduced and SOFT_FROM_PX <= side < SMALL_PX and fineness(picture) < SOFT:
        return seen_often(picture, verifier, CLOSE_VIEWS)
    most = LARGEST_PX / side
    small = [view._replace(times=min(view.times, most)) for view in VIEWS if side < view.under]
    return seen_once(picture, verifier) if reduced or not small else seen_often(picture, verifier, small)


def seen_once(picture: NDArray[np.uint8], verifier: Verifier) -> Seen:
    """A picture as it is."""
    odds = verifier(picture)
    return Seen(scores_of(odds), odds)


def seen_often(
    picture: NDArray[np.uint8],
    verifier: Verifier,
    views: Sequence[View],
    original: NDArray[np.uint8] | None = None,
) -> Seen:
    """A picture in several views, larger ones of the `original` if it was reduced."""
    shape = picture.shape[:2]
    judged, odds, probability = np.zeros((3, *shape), np.float32)
    for_judged = sum(view.judged for view in views)
    for_suspected = sum(view.suspected for view in views)
    for view in views:
        source = picture if original is None or view.times <= 1 else original
        times = view.times * (shape[0] / source.shape[0]), view.times * (shape[1] / source.shape[1])
        shown = _seen_as(source, verifier, times, view.mirrored)
        same_size = _fitted(shown, shape)
        judged += np.float32(view.judged / for_judged) * same_size
        odds += np.float32(view.suspected / for_suspected) * same_size
        belief = _fitted(scores_of(shown).astype(np.float32), shape)
        probability += np.float32(view.suspected / for_suspected) * belief
    return Seen(scores_of(judged), odds, len(views), np.rint(probability).astype(np.uint8))


def _seen_as(
    picture: NDArray[np.uint8], verifier: Verifier, times: tuple[float, float], mirrored: bool
) -> Floats:
    """What the verifier thinks of a picture (h, w) that is so many times as high and wide, and perhaps `mirrored`; not
    mirrored any more."""
    shown = np.asarray(cv2.flip(picture, 1) if mirrored else picture, np.uint8)
    if max(times) < 1:
        sides = zip(picture.shape[:2], times, strict=True)
        shown = area_resized(shown, tuple(max(1, round(side * ratio)) for side, ratio in sides))
    elif times != (1, 1):
        down, across = times
        enlarged = cv2.resize(shown, None, fx=across, fy=down, interpolation=cv2.INTER_CUBIC)
        shown = np.asarray(enlarged, np.uint8)
    odds = verifier(shown)
    return np.ascontiguousarray(odds[:, ::-1]) if mirrored else odds


def _fitted(plane: Floats, shape: tuple[int, ...]) -> Floats:
    """A plane at `shape` (h, w), which may be smaller or larger."""
    larger = plane.shape[0] >= shape[0] and plane.shape[1] >= shape[1]
    return (area_resized if larger else stretched)(plane, shape)
