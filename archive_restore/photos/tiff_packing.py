"""What a strip or tile of TIFF holds, unpacked and packed, in every compression but JPEG."""

import io
import lzma
import struct
import zlib
from collections.abc import Callable

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from archive_restore.photos.tiff_layout import Layout
from archive_restore.photos.tiff_tags import (
    BITS,
    COMPRESSION,
    DEFLATE,
    FAX,
    FAX3,
    FAX4,
    FAX_ROWS,
    HEIGHT,
    LZMA,
    LZW,
    NONE,
    OLD_DEFLATE,
    PACKBITS,
    PHOTOMETRIC,
    ROWS_PER_STRIP,
    SAMPLES,
    STRIP_BYTES,
    STRIP_OFFSETS,
    T4_OPTIONS,
    WIDTH,
    ZSTD,
)

_FAX_NAMES = {FAX_ROWS: "tiff_ccitt", FAX3: "group3", FAX4: "group4"}  # as Pillow calls them
_START, _LONG = 8, 4  # where a file's first strip may begin, and the type of 32-bit tags
_MOST_MEMORY = 1 << 27  # bytes; what a damaged LZMA header may ask for

_UNPACK: dict[int, Callable[[bytes, int], bytes | bytearray]] = {
    NONE: lambda packed, size: packed[:size],
    LZW: lambda packed, size: _lzw_decoded(packed, size),
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


def unpack(packed: bytes, layout: Layout, rows: int, columns: int, size: int) -> bytes:
    """So many rows as bytes, at most `size` of them. Raises whatever its decoder does."""
    if layout.reversed_bits:
        packed = bytes(imagecodecs.bitorder_decode(packed))
    if layout.compression in FAX:
        return _fax_decoded(packed, layout, rows, columns)
    if layout.compression in (PACKBITS, ZSTD):
        # Their decoders refuse a last strip that is filled up to the height of the others.
        whole = -(-size // rows) * layout.segment_height
        return bytes(_UNPACK[layout.compression](packed, whole)[:size])
    return bytes(_UNPACK[layout.compression](packed, size))


def pack(rows: NDArray[np.uint8], layout: Layout, columns: int) -> bytes:
    """(rows, bytes of a row) as the file is to hold them."""
    packed = _packed(rows, layout, columns)
    return bytes(imagecodecs.bitorder_encode(packed)) if layout.reversed_bits else packed


def unpack_levels(rows: NDArray[np.uint8], depth: int, columns: int) -> NDArray[np.uint8]:
    """Packed rows as (rows, columns) of 0 .. 2 ** depth - 1."""
    if depth == 1:
        return np.unpackbits(rows, axis=1)[:, :columns]
    shifts = np.arange(8 - depth, -1, -depth, dtype=np.uint8)
    levels = (rows[..., None] >> shifts) & np.uint8((1 << depth) - 1)
    return np.ascontiguousarray(levels.reshape(len(rows), -1)[:, :columns])


def pack_levels(levels: NDArray[np.uint8], depth: int) -> NDArray[np.uint8]:
    """The inverse of `unpack_levels`."""
    if depth == 1:
        return np.packbits(levels, axis=1)
    each = 8 // depth
    padded = np.pad(levels, ((0, 0), (0, -levels.shape[1] % each))).reshape(len(levels), -1, each)
    shifts = np.arange(8 - depth, -1, -depth, dtype=np.uint8)
    return np.asarray(np.bitwise_or.reduce(padded << shifts, axis=2), np.uint8)


def _packed(rows: NDArray[np.uint8], layout: Layout, columns: int) -> bytes:
    if layout.compression in FAX:
        return _fax_encoded(rows, layout, columns)
    if layout.compression == PACKBITS:  # each row by itself (TIFF 6.0, section 9)
        return b"".join(bytes(imagecodecs.packbits_encode(row.tobytes())) for row in rows)
    return bytes(_PACK[layout.compression](rows.tobytes()))


def _lzw_decoded(packed: bytes, size: int) -> bytes:
    """By libtiff, as the only row of a file: imagecodecs' own `lzw_decode` can crash on damaged data (2026.3.6)."""
    tags = {
        WIDTH: size,
        HEIGHT: 1,
        BITS: 8,
        COMPRESSION: LZW,
        PHOTOMETRIC: 1,
        STRIP_OFFSETS: _START,
        SAMPLES: 1,
        ROWS_PER_STRIP: 1,
        STRIP_BYTES: len(packed),
    }
    filled = packed + bytes(len(packed) % 2)
    entries = b"".join(struct.pack("<HHII", tag, _LONG, 1, value) for tag, value in sorted(tags.items()))
    header = struct.pack("<2sHI", b"II", 42, _START + len(filled))
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    return np.asarray(imagecodecs.tiff_decode(header + filled + directory)).tobytes()


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
