from pathlib import Path

import numpy as np
import pytest

from archive_restore.photos import codecs, large, rendering
from archive_restore.photos.photograph import Colours, Page
from archive_restore.photos.rendering import pictures, put_back, viewable, views
from tests.formats import EXACT, HEIGHT, WIDTH, mask, multipage, picture


def page(colours: Colours, **more: int) -> Page:
    return Page(WIDTH, HEIGHT, colours, **more)


def painted(shown: tuple[np.ndarray, ...]) -> list[np.ndarray]:
    """Other values everywhere, so that only the mask decides what is taken."""
    return [np.roll(one, 7, axis=0) // 2 + np.uint8(40) for one in shown]


@pytest.mark.parametrize("name", EXACT)
def test_only_colour_samples_under_the_mask_change(name: str, tmp_path: Path) -> None:
    photograph = codecs.decode(EXACT[name](tmp_path / "a"))
    kind, samples = photograph.header.pages[0], photograph.pixels
    before = samples.copy()
    result = put_back(samples, kind, mask(), painted(pictures(samples, kind)))
    assert np.array_equal(samples, before)
    assert result.dtype == samples.dtype
    assert np.array_equal(result[~mask()], samples[~mask()])
    if kind.extra:
        assert np.array_equal(result[..., kind.colours.samples :], samples[..., kind.colours.samples :])
    if kind.depth > 1:
        assert (result[mask()] != samples[mask()]).mean() > 0.3


@pytest.mark.parametrize("name", EXACT)
def test_pictures_that_stayed_leave_every_sample_as_it_was(name: str, tmp_path: Path) -> None:
    photograph = codecs.decode(EXACT[name](tmp_path / "a"))
    kind, samples = photograph.header.pages[0], photograph.pixels
    assert np.array_equal(put_back(samples, kind, mask(), pictures(samples, kind)), samples)


def test_eight_bits_go_in_and_out_without_any_change_of_value() -> None:
    samples = picture(3)
    (shown,) = pictures(samples, page(Colours.RGB))
    assert np.array_equal(shown, samples)
    wanted = 255 - samples
    result = put_back(samples, page(Colours.RGB), mask(), [wanted])
    assert np.array_equal(result[mask()], wanted[mask()])


@pytest.mark.parametrize("colours", Colours)
def test_sixteen_bits_are_shown_with_their_fractions_and_come_back_to_the_sample(colours: Colours) -> None:
    kind = page(colours, depth=16, extra=1)
    samples = picture(colours.samples + 1, 16)
    shown = pictures(samples, kind)
    assert all(one.dtype == np.float32 for one in shown)
    assert (np.abs(shown[0] - np.rint(shown[0])) > 0.1).mean() > 0.5
    elsewhere = pictures(np.roll(samples, 9, axis=0), kind)
    result = put_back(samples, kind, mask(), elsewhere)
    moved = np.zeros_like(mask())
    for old, new in zip(shown, elsewhere, strict=True):
        moved |= (np.abs(old - new).reshape(HEIGHT, WIDTH, -1) >= 0.5).any(axis=2) & mask()
    assert moved[mask()].mean() > 0.9
    wanted = np.roll(samples, 9, axis=0)[..., :-1]
    if colours is not Colours.CMYK:  # whose two pictures move one by one
        assert np.array_equal(result[moved][:, :-1], wanted[moved])
    assert np.array_equal(result[~moved], samples[~moved])


def test_a_change_of_less_than_half_a_step_of_eight_bits_is_none() -> None:
    kind = page(Colours.GREY, depth=16)
    samples = picture(1, 16)
    (shown,) = pictures(samples, kind)
    assert np.array_equal(put_back(samples, kind, mask(), [shown + np.float32(0.49)]), samples)
    result = put_back(samples, kind, mask(), [shown + np.float32(0.51)])
    assert (result[mask()].astype(int) - samples[mask()] == 131).mean() > 0.9


def test_fractions_from_the_network_are_kept_at_sixteen_bits() -> None:
    kind = page(Colours.GREY, depth=16)
    samples = picture(1, 16)
    exact = np.full((HEIGHT, WIDTH), 99.5, np.float32)
    result = put_back(samples, kind, mask(), [exact])
    assert set(result[mask()].tolist()) == {round(99.5 * 257)}


def test_a_twelve_bit_scan_is_shown_in_full_and_keeps_its_range() -> None:
    kind = page(Colours.GREY, depth=16)
    samples = picture(1, 16) >> 4
    (shown,) = pictures(samples, kind)
    assert np.abs(shown.astype(int) - picture(1)).max() <= 1
    result = put_back(samples, kind, mask(), [np.full_like(shown, 255)])
    assert 4080 < result[mask()].min() <= result[mask()].max() <= 4095


def test_linear_light_is_shown_as_the_eye_sees_it_and_comes_back_linear() -> None:
    kind = page(Colours.GREY, depth=16)
    shares = picture(1).astype(float) / 255
    samples = np.rint(65535 * (0.45 * shares) ** 2.2).astype(np.uint16)
    samples[0, 0] = 65535
    (shown,) = pictures(samples, kind)
    assert np.median(shown) > 40  # against 12 without
    middle = put_back(samples, kind, mask(), [np.full_like(shown, 118)])[mask()]
    assert np.abs(middle / 65535 - (118 / 255) ** 2.2).max() < 0.01


def test_inks_are_restored_as_light_and_come_back_as_ink() -> None:
    kind = page(Colours.CMYK)
    samples = picture(4)
    colour, black = pictures(samples, kind)
    assert np.array_equal(colour, 255 - samples[..., :3])
    assert np.array_equal(black, 255 - samples[..., 3])
    result = put_back(samples, kind, mask(), [np.full_like(colour, 255), black])
    assert (result[mask()][:, :3] == 0).all()
    assert np.array_equal(result[..., 3], samples[..., 3])


def test_a_transparent_pixel_stays_so_and_no_other_becomes_it() -> None:
    kind = Page(4, 1, Colours.GREY, key=(7,))
    samples = np.array([[7, 7, 90, 90]], np.uint8)
    restored = np.array([[50, 7, 7, 60]], np.uint8)
    result = put_back(samples, kind, np.ones((1, 4), bool), [restored])
    assert result.tolist() == [[7, 7, 90, 60]]


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_few_bits_stay_few(depth: int) -> None:
    samples = picture(1, depth)
    result = put_back(samples, page(Colours.GREY, depth=depth), mask(), [picture(1)[::-1]])
    step = 255 // ((1 << depth) - 1)
    assert not (result % step).any()


def test_a_palette_of_two_colours_takes_shades_between_them() -> None:
    kind = Page(WIDTH, HEIGHT, Colours.RGB, depth=1, palette=True)
    samples = np.full((HEIGHT, WIDTH, 3), (90, 60, 30), np.uint8)
    result = put_back(samples, kind, mask(), [np.full_like(samples, 137)])
    assert (result[mask()] == 137).all()


@pytest.mark.parametrize("colours", [Colours.GREY, Colours.RGB, Colours.CMYK])
def test_large_pictures_are_made_strip_by_strip(
    colours: Colours, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = Page(WIDTH, HEIGHT, colours, depth=16, extra=1)
    samples = picture(colours.samples + 1, 16)
    photograph = codecs.Photograph(
        tmp_path / "a.tif", codecs.Header(codecs.Format.TIFF, (kind,)), (samples,), b""
    )
    whole, (seen,) = pictures(samples, kind), views(photograph)
    monkeypatch.setattr(large, "LARGE", 500)
    monkeypatch.setattr(rendering, "STRIP_PIXELS", 5 * WIDTH)
    strips = pictures(samples, kind)
    assert all(isinstance(one, np.memmap) for one in strips)
    assert all(map(np.array_equal, strips, whole))
    assert np.array_equal(views(photograph)[0], seen)


def test_the_sheet_has_the_pages_one_below_the_other(tmp_path: Path) -> None:
    photograph = codecs.decode(multipage(tmp_path / "a.tif"))
    sheet = viewable(photograph)
    assert sheet.shape == (photograph.header.height, WIDTH, 3) == (3 * HEIGHT, WIDTH, 3)
    grey, colour, inks = views(photograph)
    assert grey.ndim == 2
    assert np.array_equal(sheet[:HEIGHT], np.repeat(grey[..., None], 3, axis=2))
    assert np.array_equal(sheet[HEIGHT : 2 * HEIGHT], colour)
    ink = photograph.pages[2].astype(int)
    light = (255 - ink[..., :3]) * (255 - ink[..., 3:]) // 255
    assert np.array_equal(inks, light)


def test_one_bit_holds_shades_as_dots_and_lines_without_specks() -> None:
    kind = page(Colours.GREY, depth=1)
    samples = picture(1, 1)
    whole = np.ones_like(mask())
    for value, low, high in ((20, 0, 0), (128, 0.45, 0.55), (240, 1, 1)):
        result = put_back(samples, kind, whole, [np.full(samples.shape, value, np.uint8)])
        assert low <= (result == 255).mean() <= high
