"""PNG of all colour types and depths. Every chunk but the picture data is carried over byte for byte.

Only a palette may have to give way: see `png_palette`.
"""

import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from archive_restore.errors import UnreadablePhotographError, UnsupportedPhotographError
from archive_restore.photos import png_palette
from archive_restore.photos.photograph import Colours, Format, Header, Page, Photograph, Samples
from archive_restore.photos.png_chunks import SIGNATURE, chunks_of, content, packed_chunk

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6  # colour types, PNG (3rd edition) table 12
_DEPTHS = {GREY: (1, 2, 4, 8, 16), RGB: (8, 16), PALETTE: (1, 2, 4, 8), GREY_ALPHA: (8, 16), RGBA: (8, 16)}
_STORED = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}  # samples a pixel
_COMPRESSION_LEVEL = 3  # of zlib: photographs come out as small as at its default, 6, three times as fast
_GRAINY = 0.25  # of the samples' bytes; drawings and screenshots deflate to less
_MOST_INFLATED = 1032  # bytes that a byte of deflated data can stand for
_PICTURE_CHUNKS = frozenset({b"IHDR", b"IDAT", b"IEND"})
# Apple's index into the compressed stream: stale after any change, and then its readers fail.
_STALE_CHUNKS = frozenset({b"iDOT"})


def header(path: Path, data: bytes) -> Header:
    """Reads IHDR and looks for transparency and animation."""
    width, height = dimensions(path, data)
    depth, colour = data[24], data[25]
    if depth not in _DEPTHS.get(colour, ()):
        raise UnreadablePhotographError(
            path, f"a PNG of unknown colour type {colour} and {depth} bits: damaged"
        )
    chunks = {
        chunk.kind: chunk.data for chunk in chunks_of(data) if chunk.kind in (b"acTL", b"tRNS", b"PLTE")
    }
    if b"acTL" in chunks:
        raise UnsupportedPhotographError(
            path, "an animated PNG; only still pictures are restored. Export its frames first"
        )
    transparent = chunks.get(b"tRNS")
    colours = Colours.GREY if colour in (GREY, GREY_ALPHA) else Colours.RGB
    palette, alpha = colour == PALETTE, colour in (GREY_ALPHA, RGBA)
    if palette:
        colours_in_it = len(chunks.get(b"PLTE", b"")) // 3
        if not 0 < colours_in_it <= 256:
            raise UnreadablePhotographError(path, "a palette PNG without its palette: damaged")
        alpha = bool(transparent) and min(transparent or b"\xff") < 255
    key = None if palette or alpha or transparent is None else _key(transparent, colours, depth)
    return Header(Format.PNG, (Page(width, height, colours, depth, int(alpha), palette, key=key),))


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


def decode(path: Path, data: bytes, header: Header) -> tuple[Samples, ...]:
    """The samples of a whole PNG; a truncated one raises UnreadablePhotographError."""
    (page,) = header.pages
    if not page.palette:
        return (_decoded(path, data).reshape(page.shape),)
    indices = decode_indices(path, data)
    table = png_palette.table(content(data, b"PLTE"), content(data, b"tRNS"), alpha=bool(page.extra))
    if indices.max() >= len(table):
        raise UnreadablePhotographError(path, "a PNG with colours that its palette lacks: damaged")
    return (table[indices],)


