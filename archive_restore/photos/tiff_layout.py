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
from archive_restore.photos.photograph import Page, Samples
from archive_restore.photos.tiff_tags import (
    BITS,
    COLOURS,
    COMPRESSION,
    FAX,
    FILL_ORDER,
    HEIGHT,
    JPEG,
    MOST_UNPACKED,
    NONE,
    PALETTE,
    PHOTOMETRIC,
    PLANAR,
    PREDICTOR,
    ROWS_PER_STRIP,
    SAMPLES,
    STRIP_BYTES,
    STRIP_OFFSETS,
    SUBFILE,
    T4_OPTIONS,
    TILE_BYTES,
    TILE_HEIGHT,
    TILE_OFFSETS,
    TILE_WIDTH,
    WHITE_IS_ZERO,
    WIDTH,
    WITH_PREDICTOR,
    one,
)

_REDUCED, TRANSPARENCY_MASK = 1, 4  # bits of NewSubfileType: a thumbnail or a transparency mask
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
    depth: int  # bits a stored sample
    segment_height: int  # px
    segment_width: int  # px
    tiled: bool
    offsets: tuple[int, ...]  # bytes
    lengths: tuple[int, ...]  # bytes
    reversed_bits: bool = False  # FillOrder 2: the first pixel is in the lowest bit
    t4_options: int = 0

    @property
    def inverted(self) -> bool:
        """White is zero."""
        return self.photometric == WHITE_IS_ZERO

    @property
    def stored(self) -> np.dtype[Any]:
        """A sample as the file has it, in its byte order; below 8 bits, once unpacked."""
        kind = np.dtype(np.uint16 if self.depth > 8 else np.uint8)
        return kind.newbyteorder("<" if self.directory.order == "<" else ">")

    @property
    def step(self) -> int:
        """What a level below 8 bits is multiplied by to spread it over 0..255."""
        return 1 if self.page.palette or self.depth >= 8 else 255 // ((1 << self.depth) - 1)

    def row_bytes(self, width: int) -> int:
        """Bytes of a stored row of `width` px in one segment."""
        return (width * self.samples * self.depth + 7) // 8


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
    return not one(data, directory, SUBFILE, 0) & (_REDUCED | TRANSPARENCY_MASK)


def page_of(path: Path, data: Data, directory: Directory) -> Page:
    """What a directory says of its page; `tiff_tags.refusal` has nothing against it."""
    width, height = (one(data, directory, tag, 0) for tag in (WIDTH, HEIGHT))
    if not width or not height:
        raise UnreadablePhotographError(path, "a TIFF without width and height: damaged")
    photometric = one(data, directory, PHOTOMETRIC, -1)
    colours = COLOURS[photometric]
    palette = photometric == PALETTE
    return Page(
        width,
        height,
        colours,
        depth=(integers(data, directory, BITS) or (1,))[0],
        extra=0 if palette else one(data, directory, SAMPLES, 1) - colours.samples,
        palette=palette,
        blocks=one(data, directory, COMPRESSION, NONE) == JPEG,
    )


def layout_of(path: Path, data: Data, directory: Directory, page: Page) -> Layout:
    """Where the samples of a page lie.

    Raises
    ------
    UnreadablePhotographError
        The list of strips or tiles is incomplete, or they could not hold the page.
    """
    compression = one(data, directory, COMPRESSION, NONE)
    channels = 1 if page.palette else page.channels
    planes = channels if one(data, directory, PLANAR, 1) == 2 else 1
    tiled = TILE_OFFSETS in directory.entries
    if tiled:
        segment_width, segment_height = (one(data, directory, tag, 0) for tag in (TILE_WIDTH, TILE_HEIGHT))
        if not 0 < segment_width * segment_height <= _MAX_TILE_PIXELS:
            raise UnreadablePhotographError(path, f"a TIFF with {segment_width}x{segment_height} px tiles")
    else:
        rows = one(data, directory, ROWS_PER_STRIP, page.height)
        segment_width, segment_height = page.width, max(1, min(rows, page.height))
    across, down = math.ceil(page.width / segment_width), math.ceil(page.height / segment_height)
    offsets = integers(data, directory, TILE_OFFSETS if tiled else STRIP_OFFSETS) or ()
    lengths = integers(data, directory, TILE_BYTES if tiled else STRIP_BYTES)
    size = page.height * ((page.width * channels * page.depth + 7) // 8)
    if lengths is None and compression == NONE and len(offsets) == 1:
        lengths = (size // planes,)  # a field that old writers left out
    if lengths is None or len(offsets) != len(lengths) or len(offsets) != across * down * planes:
        raise UnreadablePhotographError(
            path, "a TIFF whose list of strips is incomplete: truncated or damaged"
        )
    # A row of fax takes a bit at least.
    most = 8 * ((segment_width + 7) // 8) if compression in FAX else MOST_UNPACKED[compression]
    if sum(lengths) * most < size:
        raise UnreadablePhotographError(
            path, f"a TIFF that says it is {page.width}x{page.height} px but holds less: truncated or damaged"
        )
    return Layout(
        page=page,
        directory=directory,
        compression=compression,
        photometric=one(data, directory, PHOTOMETRIC, -1),
        predictor=compression in WITH_PREDICTOR and one(data, directory, PREDICTOR, 1) == 2,
        planes=planes,
        samples=channels // planes,
        depth=page.depth,
        segment_height=segment_height,
        segment_width=segment_width,
        tiled=tiled,
        offsets=offsets,
        lengths=lengths,
        reversed_bits=one(data, directory, FILL_ORDER, 1) == 2,
        t4_options=one(data, directory, T4_OPTIONS, 0),
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
