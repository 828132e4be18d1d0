"""Strips and tiles of TIFF: from what the file holds to samples and back, in the same compression."""

import io
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from archive_restore.errors import UnreadablePhotographError
from archive_restore.photos.ifd import patch
from archive_restore.photos.large import Data, Patched
from archive_restore.photos.photograph import Samples
from archive_restore.photos.tiff_jpeg import decode_strip, with_blocks
from archive_restore.photos.tiff_layout import Layout, Segment, segments
from archive_restore.photos.tiff_tags import (
    DEFLATE,
    FAX,
    FAX3,
    FAX4,
    FAX_ROWS,
    JPEG,
    LZMA,
    LZW,
    NONE,
    OLD_DEFLATE,
    PACKBITS,
    STRIP_BYTES,
    STRIP_OFFSETS,
    T4_OPTIONS,
    TILE_BYTES,
    TILE_OFFSETS,
    ZSTD,
)

_FAX_NAMES = {FAX_ROWS: "tiff_ccitt", FAX3: "group3", FAX4: "group4"}  # as Pillow calls them
_MOST_MEMORY = 1 << 27  # bytes; what a damaged LZMA header may ask for

_UNPACK: dict[int, Callable[[bytes, int], bytes | bytearray]] = {
    NONE: lambda packed, size: packed[:size],
    LZW: lambda packed, size: imagecodecs.lzw_decode(packed, out=size),
    DEFLATE: lambda packed, size: zlib.decompressobj().decompress(packed, size),
    OLD_DEFLATE: lambda packed, size: zlib.decompressobj().decompress(packed, size),
    PACKBITS: lambda packed, size: imagecodecs.packbits_decode(packed, out=size),
    LZMA: lambda packed, size: lzma.LZMADecompressor(memlimit=_MOST_MEMORY).decompress(packed, size),
    ZSTD: lambda packed, size: imagecodecs.zstd_decode(packed, out=size),
}  # (packed, most bytes that come out)

_PACK: dict[int, Callable[[bytes], bytes | bytearray]] = {
    NONE: bytes,
    LZW: imagecodecs.lzw_encode,
    DEFLATE: zlib.compress,
    OLD_DEFLATE: zlib.compress,
    LZMA: lzma.compress,
    ZSTD: imagecodecs.zstd_encode,
}


def packed_segment(path: Path, data: Data, layout: Layout, segment: Segment) -> bytes:
    """The bytes of a strip or tile in the file.

    Raises
    ------
    UnreadablePhotographError
        It is not all there.
    """
    start, length = layout.offsets[segment.index], layout.lengths[segment.index]
    if not length or start + length > len(data):
        raise UnreadablePhotographError(path, f"strip {segment.index} lies beyond the TIFF's end: truncated")
    return data[start : start + length]


def read_segment(path: Path, data: Data, layout: Layout, segment: Segment) -> Samples:
    """The stored samples of one strip or tile, (rows, columns, samples), a copy, padding included.

    Below 8 bits they are 0 .. 2 ** depth - 1, one a byte.

    Raises
    ------
    UnreadablePhotographError
        It is damaged or incomplete.
    """
    packed = packed_segment(path, data, layout, segment)
    if layout.compression == JPEG:
        return decode_strip(path, data, packed, layout, segment)
    rows, columns, samples = segment.stored
    size = rows * layout.row_bytes(columns)
    try:
        plain = _unpacked(packed, layout, rows, columns, size)
    except Exception as error:  # the decoders' own exception classes differ between versions
        raise UnreadablePhotographError(
            path, f"strip {segment.index} of the TIFF is damaged ({error})"
        ) from None
    if len(plain) != size:
        raise UnreadablePhotographError(
            path, f"strip {segment.index} of the TIFF is incomplete: truncated or damaged"
        )
    if layout.depth < 8:
        return _levels(np.frombuffer(plain, np.uint8).reshape(rows, -1), layout.depth, columns)[..., None]
    stored = np.frombuffer(plain, layout.stored).reshape(rows, columns, samples)
    stored = stored.astype(layout.stored.newbyteorder("="))
    return np.cumsum(stored, axis=1, dtype=stored.dtype) if layout.predictor else stored


def compress(stored: Samples, layout: Layout) -> bytes:
    """What `read_segment` gives, as the file is to hold it; not of JPEG."""
    if layout.predictor:
        stored = np.diff(stored, axis=1, prepend=stored.dtype.type(0))  # modulo 256 or 65,536
    if layout.depth < 8:
        rows = _packed_levels(stored[..., 0], layout.depth)
    else:
        rows = np.ascontiguousarray(stored.astype(layout.stored)).view(np.uint8).reshape(len(stored), -1)
    packed = _packed(rows, layout, stored.shape[1])
    return bytes(imagecodecs.bitorder_encode(packed)) if layout.reversed_bits else packed


