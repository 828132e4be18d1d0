import importlib.util
import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from archive_restore.errors import PhotographError, UnreadablePhotographError, UnsupportedPhotographError
from archive_restore.photos import codecs, isobmff
from archive_restore.photos.fidelity import compare
from archive_restore.photos.heif_items import Item, Picture
from tests.formats import HEIF, HEIGHT, WIDTH, XMP, avif, icc, mask, picture, repainted


@pytest.fixture(params=HEIF)
def heif(request: pytest.FixtureRequest, tmp_path: Path) -> codecs.Photograph:
    return codecs.decode(HEIF[request.param](tmp_path / request.param))


def as_png(photograph: codecs.Photograph, pixels: np.ndarray) -> codecs.Photograph:
    path = photograph.path.with_name(photograph.path.name + codecs.added_suffix(photograph.path))
    path.write_bytes(codecs.encode(photograph, (pixels,)))
    return codecs.decode(path)


def test_it_is_written_as_a_png_that_differs_under_the_mask_alone(heif: codecs.Photograph) -> None:
    lying = heif.pixels.shape[:2] == (WIDTH, HEIGHT)  # its EXIF turns it
    marked = mask().T if lying else mask()
    wanted = heif.pixels.copy()
    wanted[marked] = np.iinfo(wanted.dtype).max - wanted[marked]
    if heif.header.pages[0].extra:
        wanted[..., -1] = heif.pixels[..., -1]
    restored = as_png(heif, wanted)
    assert restored.header.format is codecs.Format.PNG
    assert compare(heif, restored, marked).faults == ()
    assert np.array_equal(restored.pixels, wanted)
    assert codecs.icc_profile(restored) == codecs.icc_profile(heif)
    said = codecs.change_of_mode(heif.header, restored.header)
    assert said is not None
    assert "became a PNG" in said
    wanted[0, 0] ^= 1
    assert compare(heif, as_png(heif, wanted), marked).outside > 0


def test_what_is_unchanged_is_a_png_as_well(heif: codecs.Photograph) -> None:
    assert np.array_equal(as_png(heif, heif.pixels).pixels, heif.pixels)


def test_an_avif_is_read_as_pillow_reads_it_and_upright(tmp_path: Path) -> None:
    photograph = codecs.decode(avif(tmp_path / "a.avif"))
    with Image.open(tmp_path / "a.avif") as image:
        seen = np.asarray(image.convert("RGB"))
    assert photograph.pixels.shape == (WIDTH, HEIGHT, 3)
    assert np.abs(photograph.pixels.astype(int) - np.rot90(seen, -1)).max() <= 2  # another conversion to RGB


def test_metadata_goes_with_it_and_says_that_it_stands_upright(tmp_path: Path) -> None:
    photograph = codecs.decode(avif(tmp_path / "a.avif", xmp=XMP))
    restored = as_png(photograph, photograph.pixels)
    with Image.open(io.BytesIO(restored.source)) as image:
        tags = image.getexif()
        assert tags[0x010F] == "Plustek"
        assert tags.get(0x0112, 1) == 1  # Pillow takes it out of an AVIF, whose boxes say so too
        assert tags.get_ifd(0x8769)[0x9003] == "1931:05:01 12:00:00"
        assert image.info["xmp"] == XMP
        assert image.info["icc_profile"] == icc()


def test_ten_bits_are_spread_over_sixteen_and_come_back(tmp_path: Path) -> None:
    photograph = codecs.decode(HEIF["avif 10-bit"](tmp_path / "a.avif"))
    assert photograph.header.mode == "10-bit RGB"
    assert photograph.pixels.dtype == np.uint16
    ten = photograph.pixels >> 6
    assert np.array_equal(photograph.pixels, ten << 6 | ten >> 4)
    assert np.abs(photograph.pixels / 65535 - picture(3, 10) / 1023).mean() < 0.02
    assert codecs.decode(as_png(photograph, photograph.pixels).path).header.mode == "16-bit RGB"


def test_without_the_extra_a_heic_is_refused_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    (tmp_path / "a.jpg").write_bytes(b"\0\0\0\x18ftypheic" + bytes(16))
    with pytest.raises(UnsupportedPhotographError, match=r"a HEIC; install archive-restore\[heic\]"):
        codecs.decode(tmp_path / "a.jpg")


