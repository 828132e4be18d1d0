"""How the samples of a TIFF page lie in its file: what it is, and its strips or tiles."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from archive_restore.errors import UnreadablePhotographError
from archive_restore.photos.ifd import Directory, integers
from archive_restore.photos.large import Data
from archive_restore.photos.photograph import Colours, Page, Samples

# Tags, TIFF 6.0 section 8 and later supplements.
SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER = 254, 256, 257, 258, 259, 262, 266
STRIP_OFFSETS, SAMPLES, ROWS_PER_STRIP, STRIP_BYTES, PLANAR, PREDICTOR = 273, 277, 278, 279, 284, 317
TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_BYTES, INK_SET = 322, 323, 324, 325, 332
SAMPLE_FORMAT, JPEG_TABLES, SUBSAMPLING, PROFILE, DNG_VERSION = 339, 347, 530, 34675, 50706

NONE, LZW, JPEG, DEFLATE, PACKBITS, OLD_DEFLATE = 1, 5, 7, 8, 32773, 32946
_MOST_UNPACKED = {
    NONE: 1,
    PACKBITS: 64,  # two bytes stand for 128
    DEFLATE: 1032,
    OLD_DEFLATE: 1032,
    LZW: 4096,  # the longest string of a full table, in 12 bits, is shorter
    JPEG: 8 * 64 * 4,  # a block of 64 pixels takes a bit at least
}
"""Restored compressions, and how many bytes a byte of them can stand for."""

_COMPRESSION_NAMES = {
    2: "CCITT (fax)", 3: "CCITT (fax)", 4: "CCITT (fax)", 6: "old JPEG", 34661: "JBIG",
    34712: "JPEG 2000", 34887: "LERC", 34925: "LZMA", 50000: "Zstandard", 50001: "WebP", 50002: "JPEG XL",
}  # fmt: skip

WHITE_IS_ZERO, BLACK_IS_ZERO, _RGB, _SEPARATED, YCBCR = 0, 1, 2, 5, 6
_COLOURS = {
    WHITE_IS_ZERO: Colours.GREY,
    BLACK_IS_ZERO: Colours.GREY,
    _RGB: Colours.RGB,
    _SEPARATED: Colours.CMYK,
    YCBCR: Colours.RGB,
}
_PHOTOMETRIC_NAMES = {
    3: "palette", 4: "transparency mask", 8: "CIELab", 9: "ICCLab", 10: "ITULab", 32803: "raw sensor",
    34892: "linear raw",
}  # fmt: skip

_REDUCED, _MASK = 1, 4  # bits of NewSubfileType: a thumbnail or a transparency mask
_CMYK_INKS = 1
_MAX_TILE_PIXELS = 1 << 24  # 4096 x 4096; a tiny picture in a huge tile is a decompression bomb


@dataclass(frozen=True)
class Layout:
    """How the samples of a page lie in the file."""

    page: Page
    directory: Directory
    compression: int
    photometric: int
    predictor: bool  # horizontal differences
    planes: int  # 1 = samples of a pixel side by side, else one plane a channel
    samples: int  # a pixel, in one segment
    segment_height: int  # px
    segment_width: int  # px
    tiled: bool
    offsets: tuple[int, ...]  # bytes
    lengths: tuple[int, ...]  # bytes

    @property
    def inverted(self) -> bool:
        """White is zero."""
        return self.photometric == WHITE_IS_ZERO

    @property
    def stored(self) -> np.dtype[Any]:
        """A sample as the file has it, in its byte order."""
        return self.page.dtype.newbyteorder("<" if self.directory.order == "<" else ">")


@dataclass(frozen=True)
class Segment:
    """A strip or tile: its place in the page, without padding, and its stored (rows, columns, samples)."""

    index: int
    plane: int
    top: int
    left: int
    height: int
    width: int
    stored: tuple[int, int, int]

    def window(self, planes: Samples) -> Samples:
        """Its part of (planes, H, W, samples): a view."""
        part: Samples = planes[
            self.plane, self.top : self.top + self.height, self.left : self.left + self.width
        ]
        return part


def is_picture(data: Data, directory: Directory) -> bool:
    """Whether a directory is a page, and not a thumbnail or mask of one, which stay as they are."""
    return not one(data, directory, SUBFILE, 0) & (_REDUCED | _MASK)


def page_of(path: Path, data: Data, directory: Directory) -> Page:
    """What a directory says of its page; `refusal` has nothing against it."""
    width, height = (one(data, directory, tag, 0) for tag in (WIDTH, HEIGHT))
    if not width or not height:
        raise UnreadablePhotographError(path, "a TIFF without width and height: damaged")
    colours = _COLOURS[one(data, directory, PHOTOMETRIC, -1)]
    return Page(
        width,
        height,
        colours,
        depth=(integers(data, directory, BITS) or (1,))[0],
        extra=one(data, directory, SAMPLES, 1) - colours.samples,
        blocks=one(data, directory, COMPRESSION, NONE) == JPEG,
    )


def refusal(data: Data, directory: Directory) -> str | None:
    """What keeps a page from being restored, in words; None when nothing does."""
    bits = integers(data, directory, BITS) or (1,)
    samples = one(data, directory, SAMPLES, 1)
    photometric = one(data, directory, PHOTOMETRIC, -1)
    compression = one(data, directory, COMPRESSION, NONE)
    if DNG_VERSION in directory.entries:
        return "a DNG raw file"
    if photometric not in _COLOURS:
        return f"a {_PHOTOMETRIC_NAMES.get(photometric, f'photometric {photometric}')} TIFF"
    if any(value != 1 for value in integers(data, directory, SAMPLE_FORMAT) or (1,)):
        return "a TIFF of signed or floating-point samples"
    if set(bits) not in ({8}, {16}):
        return f"a {max(bits)}-bit TIFF"
    if samples < _COLOURS[photometric].samples or one(data, directory, INK_SET, _CMYK_INKS) != _CMYK_INKS:
        return f"a TIFF of {samples} channels that are not {_COLOURS[photometric]}"
    if compression not in _MOST_UNPACKED:
        return f"a TIFF with {_COMPRESSION_NAMES.get(compression, f'unknown ({compression})')} compression"
    if compression == JPEG and (bits[0] != 8 or samples not in (1, 3, 4)):
        return "a JPEG-compressed TIFF of unusual depth or channels"
    if photometric == YCBCR and compression != JPEG:
        return "a YCbCr TIFF without JPEG compression"
    if one(data, directory, PREDICTOR, 1) not in (1, 2) or one(data, directory, FILL_ORDER, 1) != 1:
        return "a TIFF with an unusual predictor or bit order"
    return None


def layout_of(path: Path, data: Data, directory: Directory, page: Page) -> Layout:
    """Where the samples of a page lie.

    Raises
    ------
    UnreadablePhotographError
        The list of strips or tiles is incomplete, or they could not hold the page.
    """
    compression = one(data, directory, COMPRESSION, NONE)
    planes = page.channels if one(data, directory, PLANAR, 1) == 2 else 1
    tiled = TILE_OFFSETS in directory.entries
    if tiled:
        segment_width, segment_height = (one(data, directory, tag, 0) for tag in (TILE_WIDTH, TILE_HEIGHT))
        if not 0 < segment_width * segment_height <= _MAX_TILE_PIXELS:
            raise UnreadablePhotographError(path, f"a TIFF with {segment_width}x{segment_height} px tiles")
    else:
        rows = one(data, directory, ROWS_PER_STRIP, page.height)
        segment_width, segment_height = page.width, max(1, min(rows, page.height))
    samples = page.channels // planes
    across, down = math.ceil(page.width / segment_width), math.ceil(page.height / segment_height)
    offsets = integers(data, directory, TILE_OFFSETS if tiled else STRIP_OFFSETS) or ()
    lengths = integers(data, directory, TILE_BYTES if tiled else STRIP_BYTES)
    size = page.pixels * page.channels * page.dtype.itemsize
    if lengths is None and compression == NONE and len(offsets) == 1:
        lengths = (size // planes,)  # a field that old writers left out
    if lengths is None or len(offsets) != len(lengths) or len(offsets) != across * down * planes:
        raise UnreadablePhotographError(
            path, "a TIFF whose list of strips is incomplete: truncated or damaged"
        )
    if sum(lengths) * _MOST_UNPACKED[compression] < size:
        raise UnreadablePhotographError(
            path, f"a TIFF that says it is {page.width}x{page.height} px but holds less: truncated or damaged"
        )
    return Layout(
        page=page,
        directory=directory,
        compression=compression,
        photometric=one(data, directory, PHOTOMETRIC, -1),
        predictor=compression in (LZW, DEFLATE, OLD_DEFLATE) and one(data, directory, PREDICTOR, 1) == 2,
        planes=planes,
        samples=samples,
        segment_height=segment_height,
        segment_width=segment_width,
        tiled=tiled,
        offsets=offsets,
        lengths=lengths,
    )


def segments(layout: Layout) -> Iterator[Segment]:
    """All strips or tiles of a page in the order of their lists."""
    index, page = 0, layout.page
    for plane in range(layout.planes):
        for top in range(0, page.height, layout.segment_height):
            height = min(layout.segment_height, page.height - top)
            for left in range(0, page.width, layout.segment_width):
                width = min(layout.segment_width, page.width - left)
                # Tiles are padded to their full size, the last strip is short.
                rows = layout.segment_height if layout.tiled else height
                stored = (rows, layout.segment_width, layout.samples)
                yield Segment(index, plane, top, left, height, width, stored)
                index += 1


def one(data: Data, directory: Directory, tag: int, default: int) -> int:
    """A field's first value."""
    values = integers(data, directory, tag)
    return values[0] if values else default
