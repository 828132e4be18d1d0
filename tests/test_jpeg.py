import io
import json
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from archive_restore.errors import PhotographError, UnreadablePhotographError, UnsupportedPhotographError
from archive_restore.photos import codecs, huffman
from archive_restore.photos.jpeg_blocks import read_blocks
from archive_restore.photos.jpeg_scans import write_scans
from archive_restore.photos.jpeg_segments import (
    DHT,
    DQT,
    EOI,
    PROGRESSIVE,
    SOS,
    huffman_tables,
    iterate_segments,
    read_frame,
)

HEIGHT, WIDTH = 93, 131  # neither fills its last blocks


def picture(channels: int = 3) -> np.ndarray:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    planes = [120 + 70 * np.sin(x / 11 + k) + 40 * np.cos(y / 9 - 2 * k) for k in range(channels)]
    grain = np.random.default_rng(5).normal(0, 5, (HEIGHT, WIDTH, 1))
    samples = np.clip(np.stack(planes, axis=-1) + grain, 0, 255).astype(np.uint8)
    return samples[..., 0] if channels == 1 else samples


def mask() -> np.ndarray:
    marked = np.zeros((HEIGHT, WIDTH), np.bool_)
    marked[:, 70:73] = True
    marked[40:60, 20:31] = True
    marked[-1, -1] = True
    return marked


