"""Suspects: what a segmenter believes little, but much more than it believes what surrounds it.

In a print that has surely suffered most of them are more of the same: the rest of a crack where it runs over a face,
flakes on a light ground, faint specks. In one that shows no sure damage they are the scene, and stay. A small network
weighs traits that a person can read, fitted to drawn damage (tests/benchmarks/fit_suspects.py).
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.detection import judge, swarms
from archive_restore.detection.filters import (
    Floats,
    Grey,
    area_resized,
    components,
    dilated,
    luminance,
    mean_over,
    square,
    stretched,
)
from archive_restore.detection.odds import scores_of
from archive_restore.detection.shapes import Regions, regions_of
from archive_restore.detection.verdict import mean_odds

TRAITS = (
    *judge.DESCRIBED,
    "mean_prominence",  # odds less those around
    "most_prominence",
    "called",  # logarithm of the share of the picture that is sure damage
    "near",  # logarithm of the distance to sure damage
    "same",  # share of the sure damage that is light, if it is light; else that is dark
    "swarm",  # logarithm of the share of the picture that is suspected
    "rank",  # most_prominence less the suspects' median, over their deviation
    "nearest_tone",  # tone less that of the sure region that is nearest
    "nearest_size",  # logarithm of that region's area
)

SURE = 150
"""Score, in 255ths, of the damage beside which suspects are weighed."""

PLAIN = ((3.0, -6.5), (4.5, -8.5))
"""Prominence and least odds of a suspect: one pair or the other."""

SMALLEST_PX = 12

KNOWN = 110
"""Scores from here on, and their neighbours, are no suspects: they are believed already."""

AROUND_PX = (4, 11)
"""Reduction, and side of the median over the reduced picture, that tell the odds around."""

LOWEST, STEPS = -13.0, 16
"""Odds, and parts of one, in which suspects are told from what is around them."""

PROBED = 1024
"""px of the sure damage, about, that are asked for what is near."""

NEAREST = 2.0
"""Thousandths of the long side, added to distances before their logarithm is taken."""

BESIDE_PX = 15
"""Side of the squares within whose mean sure damage is light or dark."""

SUFFERED, SHIFTS = (0.005, 0.015), (0.0, 1.5)
"""Shares of a picture that are sure damage, and what is added to the judges' odds there: more of it finds more damage,
and more that is none. A print that has suffered much has faint damage, too, which the drawn damage has not to which the
judges were fitted."""

PIECES = (6, 16)
"""Pieces of sure damage up to which nothing is added, and from which on all of it: a tear says nothing about specks."""


class Suspects(NamedTuple):
    """`regions`, N of them; their traits `weighed` (N, T), columns as in TRAITS; in how many `pieces` the sure damage
    is beside which they were found."""

    regions: Regions
    weighed: Floats
    pieces: int


def suspects(
    picture: NDArray[np.uint8], odds: Floats, scores: Grey, tried: NDArray[np.bool_]
) -> Suspects | None:
    """The suspects of a picture; None where nothing is surely damaged, or nothing is suspected.

    Parameters
    ----------
    picture : (h, w) or (h, w, 3) uint8, RGB
    odds : (h, w), logarithms, as the segmenter has them
    scores : (h, w), in 255ths, as they were judged
    tried : (h, w), what was judged: it is no suspect either, whatever came of it, nor is what touches it
    """
    sure = (scores >= SURE).view(np.uint8)
    if not sure.any():
        return None
    steps = in_steps(odds)
    usual = around(steps)
    prominence = cv2.subtract(steps, usual)
    suspected = np.zeros(scores.shape, bool)
    for prominent, least in PLAIN:
        suspected |= (prominence >= round(prominent * STEPS)) & (steps >= round((least - LOWEST) * STEPS))
    known = (scores >= KNOWN) | tried
    suspected &= dilated(known.view(np.uint8), square(3)) == 0
    labels, boxes = components(suspected.view(np.uint8))
    large = boxes[:, cv2.CC_STAT_AREA] >= SMALLEST_PX
    large[0] = False
    if not large.any():
        return None
    grey = luminance(picture)
    regions = regions_of(large[labels].view(np.uint8), grey, scores.shape)
    at = regions.whole.position
    believed = odds.ravel()[at]
    told = judge.described(regions, believed, grey)
    own = believed - (usual.ravel()[at] / np.float32(STEPS) + np.float32(LOWEST))
    most = regions.whole.most(own)
    told |= {
        "mean_prominence": regions.whole.mean(own),
        "most_prominence": most,
        "swarm": np.full(len(most), np.log(len(at) / scores.size + judge.LITTLE)),
        "rank": (most - np.median(most)) / (most.std() + 1),
    }
    compared, pieces = _beside(regions, told, grey, sure)
    told |= compared
    weighed = np.stack([told[name] for name in TRAITS], axis=1).astype(np.float32)
    return Suspects(regions, weighed, pieces)


def in_steps(odds: Floats) -> Grey:
    """Odds in so many STEPS from LOWEST on."""
    return np.asarray(
        cv2.convertScaleAbs(np.maximum(odds, LOWEST), alpha=STEPS, beta=-STEPS * LOWEST), np.uint8
    )


def around(steps: Grey) -> Grey:
    """(h, w) the median of what is around each pixel."""
    height, width = steps.shape
    reduction, side = AROUND_PX
    small = area_resized(steps, (max(1, height // reduction), max(1, width // reduction)))
    return stretched(np.asarray(cv2.medianBlur(small, side), np.uint8), (height, width))


def _beside(
    regions: Regions, told: dict[str, Floats], grey: Grey, sure: Grey
) -> tuple[dict[str, Floats], int]:
    """Traits that compare regions with the sure damage, (h, w), 1 = damage; and its pieces."""
    left, top, wide, high = cv2.boundingRect(sure)
    place = np.s_[top : top + high, left : left + wide]
    labels, boxes = components(np.ascontiguousarray(sure[place]))
    sizes = boxes[:, cv2.CC_STAT_AREA].astype(np.float32)
    y, x = np.nonzero(labels)
    owner = labels[y, x]
    levels = grey[place][y, x].astype(np.float32)
    tones = np.bincount(owner, levels, len(sizes)) / np.maximum(sizes, 1)
    light = float(np.mean(levels > mean_over(grey, BESIDE_PX)[place][y, x]))
    every = len(y) // PROBED + 1
    y, x, owner = top + y[::every], left + x[::every], owner[::every]
    rows, columns = np.divmod(regions.whole.position, grey.shape[1])
    distance = (regions.whole.mean(rows)[:, None] - y) ** 2 + (regions.whole.mean(columns)[:, None] - x) ** 2
    nearest = owner[distance.argmin(axis=1)]
    traits = {
        "called": np.full(len(nearest), np.log(len(levels) / sure.size + judge.LITTLE)),
        "near": np.log(np.sqrt(distance.min(axis=1)) * regions.unit + NEAREST),
        "same": np.where(told["light"] > 0, light, 1 - light),
        "nearest_tone": (told["tone"] - tones[nearest]) / judge.TONE,
        "nearest_size": np.log(sizes[nearest] * regions.unit**2),
    }
    return traits, len(sizes) - 1


def scores_by(
    weighed: Floats,
    pieces: int,
    polarities: frozenset[bool] = frozenset(),
    unproven: frozenset[bool] = frozenset(),
) -> Grey:
    """(N, T) traits to (N,) probabilities of damage in 255ths, beside so many pieces of sure damage, and in swarms of
    these polarities, which are damage, or are not proven to be."""
    share = np.exp(weighed[:, TRAITS.index("called")])
    least, most = SHIFTS
    many = np.interp(pieces, PIECES, (0, 1))
    shift = np.interp(share, SUFFERED, (least, least + many * (most - least))).astype(np.float32)
    shift = shift + np.float32(swarms.SUSPICION) * swarms.members(weighed, polarities)
    shift = shift - np.float32(swarms.SUSPICION) * swarms.members(weighed, unproven)
    return scores_of(mean_odds("suspects", TRAITS, weighed) + shift)
