import numpy as np
import pytest

from archive_restore.detection import planes
from archive_restore.detection.planes import halved, pyramid


def test_each_level_is_half_as_wide_and_spans_twice_the_pixels():
    levels = pyramid(np.zeros((400, 601), np.uint8))
    assert [level.shape for level in levels] == [(400, 601), (200, 301), (100, 151)]
    assert [level.step for level in levels] == [1, 2, 4]


def test_halving_is_the_mean_of_four():
    picture = np.array([[0, 100, 8, 8], [100, 200, 8, 8]], np.uint8)
    assert halved(picture).tolist() == [[100, 8]]


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (900, 1), (2, 3), (5, 5, 3)])
def test_the_smallest_pictures_have_a_pyramid(shape):
    assert pyramid(np.zeros(shape, np.uint8))[0].shape == shape[:2]


def test_a_picture_beyond_the_limit_is_halved_first(monkeypatch):
    monkeypatch.setattr(planes, "MAX_PIXELS", 10_000)
    levels = pyramid(np.zeros((150, 150, 3), np.uint8))
    assert levels[0].shape == (75, 75)
    assert levels[0].step == 2


def test_grey_stored_as_rgb_has_no_chroma_and_colour_has():
    grey = np.random.default_rng(0).integers(0, 256, (20, 20, 1), np.uint8).repeat(3, axis=2)
    assert pyramid(grey)[0].chroma is None
    colour = grey.copy()
    colour[..., 2] //= 2
    assert pyramid(colour)[0].chroma.shape == (20, 20, 2)