def repainted(pixels: np.ndarray) -> np.ndarray:
    """Inside the mask another smooth picture."""
    result = pixels.copy()
    result[mask()] = (pixels[::-1, ::-1] // 2 + 60)[mask()]
    return result


def written(path: Path, channels: int = 3, **options: object) -> codecs.Photograph:
    Image.fromarray(picture(channels)).save(path, format="JPEG", **({"quality": 88} | options))
    return codecs.decode(path)


def independent(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


KINDS: dict[str, Callable[[Path], codecs.Photograph]] = {
    "grey": lambda path: written(path, 1),
    "grey progressive": lambda path: written(path, 1, progressive=True),
    "4:4:4": lambda path: written(path, subsampling=0),
    "4:2:2": lambda path: written(path, subsampling=1),
    "4:2:0": lambda path: written(path, subsampling=2),
    "4:2:0 coarse": lambda path: written(path, subsampling=2, quality=20),
    "4:4:4 finest": lambda path: written(path, subsampling=0, quality=100),
    "4:2:0 progressive": lambda path: written(path, subsampling=2, progressive=True),
    "4:4:4 progressive finest": lambda path: written(path, subsampling=0, progressive=True, quality=100),
    "4:2:0 restarts": lambda path: written(path, subsampling=2, restart_marker_blocks=3),
    "4:2:0 optimised": lambda path: written(path, subsampling=2, optimize=True),
    "RGB": lambda path: written(path, keep_rgb=True),
}


@pytest.fixture(params=KINDS)
def photograph(request: pytest.FixtureRequest, tmp_path: Path) -> codecs.Photograph:
    return KINDS[request.param](tmp_path / request.param)


def steps(photograph: codecs.Photograph) -> list[tuple[int, int]]:
    """Pixels a sample of each component, (down, across)."""
    frame = read_frame(photograph.path, photograph.source)
    down, across = frame.sampling
    return [(down // part.vertical, across // part.horizontal) for part in frame.components]


def blocks(photograph: codecs.Photograph, data: bytes) -> list[np.ndarray]:
    return read_blocks(photograph.path, data, photograph.header.pages[0].channels)


def test_samples_are_what_another_decoder_sees(photograph: codecs.Photograph) -> None:
    assert np.array_equal(photograph.pixels, independent(photograph.source))


def test_outside_touched_blocks_every_coefficient_stays(photograph: codecs.Photograph) -> None:
    encoded = codecs.encode(photograph, (repainted(photograph.pixels),))
    before, after = blocks(photograph, photograph.source), blocks(photograph, encoded)
    for old, new, (down, across) in zip(before, after, steps(photograph), strict=True):
        touched = np.zeros(old.shape[:2], np.bool_)
        for y, x in np.argwhere(mask()):
            touched[y // (8 * down), x // (8 * across)] = True
        assert 0 < touched.sum() < touched.size / 2
        assert np.array_equal(old[~touched], new[~touched])
        assert not np.array_equal(old[touched], new[touched])


def test_outside_touched_blocks_every_sample_stays_but_a_chroma_ring(photograph: codecs.Photograph) -> None:
    encoded = codecs.encode(photograph, (repainted(photograph.pixels),))
    down, across = np.max(steps(photograph), axis=0)
    ring = 0 if (down, across) == (1, 1) else 1  # the decoder interpolates subsampled chroma
    reach = np.zeros((HEIGHT + 64, WIDTH + 64), np.bool_)
    for y, x in np.argwhere(mask()):
        top, left = y // (8 * down) * 8 * down, x // (8 * across) * 8 * across
        reach[max(top - ring, 0) : top + 8 * down + ring, max(left - ring, 0) : left + 8 * across + ring] = (
            True
        )
    differs = independent(encoded) != photograph.pixels
    differs = differs.any(axis=2) if differs.ndim == 3 else differs
    assert not differs[~reach[:HEIGHT, :WIDTH]].any()


def test_the_new_samples_come_as_close_as_in_a_whole_new_encoding(photograph: codecs.Photograph) -> None:
    wanted = repainted(photograph.pixels)
    encoded = independent(codecs.encode(photograph, (wanted,)))
    again = io.BytesIO()
    original = Image.open(io.BytesIO(photograph.source))
    Image.fromarray(wanted).save(
        again,
        format="JPEG",
        qtables=original.quantization,
        subsampling={(1, 1): 0, (1, 2): 1, (2, 2): 2}[tuple(np.max(steps(photograph), axis=0))],
        keep_rgb=photograph.path.name == "RGB",
    )
    error = np.abs(encoded.astype(int) - wanted)
    usual = np.abs(independent(again.getvalue()).astype(int) - wanted)
    assert error[mask()].mean() <= usual[mask()].mean() * 1.1 + 0.1
    assert error[~mask()].mean() <= usual[~mask()].mean()


def test_frame_tables_and_order_of_segments_stay(photograph: codecs.Photograph) -> None:
    encoded = codecs.encode(photograph, (repainted(photograph.pixels),))
    assert read_frame(photograph.path, encoded) == read_frame(photograph.path, photograph.source)
    kept = [
        [data[s.start : s.end] for s in iterate_segments(data) if s.marker not in (SOS, 0xC4, 0xDD)]
        for data in (photograph.source, encoded)
    ]
    assert kept[0] == kept[1]


def test_typical_huffman_tables_stay_and_fitted_ones_are_fitted_anew(tmp_path: Path) -> None:
    kept = {}
    for optimised in (False, True):
        photograph = written(tmp_path / "a.jpg", optimize=optimised)
        data = bytes(codecs.encode(photograph, (repainted(photograph.pixels),)))
        kept[optimised] = huffman_tables(data) == huffman_tables(bytes(photograph.source))
        assert np.array_equal(independent(data)[-8:, :8], independent(bytes(photograph.source))[-8:, :8])
    assert kept == {False: True, True: False}


def test_length_stays_near_the_originals(photograph: codecs.Photograph) -> None:
    encoded = codecs.encode(photograph, (repainted(photograph.pixels),))
    assert len(encoded) < 1.15 * len(photograph.source)


def test_a_saturated_scratch_leaves_no_ghost(tmp_path: Path) -> None:
    """Clipped whites reach beyond 255 in the coefficients; what is painted over them must not."""
    scratched = np.full((64, 64), 90, np.uint8)
    scratched[:, 30:34] = 255
    Image.fromarray(scratched).save(tmp_path / "a.jpg", quality=75)
    photograph = codecs.decode(tmp_path / "a.jpg")
    wanted = photograph.pixels.copy()
    wanted[:, 24:40] = 90  # both blocks whole
    restored = independent(codecs.encode(photograph, (wanted,))).astype(int)
    assert np.abs(restored - 90)[:, 24:40].max() <= 2


def test_exif_profile_comment_and_density_stay_byte_for_byte(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "Grandfather's boat", 8
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    photograph = written(
        tmp_path / "a.jpg", exif=exif.tobytes(), icc_profile=profile, dpi=(300, 300), comment=b"box 3"
    )
    assert photograph.pixels.shape == (HEIGHT, WIDTH, 3)  # orientation 8 is not applied
    (tmp_path / "b.jpg").write_bytes(codecs.encode(photograph, (repainted(photograph.pixels),)))
    restored = Image.open(tmp_path / "b.jpg")
    assert restored.info["exif"] == exif.tobytes()
    assert restored.info["icc_profile"] == profile
    assert restored.info["comment"] == b"box 3"
    assert restored.info["dpi"] == (300, 300)
    restored.close()


@pytest.mark.skipif(
    shutil.which("exiftool") is None, reason="exiftool (libimage-exiftool-perl) is not installed"
)
def test_exiftool_reads_the_same_metadata_before_and_after(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "Grandfather's boat", 8
    photograph = written(tmp_path / "a.jpg", exif=exif.tobytes(), progressive=True)
    iptc = ["-IPTC:City=Riga", "-XMP-dc:Title=Boat", "-MakerNotes:all=", "-overwrite_original"]
    subprocess.run(["exiftool", "-q", *iptc, str(photograph.path)], check=True)
    photograph = codecs.decode(photograph.path)
    (tmp_path / "b.jpg").write_bytes(codecs.encode(photograph, (repainted(photograph.pixels),)))
    found = []
    for name in ("a.jpg", "b.jpg"):
        call = ["exiftool", "-a", "-G1", "-s", "-u", "-j", "--System:all", str(tmp_path / name)]
        values = json.loads(subprocess.run(call, capture_output=True, check=True).stdout)[0]
        found.append({key: value for key, value in values.items() if key != "SourceFile"})
    assert found[0] == found[1]
    assert found[0]["IPTC:City"] == "Riga"
    assert found[0]["IFD0:Orientation"]
    assert "Progressive" in found[0]["File:EncodingProcess"]


def test_what_follows_the_end_marker_stays(tmp_path: Path) -> None:
    written(tmp_path / "a.jpg")
    with (tmp_path / "a.jpg").open("ab") as file:
        file.write(b"\xff\xd8 a second picture \xff\xd9")
    photograph = codecs.decode(tmp_path / "a.jpg")
    encoded = codecs.encode(photograph, (repainted(photograph.pixels),))
    assert encoded.endswith(b"\xff\xd9\xff\xd8 a second picture \xff\xd9")


def test_more_markers_than_the_block_reader_has_room_for(tmp_path: Path) -> None:
    photograph = written(tmp_path / "a.jpg")
    notes = b"".join(b"\xff\xfe" + struct.pack(">H", 2 + 40) + bytes(40) for _ in range(3000))
    (tmp_path / "a.jpg").write_bytes(photograph.source[:2] + notes + photograph.source[2:])
    photograph = codecs.decode(tmp_path / "a.jpg")
    encoded = codecs.encode(photograph, (repainted(photograph.pixels),))
    assert encoded.count(b"\xff\xfe\x00\x2a") == 3000


def test_every_truncation_is_refused(photograph: codecs.Photograph) -> None:
    data = photograph.source
    for length in {len(data) * part // 37 for part in range(37)} | {len(data) - 1, len(data) - 2}:
        photograph.path.write_bytes(data[:length])
        with pytest.raises(UnreadablePhotographError):
            codecs.decode(photograph.path)


def test_a_tail_of_zeros_from_a_failed_recovery_is_refused(photograph: codecs.Photograph) -> None:
    half = len(photograph.source) // 2
    photograph.path.write_bytes(photograph.source[:half] + bytes(half))
    with pytest.raises(UnreadablePhotographError):
        codecs.decode(photograph.path)


def test_flipped_bytes_are_refused_or_restored_but_never_crash(photograph: codecs.Photograph) -> None:
    random = np.random.default_rng(11)
    for _ in range(40):
        flipped = bytearray(photograph.source)
        flipped[random.integers(2, len(flipped))] ^= 1 << random.integers(0, 8)
        photograph.path.write_bytes(bytes(flipped))
        try:
            damaged = codecs.decode(photograph.path, max_pixels=1_000_000)
            codecs.encode(damaged, (np.invert(damaged.pixels),))
        except PhotographError:
            continue


def test_codings_that_are_not_restored_yet_are_refused_by_name(tmp_path: Path) -> None:
    data = written(tmp_path / "a.jpg").source
    at = next(s.start for s in iterate_segments(data) if s.marker == 0xC0)
    for offset, value, words in (
        (1, 0xC9, "an arithmetic-coded JPEG"),
        (1, 0xC3, "a lossless or hierarchical JPEG"),
        (4, 12, "a 12-bit JPEG"),
    ):
        changed = bytearray(data)
        changed[at + offset] = value
        (tmp_path / "a.jpg").write_bytes(bytes(changed))
        with pytest.raises(UnsupportedPhotographError) as caught:
            codecs.decode(tmp_path / "a.jpg")
        assert str(caught.value).startswith(f"{tmp_path / 'a.jpg'}: {words}; ")
        assert str(caught.value).endswith("save it as TIFF or PNG first")


def test_a_quantisation_step_of_zero_is_damage_not_a_division(tmp_path: Path) -> None:
    data = bytearray(written(tmp_path / "a.jpg").source)
    at = next(s.body for s in iterate_segments(bytes(data)) if s.marker == DQT)
    data[at + 1] = 0
    (tmp_path / "a.jpg").write_bytes(bytes(data))
    photograph = codecs.decode(tmp_path / "a.jpg")
    with pytest.raises(PhotographError, match="out of range"):
        codecs.encode(photograph, (np.invert(photograph.pixels),))


def test_markers_are_those_of_the_standard(tmp_path: Path) -> None:
    data = written(tmp_path / "a.jpg", progressive=True).source
    markers = [segment.marker for segment in iterate_segments(data)]
    assert {DQT, PROGRESSIVE, SOS} < set(markers)
    assert markers[-1] == EOI


def test_zigzag_is_the_standards() -> None:
    assert huffman.ZIGZAG[:10].tolist() == [0, 1, 8, 16, 9, 2, 3, 10, 17, 24]
    assert huffman.ZIGZAG[-3:].tolist() == [55, 62, 63]
    assert sorted(huffman.ZIGZAG) == list(range(64))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    density=st.floats(0, 1),
    largest=st.sampled_from([1, 7, 200, 1023, 2047]),  # libjpeg's own writer ends the process above 1023
    progressive=st.booleans(),
    subsampling=st.sampled_from([0, 1, 2]),
    typical=st.booleans(),
)
def test_any_coefficients_survive_entropy_coding(
    seed: int, density: float, largest: int, progressive: bool, subsampling: int, typical: bool
) -> None:
    """Written by us, read by libjpeg."""
    file = io.BytesIO()
    grey = Image.new("RGB", (50, 41))
    grey.save(file, format="JPEG", progressive=progressive, subsampling=subsampling)
    source, path = file.getvalue(), Path("a.jpg")
    frame = read_frame(path, source)
    random = np.random.default_rng(seed)
    drawn = []
    for part in read_blocks(path, source, 3):
        values = random.integers(-largest, largest + 1, part.shape)
        drawn.append(np.where(random.random(part.shape) < density, values, 0).astype(np.int16))
    head = b"".join(
        source[s.start : s.end] for s in iterate_segments(source) if s.marker in (0xD8, DQT, frame.marker)
    )
    again = read_blocks(path, head + write_scans(frame, drawn, typical=typical) + b"\xff\xd9", 3)
    for old, new in zip(drawn, again, strict=True):
        assert np.array_equal(old, new)


def test_end_of_band_runs_longer_than_the_longest_code() -> None:
    empty = np.zeros((100_000, 5), np.int16)
    empty[70_000, 2] = 3
    symbols = huffman.band_symbols(empty[:70_001])
    runs = [
        (1 << (int(key) >> 4 & 15)) + int(extra)
        for key, extra in zip(symbols.keys, symbols.extra, strict=True)
        if not int(key) & 0x0F
    ]
    assert sum(runs) == 70_000 + 1  # all before the coefficient, and the end of its own block


def test_skewed_counts_keep_codes_within_sixteen_bits() -> None:
    counts = np.zeros(256, np.int64)
    counts[:40] = [int(1.6**k) + 1 for k in range(40)]  # Fibonacci-like: unlimited codes would take 39 bits
    per_length, order = huffman._optimal_code(counts)
    assert len(per_length) == 16
    assert sum(per_length) == len(order) == 40
    assert sum(number / 2 ** (size + 1) for size, number in enumerate(per_length)) < 1  # and all ones is free


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}], ids=str)
@pytest.mark.parametrize("share", [0.35, 0.6, 0.97])
def test_a_picture_that_is_cut_and_ended_all_the_same_is_damaged(tmp_path: Path, options: dict, share: float):
    path = tmp_path / "cut.jpg"
    data = bytes(written(path, **options).source)
    start = data.index(b"\xff\xda")
    path.write_bytes(data[: start + int(share * (len(data) - start))] + b"\xff\xd9")
    with pytest.raises(UnreadablePhotographError, match=r"damaged or incomplete|truncated"):
        codecs.decode(path)


def test_a_progressive_picture_that_is_cut_between_two_scans_is_truncated(tmp_path: Path):
    sound = written(tmp_path / "cut.jpg", progressive=True)
    data = bytes(sound.source)
    scans = [segment for segment in iterate_segments(data) if segment.marker == SOS]
    assert len(scans) > 5
    for scan in scans[:-1]:
        sound.path.write_bytes(data[: scan.end] + b"\xff\xd9")
        with pytest.raises(UnreadablePhotographError, match="last scans of the JPEG are missing"):
            codecs.decode(sound.path)


@pytest.mark.parametrize("where", [0.4, 0.5, 0.6, 0.7, 0.8])
@pytest.mark.parametrize("quality", [75, 95])
def test_zeros_in_the_data_of_typical_tables_are_a_lost_sector(tmp_path: Path, where: float, quality: int):
    sound = written(tmp_path / "sector.jpg", quality=quality)
    data = bytearray(sound.source)
    start = int(where * len(data))
    data[start : start + 512] = bytes(512)
    sound.path.write_bytes(data)
    with pytest.raises(UnreadablePhotographError, match="look for a better copy"):
        codecs.decode(sound.path)


@pytest.mark.parametrize("optimize", [False, True])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_even_pictures_are_sound(tmp_path: Path, level: int, optimize: bool):
    """With fitted tables their data may be zeros throughout."""
    path = tmp_path / "even.jpg"
    Image.new("RGB", (800, 600), (level,) * 3).save(path, optimize=optimize)
    assert (codecs.decode(path).pages[0] == level).all()


@pytest.mark.parametrize("lost", [slice(3000, 3512), slice(3000, -2)], ids=str)
def test_a_picture_with_lost_sectors_is_damaged_with_any_tables(tmp_path: Path, lost: slice):
    path = tmp_path / "hole.jpg"
    data = bytearray(written(path, optimize=True).source)
    data[lost] = bytes(len(data[lost]))
    path.write_bytes(data)
    with pytest.raises(UnreadablePhotographError, match="damaged or incomplete"):
        codecs.decode(path)


@pytest.mark.parametrize("padding", [1, 4, 16])
def test_zero_bytes_behind_the_picture_are_no_damage(tmp_path: Path, padding: int):
    sound = written(tmp_path / "padded.jpg")
    data = bytes(sound.source)
    sound.path.write_bytes(data[:-2] + bytes(padding) + data[-2:])
    assert np.array_equal(codecs.decode(sound.path).pages[0], sound.pages[0])


def test_a_last_byte_that_is_nearly_all_filling_may_be_missing(tmp_path: Path):
    """Some scanners count the bits of the last code wrong; a zero is what is missing."""
    for seed in range(400):
        noise = np.random.default_rng(seed).integers(0, 256, (16, 16), np.uint8)
        Image.fromarray(noise).save(tmp_path / "early.jpg")
        sound = codecs.decode(tmp_path / "early.jpg")
        data = bytes(sound.source)
        if data[-3] == 0b01111111:  # the last bit of "end of block", and filling
            break
    else:
        pytest.fail("no such picture was drawn")
    sound.path.write_bytes(data[:-3] + data[-2:])
    assert np.array_equal(codecs.decode(sound.path).pages[0], sound.pages[0])


def test_odd_parameters_of_a_baseline_scan_are_no_damage_and_hide_none(tmp_path: Path):
    sound = written(tmp_path / "odd.jpg", 1)
    data = bytearray(sound.source)
    scan = next(segment for segment in iterate_segments(data) if segment.marker == SOS)
    last = scan.body + 4  # the last coefficient: 63, but decoders of baseline ignore it
    assert data[last] == 63
    data[last] = 0
    sound.path.write_bytes(data)
    assert np.array_equal(codecs.decode(sound.path).pages[0], sound.pages[0])
    sound.path.write_bytes(data[: len(data) // 2] + b"\xff\xd9")
    with pytest.raises(UnreadablePhotographError, match="damaged or incomplete"):
        codecs.decode(sound.path)


@pytest.mark.parametrize("surplus", [b"\r\n", b"\1"])
def test_a_byte_or_two_behind_the_picture_are_no_damage(tmp_path: Path, surplus: bytes):
    sound = written(tmp_path / "surplus.jpg")
    data = bytes(sound.source)
    sound.path.write_bytes(data[:-2] + surplus + data[-2:])
    assert np.array_equal(codecs.decode(sound.path).pages[0], sound.pages[0])


def test_samplings_without_a_name_are_decoded(tmp_path: Path):
    """Of CMYK, only the first component at full size: TurboJPEG does not know it, libjpeg does."""
    path = tmp_path / "cmyk.jpg"
    Image.fromarray(picture(4), "CMYK").save(path, quality=88, subsampling=2)
    assert read_frame(path, path.read_bytes()).sampling == (2, 2)
    [samples] = codecs.decode(path).pages
    seen = np.asarray(Image.open(path))  # of Adobe's, Pillow gives no ink as 0
    assert np.array_equal(samples, seen)
    data = path.read_bytes()
    for share in (0.3, 0.6, 0.95):
        path.write_bytes(data[: int(share * len(data))] + b"\xff\xd9")
        with pytest.raises(UnreadablePhotographError, match="damaged or incomplete"):
            codecs.decode(path)


def test_a_flat_picture_by_the_tables_of_chroma_is_sound(tmp_path: Path):
    """Their zeros say that nothing changes."""
    path = tmp_path / "flat.jpg"
    Image.new("L", (1024, 1024), 128).save(path)
    data = bytearray(path.read_bytes())
    scan = next(segment for segment in iterate_segments(bytes(data)) if segment.marker == SOS)
    blocks = 128 * 128
    Image.new("RGB", (16, 16)).save(tmp_path / "colour.jpg")  # for its tables
    tables = [
        (tmp_path / "colour.jpg").read_bytes()[segment.start : segment.end]
        for segment in iterate_segments((tmp_path / "colour.jpg").read_bytes())
        if segment.marker == DHT
    ]
    head = bytes(data[: scan.start]) + b"".join(tables)
    selected = bytearray(data[scan.start : scan.body + 6])
    selected[6] = 0x11
    path.write_bytes(head + selected + bytes(blocks * 4 // 8) + b"\xff\xd9")
    assert (codecs.decode(path).pages[0] == 128).all()


def test_an_unknown_revision_of_jfif_is_no_damage(tmp_path: Path):
    sound = written(tmp_path / "revision.jpg")
    data = bytearray(sound.source)
    data[data.index(b"JFIF") + 5] = 9
    sound.path.write_bytes(data)
    assert np.array_equal(codecs.decode(sound.path).pages[0], sound.pages[0])
