"""The segmenter's regions, judged as wholes: what is called damage pixel by pixel may be a collar or a kerb as a whole.

A small network weighs traits that a person can read, fitted to drawn damage on photographs that the segmenter was
not trained on (tests/benchmarks/fit_judge.py).
"""

import numpy as np
from numpy.typing import NDArray

from archive_restore.detection import filters
from archive_restore.detection.filters import Floats
from archive_restore.detection.odds import odds_of, scores_of
from archive_restore.detection.shapes import Regions
from archive_restore.detection.verdict import mean_odds

DESCRIBED = (
    "mean_odds",  # logarithm of the segmenter's odds
    "most_odds",
    "area",  # logarithm, as are width and length; in thousandths of the long side
    "width",
    "length",
    "bend",
    "light",  # 1 if lighter than what surrounds it
    "frame",  # 1 if it touches the edge of the picture
    "gap",  # tone inside less tone around; tones in fiftieths of grey levels
    "clarity",  # the gap over the spread around
    "distinctness",  # the gap over the spread inside
    "inside_spread",  # logarithm of grey levels, as is the next
    "around_spread",
)
TRAITS = (
    *DESCRIBED,
    "above_black",  # tone above the picture's darkest hundredth
    "below_white",
    "called",  # logarithm of the share of the picture that is called
    "light_width",  # width of what is light, else 0
)
LARGEST_BEND = 20.0
TONE = 50.0  # grey levels that count as one
LITTLE = 1e-5  # a share as good as none
PROBE = 4  # every so many-th pixel tells the picture's range of tones

# Weight of a pixel's own odds beside its region's, and a shift that finds more damage and more that is none; both as
# the development set, undamaged photographs and tests/test_never_damage.py bear them.
OWN_SHARE = 0.5
SHIFT = -0.15


def traits(
    regions: Regions,
    scores: NDArray[np.uint8],
    luminance: NDArray[np.uint8],
    *,
    called: float,
    tones: tuple[float, float],
) -> Floats:
    """(N, T) traits of the regions of a picture, columns as in TRAITS.

    Parameters
    ----------
    regions : of the picture or a part of it
    scores, luminance : (h, w) uint8, of the same part; the segmenter's probabilities in 255ths, and grey levels
    called : share of the whole picture that the regions cover
    tones : the picture's range of grey levels, as `range_of` gives it
    """
    told = described(regions, odds_of(scores.ravel()[regions.whole.position]), luminance)
    black, white = tones
    told |= {
        "above_black": (told["tone"] - black) / TONE,
        "below_white": (white - told["tone"]) / TONE,
        "called": np.full(len(told["tone"]), np.log(called + LITTLE)),
        "light_width": told["light"] * told["width"],
    }
    return np.stack([told[name] for name in TRAITS], axis=1).astype(np.float32)


def described(regions: Regions, odds: Floats, luminance: NDArray[np.uint8]) -> dict[str, Floats]:
    """The traits of regions that any judge weighs, each (N,), as in DESCRIBED, and "tone", their mean grey level.

    Parameters
    ----------
    odds : (P,), logarithms, of the pixels of `regions.whole`
    luminance : (h, w) uint8, grey levels of the part of the picture that the regions are of
    """
    form, whole, ring = regions.form, regions.whole, regions.ring
    inside = luminance.ravel()[whole.position].astype(np.float32)
    around = luminance.ravel()[ring.position].astype(np.float32)
    tone, ring_tone = whole.mean(inside), ring.mean(around)
    spread, ring_spread = whole.spread(inside, tone), ring.spread(around, ring_tone)
    gap = tone - ring_tone
    return {
        "mean_odds": whole.mean(odds),
        "most_odds": whole.most(odds),
        "area": np.log(whole.size * regions.unit**2),
        "width": np.log(form.width),
        "length": np.log(form.length),
        "bend": np.minimum(form.bend, LARGEST_BEND),
        "light": form.light.astype(np.float32),
        "frame": form.frame,
        "gap": gap / TONE,
        "clarity": np.abs(gap) / (ring_spread + 5),
        "distinctness": np.abs(gap) / (spread + 3),
        "inside_spread": np.log(spread + 2),
        "around_spread": np.log(ring_spread + 2),
        "tone": tone,
    }


def range_of(picture: NDArray[np.uint8]) -> tuple[float, float]:
    """The grey levels of the darkest and of the lightest hundredth of a picture (h, w) or (h, w, 3), RGB."""
    probe = np.ascontiguousarray(picture[::PROBE, ::PROBE])
    black, white = np.percentile(filters.luminance(probe), [1, 99])
    return float(black), float(white)


def odds(weighed: Floats) -> Floats:
    """(N, T) traits to (N,) logarithms of the odds of damage."""
    return mean_odds("judge", TRAITS, weighed)


def reconsidered(
    scores: NDArray[np.uint8], regions: Regions, region_odds: Floats, doubt: Floats
) -> NDArray[np.uint8]:
    """The scores (h, w), in 255ths, of the regions' pixels with what is thought of their region; others as they are.
    `doubt` (N,) is taken off the logarithms of each region's odds in the end."""
    result = scores.copy()
    position, owner = regions.whole.position, regions.whole.owner
    own = odds_of(scores.ravel()[position])
    together = OWN_SHARE * own + ((1 - OWN_SHARE) * region_odds - doubt)[owner] + SHIFT
    result.ravel()[position] = scores_of(np.asarray(together, np.float32))
    return result
