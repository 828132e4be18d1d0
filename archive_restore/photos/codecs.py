"""Files to samples and back: what is it, may it be decoded, and the same container with other samples."""

import hashlib
from pathlib import Path

from archive_restore.errors import NoScratchError, TooLargePhotographError, UnreadablePhotographError
from archive_restore.photos import heif, jpeg, large, png, strangers, tiff, webp
from archive_restore.photos.large import Data
from archive_restore.photos.photograph import Colours, Format, Header, Page, Photograph, Samples
from archive_restore.photos.png_chunks import SIGNATURE

__all__ = [
    "DEFAULT_MAX_PIXELS",
    "Colours",
    "Format",
    "Header",
    "Page",
    "Photograph",
    "Samples",
    "added_suffix",
    "change_of_mode",
    "decode",
    "encode",
    "file_sha256",
    "icc_profile",
    "oddities",
    "read_header",
    "sha256",
]

DEFAULT_MAX_PIXELS = 200_000_000  # a 24x36 cm plate at 1200 dpi; 0.6 GB decoded

# A file is read whole. This much a pixel (16-bit RGBA uncompressed) plus metadata is more than almost any
# photograph needs, so a mislabelled disk image is refused unread.
_MAX_FILE_BYTES_PER_PIXEL = 8
_MAX_METADATA_BYTES = 1 << 28

_CODECS = {
    Format.JPEG: jpeg,
    Format.PNG: png,
    Format.TIFF: tiff,
    Format.WEBP: webp,
    Format.HEIC: heif,
    Format.AVIF: heif,
}
_ENOUGH_TO_TELL = 512  # bytes of a file that say whether it is a HEIF


def read_header(path: Path, data: Data, *, max_pixels: int) -> Header:
    """What `data`, the content of `path`, is; told by its content, not its name, before anything is decoded.

    Raises
    ------
    UnreadablePhotographError
        Empty, text, truncated within its header, or no picture at all.
    UnsupportedPhotographError
        A picture that is not restored yet, named.
    TooLargePhotographError
        More than `max_pixels` pixels.
    """
    if tiff.is_tiff(data) and path.suffix.lower() not in strangers.RAW_SUFFIXES:
        header = tiff.header(path, data)
    elif not isinstance(data, bytes):  # only of TIFFs a large file is left where it is
        return read_header(path, bytes(data), max_pixels=max_pixels)
    elif data.startswith(b"\xff\xd8"):
        header = jpeg.header(path, data)
    elif data.startswith(SIGNATURE):
        header = png.header(path, data)
    elif webp.is_webp(data):
        header = webp.header(path, data)
    elif heif.format_of(data) is not None:
        header = heif.header(path, data)
    else:
        strangers.refuse(path, data)
    if header.pixels > max_pixels:
        raise TooLargePhotographError(
            path,
            f"{header.width}x{header.height} px are {header.pixels / 1e6:.1f} megapixels, over the limit of "
            f"{max_pixels / 1e6:g}; allow it with --max-pixels {header.pixels}",
        )
    return header