def test_a_sequence_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.avif").write_bytes(b"\0\0\0\x18ftypavis\0\0\0\0avifmif1" + bytes(16))
    with pytest.raises(UnsupportedPhotographError, match="animated AVIF"):
        codecs.decode(tmp_path / "a.avif")


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    data = avif(tmp_path / "a.avif").read_bytes()
    for part in range(1, 23):
        (tmp_path / "a.avif").write_bytes(data[: len(data) * part // 23])
        with pytest.raises(PhotographError):
            codecs.decode(tmp_path / "a.avif")


def test_a_size_that_so_few_bytes_cannot_hold_is_refused(tmp_path: Path) -> None:
    data = avif(tmp_path / "a.avif").read_bytes()
    at = data.index(b"ispe") + 8
    (tmp_path / "a.avif").write_bytes(data[:at] + struct.pack(">II", 16_000, 12_000) + data[at + 8 :])
    with pytest.raises(UnreadablePhotographError, match="12000x16000 px"):
        codecs.decode(tmp_path / "a.avif")


def test_a_crop_is_told_from_the_middle() -> None:
    size = (b"ispe", bytes(4) + struct.pack(">II", 84, 62))
    crop = (b"clap", struct.pack(">IIIIiIiI", 83, 1, 61, 1, -1, 2, 1, 2))
    shown = Picture(Item(properties=[size, crop, (b"irot", b"\1")]), False, None, None)
    assert shown.changes == [(b"clap", (0, 1, 83, 61)), (b"irot", (1,))]
    assert shown.shown_size == (61, 83)
    beyond = (b"clap", struct.pack(">IIIIiIiI", 83, 1, 61, 1, 9, 1, 0, 1))
    with pytest.raises(ValueError, match="beyond"):
        _ = Picture(Item(properties=[size, beyond]), False, None, None).changes


def test_brands_are_told_apart() -> None:
    assert isobmff.brands(b"\0\0\0\x18ftypmif1\0\0\0\0avifmiaf") == [b"mif1", b"avif", b"miaf"]
    assert isobmff.brands(b"RIFF") == []


def test_alpha_is_left_alone(tmp_path: Path) -> None:
    photograph = codecs.decode(HEIF["avif alpha"](tmp_path / "a.avif"))
    assert photograph.header.mode == "8-bit RGB with alpha"
    pixels = np.swapaxes(photograph.pixels, 0, 1)
    restored = as_png(photograph, np.swapaxes(repainted(pixels, 3), 0, 1))
    assert np.array_equal(restored.pixels[..., 3], photograph.pixels[..., 3])


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def test_lists_of_places_that_take_no_bytes_are_refused_at_once() -> None:
    endless = bytes(4) + b"\0\0" + struct.pack(">H", 400) + struct.pack(">HHH", 1, 0, 0xFFFF) * 400
    with pytest.raises(ValueError, match="too many places"):
        isobmff.primary(box(b"meta", bytes(4) + box(b"iloc", endless)))


def test_metadata_that_is_put_together_from_the_same_bytes_again_and_again_is_refused() -> None:
    def full(kind: bytes, content: bytes, version: int = 0) -> bytes:
        return box(kind, bytes([version, 0, 0, 0]) + content)

    def item(number: int, kind: bytes) -> bytes:
        return full(b"infe", struct.pack(">HH", number, 0) + kind + b"\0", version=2)

    properties = box(b"ipco", full(b"ispe", struct.pack(">II", 4, 4)))
    properties += full(b"ipma", struct.pack(">IHBB", 1, 1, 1, 1))
    places = b"\x44\0" + struct.pack(">HHHH", 1, 2, 0, 50_000) + struct.pack(">II", 0, 1000) * 50_000
    about = full(b"iref", box(b"cdsc", struct.pack(">HHH", 2, 1, 1)))
    inside = full(b"iinf", struct.pack(">H", 2) + item(1, b"av01") + item(2, b"Exif"))
    inside += full(b"pitm", struct.pack(">H", 1)) + box(b"iprp", properties) + full(b"iloc", places) + about
    with pytest.raises(ValueError, match="larger than its file"):
        isobmff.primary(full(b"meta", inside))
