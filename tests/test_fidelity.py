import io
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from archive_restore.photos import codecs
from archive_restore.photos.fidelity import compare
from archive_restore.photos.jpeg import coefficients_outside, differing
from archive_restore.photos.photograph import Format
from tests.formats import (
    BLOCKS,
    COLOURED,
    EXACT,
    icc,
    independent,
    jpeg,
    mask,
    multipage,
    png,
    repainted,
    saved,
)
from tests.profiles import profile


@pytest.fixture(params=BLOCKS)
def blocky(request: pytest.FixtureRequest, tmp_path: Path) -> codecs.Photograph:
    return codecs.decode(BLOCKS[request.param](tmp_path / request.param))


def smoother(photograph: codecs.Photograph) -> np.ndarray:
    """Another smooth picture inside the mask, as a JPEG can hold it."""
    wanted = photograph.pixels.copy()
    wanted[mask()] = (photograph.pixels[::-1, ::-1] // 2 + 60)[mask()]
    return wanted


def rewritten(
    photograph: codecs.Photograph, *pages: np.ndarray, recompress: bool = False
) -> codecs.Photograph:
    """Encoded with other samples, beside the original, and decoded again."""
    path = photograph.path.with_name("restored")
    path.write_bytes(codecs.encode(photograph, pages, recompress=recompress))
    return codecs.decode(path)


def test_samples_in_blocks_are_what_another_decoder_sees(blocky: codecs.Photograph) -> None:
    (seen,) = independent(blocky.source)
    assert np.abs(blocky.pixels.astype(int) - seen).max() <= 1  # tifffile decodes by another libjpeg


def test_blocks_take_the_new_samples_and_nothing_else_changes(blocky: codecs.Photograph) -> None:
    wanted = smoother(blocky)
    restored = rewritten(blocky, wanted)
    assert restored.header == blocky.header
    assert compare(blocky, restored, mask()).faults == ()
    assert compare(blocky, restored, mask(), coefficients=True).faults == ()
    error = np.abs(restored.pixels.astype(int) - wanted)[mask()]
    before = np.abs(blocky.pixels.astype(int) - wanted)[mask()]
    assert error.mean() < 0.35 * before.mean()
    (seen,) = independent(restored.source)
    assert np.abs(restored.pixels.astype(int) - seen).max() <= 1


def test_recompressing_touches_every_block_and_keeps_the_frame(blocky: codecs.Photograph) -> None:
    restored = rewritten(blocky, smoother(blocky), recompress=True)
    assert compare(blocky, restored, mask(), recompressed=True).faults == ()
    if blocky.header.format is Format.JPEG:
        spared = rewritten(blocky, smoother(blocky))
        assert coefficients_outside(blocky, spared, mask()) == 0
    # Decoding rounds and clips; hardly anything is as it was, but it is close.
    outside = np.abs(restored.pixels.astype(int) - blocky.pixels)[~mask()]
    assert 0 < outside.mean() < 4


def test_a_coefficient_outside_the_blocks_is_seen(tmp_path: Path) -> None:
    original = codecs.decode(jpeg(tmp_path / "a.jpg", 1))
    wanted = original.pixels.copy()
    wanted[0, 0] ^= 128
    elsewhere = rewritten(original, wanted)
    marked = np.zeros(wanted.shape, bool)
    marked[-1, -1] = True
    found = compare(original, elsewhere, marked, coefficients=True)
    assert 0 < found.outside <= 64
    assert "coefficients outside" in found.faults[0]
    marked[0, 0] = True
    assert compare(original, elsewhere, marked, coefficients=True).faults == ()


def test_a_sample_outside_the_mask_is_counted_whatever_the_format(tmp_path: Path) -> None:
    for name, make in EXACT.items():
        original = codecs.decode(make(tmp_path / name))
        wanted = repainted(original.pixels, original.header.pages[0].colours.samples)
        assert compare(original, rewritten(original, wanted), mask()).faults == ()
        spoilt = wanted.copy()
        spoilt.reshape(-1)[0] ^= 255
        found = compare(original, rewritten(original, spoilt), mask())
        assert found.outside == 1, name
        assert "1 samples outside the mask differ" in found.faults[0]


def test_alpha_may_not_differ_even_under_the_mask(tmp_path: Path) -> None:
    original = codecs.decode(png(tmp_path / "a.png", 4))
    spoilt = repainted(original.pixels)
    count = int((spoilt[..., 3] != original.pixels[..., 3]).sum())
    assert compare(original, rewritten(original, spoilt), mask()).outside == count > 0


def test_a_page_that_is_not_the_first_is_compared_with_its_part_of_the_mask(tmp_path: Path) -> None:
    original = codecs.decode(multipage(tmp_path / "a.tif"))
    sheet = np.zeros((original.header.height, original.header.width), bool)
    last = original.header.places[-1]
    sheet[last] = mask()
    pages = (*original.pages[:2], repainted(original.pages[2]))
    assert compare(original, rewritten(original, *pages), sheet).faults == ()
    first = (repainted(original.pages[0]), *original.pages[1:])
    assert compare(original, rewritten(original, *first), sheet).outside == mask().sum()


def test_tags_thumbnail_and_order_of_pages_stay(tmp_path: Path) -> None:
    original = codecs.decode(multipage(tmp_path / "a.tif"))
    restored = rewritten(original, *(repainted(one) for one in original.pages))
    pages = [tifffile.TiffFile(io.BytesIO(one.source)).pages for one in (original, restored)]
    assert len(pages[0]) == len(pages[1]) == 4
    kept = [
        [[(tag.code, str(tag.value)) for tag in page.tags if "Offsets" not in tag.name] for page in file]
        for file in pages
    ]
    without_lengths = [[[one for one in page if one[0] not in (279, 325)] for page in file] for file in kept]
    assert without_lengths[0] == without_lengths[1]
    assert np.array_equal(pages[0][2].asarray(), pages[1][2].asarray())


def test_another_mode_size_or_profile_is_a_fault(tmp_path: Path) -> None:
    original = codecs.decode(png(tmp_path / "a.png", 3))
    pixels = original.pixels

    def faults(restored: Path) -> str:
        return "; ".join(compare(original, codecs.decode(restored), mask()).faults)

    assert "its original png" in faults(saved(tmp_path / "b.tif", pixels, format="TIFF"))
    assert "its original 83x61 px" in faults(saved(tmp_path / "b.png", pixels[:-1], format="PNG"))
    assert "it is 8-bit grey" in faults(saved(tmp_path / "b.png", pixels[..., 0], format="PNG"))
    assert "its colour profile is another" in faults(saved(tmp_path / "b.png", pixels, format="PNG"))


@pytest.mark.parametrize("name", COLOURED)
def test_other_colour_spaces_keep_their_profile_and_every_sample(name: str, tmp_path: Path) -> None:
    original = codecs.decode(COLOURED[name](tmp_path / "a"))
    stored = codecs.icc_profile(original)
    assert stored == profile(name.partition(" ")[2])
    assert codecs.oddities(original) == []
    restored = rewritten(original, repainted(original.pixels))
    assert codecs.icc_profile(restored) == stored
    assert compare(original, restored, mask(), coefficients=True).faults == ()


def test_a_profile_made_from_its_definition_is_one_to_littlecms() -> None:
    made = ImageCms.ImageCmsProfile(io.BytesIO(profile("Display P3")))
    to_srgb = ImageCms.buildTransform(made, ImageCms.createProfile("sRGB"), "RGB", "RGB")
    shown = ImageCms.applyTransform(Image.new("RGB", (1, 1), (255, 255, 255)), to_srgb)
    assert min(shown.getpixel((0, 0))) >= 254
    green = ImageCms.applyTransform(Image.new("RGB", (1, 1), (120, 200, 120)), to_srgb).getpixel((0, 0))
    assert green[0] < 110  # more saturated than the same numbers in sRGB


def test_profiles_are_read_from_every_container(tmp_path: Path) -> None:
    for name in ("png rgb", "webp lossy", "tiff lzw predictor", "tiff big-endian BigTIFF"):
        assert codecs.icc_profile(codecs.decode(EXACT[name](tmp_path / name))) == icc()
    long = icc() * 150  # in several segments
    path = saved(tmp_path / "a.jpg", np.zeros((8, 8), np.uint8), format="JPEG", icc_profile=long)
    assert codecs.icc_profile(codecs.decode(path)) == long
    assert codecs.icc_profile(codecs.decode(EXACT["webp simple"](tmp_path / "a.webp"))) is None


def test_a_broken_profile_is_named_and_kept(tmp_path: Path) -> None:
    broken = b"\0\0\1\0not a profile at all"
    path = saved(tmp_path / "a.jpg", np.full((16, 16), 9, np.uint8), format="JPEG", icc_profile=broken)
    photograph = codecs.decode(path)
    assert "colour profile is damaged" in codecs.oddities(photograph)[0]
    restored = rewritten(photograph, photograph.pixels + np.uint8(40))
    assert codecs.icc_profile(restored) == broken
    assert codecs.oddities(codecs.decode(png(tmp_path / "a.png"))) == []


def test_differing_is_by_pixel() -> None:
    first = np.zeros((2, 2, 3), np.uint8)
    second = first.copy()
    second[1, 0, 2] = 1
    assert differing(first, second).tolist() == [[False, False], [True, False]]


def test_what_follows_a_jpeg_is_still_found_by_its_index(tmp_path: Path) -> None:
    """Multi-Picture Format: sizes and offsets follow the first picture's new length."""
    first, second = io.BytesIO(), io.BytesIO()
    random = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    Image.new("RGB", (8, 8), "red").save(second, "JPEG")
    Image.fromarray(random).save(first, "MPO", save_all=True, append_images=[Image.new("RGB", (8, 8), "red")])
    (tmp_path / "a.jpg").write_bytes(first.getvalue())
    photograph = codecs.decode(tmp_path / "a.jpg")
    restored = rewritten(photograph, np.full_like(photograph.pixels, 90))
    assert len(restored.source) < len(photograph.source) - 500
    with Image.open(io.BytesIO(restored.source)) as image:
        assert image.n_frames == 2
        image.seek(1)
        assert image.size == (8, 8)
        assert image.convert("RGB").getpixel((3, 3))[0] > 240
