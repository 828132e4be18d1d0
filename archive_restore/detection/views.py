"""What a verifier thinks of a picture, which is shown to it once, or several times if it is small.

Views differ in size. Each is wrong in its own way, so that the mean of their odds is surer than any of them where they
agree, and unsure where they do not. What is broad on a print is seen best where it is smallest, though, and one view
that sees it is outvoted: in a print that has surely suffered, the mean of their probabilities counts if it is more.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.detection.filters import Floats, Grey, area_resized
from archive_restore.detection.odds import scores_of

Verifier = Callable[[NDArray[np.uint8]], Floats]
"""Takes a working picture (h, w) or (h, w, 3) uint8, RGB; gives the logarithm of the odds of damage, (h, w) float32."""

SMALL_PX = 1300
"""A photograph whose long side is below this is also shown enlarged: its hairs are a pixel wide."""

VIEWS = ((1.0, False, 0.8), (1.7, True, 1.1), (2.5, False, 1.1))
"""So many times as large, whether mirrored, and how much it counts."""

TOTAL = sum(counts for _, _, counts in VIEWS)

LARGEST_PX = 2210
"""Long side of the largest view."""


@dataclass(frozen=True)
class Seen:
    """What a verifier thinks of each pixel of a picture, each (h, w).

    `probability` of damage, uint8 in 255ths; `odds`, logarithms, float32, in which all views count alike; in how many
    `views` it was seen; `generous`, as `probability`: the mean of those of the views, None for one view.
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


def seen(picture: NDArray[np.uint8], verifier: Verifier, *, reduced: bool = False) -> Seen:
    """A picture in as many views as its size asks for; one that was `reduced` is shown once."""
    small = not reduced and max(picture.shape[:2]) < SMALL_PX
    return (seen_often if small else seen_once)(picture, verifier)


def seen_once(picture: NDArray[np.uint8], verifier: Verifier) -> Seen:
    """A picture as it is."""
    odds = verifier(picture)
    return Seen(scores_of(odds), odds)


def seen_often(picture: NDArray[np.uint8], verifier: Verifier) -> Seen:
    """A picture in all VIEWS."""
    shape = picture.shape[:2]
    largest = LARGEST_PX / max(shape)
    weighed, odds, probability = np.zeros((3, *shape), np.float32)
    for times, mirrored, counts in VIEWS:
        view = _seen_as(picture, verifier, min(times, largest), mirrored)
        same_size = area_resized(view, shape)
        weighed += np.float32(counts / TOTAL) * same_size
        odds += same_size / len(VIEWS)
        probability += area_resized(scores_of(view).astype(np.float32), shape) / len(VIEWS)
    return Seen(scores_of(weighed), odds, len(VIEWS), np.rint(probability).astype(np.uint8))


def _seen_as(picture: NDArray[np.uint8], verifier: Verifier, times: float, mirrored: bool) -> Floats:
    """What the verifier thinks of a picture that is so many `times` as large, (times h, times w), and perhaps
    `mirrored`; not mirrored any more."""
    shown = cv2.flip(picture, 1) if mirrored else picture
    if times > 1:
        shown = cv2.resize(shown, None, fx=times, fy=times, interpolation=cv2.INTER_CUBIC)
    odds = verifier(np.asarray(shown, np.uint8))
    return np.ascontiguousarray(odds[:, ::-1]) if mirrored else odds
