"""A film scanner's infrared channel as a map of dust, hairs and scratches.

Infrared light passes the dyes of colour film and is stopped or scattered by what lies on it or is scratched into it
(A. Edgar, US patent 5,266,805, 1993). Cyan dye stops a little of it as well: that part is predicted from the
visible picture and taken away. What is then darker than its surroundings is a defect, however it looks in the
picture. Metallic silver, in black-and-white film, and the cyan dye of Kodachrome stop infrared as they stop light:
on those the channel shows the picture, nothing can be told from it, and it is not used.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.detection.detect import NAMED_FROM, kinds_of
from archive_restore.detection.film import displacement, film_area, moved, without_dyes
from archive_restore.detection.filters import Floats, area_resized, luminance
from archive_restore.detection.masks import ScoreMap
from archive_restore.detection.regions import KINDS, Kind
from archive_restore.detection.shapes import painted, regions_of

# Film is looked at twice as finely as other photographs: its dust is small, and infrared has no grain to confuse it.
LONG_SIDE_PX = 2304
# Scans that are smaller, or of which less is film, are left to the other detectors.
SMALLEST_PX, LEAST_FILM = 64, 0.1
# Densities are of interest up to a thousandth of the light, and no 8-bit channel says more.
LEAST_LIGHT = 1e-3
# Structures up to about half of this share of the long side are defects; wider ones are the film's own density.
BACKGROUND = 1 / 16
# Film whose infrared follows the picture so closely, and by so much of its density, is opaque to infrared. The dyes
# of other film show by 0.03 to 0.15 of the density in linear light, up to twice that of a gamma-encoded picture.
SILVER_CORRELATION, SILVER_SHARE = 0.8, 0.35
# Dust and scratches cover 0.03 to 0.4 % of a frame, 2 % of a dreadful one. Beyond this the channel tells nothing.
MOST_COVER = 0.04
# A second page that nothing marks as infrared is believed to be if its film has no more contrast than this, density.
MOST_CONTRAST = 0.35
# A defect is sure at this loss of light that is also this many times the noise.
SURE_LOSS, SURE_NOISES = 0.12, 6.0
# How sure a defect is, as a share of that, becomes a score: half of it is reached for, the whole of it a seed at
# normal sensitivity (see masks.HYSTERESIS).
SHARES, SCORES = (0.0, 0.33, 0.5, 0.7, 1.0, 1.7, 3.0), (0.0, 70.0, 105.0, 112.0, 162.0, 206.0, 255.0)
# Fainter scores are not kept: no sensitivity reaches so far.
FAINTEST = 25
# Noise is measured over this window, px; it is never taken for less than this, density.
NOISE_WINDOW_PX, LEAST_NOISE = 97, 0.004
# What infrared decides alone, and what the other kinds are called that its regions have the form of.
DECIDED = (Kind.DUST, Kind.HAIR, Kind.SCRATCH)
LIES_ON_FILM = {
    Kind.CREASE: Kind.SCRATCH,
    Kind.CRACK: Kind.HAIR,
    Kind.TEAR: Kind.SPOT,
    Kind.CORNER: Kind.SPOT,
}

Mask = NDArray[np.bool_]


class Verdict(StrEnum):
    """What an infrared channel turned out to be."""

    USED = "used"
    OPAQUE = "opaque"  # the film stops infrared: silver, or Kodachrome
    OTHER = "other"  # it is no infrared picture of this film
    UNFIT = "unfit"  # the file beside the photograph cannot be read, or has other proportions


@dataclass(frozen=True)
class Seen:
    """What the infrared channel says."""

    verdict: Verdict
    scores: NDArray[np.uint8]  # (h, w) how surely each pixel is a defect, 0..255; all 0 unless USED
    shift: tuple[float, float] = (0.0, 0.0)  # px right and down by which infrared lay beside the picture


def look(infrared: NDArray[Any], picture: NDArray[np.uint8], *, marked: bool = True) -> Seen:
    """Finds what stops infrared and is not the picture.

    Parameters
    ----------
    infrared
        (H, W) uint8 or uint16, light = high.
    picture
        (H, W) or (H, W, 3) uint8, RGB, the visible picture; of any size with the same proportions.
    marked
        Whether the file says that this is infrared; else it must look like it.

    Returns
    -------
    Seen
        Its scores are (h, w), of the picture reduced to a long side of `LONG_SIDE_PX`.
    """
    shape = reduced_shape((picture.shape[0], picture.shape[1]))
    light = _reduced(infrared, shape)
    dark = _densities(picture, shape)
    nothing = np.zeros(shape, np.uint8)
    if min(shape) < SMALLEST_PX or not np.percentile(light, 90):
        return Seen(Verdict.OTHER, nothing)
    film = film_area(light)
    if film.mean() < LEAST_FILM:
        return Seen(Verdict.OTHER, nothing)
    density = -np.log(np.maximum(light / np.median(light[film]), LEAST_LIGHT)).astype(np.float32)
    density[~film] = 0
    if not marked and np.subtract(*np.percentile(density[film], (97, 3))) > MOST_CONTRAST:
        return Seen(Verdict.OTHER, nothing)
    shift = displacement(density, dark, film)
    density, film = moved(density, shift), moved(film.astype(np.uint8), shift) > 0
    undyed = without_dyes(density, dark, film)
    if undyed.correlation >= SILVER_CORRELATION and undyed.share >= SILVER_SHARE:
        # Without a mark it may as well be the same photograph in grey.
        return Seen(Verdict.OPAQUE if marked else Verdict.OTHER, nothing, shift)
    scores = _scores(undyed.density, film)
    if (scores >= SCORES[2]).sum() > MOST_COVER * film.sum():
        return Seen(Verdict.OPAQUE if marked else Verdict.OTHER, nothing, shift)
    return Seen(Verdict.USED, scores, shift)


def with_infrared(found: ScoreMap, picture: NDArray[np.uint8], seen: Seen) -> ScoreMap:
    """What the other detectors found, but dust, hairs and scratches as infrared shows them.

    Parameters
    ----------
    found
        The score map of `picture`, of any size.
    picture
        (H, W) or (H, W, 3) uint8, RGB.
    seen
        What `look` said; `found` is returned as it is unless that could be used.

    Returns
    -------
    ScoreMap
        (h, w) of the infrared scores; the surer of both shows.
    """
    if seen.verdict is not Verdict.USED:
        return found
    shape = (seen.scores.shape[0], seen.scores.shape[1])
    merged = found.enlarged(shape)
    decided = np.isin(merged.kinds, [KINDS.index(kind) for kind in DECIDED])
    merged = ScoreMap(np.where(decided, 0, merged.scores).astype(np.uint8), merged.kinds.copy())
    surer = seen.scores > merged.scores
    merged.scores[surer] = seen.scores[surer]
    merged.kinds[surer] = _kinds(seen.scores, area_resized(luminance(picture), shape))[surer]
    return merged


def _kinds(scores: NDArray[np.uint8], luminance: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(h, w) what the form of each region is that of."""
    regions = regions_of((scores >= NAMED_FROM).view(np.uint8), luminance, scores.shape)
    kinds, _ = kinds_of(regions.form)
    table = np.array([KINDS.index(LIES_ON_FILM.get(kind, kind)) for kind in KINDS], np.uint8)
    return painted(table[kinds], regions.labels)


