import hashlib
import io
import json
import shutil
import struct
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, PngImagePlugin

from archive_restore.errors import (
    PhotographError,
    TooLargePhotographError,
    UnreadablePhotographError,
    UnsupportedPhotographError,
)
from archive_restore.photos import codecs
from archive_restore.photos.codecs import Format

needs_exiftool = pytest.mark.skipif(
    shutil.which("exiftool") is None, reason="exiftool (libimage-exiftool-perl) is not installed"
)

HEIGHT, WIDTH = 61, 83  # odd, and no multiple of a block, strip or tile
XMP = (
    b"<?xpacket begin='' id='W5M0MpCehiHzreSzNTczkc9d'?><x:xmpmeta xmlns:x='adobe:ns:meta/'>"
    b"<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description rdf:about='' "
    b"xmlns:xmp='http://ns.adobe.com/xap/1.0/' xmp:Rating='4'/></rdf:RDF></x:xmpmeta><?xpacket end='w'?>"
)


def picture(channels: int = 3, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Smooth shades with grain; (H, W) or (H, W, 3) uint8."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [110 + 80 * np.sin(x / 9 + k) + 40 * np.cos(y / 7 - k) for k in range(channels)]
    grain = np.random.default_rng(7).normal(0, 4, (height, width, channels))
    samples = np.clip(np.stack(planes, axis=-1) + grain, 0, 255).astype(np.uint8)
    return samples[..., 0] if channels == 1 else samples


def mask() -> np.ndarray:
    """A scratch from top to bottom and a spot; (H, W) bool."""
    marked = np.zeros((HEIGHT, WIDTH), np.bool_)
    marked[:, 40:42] = True
    marked[20:30, 5:17] = True
    return marked


def repainted(pixels: np.ndarray) -> np.ndarray:
    result = pixels.copy()
    result[mask()] = 255 - result[mask()]
    return result


def exif(orientation: int = 6) -> bytes:
    tags = Image.Exif()
    tags[0x010E], tags[0x010F], tags[0x0112] = "Grandmother, 1931", "Plustek", orientation
    return tags.tobytes()


def icc() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def saved(path: Path, pixels: np.ndarray, **options: object) -> Path:
    Image.fromarray(pixels).save(path, **options)
    return path


def png(path: Path, channels: int) -> Path:
    text = PngImagePlugin.PngInfo()
    text.add_text("Title", "Großmutter")
    text.add_itxt("XML:com.adobe.xmp", XMP.decode(), zip=True)
    return saved(
        path,
        picture(channels),
        format="PNG",
        exif=exif(),
        icc_profile=icc(),
        dpi=(600, 600),
        pnginfo=text,
    )


def webp(path: Path, *, lossless: bool) -> Path:
    return saved(
        path,
        picture(),
        format="WEBP",
        lossless=lossless,
        exif=exif(),
        icc_profile=icc(),
        xmp=XMP,
    )


def tiff(path: Path, channels: int = 3, **options: object) -> Path:
    options = {"photometric": "rgb" if channels == 3 else "minisblack"} | options
    pixels = picture(channels)
    if options.get("planarconfig") == "separate":
        pixels = np.moveaxis(pixels, -1, 0)
    tifffile.imwrite(
        path,
        pixels,
        resolution=(1200, 1200),
        resolutionunit="inch",
        description="Plate 12",
        iccprofile=icc(),
        extratags=[(274, "H", 1, 6), (315, "s", 0, "A. Photographer"), (700, "B", len(XMP), XMP)],
        metadata=None,
        **options,
    )
    return path


EXACT: dict[str, Callable[[Path], Path]] = {
    "png rgb": lambda path: png(path, 3),
    "png grey": lambda path: png(path, 1),
    "webp lossy": lambda path: webp(path, lossless=False),
    "webp lossless": lambda path: webp(path, lossless=True),
    "webp simple": lambda path: saved(path, picture(), format="WEBP"),
    "tiff plain": lambda path: tiff(path),
    "tiff plain strips": lambda path: tiff(path, rowsperstrip=8),
    "tiff grey": lambda path: tiff(path, 1, rowsperstrip=7, compression="lzw"),
    "tiff white is zero": lambda path: tiff(path, 1, photometric="miniswhite", rowsperstrip=7),
    "tiff lzw predictor": lambda path: tiff(path, rowsperstrip=8, compression="lzw", predictor=True),
    "tiff deflate": lambda path: tiff(path, rowsperstrip=8, compression="zlib"),
    "tiff deflate predictor": lambda path: tiff(path, rowsperstrip=8, compression="zlib", predictor=True),
    "tiff packbits": lambda path: tiff(path, rowsperstrip=8, compression="packbits"),
    "tiff tiles": lambda path: tiff(path, tile=(16, 32), compression="lzw", predictor=True),
    "tiff plain tiles": lambda path: tiff(path, tile=(16, 16)),
    "tiff planes": lambda path: tiff(path, rowsperstrip=8, planarconfig="separate", compression="zlib"),
    "tiff big-endian": lambda path: tiff(path, rowsperstrip=8, byteorder=">", compression="lzw"),
    "tiff BigTIFF": lambda path: tiff(path, rowsperstrip=8, bigtiff=True, compression="zlib"),
    "tiff big-endian BigTIFF": lambda path: tiff(
        path, rowsperstrip=8, bigtiff=True, byteorder=">", compression="zlib"
    ),
}


@pytest.fixture(params=EXACT)
def exact(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file of a format that holds any samples exactly."""
    return EXACT[request.param](tmp_path / request.param)


def independent(data: bytes) -> np.ndarray:
    """Decoded by a library that the code under test does not use."""
    if data[:2] in (b"II", b"MM"):
        pixels = tifffile.imread(io.BytesIO(data))
        planes = tifffile.TiffFile(io.BytesIO(data)).pages[0]
        if planes.planarconfig == 2:
            pixels = np.moveaxis(pixels, 0, -1)
        return 255 - pixels if planes.photometric == 0 else pixels
    return np.asarray(Image.open(io.BytesIO(data)))


def test_samples_are_what_another_decoder_sees(exact: Path) -> None:
    assert np.array_equal(codecs.decode(exact).pixels, independent(exact.read_bytes()))


def test_no_sample_outside_the_mask_changes_and_those_inside_are_exact(exact: Path) -> None:
    photograph = codecs.decode(exact)
    wanted = repainted(photograph.pixels)
    written = codecs.encode(photograph, wanted)
    assert np.array_equal(independent(written), wanted)
    exact.write_bytes(written)
    again = codecs.decode(exact)
    assert again.header == photograph.header
    assert np.array_equal(again.pixels, wanted)


def test_a_photograph_can_be_restored_twice(exact: Path) -> None:
    first = codecs.decode(exact)
    exact.write_bytes(codecs.encode(first, repainted(first.pixels)))
    second = codecs.decode(exact)
    wanted = np.ascontiguousarray(second.pixels[::-1])
    assert np.array_equal(independent(codecs.encode(second, wanted)), wanted)


def test_equal_samples_give_the_same_file(exact: Path) -> None:
    photograph = codecs.decode(exact)
    assert codecs.encode(photograph, photograph.pixels.copy()) == exact.read_bytes()


# What exiftool says of the coding, the file system, or the place of things in the file.
NOT_METADATA = (
    "ExifTool", "File", "System", "Composite", "StripOffsets", "StripByteCounts", "TileOffsets",
    "TileByteCounts", "VP8Version", "HorizontalScale", "VerticalScale", "SourceFile", "Interlace",
    "AlphaIsUsed", "RIFF:ImageWidth", "RIFF:ImageHeight",
)  # fmt: skip


KEPT = {
    "png": {"Title", "PixelsPerUnitX", "Make"},
    "webp": {"Make", "ImageDescription"},
    "tiff": {"XResolution", "ResolutionUnit", "Artist", "ImageDescription"},
}


def metadata(path: Path) -> dict[str, str]:
    lines = subprocess.run(
        ["exiftool", "-a", "-G1", "-s", "-u", "-b", "-sep", "|", "-j", str(path)],
        capture_output=True,
        check=True,
    ).stdout
    return {
        key: value
        for key, value in json.loads(lines)[0].items()
        if not any(name in key for name in NOT_METADATA)
    }


@needs_exiftool
def test_exiftool_reads_the_same_metadata_before_and_after(exact: Path) -> None:
    before = metadata(exact)
    photograph = codecs.decode(exact)
    exact.write_bytes(codecs.encode(photograph, repainted(photograph.pixels)))
    assert metadata(exact) == before
    if exact.name != "webp simple":  # which holds none
        present = {key.split(":")[1] for key in before}
        assert present >= {"Orientation", "ProfileDescription", "Rating", *KEPT[exact.name.split()[0]]}


@needs_exiftool
def test_exiftool_finds_no_fault_in_a_written_file(exact: Path) -> None:
    photograph = codecs.decode(exact)
    exact.write_bytes(codecs.encode(photograph, repainted(photograph.pixels)))
    report = subprocess.run(
        ["exiftool", "-validate", "-warning", "-error", "-a", str(exact)],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    assert "Error" not in report


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
    after = tifffile.TiffFile(io.BytesIO(codecs.encode(photograph, wanted))).pages[0]
    moved = [old != new for old, new in zip(before.dataoffsets, after.dataoffsets, strict=True)]
    assert moved == [False, False, True, False, False, False, False, False]


def test_an_uncompressed_tiff_keeps_its_length_and_every_other_byte(tmp_path: Path) -> None:
    path = tiff(tmp_path / "a.tif", rowsperstrip=8)
    photograph = codecs.decode(path)
    wanted = photograph.pixels.copy()
    wanted[20, 30] ^= 255
    written = codecs.encode(photograph, wanted)
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
    assert np.array_equal(tifffile.imread(io.BytesIO(codecs.encode(photograph, wanted))), wanted)


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
    written = codecs.encode(photograph, repainted(rows))
    assert np.array_equal(independent(written), repainted(rows))
    assert written.endswith(b"trailing notes")


def test_a_stale_index_into_the_compressed_stream_is_left_out(tmp_path: Path) -> None:
    path = png(tmp_path / "a.png", 3)
    data = path.read_bytes()
    index = b"iDOT" + bytes(28)
    chunk = struct.pack(">I", 28) + index + struct.pack(">I", zlib.crc32(index))
    path.write_bytes(data[:33] + chunk + data[33:])
    photograph = codecs.decode(path)
    assert b"iDOT" not in codecs.encode(photograph, repainted(photograph.pixels))


def refused(path: Path) -> PhotographError:
    with pytest.raises(PhotographError) as caught:
        codecs.decode(path)
    assert caught.value.path == path
    assert str(path) in str(caught.value)
    return caught.value


UNSUPPORTED: dict[str, tuple[Callable[[Path], object], str]] = {
    "rgba png": (lambda p: saved(p, np.zeros((4, 4, 4), np.uint8), format="PNG"), "RGB with alpha PNG"),
    "grey-alpha png": (
        lambda p: Image.new("LA", (4, 4)).save(p, format="PNG"),
        "grey with alpha PNG",
    ),
    "palette png": (lambda p: Image.new("P", (4, 4)).save(p, format="PNG"), "palette PNG"),
    "1-bit png": (lambda p: Image.new("1", (4, 4)).save(p, format="PNG"), "1-bit grey PNG"),
    "16-bit png": (lambda p: Image.new("I;16", (4, 4)).save(p, format="PNG"), "16-bit grey PNG"),
    "transparent colour": (
        lambda p: Image.new("RGB", (4, 4)).save(p, format="PNG", transparency=(1, 2, 3)),
        "transparent colour",
    ),
    "animated png": (
        lambda p: Image.new("RGB", (4, 4)).save(
            p, format="PNG", save_all=True, append_images=[Image.new("RGB", (4, 4), "red")]
        ),
        "animated PNG",
    ),
    "cmyk jpeg": (lambda p: Image.new("CMYK", (4, 4)).save(p, format="JPEG"), "CMYK JPEG"),
    "12-bit tiff": (lambda p: tifffile.imwrite(p, np.zeros((4, 4), np.uint16)), "16-bit TIFF"),
    "float tiff": (lambda p: tifffile.imwrite(p, np.zeros((4, 4), np.float32)), "floating-point"),
    "cmyk tiff": (
        lambda p: tifffile.imwrite(p, np.zeros((4, 4, 4), np.uint8), photometric="separated"),
        "CMYK TIFF",
    ),
    "rgba tiff": (
        lambda p: tifffile.imwrite(p, np.zeros((4, 4, 4), np.uint8), photometric="rgb", extrasamples=[2]),
        "alpha",
    ),
    "palette tiff": (lambda p: Image.new("P", (4, 4)).save(p, format="TIFF"), "palette TIFF"),
    "1-bit tiff": (lambda p: Image.new("1", (4, 4)).save(p, format="TIFF"), "1-bit TIFF"),
    "jpeg tiff": (
        lambda p: tifffile.imwrite(p, np.zeros((16, 16, 3), np.uint8), photometric="rgb", compression="jpeg"),
        "TIFF",
    ),
    "multipage tiff": (
        lambda p: tifffile.imwrite(p, np.zeros((3, 4, 4), np.uint8), photometric="minisblack"),
        "multipage TIFF (3 pages)",
    ),
    "webp with alpha": (
        lambda p: saved(p, np.full((4, 4, 4), 90, np.uint8), format="WEBP", lossless=True),
        "WebP with alpha",
    ),
    "animated webp": (
        lambda p: Image.new("RGB", (4, 4)).save(
            p, format="WEBP", save_all=True, append_images=[Image.new("RGB", (4, 4), "red")]
        ),
        "animated WebP",
    ),
    "gif": (lambda p: Image.new("L", (4, 4)).save(p, format="GIF"), "GIF"),
    "bmp": (lambda p: Image.new("L", (4, 4)).save(p, format="BMP"), "BMP"),
    "heic": (lambda p: p.write_bytes(b"\0\0\0\x18ftypheic" + bytes(16)), "HEIC"),
    "avif": (lambda p: p.write_bytes(b"\0\0\0\x18ftypavif" + bytes(16)), "AVIF"),
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
            pixels = codecs.decode(exact).pixels
        except PhotographError:
            continue
        # Only bytes that carry no samples were cut: metadata at the end of a TIFF, the last byte of a CRC.
        assert np.array_equal(pixels, photograph.pixels)


def test_flipped_bytes_never_crash_and_never_change_the_size_unnoticed(exact: Path) -> None:
    data = exact.read_bytes()
    random = np.random.default_rng(3)
    for _ in range(60):
        flipped = bytearray(data)
        flipped[random.integers(0, len(data))] ^= 1 << random.integers(0, 8)
        exact.write_bytes(bytes(flipped))
        try:
            photograph = codecs.decode(exact, max_pixels=1_000_000)
        except PhotographError:
            continue
        assert photograph.pixels.shape == photograph.header.shape


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
        assert codecs.encode(photograph, photograph.pixels + np.uint8(50))[:2] == photograph.source[:2]


def test_wrong_shape_or_type_is_the_callers_mistake(tmp_path: Path) -> None:
    photograph = codecs.decode(png(tmp_path / "a.png", 3))
    for wrong in (photograph.pixels[..., 0], photograph.pixels.astype(np.float32), photograph.pixels[:-1]):
        with pytest.raises(ValueError, match="takes"):
            codecs.encode(photograph, wrong)


def test_hashes_are_of_the_content(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    assert codecs.file_sha256(path) == codecs.sha256(b"abc") == hashlib.sha256(b"abc").hexdigest()


def test_decoders_agree_on_a_lossy_webp(tmp_path: Path) -> None:
    path = webp(tmp_path / "a.webp", lossless=False)
    assert np.array_equal(codecs.decode(path).pixels, imagecodecs.webp_decode(path.read_bytes()))