def replace_segments(
    path: Path, source: Data, file: Patched, layout: Layout, before: Samples, after: Samples, whole: bool
) -> None:
    """Writes the strips or tiles that differ: in place where nothing is compressed, else at the file's end.

    Parameters
    ----------
    file : a copy of `source`
    before, after : (planes, H, W, samples), as `tiff.decode` has them; of a palette page its indices
    whole : in JPEG strips, all blocks are encoded anew
    """
    offsets, lengths = list(layout.offsets), list(layout.lengths)
    for segment in segments(layout):
        old, new = segment.window(before), segment.window(after)
        if np.array_equal(old, new):
            continue
        if layout.inverted:
            old, new = np.invert(old), np.invert(new)
        if layout.compression == JPEG:
            strip = packed_segment(path, source, layout, segment)
            packed = with_blocks(path, source, strip, layout, segment, old, new, whole)
        else:
            stored = read_segment(path, source, layout, segment)
            stored[: segment.height, : segment.width] = new // new.dtype.type(layout.step)
            packed = compress(stored, layout)
        if layout.compression == NONE:
            file.write(offsets[segment.index], packed)
            continue
        offsets[segment.index], lengths[segment.index] = file.append(packed), len(packed)
    if tuple(offsets) != layout.offsets:
        patch(file, layout.directory, TILE_OFFSETS if layout.tiled else STRIP_OFFSETS, offsets)
        patch(file, layout.directory, TILE_BYTES if layout.tiled else STRIP_BYTES, lengths)


def _unpacked(packed: bytes, layout: Layout, rows: int, columns: int, size: int) -> bytes:
    if layout.reversed_bits:
        packed = bytes(imagecodecs.bitorder_decode(packed))
    if layout.compression in FAX:
        return _fax_decoded(packed, layout, rows, columns)
    return bytes(_UNPACK[layout.compression](packed, size))


def _packed(rows: NDArray[np.uint8], layout: Layout, columns: int) -> bytes:
    """(rows, bytes of a row) compressed."""
    if layout.compression in FAX:
        return _fax_encoded(rows, layout, columns)
    if layout.compression == PACKBITS:  # each row by itself (TIFF 6.0, section 9)
        return b"".join(bytes(imagecodecs.packbits_encode(row.tobytes())) for row in rows)
    return bytes(_PACK[layout.compression](rows.tobytes()))


def _fax_decoded(packed: bytes, layout: Layout, rows: int, columns: int) -> bytes:
    if layout.compression == FAX3:
        bits = imagecodecs.ccittfax3_decode(packed, rows, columns, t4options=layout.t4_options)
    elif layout.compression == FAX4:
        bits = imagecodecs.ccittfax4_decode(packed, rows, columns)
    else:
        bits = imagecodecs.ccittrle_decode(packed, rows, columns)
    return np.packbits(np.asarray(bits, np.uint8).reshape(rows, columns), axis=1).tobytes()


def _fax_encoded(rows: NDArray[np.uint8], layout: Layout, columns: int) -> bytes:
    """By libtiff, as the only strip of a file."""
    bits = np.unpackbits(rows, axis=1)[:, :columns].astype(bool)
    options = {T4_OPTIONS: layout.t4_options} if layout.compression == FAX3 else {}
    file = io.BytesIO()
    name = _FAX_NAMES[layout.compression]
    Image.fromarray(bits).save(file, "TIFF", compression=name, tiffinfo=options, strip_size=len(rows) << 20)
    file.seek(0)
    with Image.open(file) as written:
        tags: dict[int, tuple[int, ...]] = written.tag_v2  # type: ignore[attr-defined]
        (start,), (length,) = tags[STRIP_OFFSETS], tags[STRIP_BYTES]
    return file.getvalue()[start : start + length]


def _levels(rows: NDArray[np.uint8], depth: int, columns: int) -> NDArray[np.uint8]:
    """Packed rows as (rows, columns) of 0 .. 2 ** depth - 1."""
    if depth == 1:
        return np.unpackbits(rows, axis=1)[:, :columns]
    shifts = np.arange(8 - depth, -1, -depth, dtype=np.uint8)
    levels = (rows[..., None] >> shifts) & np.uint8((1 << depth) - 1)
    return np.ascontiguousarray(levels.reshape(len(rows), -1)[:, :columns])


def _packed_levels(levels: NDArray[np.uint8], depth: int) -> NDArray[np.uint8]:
    """The inverse of `_levels`."""
    if depth == 1:
        return np.packbits(levels, axis=1)
    each = 8 // depth
    padded = np.pad(levels, ((0, 0), (0, -levels.shape[1] % each))).reshape(len(levels), -1, each)
    shifts = np.arange(8 - depth, -1, -depth, dtype=np.uint8)
    return np.asarray(np.bitwise_or.reduce(padded << shifts, axis=2), np.uint8)
