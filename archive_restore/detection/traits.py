"""What a person would say of a candidate (how bright, wide, straight, alike to what surrounds it), as numbers."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.detection.filters import Floats, Grey, at_edge, dilated, eroded, mean_over, square
from archive_restore.detection.palette import Palette, code
from archive_restore.detection.planes import Plane

# The ring in which surroundings are measured, as sides of the dilating squares: blur spoils what is nearer.
RING_INNER_PX = 3
RING_OUTER_PX = 11
CROWD_WINDOW_PX = 41
# Everything brighter than this share of the picture is its own highlight.
HIGHLIGHTS = (90, 99)  # percentiles

# Lengths are in px of the level, tones and contrasts in grey levels; dark candidates are measured as light
# ones of the negative.
TRAITS = (
    "area",
    "contrast",  # mean response
    "clarity",  # contrast over the opposite polarity's mean response nearby
    "prominence",  # contrast over the same polarity's mean response nearby
    "grain",  # the picture's median response
    "crowd",  # share of the window that other candidates cover
    "tone",
    "beyond_90",  # tone above the picture's 90th percentile
    "beyond_99",
    "evenness",  # spread of the tone inside over the contrast
    "tone_spread",
    "ring_spread",  # spread of the tone around over the contrast
    "ring_gap",  # difference of the mean tones inside and around over the contrast
    "disregard",  # how much livelier it is around than inside, logarithm: damage hides what it crosses
    "steepness",  # gradient at the rim over the contrast
    "length",
    "width",
    "elongation",
    "fill",  # share of the bounding box
    "bend",  # how much broader the whole is than the line it is made of
    "reach",  # length over the level's long side
    "frame",  # 1 if it touches the edge of the picture
    "share",  # logarithm of the share of the picture that has its colour
    "chroma",  # -1 in a grey picture
    "chroma_gap",  # distance in CIELAB a and b from the surroundings
    "chroma_spread",
)


@dataclass(frozen=True)
class Responses:
    """The filters' answers over one level, for one polarity; each (h, w) uint8, grey levels."""

    light: bool
    hat: NDArray[np.uint8]
    texture: NDArray[np.uint8]  # local mean of `hat`
    opposite: NDArray[np.uint8]  # the same of the opposite polarity
    gradient: NDArray[np.uint8]


@dataclass(frozen=True)
class Cut:
    """Connected structures; see `Candidates`."""

    above: NDArray[np.uint8]  # (h, w), 1 where the response reaches the cut
    labels: NDArray[np.int32]  # (h, w), 1-based
    position: NDArray[np.int32]  # (P,)
    owner: NDArray[np.int32]  # (P,), 0-based
    boxes: NDArray[np.int32]  # (N, 5), as cv2.connectedComponentsWithStats gives them


@dataclass(frozen=True)
class Sample:
    """Some pixels of each candidate."""

    position: NDArray[np.integer]  # (P,) flat
    owner: NDArray[np.int32]  # (P,)
    size: Floats  # (N,) how many of each

    def mean(self, values: NDArray[np.generic]) -> Floats:
        """(N,) mean of `values` (P,) over each candidate, 0 for one that has none."""
        sums = np.bincount(self.owner, values, len(self.size))
        return np.asarray(sums / np.maximum(self.size, 1), np.float32)

    def most(self, values: Floats) -> Floats:
        """(N,) the greatest of `values` (P,) of each candidate."""
        greatest = np.full(len(self.size), -np.inf, np.float32)
        np.maximum.at(greatest, self.owner, values)
        return greatest

    def spread(self, values: Floats, centre: Floats) -> Floats:
        """(N,) standard deviation of `values` (P,) about `centre` (N,)."""
        return np.sqrt(self.mean((values - centre[self.owner]) ** 2))


def sample(position: NDArray[np.integer], owner: NDArray[np.int32], n: int) -> Sample:
    """Counts the pixels of each of `n` candidates."""
    return Sample(position, owner, np.bincount(owner, minlength=n).astype(np.float32))


def extent(whole: Sample, columns: int) -> tuple[Floats, Floats]:
    """(N,) length and breadth of the rectangle that has the same second moments, px; a single pixel has 1 by 1.

    `columns` is the width of the picture that the positions are flat indices into.
    """
    y, x = np.divmod(whole.position, np.int32(columns))
    dy = y - whole.mean(y)[whole.owner]
    dx = x - whole.mean(x)[whole.owner]
    yy, xx, xy = whole.mean(dy * dy), whole.mean(dx * dx), whole.mean(dx * dy)
    middle, root = (xx + yy) / 2, np.sqrt(((xx - yy) / 2) ** 2 + xy**2)
    return np.sqrt(12 * (middle + root) + 1), np.sqrt(12 * np.maximum(middle - root, 0) + 1)


