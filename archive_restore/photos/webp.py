"""WebP: still pictures, with or without alpha. All other chunks are carried over byte for byte."""

import struct
from collections.abc import Iterator
from pathlib import Path

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from archive_restore.errors import UnreadablePhotographError, UnsupportedPhotographError
from archive_restore.photos.photograph import Colours, Format, Header, Page, Photograph, Samples

_ANIMATION = 0x02  # VP8X flag, RFC 9649 section 2.7
_LOSSLESS_SIGNATURE = 0x2F
_LOSSLESS_ALPHA = 0x10  # in the fifth byte of VP8L: alpha is used, RFC 9649 section 3.4
_START_CODE = b"\x9d\x01\x2a"  # of a VP8 key frame, RFC 6386 section 9.1
# libwebp's method 1 of 6 and effort 50 of 100: a third of the time of its defaults, 2 % more bytes.
_LOSSLESS_METHOD, _LOSSLESS_EFFORT = 1, 50


def is_webp(data: bytes) -> bool:
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def header(path: Path, data: bytes) -> Header:
    """Reads VP8X and the picture's own header; refuses animation."""
    canvas: tuple[int, int] | None = None
    size: tuple[int, int] | None = None
    alpha = False
    for kind, body in _chunks(data):
        if kind == b"VP8X" and len(body) >= 10:
            if body[0] & _ANIMATION:
                raise UnsupportedPhotographError(
                    path, "an animated WebP; only still pictures are restored. Export its frames first"
                )
            canvas = int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
        elif kind == b"ALPH":
            alpha = True
        elif kind == b"VP8L" and len(body) >= 5 and body[0] == _LOSSLESS_SIGNATURE:
            bits = int.from_bytes(body[1:5], "little")  # 14 bits width - 1, 14 bits height - 1, alpha
            alpha = bool(body[4] & _LOSSLESS_ALPHA)
            size = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        elif kind == b"VP8 " and len(body) >= 10 and body[3:6] == _START_CODE:
            width, height = struct.unpack_from("<HH", body, 6)
            size = width & 0x3FFF, height & 0x3FFF  # the upper two bits are a scale for display
    if size is None or not all(size):
        raise UnreadablePhotographError(
            path, "a WebP without a complete picture header: truncated or damaged"
        )
    if canvas not in (None, size):
        raise UnreadablePhotographError(path, "a WebP whose headers contradict each other: damaged")
    return Header(Format.WEBP, (Page(*size, Colours.RGB, extra=int(alpha)),))


def decode(path: Path, data: bytes, header: Header) -> tuple[Samples, ...]:
    """The samples of a whole WebP; a truncated one raises UnreadablePhotographError."""
    if len(data) < 8 + struct.unpack_from("<I", data, 4)[0]:
        raise UnreadablePhotographError(path, "the WebP is shorter than it says: truncated")
    (page,) = header.pages
    try:
        samples: NDArray[np.uint8] = imagecodecs.webp_decode(data, hasalpha=bool(page.extra))
    except Exception as error:  # the decoder's own exception classes differ between versions
        raise UnreadablePhotographError(path, f"damaged WebP ({error})") from None
    if samples.shape != page.shape:
        raise UnreadablePhotographError(path, "a WebP whose headers contradict each other: damaged")
    return (samples,)


def encode(photograph: Photograph, pages: tuple[Samples, ...]) -> bytes:
    """The source with other samples, stored lossless (VP8L) so that nothing outside the mask changes."""
    fresh = bytes(
        imagecodecs.webp_encode(
            np.ascontiguousarray(pages[0]), level=_LOSSLESS_EFFORT, method=_LOSSLESS_METHOD, lossless=True
        )
    )
    picture = next(body for kind, body in _chunks(fresh) if kind == b"VP8L")
    if photograph.header.pages[0].extra:  # libwebp drops the flag where all alpha is opaque
        picture = picture[:4] + bytes([picture[4] | _LOSSLESS_ALPHA]) + picture[5:]
    parts = []
    for kind, body in _chunks(bytes(photograph.source)):
        if kind == b"ALPH":  # a lossy picture's alpha, now in the lossless one
            continue
        if kind in (b"VP8 ", b"VP8L"):
            kind, body = b"VP8L", picture
        parts.append(kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2))
    content = b"WEBP" + b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(content)) + content


def profile(path: Path, data: bytes) -> bytes | None:
    """The ICC profile; None if there is none."""
    return next((body for kind, body in _chunks(data) if kind == b"ICCP"), None)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(kind, body) of each RIFF chunk; the last body is short where the file is cut off."""
    end = min(len(data), 8 + int.from_bytes(data[4:8], "little"))
    at = 12
    while at + 8 <= end:
        (length,) = struct.unpack_from("<I", data, at + 4)
        yield data[at : at + 4], data[at + 8 : min(at + 8 + length, end)]
        at += 8 + length + length % 2
