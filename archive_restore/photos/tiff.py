"""TIFF of one or more pages in strips or tiles. Only strips whose samples changed are written anew.

Thumbnails, masks, tags and everything else in the file stay where they are.
"""

import zlib
from pathlib import Path

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from archive_restore.errors import PhotographError, UnreadablePhotographError, UnsupportedPhotographError
from archive_restore.photos import jpeg
from archive_restore.photos.ifd import Directory, content, is_tiff, patch, read_directories
from archive_restore.photos.jpeg_segments import ColourTransform, read_frame
from archive_restore.photos.large import Data, Patched, copy, empty, equal
from archive_restore.photos.photograph import Format, Header, Page, Photograph, Samples
from archive_restore.photos.tiff_layout import (
    JPEG,
    JPEG_TABLES,
    LZW,
    NONE,
    PACKBITS,
    PROFILE,
    STRIP_BYTES,
    STRIP_OFFSETS,
    TILE_BYTES,
    TILE_OFFSETS,
    YCBCR,
    Layout,
    Segment,
    is_picture,
    layout_of,
    page_of,
    refusal,
    segments,
)

__all__ = ["decode", "encode", "header", "is_tiff", "profile"]

_MCU = 32  # px; the most that a JPEG is filled up with, T.81 A.2
_CLASSIC_LIMIT = (1 << 32) - 1  # bytes; offsets have 32 bits


def header(path: Path, data: Data) -> Header:
    """Reads all directories; refuses by name what is not restored."""
    pages: list[Page] = []
    for directory in _pictures(path, data):
        reason = refusal(data, directory)
        if reason is not None:
            where = f"page {len(pages) + 1} is " if pages else ""
            raise UnsupportedPhotographError(
                path,
                f"{where}{reason}; of TIFFs 8- and 16-bit grey, RGB and CMYK are restored. Convert it first",
            )
        pages.append(page_of(path, data, directory))
    return Header(Format.TIFF, tuple(pages))


def decode(path: Path, data: Data, header: Header) -> tuple[Samples, ...]:
    """The samples of all strips or tiles; one that is missing or short raises UnreadablePhotographError."""
    layouts = _layouts(path, data, header)
    return tuple(_decoded(path, data, layout) for layout in layouts)


def encode(photograph: Photograph, pages: tuple[Samples, ...], *, whole: bool = False) -> Data:
    """The source with the changed strips or tiles compressed as before: in place where nothing is compressed,
    else appended, with their offsets and lengths patched. Every other byte stays.

    In JPEG-compressed ones only the changed blocks are encoded anew, with `whole` all blocks of the strip.
    """
    path, source = photograph.path, photograph.source
    file = Patched(source)
    layouts = _layouts(path, source, photograph.header)
    for layout, before, after in zip(layouts, photograph.pages, pages, strict=True):
        if not equal(before, after):
            _encode_page(path, source, file, layout, before, after, whole)
    if len(file) > _CLASSIC_LIMIT and not layouts[0].directory.big:
        raise PhotographError(path, "restored, the TIFF would pass 4 GiB; save it as BigTIFF first")
    return file.content()


def profile(path: Path, data: Data) -> bytes | None:
    """The ICC profile of the first page; None if there is none."""
    return content(data, _pictures(path, data)[0], PROFILE)


def _pictures(path: Path, data: Data) -> list[Directory]:
    """The directories of pages."""
    directories = read_directories(path, data)
    return [one for one in directories if is_picture(data, one)] or directories[:1]


def _layouts(path: Path, data: Data, header: Header) -> list[Layout]:
    directories = _pictures(path, data)
    return [layout_of(path, data, one, page) for one, page in zip(directories, header.pages, strict=True)]


def _decoded(path: Path, data: Data, layout: Layout) -> Samples:
    page = layout.page
    planes = empty((layout.planes, page.height, page.width, layout.samples), page.dtype)
    for segment in segments(layout):
        stored = _read_segment(path, data, layout, segment)
        segment.window(planes)[...] = stored[: segment.height, : segment.width]
    if layout.inverted:
        np.invert(planes, out=planes)
    if planes.shape[0] == 1:
        return planes.reshape(page.shape)
    return copy(np.moveaxis(planes[..., 0], 0, -1))


def _encode_page(
    path: Path, source: Data, file: Patched, layout: Layout, before: Samples, after: Samples, whole: bool
) -> None:
    offsets, lengths = list(layout.offsets), list(layout.lengths)
    old_planes, new_planes = (_to_planes(samples, layout) for samples in (before, after))
    for segment in segments(layout):
        old, new = segment.window(old_planes), segment.window(new_planes)
        if np.array_equal(old, new):
            continue
        if layout.inverted:
            old, new = np.invert(old), np.invert(new)
        if layout.compression == JPEG:
            packed = _with_blocks(path, source, layout, segment, old, new, whole)
        else:
            stored = _read_segment(path, source, layout, segment)
            stored[: segment.height, : segment.width] = new
            packed = _compress(stored, layout)
        if layout.compression == NONE:
            file.write(offsets[segment.index], packed)
            continue
        offsets[segment.index], lengths[segment.index] = file.append(packed), len(packed)
    if tuple(offsets) != layout.offsets:
        patch(file, layout.directory, TILE_OFFSETS if layout.tiled else STRIP_OFFSETS, offsets)
        patch(file, layout.directory, TILE_BYTES if layout.tiled else STRIP_BYTES, lengths)


