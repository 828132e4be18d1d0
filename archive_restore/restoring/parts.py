"""What of a photograph is restored at once: its damaged pages, or the print on them and, of large ones, tiles."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archive_restore.errors import PhotographError
from archive_restore.photos import large
from archive_restore.photos.codecs import Photograph, Samples
from archive_restore.photos.rendering import view
from archive_restore.restoring.bands import Band, Mask, print_and_bands
from archive_restore.restoring.places import Place, grown

TILE = 2048
"""px; side of the squares in which a large page (see `photos.large`) is restored, so that memory holds a few."""

AROUND = 512
"""px around a tile that are restored with it: what lies farther tells a hole nothing."""

FADE = 128
"""px on either side of a border between tiles over which one fades into the other, so that no seam shows."""

LARGEST = 4096
"""px; side of what is restored at once. A tile in a hole of which nothing is known for farther is restored coarsely."""


@dataclass(frozen=True)
class Loaded:
    """A photograph and where its sheet is damaged, (H, W) bool.

    Raises
    ------
    PhotographError
        All of a page is damaged.
    """

    photograph: Photograph
    mask: Mask

    def __post_init__(self) -> None:
        for number, mask in enumerate(self.masks, start=1):
            if mask.all():
                which = "it" if len(self.masks) == 1 else f"page {number}"
                raise PhotographError(
                    self.photograph.path,
                    f"all of {which} is marked as damaged, so nothing is left to restore it from",
                )

    @property
    def masks(self) -> tuple[Mask, ...]:
        """Of each page."""
        return tuple(self.mask[place] for place in self.photograph.header.places)


@dataclass(frozen=True, eq=False)
class Part:
    """A page or the print on it, or of a large one a tile with what lies around it, that is restored at once.

    It becomes one picture or, in CMYK, two.
    """

    page: int
    core: Place  # rows and columns of the page; the cores of all tiles cover it once
    around: Place  # that it is restored from
    halvings: int = 0  # of its picture, where nothing near the core is known
    bands: tuple[Band, ...] = ()  # beside the print

    def shares(self, shape: tuple[int, int]) -> tuple[Place, NDArray[np.float32]]:
        """Where on a page of `shape` (H, W) it has a say, and how much, (h, w) of 0..1: those of all tiles add up
        to 1 everywhere."""
        (rows, down), (columns, across) = (
            _ramp(side, length) for side, length in zip(self.core, shape, strict=True)
        )
        return (rows, columns), down[:, None] * across


def parts_of(loaded: Loaded) -> Iterator[Part]:
    """What of a photograph is to be restored: damaged pages, or one if no page is, or the print on them; of large
    ones the tiles."""
    for number in [number for number, mask in enumerate(loaded.masks) if mask.any()] or [0]:
        mask = loaded.masks[number]
        height, width = mask.shape
        page, samples = loaded.photograph.header.pages[number], loaded.photograph.pages[number]
        if not is_large(samples):
            place, bands = print_and_bands(view(samples, page), mask)
            yield Part(number, place, place, bands=bands)
            continue
        cores = list(large.tiles(height, width, TILE))
        parts = [_tile(number, core, mask) for core in cores if mask[grown(core, FADE, mask.shape)].any()]
        yield from parts or [_tile(number, cores[0], mask)]


def is_large(samples: Samples) -> bool:
    """Whether a page is restored tile by tile. What is made of 16-bit samples has 32."""
    return samples.nbytes * min(samples.itemsize, 2) >= large.LARGE


def surroundings(core: Place, mask: Mask) -> Place:
    """A tile with what decides over its last touch."""
    return grown(core, AROUND, mask.shape)


def _tile(page: int, core: Place, mask: Mask) -> Part:
    """A tile with as much around it as it takes to see something of the photograph."""
    margin, halvings = AROUND, 0
    while mask[around := grown(core, margin, mask.shape)].all():
        margin *= 2
    while max(side.stop - side.start for side in around) > LARGEST << halvings:
        halvings += 1
    return Part(page, core, around, halvings)


def _ramp(core: slice, length: int) -> tuple[slice, NDArray[np.float32]]:
    """Where a tile has a say along one side of the page, and how much: 1/2 at its borders, 1 at the page's."""
    reach = slice(max(0, core.start - FADE), min(length, core.stop + FADE))
    at = np.arange(reach.start, reach.stop) + 0.5
    share = np.ones(len(at))
    if core.start > 0:
        share = np.minimum(share, 0.5 + (at - core.start) / (2 * FADE))
    if core.stop < length:
        share = np.minimum(share, 0.5 + (core.stop - at) / (2 * FADE))
    return reach, share.astype(np.float32)
