"""TIFF: 8-bit grey and RGB in strips or tiles. Only strips whose samples changed are written anew."""

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from archive_restore.errors import PhotographError, UnreadablePhotographError, UnsupportedPhotographError
from archive_restore.photos.ifd import Directory, integers, is_tiff, patch, read_directory
from archive_restore.photos.photograph import Format, Header, Photograph

__all__ = ["decode", "encode", "header", "is_tiff"]

# Tags, TIFF 6.0 section 8 and later supplements.
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 256, 257, 258, 259, 262, 266
_STRIP_OFFSETS, _SAMPLES, _ROWS_PER_STRIP, _STRIP_BYTES, _PLANAR, _PREDICTOR = 273, 277, 278, 279, 284, 317
_TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_BYTES = 322, 323, 324, 325
_SAMPLE_FORMAT, _DNG_VERSION = 339, 50706

_NONE, _LZW, _DEFLATE, _PACKBITS, _OLD_DEFLATE = 1, 5, 8, 32773, 32946
_RESTORED_COMPRESSIONS = frozenset({_NONE, _LZW, _DEFLATE, _PACKBITS, _OLD_DEFLATE})
_COMPRESSION_NAMES = {
    2: "CCITT (fax)", 3: "CCITT (fax)", 4: "CCITT (fax)", 6: "old JPEG", 7: "JPEG", 34661: "JBIG",
    34712: "JPEG 2000", 34887: "LERC", 34925: "LZMA", 50000: "Zstandard", 50001: "WebP", 50002: "JPEG XL",
}  # fmt: skip

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2
_PHOTOMETRIC_NAMES = {
    3: "palette", 4: "transparency mask", 5: "CMYK", 6: "YCbCr", 8: "CIELab", 9: "ICCLab", 10: "ITULab",
    32803: "raw sensor", 34892: "linear raw",
}  # fmt: skip

_MAX_TILE_PIXELS = 1 << 24  # 4096 x 4096; a tiny picture in a huge tile is a decompression bomb
_CLASSIC_LIMIT = (1 << 32) - 1  # bytes; offsets have 32 bits


@dataclass(frozen=True)
class _Layout:
    """How the samples lie in the file."""

    directory: Directory
    compression: int
    predictor: bool  # horizontal differences
    inverted: bool  # white is zero
    planes: int  # 1 = samples of a pixel side by side, else one plane a channel
    samples: int  # a pixel, in one segment
    segment_height: int  # px
    segment_width: int  # px
    tiled: bool
    offsets: tuple[int, ...]  # bytes
    lengths: tuple[int, ...]  # bytes