def _read_segment(path: Path, data: Data, layout: Layout, segment: Segment) -> Samples:
    """The stored samples of one strip or tile, (rows, columns, samples), a copy, padding included."""
    packed = _packed(path, data, layout, segment)
    if layout.compression == JPEG:
        stream = _whole_jpeg(path, packed, layout, source=data)
        samples = jpeg.decode_samples(path, stream, _transform(layout))
        rows, columns, channels = segment.stored
        if samples.shape[0] < segment.height or samples.shape[1] < segment.width:
            raise UnreadablePhotographError(path, f"strip {segment.index} of the TIFF is incomplete: damaged")
        if samples.size != samples.shape[0] * samples.shape[1] * channels:
            raise UnreadablePhotographError(
                path, f"strip {segment.index} of the TIFF has other channels: damaged"
            )
        return samples.reshape(*samples.shape[:2], channels)[:rows, :columns]
    size = segment.stored[0] * segment.stored[1] * segment.stored[2] * layout.stored.itemsize
    try:
        if layout.compression == LZW:
            plain = imagecodecs.lzw_decode(packed, out=size)
        elif layout.compression == PACKBITS:
            plain = imagecodecs.packbits_decode(packed, out=size)
        elif layout.compression == NONE:
            plain = packed[:size]
        else:
            plain = zlib.decompressobj().decompress(packed, size)
    except Exception as error:  # the decoders' own exception classes differ between versions
        raise UnreadablePhotographError(
            path, f"strip {segment.index} of the TIFF is damaged ({error})"
        ) from None
    if len(plain) != size:
        raise UnreadablePhotographError(
            path, f"strip {segment.index} of the TIFF is incomplete: truncated or damaged"
        )
    stored = np.frombuffer(plain, layout.stored).reshape(segment.stored).astype(layout.page.dtype)
    return np.cumsum(stored, axis=1, dtype=stored.dtype) if layout.predictor else stored


def _packed(path: Path, data: Data, layout: Layout, segment: Segment) -> bytes:
    start, length = layout.offsets[segment.index], layout.lengths[segment.index]
    if not length or start + length > len(data):
        raise UnreadablePhotographError(path, f"strip {segment.index} lies beyond the TIFF's end: truncated")
    return data[start : start + length]


def _compress(stored: Samples, layout: Layout) -> bytes:
    if layout.predictor:
        stored = np.diff(stored, axis=1, prepend=stored.dtype.type(0))  # modulo 256 or 65,536
    stored = stored.astype(layout.stored)
    if layout.compression == LZW:
        return bytes(imagecodecs.lzw_encode(stored.tobytes()))
    if layout.compression == PACKBITS:  # each row by itself (TIFF 6.0, section 9)
        return b"".join(bytes(imagecodecs.packbits_encode(row.tobytes())) for row in stored)
    return stored.tobytes() if layout.compression == NONE else zlib.compress(stored.tobytes())


def _with_blocks(
    path: Path,
    source: Data,
    layout: Layout,
    segment: Segment,
    old: NDArray[np.uint8],
    new: NDArray[np.uint8],
    whole: bool,
) -> bytes:
    """A JPEG strip or tile with its changed blocks replaced; it brings its own tables then."""
    stream = _whole_jpeg(path, _packed(path, source, layout, segment), layout, source=source)
    stored = _read_segment(path, source, layout, segment).copy()
    frame = read_frame(path, stream)
    # Of a last strip that some writers fill up to full height, all blocks are needed.
    after = np.pad(
        stored, ((0, frame.height - len(stored)), (0, frame.width - stored.shape[1]), (0, 0)), mode="edge"
    )
    changed = np.full(after.shape[:2], whole)
    after[: segment.height, : segment.width] = new
    changed[: segment.height, : segment.width] |= (old != new).any(axis=2)
    samples = after[..., 0] if after.shape[2] == 1 else after
    return jpeg.replace_blocks(path, stream, samples, changed, _transform(layout))


def _whole_jpeg(path: Path, packed: bytes, layout: Layout, *, source: Data) -> bytes:
    """A strip with the tables that the page keeps for all of them (TIFF Technical Note 2)."""
    tables = content(source, layout.directory, JPEG_TABLES)
    stream = packed if tables is None else tables[:-2] + packed[2:]  # less EOI and SOI
    frame = read_frame(path, stream)
    reason = jpeg.refusal(frame)
    if reason is not None:
        raise UnsupportedPhotographError(path, f"a TIFF that holds {reason}. Convert it first")
    if frame.height > layout.segment_height + _MCU or frame.width > layout.segment_width + _MCU:
        raise UnreadablePhotographError(
            path, f"a TIFF with a strip of {frame.width}x{frame.height} px: damaged"
        )
    return stream


def _transform(layout: Layout) -> ColourTransform:
    return ColourTransform.YCBCR if layout.photometric == YCBCR else ColourTransform.NONE


def _to_planes(samples: Samples, layout: Layout) -> Samples:
    """(H, W) or (H, W, channels) as a view of (planes, H, W, samples)."""
    samples = samples[..., np.newaxis] if samples.ndim == 2 else samples
    return samples[np.newaxis] if layout.planes == 1 else np.moveaxis(samples, -1, 0)[..., np.newaxis]