def reduced_shape(shape: tuple[int, int]) -> tuple[int, int]:
    """Height and width at which film is looked at, px."""
    scale = min(1.0, LONG_SIDE_PX / max(shape))
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))


def _reduced(plane: NDArray[Any], shape: tuple[int, int]) -> Floats:
    """The mean of what each pixel of `shape` covers, as float32."""
    plane = np.ascontiguousarray(plane)
    small = cv2.resize(plane, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def _densities(picture: NDArray[np.uint8], shape: tuple[int, int]) -> list[Floats]:
    """The densities (h, w) of the picture's red, green and blue, or of its grey."""
    small = _reduced(picture, shape)
    planes = [small] if small.ndim == 2 else [small[..., i] for i in range(3)]
    # One level more than there is keeps black, whose noise would be all there is, from ruling.
    return [-np.log((plane + np.float32(2)) / np.float32(257)) for plane in planes]


def _scores(own: Floats, film: Mask) -> NDArray[np.uint8]:
    """(h, w) how surely each pixel is a defect, 0..255."""
    above = own - _background(own, film)
    above[~film] = 0
    usual = 1.5 * float(np.median(np.abs(above[film])))
    apart = np.minimum(np.abs(above), np.float32(3 * max(usual, LEAST_NOISE)))
    window = (NOISE_WINDOW_PX, NOISE_WINDOW_PX)
    known = cv2.blur(film.astype(np.float32), window)
    noise = np.float32(1.25) * cv2.blur(apart, window) / np.maximum(known, np.float32(1e-3))
    noise = np.maximum(noise, np.float32(LEAST_NOISE))
    loss = 1 - np.exp(-np.maximum(above, 0))
    sureness = np.minimum(loss / np.float32(SURE_LOSS), above / (np.float32(SURE_NOISES) * noise))
    scores = np.interp(np.maximum(sureness, 0), SHARES, SCORES).astype(np.uint8)
    scores[~film] = 0
    return np.where(scores >= FAINTEST, scores, 0).astype(np.uint8)


def _background(own: Floats, film: Mask) -> Floats:
    """The film's own density (h, w): the median over a window that no defect fills."""
    height, width = own.shape
    long_side = max(height, width)
    step = max(1, long_side // 512)
    small = (max(1, width // step), max(1, height // step))
    middle = float(np.median(own[film]))
    filled = np.where(film, own, np.float32(middle))
    # Eight bits are what OpenCV takes the median of over large windows: steps of a 200th of density.
    bytes_ = np.clip(200 * (filled - middle) + 128, 0, 255).astype(np.uint8)
    bytes_ = np.asarray(cv2.resize(bytes_, small, interpolation=cv2.INTER_AREA), np.uint8)
    window = 2 * max(1, round(BACKGROUND * max(small) / 2)) + 1
    smooth = cv2.GaussianBlur(cv2.medianBlur(bytes_, window).astype(np.float32), (0, 0), window / 6)
    background = np.asarray((smooth - 128) / 200 + middle, np.float32)
    return np.asarray(cv2.resize(background, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