def decode_indices(path: Path, data: bytes) -> NDArray[np.uint8]:
    """The (H, W) uint8 indices of a palette PNG."""
    # As if it were grey of the same depth, which libpng spreads over 0..255.
    return np.asarray(_decoded(path, data, colour=GREY) // (255 // ((1 << data[24]) - 1)), np.uint8)


def encode(photograph: Photograph, pages: tuple[Samples, ...]) -> bytes:
    """The source with other samples: all chunks in their order, IDAT anew.

    An interlaced (Adam7) PNG becomes a plain one: equal samples, in another order in the file.
    """
    source, (page,), (samples,) = bytes(photograph.source), photograph.header.pages, pages
    replaced: dict[bytes, bytes | None] = {}
    depth, colour = page.depth, source[25]
    if page.palette:
        chunks = {chunk.kind: chunk.data for chunk in chunks_of(source)}
        held = png_palette.hold(samples, decode_indices(photograph.path, source), chunks, depth)
        samples, replaced, depth = held.samples, dict(held.chunks), held.depth
        colour = PALETTE if samples.ndim == 2 else RGB if samples.shape[2] == 3 else RGBA
    grainy = len(source) > samples.nbytes * _GRAINY
    packed = _packed(samples, PALETTE if colour == PALETTE else GREY, depth, grainy=grainy)
    size = struct.pack(">IIBBBBB", page.width, page.height, depth, colour, 0, 0, 0)
    parts, written, end = [SIGNATURE], False, len(SIGNATURE)
    for chunk in chunks_of(source):
        end = chunk.end
        if chunk.kind == b"IHDR":
            parts.append(packed_chunk(b"IHDR", size))
        elif chunk.kind in replaced:
            body = replaced[chunk.kind]
            parts.append(b"" if body is None else packed_chunk(chunk.kind, body))
        elif chunk.kind != b"IDAT":
            if chunk.kind not in _STALE_CHUNKS:
                parts.append(source[chunk.start : chunk.end])
        elif not written:
            parts.append(packed)
            written = True
    return b"".join(parts) + source[end:]  # whatever follows IEND stays as well


def written(samples: Samples, chunks: list[tuple[bytes, bytes]]) -> bytes:
    """A new PNG of (H, W) or (H, W, 2 to 4) uint8 or uint16 samples, with (kind, content) of chunks before them."""
    fresh = _deflated(samples, grainy=True)
    parts = [SIGNATURE]
    for chunk in chunks_of(fresh):
        if chunk.kind == b"IHDR":
            parts += [fresh[chunk.start : chunk.end], *(packed_chunk(kind, data) for kind, data in chunks)]
        elif chunk.kind in _PICTURE_CHUNKS:
            parts.append(fresh[chunk.start : chunk.end])
    return b"".join(parts)


def one_bit(mask: NDArray[np.bool_]) -> bytes:
    """A PNG of a (H, W) bool mask, a bit a sample, white where it is True."""
    height, width = mask.shape
    rows = np.pad(np.packbits(mask, axis=1), ((0, 0), (1, 0)))  # each row begins with its filter, 0 = none
    # Runs of one value: this is ten times as fast as zlib's usual ways, and as small.
    runs = zlib.compressobj(1, strategy=zlib.Z_RLE)
    data = runs.compress(rows.tobytes()) + runs.flush()
    size = struct.pack(">IIBBBBB", width, height, 1, GREY, 0, 0, 0)
    return SIGNATURE + packed_chunk(b"IHDR", size) + packed_chunk(b"IDAT", data) + packed_chunk(b"IEND", b"")


def deflated(data: bytes) -> bytes:
    """As PNG has it in its chunks."""
    return zlib.compress(data, _COMPRESSION_LEVEL)


def profile(path: Path, data: bytes) -> bytes | None:
    """The ICC profile, inflated; None if there is none. One that cannot be inflated is given as stored."""
    body = content(data, b"iCCP")
    if body is None:
        return None
    packed = body.partition(b"\0")[2][1:]
    try:
        return zlib.decompressobj().decompress(packed, len(packed) * _MOST_INFLATED)
    except zlib.error:
        return packed


def _decoded(path: Path, data: bytes, colour: int | None = None) -> Samples:
    """The picture alone: libpng has opinions on profiles and texts, and prints them."""
    needed = [chunk for chunk in chunks_of(data) if chunk.kind in _PICTURE_CHUNKS]
    if not needed or needed[-1].kind != b"IEND":
        raise UnreadablePhotographError(path, "the PNG ends before its end chunk: truncated")
    width, height = dimensions(path, data)
    held = sum(len(chunk.data) for chunk in needed if chunk.kind == b"IDAT") * _MOST_INFLATED
    if held < height * (width * _STORED[data[25]] * data[24] // 8):
        raise UnreadablePhotographError(
            path, f"a PNG that says it is {width}x{height} px but holds less: truncated"
        )
    first = bytearray(needed[0].data)
    if colour is not None:
        first[9] = colour
    picture = b"".join(data[chunk.start : chunk.end] for chunk in needed[1:])
    try:
        samples: Samples = imagecodecs.png_decode(SIGNATURE + packed_chunk(b"IHDR", bytes(first)) + picture)
    except Exception as error:  # the decoder's own exception classes differ between versions
        raise UnreadablePhotographError(path, f"damaged or truncated PNG ({error})") from None
    return samples


def _deflated(samples: Samples, *, grainy: bool) -> bytes:
    """A PNG of samples as they are. In what is `grainy` nothing is searched for that was there before, and every row
    has the one filter that almost all would choose: five times as fast, and a photograph's file comes out smaller."""
    strategy = imagecodecs.PNG.STRATEGY.RLE if grainy else imagecodecs.PNG.STRATEGY.DEFAULT
    rows = imagecodecs.PNG.FILTER.PAETH if grainy else imagecodecs.PNG.FILTER.ALL
    return bytes(
        imagecodecs.png_encode(
            np.ascontiguousarray(samples),
            level=_COMPRESSION_LEVEL,
            strategy=strategy,
            filter=rows,
        )
    )


def _packed(samples: Samples, colour: int, depth: int, *, grainy: bool) -> bytes:
    """IDAT chunks: of samples as they are at 8 and 16 bits; of spread samples, or indices, below."""
    if depth >= 8:
        fresh = _deflated(samples, grainy=grainy)
        return b"".join(fresh[chunk.start : chunk.end] for chunk in chunks_of(fresh) if chunk.kind == b"IDAT")
    values = samples if colour == PALETTE else samples // (255 // ((1 << depth) - 1))
    bits = np.unpackbits(values[..., None], axis=2)[..., -depth:].reshape(len(values), -1)
    rows = np.packbits(bits, axis=1)
    filtered = np.pad(rows, ((0, 0), (1, 0)))  # each row begins with its filter, 0 = none
    return packed_chunk(b"IDAT", zlib.compress(filtered.tobytes(), _COMPRESSION_LEVEL))


def _key(transparent: bytes, colours: Colours, depth: int) -> tuple[int, ...] | None:
    """The transparent colour of tRNS, as samples are decoded; None if the chunk has another length."""
    if len(transparent) != 2 * colours.samples:
        return None
    values = struct.unpack(f">{colours.samples}H", transparent)
    spread = 255 // ((1 << depth) - 1) if depth < 8 else 1
    return tuple((value & ((1 << depth) - 1)) * spread for value in values)