@dataclass(frozen=True)
class _Segment:
    """A strip or tile: its place in the picture, without padding, and its stored (rows, columns, samples)."""

    index: int
    plane: int
    top: int
    left: int
    height: int
    width: int
    stored: tuple[int, int, int]

    def window(self, planes: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Its part of (planes, H, W, samples): a view."""
        return planes[self.plane, self.top : self.top + self.height, self.left : self.left + self.width]


def header(path: Path, data: bytes) -> Header:
    """Reads the first directory; refuses by name what is not one page of plain 8-bit grey or RGB."""
    directory = read_directory(path, data)
    width, height = (_one(data, directory, tag, 0) for tag in (_WIDTH, _HEIGHT))
    if not width or not height:
        raise UnreadablePhotographError(path, "a TIFF without width and height: damaged")
    refusal = _refusal(data, directory)
    if refusal is not None:
        raise UnsupportedPhotographError(
            path, f"{refusal}; only TIFFs of one page in 8-bit grey or RGB are restored so far"
        )
    return Header(Format.TIFF, width, height, _one(data, directory, _SAMPLES, 1))


def decode(path: Path, data: bytes, header: Header) -> NDArray[np.uint8]:
    """The samples of all strips or tiles; one that is missing or short raises UnreadablePhotographError."""
    layout = _layout(path, data, header)
    planes = np.empty((layout.planes, header.height, header.width, layout.samples), np.uint8)
    for segment in _segments(layout, header):
        stored = _read_segment(path, data, layout, segment)
        segment.window(planes)[...] = stored[: segment.height, : segment.width]
    if layout.inverted:
        np.invert(planes, out=planes)
    return _from_planes(planes, header)


def encode(photograph: Photograph, pixels: NDArray[np.uint8]) -> bytes:
    """The source with the changed strips or tiles compressed as before: in place where nothing is compressed,
    else appended, with their offsets and lengths patched. Every other byte stays."""
    source, header = photograph.source, photograph.header
    layout = _layout(photograph.path, source, header)
    before, after = (_to_planes(picture, layout) for picture in (photograph.pixels, pixels))
    file, offsets, lengths = bytearray(source), list(layout.offsets), list(layout.lengths)
    for segment in _segments(layout, header):
        wanted = segment.window(after)
        if np.array_equal(segment.window(before), wanted):
            continue
        stored = _read_segment(photograph.path, source, layout, segment)
        stored[: segment.height, : segment.width] = ~wanted if layout.inverted else wanted
        packed = _compress(stored, layout)
        if layout.compression == _NONE:
            start = offsets[segment.index]
            file[start : start + len(packed)] = packed
            continue
        file += b"\0" * (len(file) % 2)
        offsets[segment.index], lengths[segment.index] = len(file), len(packed)
        file += packed
    if tuple(offsets) != layout.offsets:
        patch(file, layout.directory, _TILE_OFFSETS if layout.tiled else _STRIP_OFFSETS, offsets)
        patch(file, layout.directory, _TILE_BYTES if layout.tiled else _STRIP_BYTES, lengths)
    if len(file) > _CLASSIC_LIMIT and not layout.directory.big:
        raise PhotographError(
            photograph.path, "restored, the TIFF would pass 4 GiB; save it as BigTIFF first"
        )
    return bytes(file)


def _refusal(data: bytes, directory: Directory) -> str | None:
    """What keeps this TIFF from being restored, in words; None when nothing does."""
    bits = integers(data, directory, _BITS) or (1,)
    samples = _one(data, directory, _SAMPLES, 1)
    photometric = _one(data, directory, _PHOTOMETRIC, -1)
    compression = _one(data, directory, _COMPRESSION, _NONE)
    colours = 3 if photometric == _RGB else 1
    if _DNG_VERSION in directory.entries:
        return "a DNG raw file"
    if directory.pages > 1:
        return f"a multipage TIFF ({directory.pages} pages)"
    if photometric not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB):
        return f"a {_PHOTOMETRIC_NAMES.get(photometric, f'photometric {photometric}')} TIFF"
    if any(value != 1 for value in integers(data, directory, _SAMPLE_FORMAT) or (1,)):
        return "a TIFF of signed or floating-point samples"
    if any(value != 8 for value in bits):
        return f"a {max(bits)}-bit TIFF"
    if samples != colours:
        return f"a TIFF with alpha or extra channels ({samples} channels)"
    if compression not in _RESTORED_COMPRESSIONS:
        return f"a TIFF with {_COMPRESSION_NAMES.get(compression, f'unknown ({compression})')} compression"
    if _one(data, directory, _PREDICTOR, 1) not in (1, 2) or _one(data, directory, _FILL_ORDER, 1) != 1:
        return "a TIFF with an unusual predictor or bit order"
    return None


def _layout(path: Path, data: bytes, header: Header) -> _Layout:
    directory = read_directory(path, data)
    compression = _one(data, directory, _COMPRESSION, _NONE)
    planes = header.channels if _one(data, directory, _PLANAR, 1) == 2 else 1
    tiled = _TILE_OFFSETS in directory.entries
    if tiled:
        segment_width, segment_height = (_one(data, directory, tag, 0) for tag in (_TILE_WIDTH, _TILE_HEIGHT))
        if not 0 < segment_width * segment_height <= _MAX_TILE_PIXELS:
            raise UnreadablePhotographError(path, f"a TIFF with {segment_width}x{segment_height} px tiles")
    else:
        rows = _one(data, directory, _ROWS_PER_STRIP, header.height)
        segment_width, segment_height = header.width, max(1, min(rows, header.height))
    samples = header.channels // planes
    across, down = math.ceil(header.width / segment_width), math.ceil(header.height / segment_height)
    offsets = integers(data, directory, _TILE_OFFSETS if tiled else _STRIP_OFFSETS) or ()
    lengths = integers(data, directory, _TILE_BYTES if tiled else _STRIP_BYTES)
    if lengths is None and compression == _NONE and len(offsets) == 1:
        lengths = (header.pixels * samples,)  # a field that old writers left out
    if lengths is None or len(offsets) != len(lengths) or len(offsets) != across * down * planes:
        raise UnreadablePhotographError(
            path, "a TIFF whose list of strips is incomplete: truncated or damaged"
        )
    return _Layout(
        directory=directory,
        compression=compression,
        predictor=compression not in (_NONE, _PACKBITS) and _one(data, directory, _PREDICTOR, 1) == 2,
        inverted=_one(data, directory, _PHOTOMETRIC, -1) == _WHITE_IS_ZERO,
        planes=planes,
        samples=samples,
        segment_height=segment_height,
        segment_width=segment_width,
        tiled=tiled,
        offsets=offsets,
        lengths=lengths,
    )


def _segments(layout: _Layout, header: Header) -> Iterator[_Segment]:
    index = 0
    for plane in range(layout.planes):
        for top in range(0, header.height, layout.segment_height):
            height = min(layout.segment_height, header.height - top)
            for left in range(0, header.width, layout.segment_width):
                width = min(layout.segment_width, header.width - left)
                # Tiles are padded to their full size, the last strip is short.
                rows = layout.segment_height if layout.tiled else height
                stored = (rows, layout.segment_width, layout.samples)
                yield _Segment(index, plane, top, left, height, width, stored)
                index += 1


def _read_segment(path: Path, data: bytes, layout: _Layout, segment: _Segment) -> NDArray[np.uint8]:
    """The stored samples of one strip or tile, (rows, columns, samples), a copy, padding included."""
    start, length = layout.offsets[segment.index], layout.lengths[segment.index]
    size = math.prod(segment.stored)
    if not length or start + length > len(data):
        raise UnreadablePhotographError(path, f"strip {segment.index} lies beyond the TIFF's end: truncated")
    packed = data[start : start + length]
    try:
        if layout.compression == _LZW:
            plain = imagecodecs.lzw_decode(packed, out=size)
        elif layout.compression == _PACKBITS:
            plain = imagecodecs.packbits_decode(packed, out=size)
        elif layout.compression == _NONE:
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
    stored = np.frombuffer(plain, np.uint8).reshape(segment.stored)
    return np.cumsum(stored, axis=1, dtype=np.uint8) if layout.predictor else stored.copy()


def _compress(stored: NDArray[np.uint8], layout: _Layout) -> bytes:
    if layout.predictor:
        stored = np.diff(stored, axis=1, prepend=np.uint8(0))  # modulo 256
    if layout.compression == _LZW:
        return bytes(imagecodecs.lzw_encode(stored.tobytes()))
    if layout.compression == _PACKBITS:  # each row by itself (TIFF 6.0, section 9)
        return b"".join(bytes(imagecodecs.packbits_encode(row.tobytes())) for row in stored)
    return stored.tobytes() if layout.compression == _NONE else zlib.compress(stored.tobytes())


def _to_planes(pixels: NDArray[np.uint8], layout: _Layout) -> NDArray[np.uint8]:
    """(H, W) or (H, W, 3) as a view of (planes, H, W, samples)."""
    pixels = pixels[..., np.newaxis] if pixels.ndim == 2 else pixels
    return pixels[np.newaxis] if layout.planes == 1 else np.moveaxis(pixels, -1, 0)[..., np.newaxis]


def _from_planes(planes: NDArray[np.uint8], header: Header) -> NDArray[np.uint8]:
    if planes.shape[0] == 1:
        return planes.reshape(header.shape)
    return np.ascontiguousarray(np.moveaxis(planes[..., 0], 0, -1))


def _one(data: bytes, directory: Directory, tag: int, default: int) -> int:
    values = integers(data, directory, tag)
    return values[0] if values else default