def decode(path: Path, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Photograph:
    """Reads a file once and decodes it as stored: no orientation applied, no profile converted.

    Raises
    ------
    PhotographError
        As `read_header`, or the file cannot be read, or its picture data is incomplete.
    """
    source = _read(path, max_pixels)
    header = read_header(path, source, max_pixels=max_pixels)
    try:
        pages = _CODECS[header.format].decode(path, source, header)
    except NoScratchError as error:
        raise UnreadablePhotographError(path, str(error)) from error
    for page, samples in zip(header.pages, pages, strict=True):
        if samples.shape != page.shape or samples.dtype != page.dtype:
            raise UnreadablePhotographError(
                path, f"its header says {page.width}x{page.height} px, its data is {samples.shape}"
            )
    return Photograph(path, header, pages, source)


def encode(photograph: Photograph, pages: tuple[Samples, ...], *, recompress: bool = False) -> Data:
    """The photograph's file with other samples: same container, same mode, all metadata carried over.

    PNG, TIFF and WebP hold the samples exactly (a lossy WebP becomes a lossless one). JPEG, also in a TIFF,
    holds them as well as its own quantisation tables can, and every block without a change exactly. A palette
    PNG or TIFF keeps its palette as long as that has room for the new colours, and a HEIC or AVIF becomes a PNG,
    see `change_of_mode` and `added_suffix`. Else equal samples give the source.

    Parameters
    ----------
    photograph : as it was decoded
    pages : the new samples, of the shapes and dtypes of `photograph.pages`
    recompress : encode every block of a changed JPEG anew, instead of the changed ones

    Raises
    ------
    ValueError
        `pages` have other shapes or dtypes.
    PhotographError
        The container cannot hold the result.
    """
    wanted = [(samples.shape, samples.dtype) for samples in photograph.pages]
    given = [(samples.shape, samples.dtype) for samples in pages]
    if given != wanted:
        raise ValueError(f"{photograph.path} takes {wanted}, not {given}")
    if photograph.header.format in (Format.HEIC, Format.AVIF):
        return heif.encode(photograph, pages)
    if all(large.equal(old, new) for old, new in zip(photograph.pages, pages, strict=True)):
        return photograph.source
    match photograph.header.format:
        case Format.JPEG:
            return jpeg.encode(photograph, pages, whole=recompress)
        case Format.TIFF:
            return tiff.encode(photograph, pages, whole=recompress)
        case Format.PNG:
            return png.encode(photograph, pages)
        case _:
            return webp.encode(photograph, pages)


def change_of_mode(before: Header, after: Header) -> str | None:
    """How a restored file differs from its original in more than samples, in words; None if it does not."""
    if before.format is not after.format:
        return f"its {before.format.upper()} became a {after.format.upper()} of {after.mode}, upright"
    return None if before.pages == after.pages else f"its {before.mode} became {after.mode}"


def added_suffix(path: Path) -> str:
    """What a restored photograph's name gets behind that of its original: nothing, or that of the other format
    that it is written in. Told by the content; nothing as well where that cannot be read."""
    try:
        with large.open_file(path) as file:
            return heif.ADDED_SUFFIX if heif.format_of(file.read(_ENOUGH_TO_TELL)) is not None else ""
    except OSError:
        return ""


def icc_profile(photograph: Photograph) -> bytes | None:
    """The embedded colour profile; None without one."""
    profile: bytes | None = _CODECS[photograph.header.format].profile(photograph.path, photograph.source)
    return profile


def oddities(photograph: Photograph) -> list[str]:
    """What is wrong with a photograph and yet no reason to refuse it, in words."""
    profile = icc_profile(photograph)
    if profile is None:
        return []
    # ICC.1:2022, 7.2: the profile's own length, and its signature.
    sound = len(profile) >= 128 and profile[36:40] == b"acsp" and int.from_bytes(profile[:4]) <= len(profile)
    return [] if sound else ["its colour profile is damaged; it is kept byte for byte"]


def sha256(data: Data) -> str:
    """The content's name in the ledger, in hex."""
    return hashlib.sha256(data).hexdigest()


def file_sha256(path: Path) -> str:
    """`sha256` of a file's content, read piece by piece. OSError as of `large.open_file`."""
    with large.open_file(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(path: Path, max_pixels: int) -> Data:
    try:
        size = path.stat().st_size
        if size > max_pixels * _MAX_FILE_BYTES_PER_PIXEL + _MAX_METADATA_BYTES:
            raise TooLargePhotographError(
                path,
                f"a file of {size / 1e9:.1f} GB, too large for {max_pixels / 1e6:g} megapixels; "
                f"allow it with --max-pixels {size // _MAX_FILE_BYTES_PER_PIXEL}",
            )
        data = large.read(path)
        return data if isinstance(data, bytes) or tiff.is_tiff(data) else bytes(data)
    except FileNotFoundError:
        raise UnreadablePhotographError(path, "it is no longer there; scan again") from None
    except PermissionError:
        raise UnreadablePhotographError(path, "no permission to read it; correct that, then retry") from None
    except OSError as error:
        raise UnreadablePhotographError(path, f"cannot be read: {error.strerror or error}") from None
