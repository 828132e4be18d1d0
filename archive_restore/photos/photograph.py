"""What a photograph is here: header, samples, and the bytes from which its container is carried over."""

import mmap
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[Any]
"""(H, W) or (H, W, channels), uint8 or uint16 by the page's depth; colours first, then alpha and the like."""


class Format(StrEnum):
    """The containers that are read and written."""

    JPEG = "jpeg"
    PNG = "png"
    TIFF = "tiff"
    WEBP = "webp"
    HEIC = "heic"  # read only
    AVIF = "avif"  # read only


class Colours(StrEnum):
    """How a pixel says its colour. CMYK samples are amounts of ink, 0 = none, whatever the file stores."""

    GREY = "grey"
    RGB = "RGB"
    CMYK = "CMYK"

    @property
    def samples(self) -> int:
        return {Colours.GREY: 1, Colours.RGB: 3, Colours.CMYK: 4}[self]

    @property
    def pictures(self) -> int:
        """How many grey or RGB pictures it takes to restore them: coloured inks and black are two."""
        return 2 if self is Colours.CMYK else 1


@dataclass(frozen=True)
class Page:
    """One picture of a file. `width` and `height` are px as stored: an EXIF orientation is not applied."""

    width: int
    height: int
    colours: Colours
    depth: int = 8  # bits a sample in the file; below 8 the samples are spread over 0..255, else as stored
    extra: int = 0  # samples a pixel after the colours: alpha and the like, which are never changed
    palette: bool = False  # stored as indices; its samples here are RGB, with alpha where the palette has it
    blocks: bool = False  # stored in the DCT blocks of a JPEG, which hold samples only nearly
    key: tuple[int, ...] | None = None  # the colour that stands for transparent, in samples as here

    @property
    def pixels(self) -> int:
        return self.width * self.height

    @property
    def channels(self) -> int:
        return self.colours.samples + self.extra

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the samples: (H, W) when there is one a pixel, else (H, W, channels)."""
        return (self.height, self.width) if self.channels == 1 else (self.height, self.width, self.channels)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.uint16 if self.depth > 8 else np.uint8)

    @property
    def mode(self) -> str:
        """In words, e.g. "16-bit RGB with alpha"."""
        colours = f"{self.depth}-bit {'palette' if self.palette else self.colours}"
        alpha = {0: "", 1: " with alpha"}.get(self.extra, f" with {self.extra} extra channels")
        return colours + alpha


@dataclass(frozen=True)
class Header:
    """What a file says of itself before anything is decoded.

    A mask, a score map and regions of a file of several pages are those of its *sheet*: all pages one below
    the other, their left borders in line.
    """

    format: Format
    pages: tuple[Page, ...]

    @property
    def width(self) -> int:
        """px of the sheet."""
        return max(page.width for page in self.pages)

    @property
    def height(self) -> int:
        """px of the sheet."""
        return sum(page.height for page in self.pages)

    @property
    def pixels(self) -> int:
        return sum(page.pixels for page in self.pages)

    @property
    def places(self) -> tuple[tuple[slice, slice], ...]:
        """Rows and columns of each page on the sheet."""
        ends = accumulate(page.height for page in self.pages)
        return tuple(
            (slice(end - page.height, end), slice(0, page.width))
            for page, end in zip(self.pages, ends, strict=True)
        )

    @property
    def mode(self) -> str:
        """In words; of several pages, what they have in common."""
        modes = sorted({page.mode for page in self.pages})
        pages = f", {len(self.pages)} pages" if len(self.pages) > 1 else ""
        return " and ".join(modes) + pages


@dataclass(frozen=True)
class Photograph:
    """A decoded file. `pages` has the samples of each page of the header; `source` is the whole file.

    Those of a large one lie in files, see `large`.
    """

    path: Path
    header: Header
    pages: tuple[Samples, ...]
    source: bytes | mmap.mmap

    @property
    def pixels(self) -> Samples:
        """The samples of the only page. Raises ValueError if there are more."""
        (samples,) = self.pages
        return samples
