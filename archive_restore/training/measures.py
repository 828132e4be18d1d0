"""The measures that the context encoder was published with, and two that its readers need.

A 56x56 hole is hidden in a 128x128 photograph and the network writes the central 64x64. PSNR, mean L1 and mean L2
are published over the 64x64, a ring of which the network could see; what a user sees is the hidden 56x56. Pixel
measures reward blur, so `sharp` stands beside them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.networks.context_encoder import MEAN_COLOUR
from archive_restore.training.region_masks import centre, written_square

SIDE = 128
"""px; photographs are scaled until their short side is this long, then their centre is cut out."""

OVERLAP = 4
"""px; of the ring that is written though it was visible."""

RADIUS = 3.0
"""px; of OpenCV's two classical methods."""

Picture = NDArray[np.uint8]
Fill = Callable[[Picture, NDArray[np.bool_]], Picture]
"""(128, 128, 3) uint8 RGB and the hidden (128, 128) bool to the picture with (at least) the hidden part written."""


@dataclass(frozen=True)
class Measures:
    """Means over photographs. `psnr` dB, `l1` and `l2` percent of the range over the written 64x64;
    `psnr_hidden` dB and `sharp` (mean gradient over the truth's; 1 is as detailed as it was) over the hidden
    56x56."""

    psnr: float
    l1: float
    l2: float
    psnr_hidden: float
    sharp: float


def judged_picture(photograph: Picture) -> Picture:
    """The square a photograph is judged on: short side scaled to 128 px, centre cut out. (H, W, 3) uint8 to
    (128, 128, 3) uint8."""
    height, width = photograph.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = photograph[top : top + side, left : left + side]
    how = cv2.INTER_AREA if side > SIDE else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(square, (SIDE, SIDE), interpolation=how), np.uint8)


def psnr(difference: NDArray[np.float64]) -> float:
    """10 log10(1 / mean squared difference), dB, for values in [0, 1]; 100 dB where they are equal."""
    return float(-10 * np.log10(max(float(np.square(difference).mean()), 1e-10)))


def gradient(picture: Picture, part: tuple[slice, slice]) -> float:
    """Mean magnitude of the Sobel gradient of the luminance inside `part`, levels of 255. The step between
    the part and what is around it does not count: a flat fill has no detail, however badly it fits."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)[part]
    across, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    return float(np.hypot(across, down).mean())


def measure_one(written: Picture, truth: Picture) -> Measures:
    """One photograph, both (128, 128, 3) uint8."""
    square = written_square(SIDE)
    hidden = tuple(slice(s.start + OVERLAP, s.stop - OVERLAP) for s in square)
    difference = (written.astype(np.float64) - truth) / 255
    return Measures(
        psnr=psnr(difference[square]),
        l1=100 * float(np.abs(difference[square]).mean()),
        l2=100 * float(np.square(difference[square]).mean()),
        psnr_hidden=psnr(difference[hidden]),
        sharp=gradient(written, (hidden[0], hidden[1])) / max(gradient(truth, (hidden[0], hidden[1])), 1e-9),
    )


def measure(fill: Fill, pictures: list[Picture]) -> Measures:
    """Means over pictures, each (128, 128, 3) uint8 and undamaged."""
    hidden = centre(SIDE, OVERLAP)
    rows = [measure_one(fill(conceal(picture, hidden), hidden), picture) for picture in pictures]
    return Measures(
        **{
            field.name: float(np.mean([getattr(row, field.name) for row in rows]))
            for field in fields(Measures)
        }
    )


def conceal(picture: Picture, hidden: NDArray[np.bool_]) -> Picture:
    """The picture with the mean colour in the hole, so that no method can see what it held."""
    concealed: Picture = np.where(hidden[..., None], mean_colour(), picture)
    return concealed


def mean_colour() -> Picture:
    """(3,) uint8 RGB."""
    colour: Picture = np.rint(np.array(MEAN_COLOUR) * 255).astype(np.uint8)
    return colour


def mean_fill(picture: Picture, hidden: NDArray[np.bool_]) -> Picture:
    """The mean of what is visible, as the least a method should beat."""
    mean = np.rint(picture[~hidden].mean(axis=0)).astype(np.uint8)
    filled: Picture = np.where(hidden[..., None], mean, picture)
    return filled


def inpaint(method: int) -> Fill:
    """OpenCV's inpainting as a peer: fills the hidden part and keeps the ring."""

    def fill(picture: Picture, hidden: NDArray[np.bool_]) -> Picture:
        return np.asarray(cv2.inpaint(picture, hidden.astype(np.uint8), RADIUS, method), np.uint8)

    return fill


PEERS: Mapping[str, Fill] = {
    "mean-fill": mean_fill,
    "opencv-telea": inpaint(cv2.INPAINT_TELEA),
    "opencv-navier-stokes": inpaint(cv2.INPAINT_NS),
}
