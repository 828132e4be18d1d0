"""PNG: 8-bit grey and RGB. Every chunk but the picture data is carried over byte for byte."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from archive_restore.errors import UnreadablePhotographError, UnsupportedPhotographError
from archive_restore.photos.photograph import Format, Header, Photograph

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_GREY, _RGB, _PALETTE, _GREY_ALPHA, _RGBA = 0, 2, 3, 4, 6  # colour types, PNG (3rd edition) table 12
_COLOUR_TYPES = {
    _GREY: "grey",
    _RGB: "RGB",
    _PALETTE: "palette",
    _GREY_ALPHA: "grey with alpha",
    _RGBA: "RGB with alpha",
}
_COMPRESSION_LEVEL = 6  # zlib's default
_INTERLACE_OFFSET = 12  # in IHDR's data
_PICTURE_CHUNKS = frozenset({b"IHDR", b"IDAT", b"IEND"})
# Apple's index into the compressed stream: stale after any change, and then its readers fail.
_STALE_CHUNKS = frozenset({b"iDOT"})


@dataclass(frozen=True)
class _Chunk:
    kind: bytes
    start: int  # of the length field, bytes from the start of the file
    end: int  # after the CRC
    data: bytes


def header(path: Path, data: bytes) -> Header:
    """Reads IHDR and looks for transparency and animation; refuses what is not plain 8-bit grey or RGB."""
    width, height = dimensions(path, data)
    depth, colour = data[24], data[25]
    if colour not in _COLOUR_TYPES:
        raise UnreadablePhotographError(path, f"a PNG with an unknown colour type ({colour})")
    if colour not in (_GREY, _RGB) or depth != 8:
        article = "an" if depth == 8 else "a"
        raise UnsupportedPhotographError(
            path,
            f"{article} {depth}-bit {_COLOUR_TYPES[colour]} PNG; only 8-bit grey and RGB are restored so far",
        )
    for kind, what in ((b"acTL", "an animated PNG"), (b"tRNS", "a PNG with a transparent colour")):
        if any(chunk.kind == kind for chunk in _chunks(data)):
            raise UnsupportedPhotographError(path, f"{what}; only still, opaque pictures are restored so far")
    return Header(Format.PNG, width, height, 1 if colour == _GREY else 3)


def dimensions(path: Path, data: bytes) -> tuple[int, int]:
    """(width, height) in px from IHDR.

    Raises
    ------
    UnreadablePhotographError
        No PNG, or one cut off within its header.
    """
    if not data.startswith(SIGNATURE):
        raise UnreadablePhotographError(path, "not a PNG file")
    if len(data) < 33 or data[12:16] != b"IHDR":
        raise UnreadablePhotographError(path, "a PNG without a complete header: truncated or damaged")
    width, height = struct.unpack_from(">II", data, 16)
    if not width or not height:
        raise UnreadablePhotographError(path, f"a PNG that says it is {width}x{height} px")
    return width, height


def decode(path: Path, data: bytes, header: Header) -> NDArray[np.uint8]:
    """The samples of a whole PNG; a truncated one raises UnreadablePhotographError."""
    # The picture alone: libpng has opinions on profiles and texts, and prints them.
    needed = [chunk for chunk in _chunks(data) if chunk.kind in _PICTURE_CHUNKS]
    if not needed or needed[-1].kind != b"IEND":
        raise UnreadablePhotographError(path, "the PNG ends before its end chunk: truncated")
    try:
        samples: NDArray[np.uint8] = imagecodecs.png_decode(
            SIGNATURE + b"".join(data[chunk.start : chunk.end] for chunk in needed)
        )
    except Exception as error:  # the decoder's own exception classes differ between versions
        raise UnreadablePhotographError(path, f"damaged or truncated PNG ({error})") from None
    return samples.reshape(header.shape)


def encode(photograph: Photograph, pixels: NDArray[np.uint8]) -> bytes:
    """The source with other samples: all chunks in their order, IDAT anew.

    An interlaced (Adam7) PNG becomes a plain one: equal samples, in another order in the file.
    """
    source = photograph.source
    fresh = bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels), level=_COMPRESSION_LEVEL))
    picture = b"".join(fresh[chunk.start : chunk.end] for chunk in _chunks(fresh) if chunk.kind == b"IDAT")
    parts, written, end = [SIGNATURE], False, len(SIGNATURE)
    for chunk in _chunks(source):
        end = chunk.end
        if chunk.kind == b"IHDR":
            parts.append(_chunk(b"IHDR", chunk.data[:_INTERLACE_OFFSET] + b"\0"))
        elif chunk.kind != b"IDAT":
            if chunk.kind not in _STALE_CHUNKS:
                parts.append(source[chunk.start : chunk.end])
        elif not written:
            parts.append(picture)
            written = True
    return b"".join(parts) + source[end:]  # whatever follows IEND stays as well


def _chunks(data: bytes) -> Iterator[_Chunk]:
    """Chunks up to and with IEND; stops silently where the file is cut off."""
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        end = at + 12 + length
        if end > len(data):
            return
        kind = data[at + 4 : at + 8]
        yield _Chunk(kind, at, end, data[at + 8 : end - 4])
        if kind == b"IEND":
            return
        at = end


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
