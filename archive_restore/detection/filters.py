"""OpenCV's filters with the shapes and types that the detectors need."""

from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]
Floats = NDArray[np.float32]
Sample = TypeVar("Sample", np.uint8, np.float32)


def luminance(picture: NDArray[np.uint8]) -> Grey:
    """Grey levels (h, w) of a picture (h, w) or (h, w, 3), RGB."""
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8) if picture.ndim == 3 else picture


def square(side: int) -> Grey:
    """A structuring element of `side` px."""
    return np.ones((side, side), np.uint8)


def disc(diameter: int) -> Grey:
    """A round structuring element."""
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (diameter, diameter)), np.uint8)


def dilated(picture: Grey, element: Grey) -> Grey:
    """Each pixel becomes the brightest under `element`."""
    return np.asarray(cv2.dilate(picture, element), np.uint8)


def eroded(picture: Grey, element: Grey) -> Grey:
    """Each pixel becomes the darkest under `element`; beyond the picture's edge there is nothing darker."""
    return np.asarray(cv2.erode(picture, element), np.uint8)


def top_hats(picture: Grey, element: Grey) -> dict[bool, Grey]:
    """What is lighter (True) or darker (False) than its surroundings and narrower than `element`, grey levels.

    J. Serra, Image Analysis and Mathematical Morphology, Academic Press 1982: white and black top-hat.
    """
    return {
        True: np.asarray(cv2.morphologyEx(picture, cv2.MORPH_TOPHAT, element), np.uint8),
        False: np.asarray(cv2.morphologyEx(picture, cv2.MORPH_BLACKHAT, element), np.uint8),
    }


def steps(picture: Grey) -> Grey:
    """The morphological gradient: the largest difference among 3x3 pixels."""
    return np.asarray(cv2.morphologyEx(picture, cv2.MORPH_GRADIENT, square(3)), np.uint8)


def mean_over(picture: Grey, side: int) -> Grey:
    """The mean over a window of `side` px, mirrored at the picture's edge."""
    return np.asarray(cv2.blur(picture, (side, side)), np.uint8)


def area_resized(picture: NDArray[Sample], shape: tuple[int, ...]) -> NDArray[Sample]:
    """`picture` at `shape` (h, w): the mean of what each new pixel covers."""
    resized = cv2.resize(picture, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    return np.asarray(resized, picture.dtype)


def stretched(picture: NDArray[Sample], shape: tuple[int, ...]) -> NDArray[Sample]:
    """`picture` at a larger `shape` (h, w), linear between pixels."""
    resized = cv2.resize(picture, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized, picture.dtype)


def repeated(picture: Grey, shape: tuple[int, ...]) -> Grey:
    """`picture` at a larger `shape` (h, w), pixels repeated."""
    return np.asarray(cv2.resize(picture, (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST), np.uint8)


def components(picture: Grey) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Non-zero pixels connected (8 neighbours): labels (h, w), 0 = none; by label left, top, width, height, area."""
    # Counted in 16 bits, where that surely suffices: OpenCV takes a third of the time for it.
    depth = cv2.CV_16U if cv2.countNonZero(picture) < 2**16 else cv2.CV_32S
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(picture, connectivity=8, ltype=depth)
    return np.asarray(labels, np.int32), np.asarray(boxes, np.int32)


def at_edge(boxes: NDArray[np.int32], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """(N,) whether components touch the edge of a picture of `shape` (h, w); `boxes` (N, 5) as of `components`."""
    left, top, width, height = boxes[:, :4].T
    return np.asarray((left == 0) | (top == 0) | (left + width == shape[1]) | (top + height == shape[0]))
