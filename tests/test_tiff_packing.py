import struct
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile

from archive_restore.errors import UnsupportedPhotographError
from archive_restore.photos.codecs import decode, encode
from archive_restore.photos.tiff_packing import _UNPACK
from archive_restore.photos.tiff_tags import LZW


def packed(size: int) -> tuple[bytes, bytes]:
    """Bytes that LZW makes smaller, and so packed."""
    plain = np.random.default_rng(size).integers(0, 9, size).astype(np.uint8).tobytes()
    return plain, bytes(imagecodecs.lzw_encode(plain))


@pytest.mark.parametrize("size", [1, 2, 255, 70_001])
def test_lzw_comes_back_as_it_was(size: int) -> None:
    plain, strip = packed(size)
    assert _UNPACK[LZW](strip, size) == plain


def test_of_lzw_that_holds_more_only_what_is_asked_for_comes_back() -> None:
    plain, strip = packed(5_000)
    assert _UNPACK[LZW](strip, 1_000) == plain[:1_000]


@pytest.mark.parametrize("keep", [0, 1, 2, 600])
def test_lzw_that_is_cut_off_is_refused(keep: int) -> None:
    _, strip = packed(5_000)
    with pytest.raises(imagecodecs.TiffError):
        _UNPACK[LZW](strip[:keep], 5_000)


def test_spoilt_lzw_is_refused_or_has_the_size_that_was_asked_for() -> None:
    _, strip = packed(5_000)
    random = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        spoilt = bytearray(strip)
        for at in random.integers(0, len(strip), 3):
            spoilt[at] = int(random.integers(0, 256))
        try:
            assert len(_UNPACK[LZW](bytes(spoilt), 5_000)) == 5_000
        except imagecodecs.TiffError:
            refused += 1
    assert 100 < refused <= 300


def bare_tiff(strips: list[bytes], size: tuple[int, int], rows: int, tags: dict[int, int]) -> bytes:
    """A little-endian TIFF of 8-bit samples; equal strips lie at one place."""
    width, height = size
    places = dict.fromkeys(strips, 0)
    entries = {256: [width], 257: [height], 258: [8], 278: [rows], 273: strips, 279: strips}
    entries |= {tag: [value] for tag, value in tags.items()}
    start = 8 + 2 + 12 * len(entries) + 4
    end = start + 8 * len(strips)
    for strip in places:
        places[strip] = end
        end += len(strip)
    data = struct.pack("<2sHIH", b"II", 42, 8, len(entries))
    for tag, values in sorted(entries.items()):
        place = {273: start, 279: start + 4 * len(strips)}.get(tag, values[0])
        data += struct.pack("<HHII", tag, 4, len(values), place)
    data += struct.pack(f"<I{len(strips)}I", 0, *(places[strip] for strip in strips))
    data += struct.pack(f"<{len(strips)}I", *map(len, strips))
    return data + b"".join(places)


def test_strips_that_share_their_bytes_are_written_apart(tmp_path: Path) -> None:
    path = tmp_path / "shared.tif"
    strip = bytes(range(32))
    path.write_bytes(bare_tiff([strip, strip, bytes(32)], (16, 6), 2, {259: 1, 262: 1, 277: 1}))
    photograph = decode(path)
    pages = photograph.pages[0].copy()
    pages[3, 5] = 200
    path.write_bytes(bytes(encode(photograph, (pages,))))
    assert np.array_equal(decode(path).pages[0], pages)
    assert np.array_equal(tifffile.imread(path), pages)


@pytest.mark.parametrize(
    ("compression", "pack"), [(32773, imagecodecs.packbits_encode), (50000, imagecodecs.zstd_encode)]
)
def test_a_last_strip_that_is_filled_up_is_cut(
    compression: int, pack: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    path = tmp_path / "filled.tif"
    strips = [b"".join(pack(bytes([number] * 16)) for _ in range(8)) for number in (1, 2)]
    if compression == 50000:
        strips = [pack(bytes([number] * 128)) for number in (1, 2)]
    path.write_bytes(bare_tiff(strips, (16, 10), 8, {259: compression, 262: 1, 277: 1}))
    assert decode(path).pages[0][:, 0].tolist() == [1] * 8 + [2] * 2


def test_ycbcr_whose_channels_are_apart_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "planar.tif"
    plane = bytes(imagecodecs.jpeg8_encode(np.full((8, 16), 90, np.uint8)))
    tags = {259: 7, 262: 6, 277: 3, 284: 2}
    path.write_bytes(bare_tiff([plane] * 3, (16, 8), 8, tags))
    with pytest.raises(UnsupportedPhotographError, match="channels are apart"):
        decode(path)
