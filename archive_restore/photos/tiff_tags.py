"""The tags and values of TIFF, and which of them are restored."""

from archive_restore.photos.ifd import Directory, integers
from archive_restore.photos.large import Data
from archive_restore.photos.photograph import Colours

# Tags, TIFF 6.0 section 8 and later supplements.
SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER = 254, 256, 257, 258, 259, 262, 266
STRIP_OFFSETS, SAMPLES, ROWS_PER_STRIP, STRIP_BYTES, PLANAR, PREDICTOR = 273, 277, 278, 279, 284, 317
T4_OPTIONS, COLOUR_MAP = 292, 320
TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_BYTES, INK_SET = 322, 323, 324, 325, 332
SAMPLE_FORMAT, JPEG_TABLES, SUBSAMPLING, PROFILE, DNG_VERSION = 339, 347, 530, 34675, 50706

NONE, FAX_ROWS, FAX3, FAX4, LZW, JPEG, DEFLATE = 1, 2, 3, 4, 5, 7, 8
PACKBITS, OLD_DEFLATE, LZMA, ZSTD = 32773, 32946, 34925, 50000
FAX = frozenset({FAX_ROWS, FAX3, FAX4})
MOST_UNPACKED = {
    NONE: 1,
    PACKBITS: 64,  # two bytes stand for 128
    DEFLATE: 1032,
    OLD_DEFLATE: 1032,
    LZW: 4096,  # the longest string of a full table, in 12 bits, is shorter
    JPEG: 8 * 64 * 4,  # a block of 64 pixels takes a bit at least
    LZMA: 1 << 14,  # a match of 273 bytes takes less than a bit, measured 7,000
    ZSTD: 1 << 15,  # a block of four bytes stands for 128 KiB
}
"""Restored compressions, and how many bytes a byte of them can stand for. Of fax it depends on the width."""

WITH_PREDICTOR = frozenset({LZW, DEFLATE, OLD_DEFLATE, LZMA, ZSTD})

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, SEPARATED, YCBCR = 0, 1, 2, 3, 5, 6
COLOURS = {
    WHITE_IS_ZERO: Colours.GREY,
    BLACK_IS_ZERO: Colours.GREY,
    RGB: Colours.RGB,
    PALETTE: Colours.RGB,
    SEPARATED: Colours.CMYK,
    YCBCR: Colours.RGB,
}

_COMPRESSION_NAMES = {
    6: "old JPEG", 34661: "JBIG", 34712: "JPEG 2000", 34887: "LERC", 50001: "WebP", 50002: "JPEG XL",
}  # fmt: skip
_PHOTOMETRIC_NAMES = {
    4: "transparency mask", 8: "CIELab", 9: "ICCLab", 10: "ITULab", 32803: "raw sensor", 34892: "linear raw",
}  # fmt: skip
_SAMPLE_FORMAT_NAMES = {2: "signed", 3: "floating-point", 5: "complex", 6: "complex"}
_CMYK_INKS = 1
_FEW_BITS = (1, 2, 4)  # a pixel of one sample


def refusal(data: Data, directory: Directory) -> str | None:
    """What keeps a page from being restored, and what to do about it; None when nothing does."""
    bits = integers(data, directory, BITS) or (1,)
    samples = one(data, directory, SAMPLES, 1)
    photometric = one(data, directory, PHOTOMETRIC, -1)
    formats = set(integers(data, directory, SAMPLE_FORMAT) or (1,)) - {1, 4}  # 4 is "undefined": unsigned
    if DNG_VERSION in directory.entries:
        return "a DNG raw file; develop it and save it as 16-bit TIFF first"
    if photometric not in COLOURS:
        name = _PHOTOMETRIC_NAMES.get(photometric, f"photometric {photometric}")
        return f"a {name} TIFF; save it in grey, RGB or CMYK first"
    if formats:
        name = _SAMPLE_FORMAT_NAMES.get(formats.pop(), "unknown")
        return f"a TIFF of {name} samples; save it with 16-bit unsigned ones first"
    few = samples == 1 and photometric in (WHITE_IS_ZERO, BLACK_IS_ZERO, PALETTE) and bits[0] in _FEW_BITS
    if not few and set(bits) not in ({8}, {16}):
        return f"a {max(bits)}-bit {COLOURS[photometric]} TIFF; save it with 8 or 16 bits first"
    if photometric == PALETTE:
        return _refusal_of_palette(data, directory, bits[0], samples)
    if samples < COLOURS[photometric].samples or one(data, directory, INK_SET, _CMYK_INKS) != _CMYK_INKS:
        return (
            f"a TIFF of {samples} channels that are not {COLOURS[photometric]}; save it as RGB or CMYK first"
        )
    return _refusal_of_compression(data, directory, bits[0], samples)


def one(data: Data, directory: Directory, tag: int, default: int) -> int:
    """A field's first value."""
    values = integers(data, directory, tag)
    return values[0] if values else default


def _refusal_of_palette(data: Data, directory: Directory, bits: int, samples: int) -> str | None:
    if samples != 1 or bits > 8:
        return f"a {bits}-bit palette TIFF of {samples} channels; save it as RGB first"
    colour_map = integers(data, directory, COLOUR_MAP)
    if colour_map is None or len(colour_map) != 3 << bits:
        return "a palette TIFF without its palette; save it as RGB first"
    if widening_of(colour_map) is None:
        return "a palette TIFF whose colours have 16 bits; save it as 16-bit RGB first"
    return _refusal_of_compression(data, directory, bits, samples)


def widening_of(colour_map: tuple[int, ...]) -> int | None:
    """What the writer of a ColorMap multiplied its 8-bit colours by; None if they have 16 bits."""
    for factor in (257, 256):
        if all(value % factor == 0 for value in colour_map):
            return factor
    # Old writers never widened them; libtiff takes such maps as 8-bit ones as well.
    return 1 if max(colour_map) < 256 else None


def _refusal_of_compression(data: Data, directory: Directory, bits: int, samples: int) -> str | None:
    compression = one(data, directory, COMPRESSION, NONE)
    photometric = one(data, directory, PHOTOMETRIC, -1)
    if compression in FAX:
        if bits != 1 or samples != 1 or photometric == PALETTE:
            return "a fax-compressed TIFF that is not black and white; save it with LZW first"
    elif compression not in MOST_UNPACKED:
        name = _COMPRESSION_NAMES.get(compression, f"unknown ({compression})")
        return f"a TIFF with {name} compression; save it with LZW, Deflate or no compression first"
    if compression == JPEG and (bits != 8 or samples not in (1, 3, 4) or photometric == PALETTE):
        return "a JPEG-compressed TIFF of unusual depth or channels; save it with LZW first"
    if photometric == YCBCR and one(data, directory, PLANAR, 1) != 1:
        return "a YCbCr TIFF whose channels are apart; save it as RGB first"
    if photometric == YCBCR and compression != JPEG:
        return "a YCbCr TIFF without JPEG compression; save it as RGB first"
    predictor = one(data, directory, PREDICTOR, 1)
    if predictor not in (1, 2) or (predictor == 2 and bits < 8 and compression in WITH_PREDICTOR):
        return "a TIFF with an unusual predictor; save it without one first"
    if one(data, directory, FILL_ORDER, 1) != 1 and bits > 1:
        return "a TIFF with the bits of its bytes in reverse; save it anew first"
    return None
