"""Files that lie about their size, and other bad input that must cost neither memory nor the photograph."""

import struct
import tracemalloc
import zlib
from pathlib import Path

import pytest
import tifffile
from PIL import Image

from archive_restore.errors import PhotographError, TooLargePhotographError, UnreadablePhotographError
from archive_restore.photos import codecs
from archive_restore.photos.jpeg_segments import iterate_segments
from tests.formats import chunk, exif, jpeg, picture, png, repainted, saved, tiff, webp

MODEST = 8_000_000
"""Bytes; what a refusal may allocate. The bombs claim a hundred times as much, below the limit of pixels."""


def refusal(path: Path) -> PhotographError:
    """The error with which a file is refused, at small cost."""
    codecs.decode(png(path.with_name("warm.png")))
    tracemalloc.start()
    try:
        with pytest.raises(PhotographError) as caught:
            codecs.decode(path)
        assert tracemalloc.get_traced_memory()[1] < MODEST
    finally:
        tracemalloc.stop()
    assert str(path) in str(caught.value)
    return caught.value


def png_bomb(path: Path, depth: int, colour: int) -> Path:
    """14,000 x 14,000 px in a few bytes."""
    size = struct.pack(">IIBBBBB", 14_000, 14_000, depth, colour, 0, 0, 0)
    palette = chunk(b"PLTE", bytes(6)) if colour == 3 else b""
    rows = chunk(b"IDAT", zlib.compress(bytes(100_000)))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + palette + rows + chunk(b"IEND", b""))
    return path


@pytest.mark.parametrize(("depth", "colour"), [(8, 0), (8, 2), (16, 6), (1, 0), (8, 3)])
def test_a_png_that_says_more_than_it_can_hold_is_refused_before_it_is_unpacked(
    depth: int, colour: int, tmp_path: Path
) -> None:
    error = refusal(png_bomb(tmp_path / "a.png", depth, colour))
    assert isinstance(error, UnreadablePhotographError)
    assert "says it is 14000x14000 px but holds less" in error.reason


@pytest.mark.parametrize("compression", [None, "lzw", "zlib", "packbits", "jpeg"])
def test_a_tiff_that_says_more_than_it_can_hold_is_refused(compression: str | None, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, picture(3, 8, 64, 64), photometric="rgb", compression=compression, metadata=None)
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        tags = {tag.code: tag for tag in file.pages[0].tags}
    for code in (256, 257, 278):  # width, height, rows a strip
        at = tags[code].offset
        struct.pack_into("<HHII", data, at, code, 4, 1, 14_000)
    path.write_bytes(bytes(data))
    assert "14000" in refusal(path).reason or "incomplete" in refusal(path).reason


def test_a_jpeg_that_says_more_than_it_can_hold_is_refused(tmp_path: Path) -> None:
    path = jpeg(tmp_path / "a.jpg")
    data = bytearray(path.read_bytes())
    frame = next(one for one in iterate_segments(bytes(data)) if one.marker == 0xC0)
    struct.pack_into(">HH", data, frame.body + 1, 14_000, 14_000)
    path.write_bytes(bytes(data))
    assert "14000x14000 px in" in refusal(path).reason


def test_a_webp_whose_canvas_is_not_its_picture_is_refused(tmp_path: Path) -> None:
    path = webp(tmp_path / "a.webp", lossless=True)
    data = bytearray(path.read_bytes())
    data[24:30] = (13_999).to_bytes(3, "little") * 2
    path.write_bytes(bytes(data))
    assert "contradict" in refusal(path).reason


def test_pages_count_together(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    for _ in range(4):
        tifffile.imwrite(path, picture(1), photometric="minisblack", metadata=None, append=True)
    pixels = 4 * picture(1).size
    assert codecs.decode(path, max_pixels=pixels).header.pixels == pixels
    with pytest.raises(TooLargePhotographError, match=f"--max-pixels {pixels}"):
        codecs.decode(path, max_pixels=pixels - 1)


def test_pages_that_lead_back_to_the_first_end(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    for _ in range(2):
        tifffile.imwrite(path, picture(1), photometric="minisblack", metadata=None, append=True)
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        first, second = (page.offset for page in file.pages)
    (fields,) = struct.unpack_from("<H", data, second)
    struct.pack_into("<I", data, second + 2 + 12 * fields, first)
    path.write_bytes(bytes(data))
    assert len(codecs.decode(path).pages) == 2


def changed(path: Path) -> bytes:
    photograph = codecs.decode(path)
    return bytes(codecs.encode(photograph, (repainted(photograph.pixels),)))


def test_an_xml_bomb_in_xmp_is_carried_and_never_expanded(tmp_path: Path) -> None:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "lol">{entities}]><x>&l9;</x>'.encode()
    path = saved(tmp_path / "a.jpg", picture(), format="JPEG", xmp=bomb)
    assert bomb in changed(path)
    path = saved(tmp_path / "a.webp", picture(), format="WEBP", xmp=bomb)
    assert bomb in changed(path)


def test_exif_as_large_as_it_gets_is_carried(tmp_path: Path) -> None:
    tags = Image.Exif()
    tags[0x010E] = "x" * 65_000
    path = saved(tmp_path / "a.jpg", picture(), format="JPEG", exif=tags.tobytes())
    assert tags.tobytes() in changed(path)
    tags[0x010E] = "x" * 3_000_000
    path = saved(tmp_path / "a.png", picture(), format="PNG", exif=tags.tobytes())
    assert tags.tobytes()[6:] in changed(path)


def test_a_thumbnail_that_shows_something_else_is_left_alone(tmp_path: Path) -> None:
    """Also one that claims to be larger than the photograph."""
    thumbnail = jpeg(tmp_path / "t.jpg", 1, exif=b"").read_bytes()
    lying = bytearray(exif() + b"\0" * 64 + thumbnail)
    path = saved(tmp_path / "a.jpg", picture(), format="JPEG", exif=bytes(lying))
    assert codecs.decode(path).header.pages[0].channels == 3
    assert bytes(lying) in changed(path)


def test_a_wrong_extension_changes_nothing(tmp_path: Path) -> None:
    path = tiff(tmp_path / "a.jpg", 3, 16)
    assert codecs.decode(path).header.format is codecs.Format.TIFF
    assert changed(path)[:4] == b"II*\0"


def test_an_indexed_colour_beyond_the_palette_is_damage(tmp_path: Path) -> None:
    size = struct.pack(">IIBBBBB", 2, 1, 8, 3, 0, 0, 0)
    rows = chunk(b"IDAT", zlib.compress(b"\0\0\7"))
    head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"PLTE", bytes(6))
    (tmp_path / "a.png").write_bytes(head + rows + chunk(b"IEND", b""))
    assert "its palette lacks" in refusal(tmp_path / "a.png").reason
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + rows + chunk(b"IEND", b""))
    assert "without its palette" in refusal(tmp_path / "a.png").reason
