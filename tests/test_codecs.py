import hashlib
import io
import os
import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from archive_restore.errors import (
    PhotographError,
    TooLargePhotographError,
    UnreadablePhotographError,
    UnsupportedPhotographError,
)
from archive_restore.photos import codecs
from archive_restore.photos.codecs import Format
from archive_restore.photos.mask_files import read_mask
from tests.formats import (
    EXACT,
    HEIGHT,
    PAGES,
    WIDTH,
    independent,
    picture,
    png,
    repainted,
    saved,
    tiff,
    webp,
)

FILES = EXACT | PAGES


@pytest.fixture(params=FILES)
def exact(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file of a format that holds any samples exactly."""
    return FILES[request.param](tmp_path / request.param)


def restored(photograph: codecs.Photograph) -> tuple[np.ndarray, ...]:
    """Every page repainted under the mask, alpha left alone."""
    pages = zip(photograph.header.pages, photograph.pages, strict=True)
    return tuple(repainted(samples, page.colours.samples) for page, samples in pages)


def equal(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> bool:
    return len(first) == len(second) and all(map(np.array_equal, first, second))


def test_samples_are_what_another_decoder_sees(exact: Path) -> None:
    photograph = codecs.decode(exact)
    assert equal(photograph.pages, independent(photograph.source))


def test_no_sample_outside_the_mask_changes_and_those_inside_are_exact(exact: Path) -> None:
    photograph = codecs.decode(exact)
    wanted = restored(photograph)
    assert not equal(wanted, photograph.pages)
    written = codecs.encode(photograph, wanted)
    assert equal(independent(written), wanted)
    exact.write_bytes(written)
    again = codecs.decode(exact)
    assert equal(again.pages, wanted)
    if "palette" not in exact.name:
        assert again.header == photograph.header


def test_a_photograph_can_be_restored_twice(exact: Path) -> None:
    first = codecs.decode(exact)
    exact.write_bytes(codecs.encode(first, restored(first)))
    second = codecs.decode(exact)
    wanted = tuple(np.ascontiguousarray(samples[::-1]) for samples in second.pages)
    assert equal(independent(codecs.encode(second, wanted)), wanted)


def test_equal_samples_give_the_same_file(exact: Path) -> None:
    photograph = codecs.decode(exact)
    assert codecs.encode(photograph, tuple(one.copy() for one in photograph.pages)) == exact.read_bytes()


def test_modes_are_told_in_words(tmp_path: Path) -> None:
    modes = {name: codecs.decode(make(tmp_path / name)).header.mode for name, make in FILES.items()}
    assert modes["png rgba 16-bit"] == "16-bit RGB with alpha"
    assert modes["png palette alpha"] == "8-bit palette with alpha"
    assert modes["tiff cmyk"] == "8-bit CMYK"
    assert modes["tiff pages"] == "16-bit grey and 8-bit CMYK and 8-bit RGB with alpha, 3 pages"


def test_orientation_is_kept_as_a_tag_and_never_applied(tmp_path: Path) -> None:
    for path in (
        png(tmp_path / "a.png", 3),
        tiff(tmp_path / "a.tif"),
        webp(tmp_path / "a.webp", lossless=True),
    ):
        assert codecs.decode(path).pixels.shape == (HEIGHT, WIDTH, 3)


def test_only_changed_strips_are_written_anew(tmp_path: Path) -> None:
    path = tiff(tmp_path / "a.tif", rowsperstrip=8, compression="zlib")
    photograph = codecs.decode(path)
    wanted = photograph.pixels.copy()
    wanted[20, 30] = 0  # in the third strip of eight
    before = tifffile.TiffFile(io.BytesIO(photograph.source)).pages[0]
    after = tifffile.TiffFile(io.BytesIO(codecs.encode(photograph, (wanted,)))).pages[0]
    moved = [old != new for old, new in zip(before.dataoffsets, after.dataoffsets, strict=True)]
    assert moved == [False, False, True, False, False, False, False, False]


def test_an_uncompressed_tiff_keeps_its_length_and_every_other_byte(tmp_path: Path) -> None:
    path = tiff(tmp_path / "a.tif", rowsperstrip=8)
    photograph = codecs.decode(path)
    wanted = photograph.pixels.copy()
    wanted[20, 30] ^= 255
    written = codecs.encode(photograph, (wanted,))
    differing = [old != new for old, new in zip(photograph.source, written, strict=True)]
    assert sum(differing) == 3


def test_strip_lengths_too_large_for_their_field_are_moved_to_a_wider_one(tmp_path: Path) -> None:
    # Two strips of short lengths in SHORT fields, inline; random samples then need more than 65,535 bytes.
    rows = bytes(300 * 300 * 3)
    strips = [zlib.compress(rows), zlib.compress(rows)]
    fields = [
        (256, 3, [300]), (257, 3, [600]), (258, 3, [8, 8, 8]), (259, 3, [8]), (262, 3, [2]), (277, 3, [3]),
        (278, 3, [300]), (273, 4, [8, 8 + len(strips[0])]), (279, 3, [len(strip) for strip in strips]),
    ]  # fmt: skip
    path = tmp_path / "a.tif"
    path.write_bytes(handmade_tiff(b"".join(strips), fields))
    photograph = codecs.decode(path)
    wanted = np.random.default_rng(1).integers(0, 256, photograph.pixels.shape, np.uint8)
    assert np.array_equal(tifffile.imread(io.BytesIO(codecs.encode(photograph, (wanted,)))), wanted)


def handmade_tiff(data: bytes, fields: list[tuple[int, int, list[int]]]) -> bytes:
    """Little-endian: header, data at byte 8, long values, directory."""
    sizes = {3: "H", 4: "I"}
    body, entries = bytearray(b"II*\0\0\0\0\0" + data), b""
    for tag, kind, values in sorted(fields):
        packed = struct.pack(f"<{len(values)}{sizes[kind]}", *values)
        if len(packed) > 4:
            body += b"\0" * (len(body) % 2)
            packed, stored = struct.pack("<I", len(body)), packed
            body += stored
        entries += struct.pack("<HHI", tag, kind, len(values)) + packed.ljust(4, b"\0")
    body += b"\0" * (len(body) % 2)
    struct.pack_into("<I", body, 4, len(body))
    return bytes(body) + struct.pack("<H", len(fields)) + entries + b"\0\0\0\0"


def test_interlaced_png_and_what_follows_its_end_survive(tmp_path: Path) -> None:
    path = png(tmp_path / "a.png", 3)
    chunks = path.read_bytes()
    rows = picture()
    interlaced = bytearray(chunks)
    interlaced[28] = 1
    interlaced[29:33] = struct.pack(">I", zlib.crc32(interlaced[12:29]))
    raw = b""
    for y0, x0, dy, dx in (
        (0, 0, 8, 8),
        (0, 4, 8, 8),
        (4, 0, 8, 4),
        (0, 2, 4, 4),
        (2, 0, 4, 2),
        (0, 1, 2, 2),
        (1, 0, 2, 1),
    ):
        raw += b"".join(b"\0" + row.tobytes() for row in rows[y0::dy, x0::dx])
    packed = zlib.compress(raw)
    idat = struct.pack(">I", len(packed)) + b"IDAT" + packed + struct.pack(">I", zlib.crc32(b"IDAT" + packed))
    start, end = chunks.index(b"IDAT") - 4, chunks.index(b"IEND") - 4
    path.write_bytes(bytes(interlaced[:start]) + idat + chunks[end:] + b"trailing notes")
    photograph = codecs.decode(path)
    assert np.array_equal(photograph.pixels, rows)
    written = codecs.encode(photograph, (repainted(rows),))
    assert equal(independent(written), [repainted(rows)])
    assert written.endswith(b"trailing notes")


def test_a_stale_index_into_the_compressed_stream_is_left_out(tmp_path: Path) -> None:
    path = png(tmp_path / "a.png", 3)
    data = path.read_bytes()
    index = b"iDOT" + bytes(28)
    chunk = struct.pack(">I", 28) + index + struct.pack(">I", zlib.crc32(index))
    path.write_bytes(data[:33] + chunk + data[33:])
    photograph = codecs.decode(path)
    assert b"iDOT" not in codecs.encode(photograph, (repainted(photograph.pixels),))


def refused(path: Path) -> PhotographError:
    with pytest.raises(PhotographError) as caught:
        codecs.decode(path)
    assert caught.value.path == path
    assert str(path) in str(caught.value)
    return caught.value


BITS_12 = [
    (256, 3, [8]), (257, 3, [8]), (258, 3, [12]), (259, 3, [1]), (262, 3, [1]), (277, 3, [1]),
    (278, 3, [8]), (273, 4, [8]), (279, 4, [96]),
]  # fmt: skip


def deep_colours() -> np.ndarray:
    return np.arange(3 * 256, dtype=np.uint16).reshape(3, 256) * 71


def two_pages(path: Path) -> None:
    tifffile.imwrite(path, np.zeros((4, 4), np.uint8), photometric="minisblack")
    tifffile.imwrite(path, np.zeros((4, 4), np.float32), photometric="minisblack", append=True)


UNSUPPORTED: dict[str, tuple[Callable[[Path], object], str]] = {
    "animated png": (
        lambda p: Image.new("RGB", (4, 4)).save(
            p, format="PNG", save_all=True, append_images=[Image.new("RGB", (4, 4), "red")]
        ),
        "animated PNG",
    ),
    "float tiff": (
        lambda p: tifffile.imwrite(p, np.zeros((4, 4), np.float32)),
        "a TIFF of floating-point samples; save it with 16-bit unsigned ones first",
    ),
    "12-bit tiff": (
        lambda p: p.write_bytes(handmade_tiff(bytes(96), BITS_12)),
        "a 12-bit grey TIFF; save it with 8 or 16 bits first",
    ),
    "second page of floats": (
        two_pages,
        "page 2 is a TIFF of floating-point samples; save it with 16-bit unsigned ones",
    ),
    "webp in tiff": (
        lambda p: tifffile.imwrite(p, np.zeros((16, 16, 3), np.uint8), photometric="rgb", compression="webp"),
        "WebP compression; save it with LZW",
    ),
    "palette of 16-bit colours": (
        lambda p: tifffile.imwrite(p, picture(1), photometric="palette", colormap=deep_colours()),
        "colours have 16 bits; save it as 16-bit RGB",
    ),
    "animated webp": (
        lambda p: Image.new("RGB", (4, 4)).save(
            p, format="WEBP", save_all=True, append_images=[Image.new("RGB", (4, 4), "red")]
        ),
        "animated WebP",
    ),
    "gif": (lambda p: Image.new("L", (4, 4)).save(p, format="GIF"), "GIF"),
    "bmp": (lambda p: Image.new("L", (4, 4)).save(p, format="BMP"), "BMP"),
    "jpeg 2000": (lambda p: p.write_bytes(b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(16)), "JPEG 2000"),
    "photoshop": (lambda p: p.write_bytes(b"8BPS\0\1" + bytes(16)), "Photoshop"),
}


@pytest.mark.parametrize("kind", UNSUPPORTED)
def test_what_is_not_restored_yet_is_refused_by_its_name(kind: str, tmp_path: Path) -> None:
    make, words = UNSUPPORTED[kind]
    path = tmp_path / "photograph"
    make(path)
    error = refused(path)
    assert isinstance(error, UnsupportedPhotographError)
    assert words in error.reason


def test_a_raw_file_that_calls_itself_tiff_is_told_by_its_name(tmp_path: Path) -> None:
    path = tiff(tmp_path / "a.tif").rename(tmp_path / "a.NEF")
    assert "raw file (NEF)" in refused(path).reason


UNREADABLE: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "empty (0 bytes)"),
    "text": (b"Dear Anna,\n", "text"),
    "zeros": (bytes(5000), "only zero bytes"),
    "noise": (bytes(range(1, 256)) * 4, "not a picture"),
    "jpeg signature": (b"\xff\xd8\xff", "truncated"),
    "png signature": (b"\x89PNG\r\n\x1a\n", "truncated"),
    "tiff signature": (b"II*\0", "truncated"),
    "tiff without fields": (b"II*\0\x08\0\0\0\0\0", "damaged TIFF"),
    "webp signature": (b"RIFF\x04\0\0\0WEBP", "truncated"),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_what_is_no_picture_is_refused_with_its_reason(kind: str, tmp_path: Path) -> None:
    content, words = UNREADABLE[kind]
    path = tmp_path / "photograph.jpg"
    path.write_bytes(content)
    error = refused(path)
    assert isinstance(error, UnreadablePhotographError)
    assert words in error.reason


def test_every_truncation_is_refused(exact: Path) -> None:
    photograph = codecs.decode(exact)
    data = photograph.source
    for length in {len(data) * part // 23 for part in range(1, 23)} | {len(data) - 1}:
        exact.write_bytes(data[:length])
        try:
            pages = codecs.decode(exact).pages
        except PhotographError:
            continue
        # Only bytes that carry no samples were cut: metadata at the end of a TIFF, the last byte of a CRC.
        assert equal(pages, photograph.pages)


def test_flipped_bytes_never_crash_and_never_change_the_size_unnoticed(exact: Path) -> None:
    data = exact.read_bytes()
    random = np.random.default_rng(3)
    for _ in range(40):
        flipped = bytearray(data)
        flipped[random.integers(0, len(data))] ^= 1 << random.integers(0, 8)
        exact.write_bytes(bytes(flipped))
        try:
            photograph = codecs.decode(exact, max_pixels=1_000_000)
        except PhotographError:
            continue
        shapes = [page.shape for page in photograph.header.pages]
        assert [samples.shape for samples in photograph.pages] == shapes


def test_too_many_pixels_are_refused_by_the_header_alone(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    header = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 50_000, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    )
    error = refused(path)
    assert isinstance(error, TooLargePhotographError)
    assert "--max-pixels 3000000000" in error.reason


def test_the_limit_itself_is_allowed(tmp_path: Path) -> None:
    path = png(tmp_path / "a.png", 1)
    assert codecs.decode(path, max_pixels=HEIGHT * WIDTH).header.pixels == HEIGHT * WIDTH
    with pytest.raises(TooLargePhotographError):
        codecs.decode(path, max_pixels=HEIGHT * WIDTH - 1)


def test_a_tiny_picture_in_a_huge_tile_is_refused(tmp_path: Path) -> None:
    fields = [
        (256, 3, [4]), (257, 3, [4]), (258, 3, [8]), (259, 3, [8]), (262, 3, [1]), (277, 3, [1]),
        (322, 4, [65536]), (323, 4, [65536]), (324, 4, [8]), (325, 4, [12]),
    ]  # fmt: skip
    path = tmp_path / "bomb.tif"
    path.write_bytes(handmade_tiff(zlib.compress(bytes(16)), fields))
    assert "65536x65536 px tiles" in refused(path).reason


def test_a_missing_file_and_a_folder_are_photograph_errors(tmp_path: Path) -> None:
    assert "no longer there" in refused(tmp_path / "gone.jpg").reason
    assert "cannot be read" in refused(tmp_path).reason


def test_the_content_decides_not_the_name(tmp_path: Path) -> None:
    path = png(tmp_path / "scan.jpg", 3)
    assert codecs.decode(path).header.format is Format.PNG


def test_one_pixel_goes_through_every_format(tmp_path: Path) -> None:
    for name in ("PNG", "WEBP", "TIFF", "JPEG"):
        path = saved(tmp_path / name, np.full((1, 1, 3), 100, np.uint8), format=name)
        photograph = codecs.decode(path)
        assert photograph.pixels.shape == (1, 1, 3)
        assert codecs.encode(photograph, (photograph.pixels + np.uint8(50),))[:2] == photograph.source[:2]


def test_wrong_shape_or_type_is_the_callers_mistake(tmp_path: Path) -> None:
    photograph = codecs.decode(png(tmp_path / "a.png", 3))
    for wrong in (photograph.pixels[..., 0], photograph.pixels.astype(np.float32), photograph.pixels[:-1]):
        with pytest.raises(ValueError, match="takes"):
            codecs.encode(photograph, (wrong,))


def test_hashes_are_of_the_content(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    assert codecs.file_sha256(path) == codecs.sha256(b"abc") == hashlib.sha256(b"abc").hexdigest()


def test_decoders_agree_on_a_lossy_webp(tmp_path: Path) -> None:
    path = webp(tmp_path / "a.webp", lossless=False)
    assert np.array_equal(codecs.decode(path).pixels, imagecodecs.webp_decode(path.read_bytes()))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_in_the_place_of_a_photograph_is_refused_at_once(tmp_path: Path):
    os.mkfifo(tmp_path / "a.jpg")
    with pytest.raises(UnreadablePhotographError, match="a pipe or a device"):
        codecs.decode(tmp_path / "a.jpg")
    with pytest.raises(OSError, match="a pipe or a device"):
        codecs.file_sha256(tmp_path / "a.jpg")
    with pytest.raises(UnreadablePhotographError, match="a pipe or a device"):
        read_mask(tmp_path / "a.jpg", (4, 4))
