"""HEIC and AVIF: read, and written as PNG, because nothing writes them without changing samples everywhere.

The picture is taken as it is shown: what the file says of turning and mirroring is done to its samples, and its EXIF
then says so. HEIC needs the extra `heic`; AVIF comes with what is there.
"""

import importlib.util
import io
import struct
from pathlib import Path
from typing import NoReturn

import imagecodecs
import numpy as np

from archive_restore.errors import PhotographError, UnreadablePhotographError, UnsupportedPhotographError
from archive_restore.photos import isobmff, png
from archive_restore.photos.heif_items import Picture
from archive_restore.photos.ifd import read_directories
from archive_restore.photos.photograph import Colours, Format, Header, Page, Photograph, Samples

ADDED_SUFFIX = ".png"
"""What the name of a restored photograph gets: IMG_1.HEIC becomes IMG_1.HEIC.png."""

EXTRA = "heic"

_AVIF = frozenset({b"avif"})
_HEIC = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1"})
_SEQUENCES = frozenset({b"avis", b"hevc", b"hevx", b"msf1"})
_GRID = b"grid"  # of pictures, which are counted when they are decoded
_MOST_PIXELS_A_BYTE = 1 << 15
"""An even sheet of paper takes a tenth of that; libavif enlarges a picture to whatever size its boxes say."""
_ORIENTATION, _UPRIGHT = 0x0112, 1
_SRGB = bytes([1, 13])  # primaries and transfer function, ITU-T H.273


def format_of(data: bytes) -> Format | None:
    """HEIC or AVIF by the brands of a file; None for anything else, videos and sequences too."""
    names = isobmff.brands(data)
    if not names or names[0] in _SEQUENCES or not _AVIF.union(_HEIC).intersection(names):
        return None
    return Format.AVIF if _AVIF.intersection(names) else Format.HEIC


def header(path: Path, data: bytes) -> Header:
    """Reads the boxes.

    Raises
    ------
    UnsupportedPhotographError
        A HEIC without the extra.
    UnreadablePhotographError
        The boxes are incomplete.
    """
    kind = format_of(data)
    if kind is Format.HEIC and importlib.util.find_spec("pillow_heif") is None:
        raise UnsupportedPhotographError(
            path, f"a HEIC; install archive-restore[{EXTRA}] to have it restored, then retry"
        )
    picture = _primary(path, data)
    try:
        width, height = picture.shown_size
        depths = picture.depths or (8,)
    except (struct.error, ValueError, IndexError, ZeroDivisionError) as error:
        _refuse(path, f"its size is not told: {error}")
    held = sum(length for _, length in picture.item.extents)
    if picture.item.kind != _GRID and width * height > held * _MOST_PIXELS_A_BYTE:
        _refuse(path, f"it says that it has {width}x{height} px, in {held} bytes")
    if not width or not height or not 8 <= max(depths) <= 12:
        _refuse(path, f"it says that it has {width}x{height} px of {max(depths)} bits")
    colours = Colours.GREY if len(depths) == 1 and picture.depths else Colours.RGB
    return Header(kind or Format.HEIC, (Page(width, height, colours, max(depths), int(picture.alpha)),))


def decode(path: Path, data: bytes, header: Header) -> tuple[Samples, ...]:
    """The samples, upright; those of more than 8 bits are spread over 16, as PNG will hold them."""
    (page,) = header.pages
    try:
        if header.format is Format.AVIF:
            samples = _shown(imagecodecs.avif_decode(data, numthreads=1), _primary(path, data))
        else:
            samples = _decoded_heic(data)
    except PhotographError:
        raise
    except Exception as error:  # the decoders' own exception classes differ between versions
        _refuse(path, str(error))
    if samples.ndim == 3 and page.colours is Colours.GREY and not page.extra:
        samples = samples[..., 0]
    if samples.dtype != page.dtype or samples.shape != page.shape or samples.max() >= 1 << page.depth:
        _refuse(path, "its boxes and its picture contradict each other")
    if page.depth > 8:
        samples = samples << (16 - page.depth) | samples >> (2 * page.depth - 16)
    return (np.ascontiguousarray(samples),)


def encode(photograph: Photograph, pages: tuple[Samples, ...]) -> bytes:
    """A PNG of the samples with profile, EXIF and XMP."""
    source, (page,) = bytes(photograph.source), photograph.header.pages
    picture = _primary(photograph.path, source)
    chunks: list[tuple[bytes, bytes]] = []
    if picture.profile is not None:
        chunks.append((b"iCCP", b"ICC profile\0\0" + png.deflated(picture.profile)))
    elif picture.code_points not in (None, _SRGB):
        chunks.append((b"cICP", (picture.code_points or b"") + bytes([0, 1])))  # RGB, full range
    if page.depth > 8:
        chunks.append((b"sBIT", bytes([page.depth] * page.channels)))
    if picture.exif:
        chunks.append((b"eXIf", _upright(photograph.path, picture.exif)))
    if picture.xmp:
        chunks.append((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + picture.xmp))
    return png.written(pages[0], chunks)


def profile(path: Path, data: bytes) -> bytes | None:
    """The ICC profile; None if there is none."""
    return _primary(path, data).profile


def page_written(page: Page) -> Page:
    """What a page is in the PNG that is written of it."""
    return Page(page.width, page.height, page.colours, 16 if page.depth > 8 else 8, page.extra)


def _primary(path: Path, data: bytes) -> Picture:
    try:
        return isobmff.primary(data)
    except (ValueError, KeyError, IndexError, struct.error) as error:
        _refuse(path, str(error))


def _refuse(path: Path, why: str) -> NoReturn:
    raise UnreadablePhotographError(path, f"a damaged or truncated HEIF ({why})") from None


def _decoded_heic(data: bytes) -> Samples:
    import pillow_heif  # an extra

    file = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False, hdr_to_16bit=False)
    return np.asarray(file[file.primary_index])


def _shown(samples: Samples, picture: Picture) -> Samples:
    """Cropped, turned and mirrored as the file says (ISO/IEC 23008-12, 6.5.9, 6.5.10 and 6.5.12)."""
    for kind, values in picture.changes:
        match kind:
            case b"irot":
                samples = np.rot90(samples, values[0] & 3)
            case b"imir":
                samples = samples[:, ::-1] if values[0] & 1 else samples[::-1]
            case _:
                left, top, width, height = values
                samples = samples[top : top + height, left : left + width]
    return samples


def _upright(path: Path, exif: bytes) -> bytes:
    """EXIF whose orientation is that of the samples; every other byte stays."""
    try:
        directory = read_directories(path, exif)[0]
    except UnreadablePhotographError:
        return exif
    entry = directory.entries.get(_ORIENTATION)
    if entry is None or entry.count != 1 or entry.type != 3:
        return exif
    value = struct.pack(directory.order + "H", _UPRIGHT)
    return exif[: entry.values_at] + value + exif[entry.values_at + 2 :]
