"""What a restored photograph has in common with its original: everything but samples under the mask."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.photos.codecs import icc_profile
from archive_restore.photos.heif import page_written
from archive_restore.photos.jpeg import coefficients_outside
from archive_restore.photos.photograph import Format, Header, Page, Photograph, Samples

JPEG_REACH = 40
"""px from a changed pixel to which a JPEG may change: its block, 32 px wide at most (T.81 A.2), and the chroma
samples beside it, from which decoders interpolate."""

_STRIP = 512  # rows compared at a time

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Fidelity:
    """How a restored photograph compares with its original."""

    faults: tuple[str, ...]  # in words; none if it is as promised
    outside: int  # samples that differ outside the mask; of a JPEG, beyond the blocks it touches


def compare(
    original: Photograph,
    restored: Photograph,
    mask: Mask,
    *,
    recompressed: bool = False,
    coefficients: bool = False,
) -> Fidelity:
    """Compares container, mode, colour profile and all samples outside the mask.

    Parameters
    ----------
    original, restored : both decoded
    mask : (H, W) bool of the sheet, True = may differ
    recompressed : the samples of a JPEG were encoded anew everywhere, so that none can be compared
    coefficients : compare those of a JPEG file block by block, which is exact; else its samples
    """
    faults = list(_faults_of_mode(original.header, restored.header))
    if faults:
        return Fidelity(tuple(faults), 0)
    if icc_profile(original) != icc_profile(restored):
        faults.append("its colour profile is another")
    outside = 0
    if coefficients and original.header.format is Format.JPEG:
        outside = 0 if recompressed else coefficients_outside(original, restored, mask)
        if outside:
            faults.append(f"{outside:,} coefficients outside the touched blocks differ")
        return Fidelity(tuple(faults), outside)
    for page, place, old, new in zip(
        original.header.pages, original.header.places, original.pages, restored.pages, strict=True
    ):
        if not (page.blocks and recompressed):
            outside += _samples_outside(page, old, new, mask[place])
    if outside:
        faults.append(f"{outside:,} samples outside the mask differ")
    return Fidelity(tuple(faults), outside)


def _faults_of_mode(original: Header, restored: Header) -> Iterator[str]:
    rewritten = original.format in (Format.HEIC, Format.AVIF)  # as PNG
    if restored.format is not (Format.PNG if rewritten else original.format):
        yield f"it is {restored.format}, its original {original.format}"
    elif len(restored.pages) != len(original.pages):
        yield f"it has {len(restored.pages)} pages, its original {len(original.pages)}"
    else:
        for before, after in zip(original.pages, restored.pages, strict=True):
            wanted = page_written(before) if rewritten else before
            if (after.width, after.height) != (before.width, before.height):
                yield (
                    f"it is {after.width}x{after.height} px, its original {before.width}x{before.height} px"
                )
            # What a palette cannot hold is written without one.
            elif after != wanted and not (before.palette and after.shape == before.shape):
                yield f"it is {after.mode}, its original {before.mode}"


def _samples_outside(page: Page, old: Samples, new: Samples, mask: Mask) -> int:
    """Colour samples that differ outside the mask, and all others that differ anywhere."""
    if page.blocks:
        reach = np.ones((2 * JPEG_REACH + 1,) * 2, np.uint8)
        mask = cv2.dilate(mask.view(np.uint8), reach).view(np.bool_)
    count = 0
    for top in range(0, page.height, _STRIP):
        rows = slice(top, top + _STRIP)
        differs = old[rows] != new[rows]
        if differs.any():
            outside = (~mask[rows]).view(np.uint8)
            count += int(np.count_nonzero(cv2.copyTo(differs.view(np.uint8), outside)))
            if page.extra:
                others = differs.reshape(*mask[rows].shape, -1)[..., page.colours.samples :]
                count += int(np.count_nonzero(others[mask[rows]]))
    return count
