"""Doubtful regions that have the colour of the sure damage, which is the colour of nothing else.

All tears of a print bare the same paper, and all dust on a film has the same black. Where a photograph has hardly
anything else of that colour, a region that its form leaves in doubt is more of the same. Where a wedding dress is as
white as the paper, or nothing is sure, colours say nothing, and what is doubtful stays so.
"""

from math import isqrt

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.detection.filters import Floats, components, luminance
from archive_restore.detection.masks import ScoreMap
from archive_restore.detection.odds import odds_of, scores_of
from archive_restore.detection.palette import SIDE, Palette, codes_of, palette_of, smoothed
from archive_restore.detection.planes import Plane, finest
from archive_restore.detection.traits import Sample, sample

# Scores, in 255ths: from where on a pixel belongs to a region; the least of a region's surest pixel; from where on that
# makes the region sure; and from where on the pixels of a sure one count.
REACH, DOUBTFUL, SURE, BODY = 70, 90, 170, 122
# Area of what is large enough, in square thousandths of the long side: catch-lights in eyes are as white as paper.
SMALLEST = 100.0
# Share of all that has a region's colour that must be sure damage.
OWN_COLOUR = 0.1
# About so many pixels tell how much has a colour.
PROBED = 50_000
# Score that the surest pixel of a region then has.
BELIEVED = 190


def believe_alike(score_map: ScoreMap, picture: NDArray[np.uint8]) -> None:
    """Raises the scores (h, w), in place, of the doubtful regions whose colour is that of the sure damage.

    Parameters
    ----------
    picture : (h, w) or (h, w, 3) uint8, RGB
    """
    scores = score_map.scores
    if not (scores >= SURE).any():
        return
    labels, boxes = components((scores >= REACH).view(np.uint8))
    position = np.flatnonzero(labels)
    whole = sample(position, labels.ravel()[position] - 1, len(boxes) - 1)
    own = scores.ravel()[position].astype(np.float32)
    most = whole.most(own)
    sure = most >= SURE
    smallest = SMALLEST * (max(scores.shape) / 1000) ** 2
    doubtful = (most >= DOUBTFUL) & ~sure & (whole.size >= smallest)
    if not doubtful.any():
        return
    body = np.zeros(scores.shape, bool)
    body.ravel()[position] = sure[whole.owner] & (own >= BODY)
    step = max(1, isqrt(body.size // PROBED))
    probe = finest(np.ascontiguousarray(picture[::step, ::step]))
    belongs = _share_of_colour(palette_of(probe), body[::step, ::step])
    core = own >= whole.mean(own)[whole.owner]
    inside = sample(position[core], whole.owner[core], len(most))
    alike = doubtful & (belongs[_colours(picture, inside, coloured=probe.chroma is not None)] >= OWN_COLOUR)
    raised = alike[whole.owner]
    lift = odds_of(np.full(1, BELIEVED, np.uint8)) - odds_of(most.astype(np.uint8))
    at = position[raised]
    scores.ravel()[at] = scores_of(odds_of(scores.ravel()[at]) + lift[whole.owner[raised]])


def _share_of_colour(palette: Palette, body: NDArray[np.bool_]) -> Floats:
    """(SIDE**3,) how much of what has a colour, or nearly, lies within `body` (h, w)."""
    within = np.bincount(palette.codes[body], minlength=SIDE**3).astype(np.float32)
    every = palette.shares * palette.codes.size
    return np.asarray(smoothed(within) / (every + 1), np.float32)


def _colours(picture: NDArray[np.uint8], inside: Sample, *, coloured: bool) -> NDArray[np.int32]:
    """(N,) the places in a palette of the mean colours of N regions; it may have no colours."""
    colours = picture.reshape(picture.shape[0] * picture.shape[1], -1)[inside.position]
    mean = np.rint(np.stack([inside.mean(channel) for channel in colours.T], axis=1)).astype(np.uint8)[None]
    if picture.ndim == 2:
        return np.asarray(codes_of(Plane(mean[..., 0], None, 1))[0])
    chroma = np.asarray(cv2.cvtColor(mean, cv2.COLOR_RGB2LAB)[..., 1:], np.uint8) if coloured else None
    return np.asarray(codes_of(Plane(luminance(mean), chroma, 1))[0])
