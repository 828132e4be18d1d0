import numpy as np
import pytest

from archive_restore.restoring.monochrome import in_its_tone
from tests.drawn import scene

SEPIA = np.array([1.0, 0.85, 0.68])


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


@pytest.mark.parametrize("flag", [np.s_[200:210, 200:230], np.s_[:, ::2]])
def test_a_photograph_with_anything_coloured_is_left_as_it_is(flag):
    pixels = photograph()
    pixels[flag] = (200, 40, 30)
    mask = hole(pixels.shape)
    restored = tinted(pixels, mask)
    assert in_its_tone(pixels, restored, mask) is restored


@pytest.mark.parametrize("channels", [(), (3,)])
@pytest.mark.parametrize("masked", [0, 1])
def test_without_a_hole_or_without_anything_known_nothing_changes(channels, masked):
    pixels = np.full((20, 30, *channels), 90, np.uint8)
    mask = np.full((20, 30), bool(masked))
    assert in_its_tone(pixels, pixels + np.uint8(1), mask).tolist() == (pixels + 1).tolist()