def measure(
    plane: Plane, cut: Cut, responses: Responses, palette: Palette
) -> tuple[Floats, NDArray[np.int32]]:
    """The traits (N, T), columns as in TRAITS, and where the palette keeps the candidates' colours (N,)."""
    n = len(cut.boxes)
    whole = sample(cut.position, cut.owner, n)
    response = responses.hat.ravel()[cut.position].astype(np.float32)
    contrast = whole.mean(response)
    # The surest pixels, free of the blurred edge.
    sure = response >= contrast[cut.owner]
    core = sample(cut.position[sure], cut.owner[sure], n)
    ring = ring_of(cut.above, cut.labels, n, RING_INNER_PX, RING_OUTER_PX)
    traits = _surroundings(plane, responses, contrast, core, ring)
    traits |= _form(plane, cut, responses, whole, contrast)
    colours, colour = _colours(plane, core, ring, traits["tone"] if responses.light else 255 - traits["tone"])
    traits |= colours
    own = np.minimum(whole.size / CROWD_WINDOW_PX**2, 1)
    crowd = mean_over(255 * cut.above, CROWD_WINDOW_PX).ravel()[cut.position]
    traits |= {
        "contrast": contrast,
        "clarity": contrast / (whole.mean(responses.opposite.ravel()[cut.position]) + 1),
        "prominence": contrast / (whole.mean(responses.texture.ravel()[cut.position]) + 1),
        "grain": np.full(n, np.median(responses.opposite), np.float32),
        "crowd": np.maximum(whole.mean(crowd) / 255 - own, 0),
        "share": np.log10(palette.shares[colour] + 1e-6),
    }
    return np.stack([traits[name] for name in TRAITS], axis=1), colour


def ring_of(mask: Grey, labels: NDArray[np.int32], n: int, inner: int, outer: int) -> Sample:
    """What surrounds each of `n` components of a mask (h, w), labelled from 1 on: of the square of `outer` px about
    each of its pixels, what is in none of `inner` px."""
    near = dilated(mask, square(inner))
    # Labels fit a float32 exactly up to 2**24.
    far = np.asarray(cv2.dilate(labels.astype(np.float32), square(outer)), np.float32)
    far[near > 0] = 0
    position = np.flatnonzero(far)
    return sample(position, far.ravel()[position].astype(np.int32) - 1, n)


def _surroundings(
    plane: Plane, responses: Responses, contrast: Floats, core: Sample, ring: Sample
) -> dict[str, Floats]:
    luminance = plane.luminance.ravel()
    inside = luminance[core.position].astype(np.float32)
    around = luminance[ring.position].astype(np.float32)
    if not responses.light:
        inside, around = 255 - inside, 255 - around
    tone, ring_tone = core.mean(inside), ring.mean(around)
    tone_spread, ring_spread = core.spread(inside, tone), ring.spread(around, ring_tone)
    every = np.bincount(luminance if responses.light else 255 - luminance, minlength=256).cumsum()
    highlights = np.searchsorted(every, np.array(HIGHLIGHTS) / 100 * every[-1])
    return {
        "tone": tone,
        "beyond_90": tone - np.float32(highlights[0]),
        "beyond_99": tone - np.float32(highlights[1]),
        "evenness": tone_spread / contrast,
        "tone_spread": tone_spread,
        "ring_spread": ring_spread / contrast,
        "ring_gap": np.abs(tone - ring_tone) / contrast,
        "disregard": np.log((ring_spread + 2) / (tone_spread + 2)),
    }


def _form(plane: Plane, cut: Cut, responses: Responses, whole: Sample, contrast: Floats) -> dict[str, Floats]:
    height, width = plane.shape
    length, breadth = extent(whole, width)
    # Rim: pixels with a neighbour outside. A line has them on both sides, so half of them are its length.
    outside = eroded(cut.above, square(3)).ravel()[cut.position] == 0
    rim = sample(cut.position[outside], cut.owner[outside], len(contrast))
    return {
        "area": whole.size,
        "steepness": rim.mean(responses.gradient.ravel()[rim.position]) / contrast,
        "length": length,
        "width": whole.size / np.maximum(length, 0.5 * rim.size),
        "elongation": length / breadth,
        "fill": whole.size / (cut.boxes[:, 2] * cut.boxes[:, 3]),
        "bend": breadth / np.maximum(whole.size / length, 1),
        "reach": length / max(height, width),
        "frame": at_edge(cut.boxes, plane.shape).astype(np.float32),
    }


def _colours(
    plane: Plane, core: Sample, ring: Sample, luminance: Floats
) -> tuple[dict[str, Floats], NDArray[np.int32]]:
    if plane.chroma is None:
        unknown = np.full(len(luminance), -1, np.float32)
        names = ("chroma", "chroma_gap", "chroma_spread")
        return dict.fromkeys(names, unknown), code(luminance.astype(np.int32), np.int32(128), np.int32(128))
    chroma = plane.chroma.reshape(-1, 2)
    means, gaps, variance = [], [], np.zeros(len(luminance), np.float32)
    for axis in range(2):
        inside = chroma[core.position, axis].astype(np.float32)
        own = core.mean(inside)
        means.append(own)
        gaps.append(own - ring.mean(chroma[ring.position, axis]))
        variance += core.spread(inside, own) ** 2
    traits = {
        "chroma": np.hypot(means[0] - 128, means[1] - 128),
        "chroma_gap": np.hypot(gaps[0], gaps[1]),
        "chroma_spread": np.sqrt(variance),
    }
    return traits, code(*(mean.astype(np.int32) for mean in (luminance, *means)))
