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


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (8, 3), (5, 7, 3), (601, 901, 3)])
def test_an_odd_last_row_or_column_is_the_mean_of_what_is_there(shape):
    picture = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    beside = [(0, shape[0] % 2), (0, shape[1] % 2), (0, 0)][: picture.ndim]
    even = np.pad(picture, beside, mode="edge").astype(int)
    means = (even[0::2, 0::2] + even[0::2, 1::2] + even[1::2, 0::2] + even[1::2, 1::2]) / 4
    assert halved(picture).shape == means.shape
    assert np.abs(halved(picture) - means).max() <= 0.5


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (900, 1), (2, 3), (5, 5, 3)])
def test_the_smallest_pictures_have_a_pyramid(shape):
    assert pyramid(np.zeros(shape, np.uint8))[0].shape == shape[:2]


def test_a_photograph_larger_than_needed_is_reduced_to_multiples_of_32():
    working = planes.working_picture(np.full((1200, 4000, 3), 7, np.uint8))
    assert working.shape == (320, planes.WORKING_SIDE_PX, 3)
    assert (working == 7).all()


@pytest.mark.parametrize("shape", [(1, 1), (planes.LARGEST_AS_IT_IS_PX, 3), (700, 900, 3)])
def test_a_photograph_that_is_not_larger_is_worked_on_as_it_is(shape):
    pixels = np.zeros(shape, np.uint8)
    assert planes.working_picture(pixels) is pixels


def test_for_a_close_look_more_is_kept():
    working = planes.working_picture(np.full((1200, 4000, 3), 7, np.uint8), close=True)
    assert working.shape == (608, planes.CLOSE_SIDE_PX, 3)
    pixels = np.zeros((planes.CLOSE_SIDE_PX, 3), np.uint8)
    assert planes.working_picture(pixels, close=True) is pixels
    assert planes.working_picture(pixels) is not pixels


@pytest.mark.parametrize("shape", [(1, 6000), (6000, 1, 3), (5, 9000)])
def test_a_strip_is_never_enlarged_across(shape):
    assert planes.working_picture(np.zeros(shape, np.uint8)).shape[:2] <= shape[:2]
    assert min(planes.working_picture(np.zeros(shape, np.uint8)).shape[:2]) == min(shape[:2])


def test_grey_stored_as_rgb_has_no_chroma_and_colour_has():
    grey = np.random.default_rng(0).integers(0, 256, (20, 20, 1), np.uint8).repeat(3, axis=2)
    assert pyramid(grey)[0].chroma is None
    colour = grey.copy()
    colour[..., 2] //= 2
    assert pyramid(colour)[0].chroma.shape == (20, 20, 2)
