"""Photographs as a browser shows them: turned upright, small, with the mask over them in one colour."""

import io
import warnings
from contextlib import suppress
from typing import Final, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Array = TypeVar("Array", Pixels, Mask)

JPEG_QUALITY: Final = 88
MASK_COLOUR: Final = (230, 40, 120)
MASK_OPACITY: Final = 150  # of 255
LONGEST_PROFILE: Final = 65_536
"""bytes; longer ICC profiles (printers') are left out."""


def as_displayed(source: bytes) -> tuple[int, bytes | None]:
    """EXIF orientation (1 to 8) and ICC profile, so that a page shows what a viewer shows."""
    with warnings.catch_warnings(), suppress(Exception):  # whatever is odd in metadata, the picture is shown
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(source)) as image:
            profile = image.info.get("icc_profile")
            fits = (
                isinstance(profile, bytes) and len(profile) <= LONGEST_PROFILE and profile[16:20] != b"CMYK"
            )
            kept = profile if fits else None  # inks are shown as RGB
            return int(image.getexif().get(ExifTags.Base.Orientation, 1)), kept
    return 1, None


def upright(array: Array, orientation: int) -> Array:
    """`array` (H, W, ...) turned and mirrored as its EXIF orientation (1 to 8) says."""
    if orientation in (5, 6, 7, 8):  # rows are columns
        array = np.swapaxes(array, 0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return np.ascontiguousarray(array)


def shrink_mask(mask: Mask, size: tuple[int, int]) -> Mask:
    """`mask` at `size` (W, H), no larger: set where anything below was, so that thin lines stay."""
    return np.asarray(cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0)


def densest(mask: Mask, side: int) -> tuple[slice, slice]:
    """Rows and columns of the square of `side` px, cut to the picture, that holds most of the mask."""
    height, width = min(side, mask.shape[0]), min(side, mask.shape[1])
    total = cv2.integral(mask.astype(np.uint8))
    held = (
        total[height:, width:] - total[:-height, width:] - total[height:, :-width] + total[:-height, :-width]
    )
    tops, lefts = np.nonzero(held == held.max())
    # The damage amid it, not at a side.
    nearest = np.argmin(np.hypot(tops - tops.mean(), lefts - lefts.mean()))
    top, left = int(tops[nearest]), int(lefts[nearest])
    return slice(top, top + height), slice(left, left + width)


def jpeg(picture: Pixels, profile: bytes | None) -> bytes:
    """A JPEG of a picture (H, W) or (H, W, 3) in the colours of an ICC profile."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=JPEG_QUALITY, icc_profile=profile)
    return buffer.getvalue()


def overlay(mask: Mask) -> bytes:
    """A PNG of a mask (H, W), coloured where it is set and transparent elsewhere."""
    image = Image.fromarray(mask.astype(np.uint8))
    image.putpalette([0, 0, 0, *MASK_COLOUR])
    buffer = io.BytesIO()
    image.save(buffer, "PNG", transparency=bytes((0, MASK_OPACITY)), bits=1)
    return buffer.getvalue()
