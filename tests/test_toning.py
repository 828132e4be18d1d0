import numpy as np
import pytest

from archive_restore.restoring.toning import in_its_tone, tone_of
from tests.drawn import scene

SEPIA = np.array([1.0, 0.85, 0.68])
BROWN = np.array([1.0, 0.78, 0.45])


def photograph(tone=(1.0, 1.0, 1.0), dtype=np.uint8):
    return np.rint(scene()[..., None] * np.asarray(tone)).astype(dtype)


def hole(shape):
    mask = np.zeros(shape[:2], bool)
    mask[40:90, 60:140] = True
    return mask


def tinted(pixels, mask):
    """As a network leaves it: a little red in the hole."""
    restored = pixels.copy()
    restored[mask] = np.clip(restored[mask] + np.float32([6, 0, -6]), 0, 255).astype(pixels.dtype)
    return restored


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_repairs_of_a_grey_photograph_are_grey_and_as_bright_as_they_were(dtype):
    pixels = photograph(dtype=dtype) + (dtype(0) if dtype is np.uint8 else dtype(0.37))
    mask = hole(pixels.shape)
    toned = in_its_tone(pixels, tinted(pixels, mask), mask)
    assert toned.dtype == dtype
    assert (toned == toned[..., :1]).all()
    assert (toned[~mask] == pixels[~mask]).all()
    assert np.abs(toned[mask].astype(float) - pixels[mask]).mean() < 1


def test_repairs_of_a_toned_photograph_have_its_tone_however_grainy():
    grain = np.random.default_rng(4).normal(0, 4, scene().shape)[..., None]
    pixels = np.clip(np.rint(photograph(SEPIA) + grain), 0, 255).astype(np.uint8)
    mask = hole(pixels.shape)
    toned = in_its_tone(pixels, tinted(pixels, mask), mask)

    def off(picture):
        return np.abs(picture[mask].astype(float) - pixels[mask]).mean()

    assert off(toned) < 0.5 * off(tinted(pixels, mask))


def unevenly_toned():
    """A strongly toned print, browner to the right, with the blocks that JPEG makes of its colours."""
    height, width = scene().shape
    brown = BROWN - np.linspace(0, 0.15, width)[None, :, None] * (0, 0.4, 1.0)
    blocks = np.random.default_rng(5).normal(0, 3, (height // 8 + 1, width // 8 + 1, 1)) * (-1, 0, 1)
    blocks = np.repeat(np.repeat(blocks, 8, axis=0), 8, axis=1)[:height, :width]
    return np.clip(np.rint(scene()[..., None] * brown + blocks), 0, 255).astype(np.uint8)


def tint_in(picture, pixels, mask):
    """How far the mean colour in the hole is off, levels."""
    off = (picture[mask].astype(float) - pixels[mask]).mean(axis=0)
    return np.abs(off - off.mean()).max()


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_repairs_of_an_unevenly_toned_photograph_come_near_their_surroundings(dtype):
    pixels = unevenly_toned().astype(dtype)
    mask = np.zeros(pixels.shape[:2], bool)
    mask[60:64, 60:140] = mask[40:120, 200:206] = True
    assert not tone_of(pixels, mask).everywhere
    restored = tinted(pixels, mask)
    toned = in_its_tone(pixels, restored, mask)
    assert toned.dtype == dtype
    assert (toned[~mask] == pixels[~mask]).all()
    assert tint_in(toned, pixels, mask) < 0.5 * tint_in(restored, pixels, mask)
    assert np.abs(toned[mask].mean(axis=1) - restored[mask].mean(axis=1)).max() < 1


def test_far_from_anything_known_the_tone_comes_from_afar():
    pixels = unevenly_toned()
    mask = np.zeros(pixels.shape[:2], bool)
    mask[20:220, 100:300] = True
    restored = tinted(pixels, mask)
    toned = in_its_tone(pixels, restored, mask)
    deep = np.zeros_like(mask)
    deep[110:130, 190:210] = True
    assert tint_in(toned, pixels, deep) < 0.7 * tint_in(restored, pixels, deep)


def test_a_wide_hole_of_a_grey_photograph_with_one_small_flag_is_nearly_grey():
    pixels = np.tile(photograph(), (3, 3, 1))
    pixels[:60, :60] = (200, 40, 30)
    mask = np.zeros(pixels.shape[:2], bool)
    mask[150:500, 200:600] = True
    assert not tone_of(pixels, mask).everywhere
    restored = tinted(pixels, mask)
    deep = in_its_tone(pixels, restored, mask)[200:450, 250:550].astype(int)
    assert (deep.max(axis=2) - deep.min(axis=2)).mean() < 2  # 12 as they came


@pytest.mark.parametrize("flag", [np.s_[200:210, 200:230], np.s_[:, ::2]])
def test_narrow_repairs_of_a_photograph_with_anything_coloured_are_left_as_they_are(flag):
    pixels = photograph()
    pixels[flag] = (200, 40, 30)
    mask = np.zeros(pixels.shape[:2], bool)
    mask[40:48, 60:140] = True
    restored = tinted(pixels, mask)
    assert in_its_tone(pixels, restored, mask) is restored


def test_in_a_photograph_with_colours_the_deep_of_wide_repairs_has_the_colour_of_their_surroundings():
    """A wall of one brown, its hole come back reddish; to the right a blue one, which is of no concern there."""
    pixels = photograph(BROWN)
    pixels[:, 300:] = photograph((0.4, 0.6, 1.0))[:, 300:]
    mask = hole(pixels.shape)
    restored = tinted(pixels, mask)
    toned = in_its_tone(pixels, restored, mask)
    rim, middle = np.zeros_like(mask), np.zeros_like(mask)
    middle[50:80, 70:130] = True
    rim[40:43, 60:140] = True
    assert tint_in(toned, pixels, middle) < 0.4 * tint_in(restored, pixels, middle)
    assert (toned[rim] == restored[rim]).all()
    assert (toned[~mask] == pixels[~mask]).all()
    assert np.abs(toned[mask].mean(axis=1) - restored[mask].mean(axis=1)).max() < 1


def test_where_the_surroundings_have_many_colours_deep_repairs_keep_their_own():
    pixels = photograph()
    colours = np.random.default_rng(6).integers(0, 256, (45, 60, 3), np.uint8)
    pixels[:] = np.repeat(np.repeat(colours, 8, axis=0), 8, axis=1)
    mask = hole(pixels.shape)
    restored = np.where(mask[..., None], np.uint8([150, 90, 60]), pixels)
    toned = in_its_tone(pixels, restored, mask)
    assert np.abs(toned[mask].astype(int) - restored[mask]).mean() < 10


@pytest.mark.parametrize("channels", [(), (3,)])
@pytest.mark.parametrize("masked", [0, 1])
def test_without_a_hole_or_without_anything_known_nothing_changes(channels, masked):
    pixels = np.full((20, 30, *channels), 90, np.uint8)
    mask = np.full((20, 30), bool(masked))
    assert in_its_tone(pixels, pixels + np.uint8(1), mask).tolist() == (pixels + 1).tolist()
