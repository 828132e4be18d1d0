import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from archive_restore.displaying import densest, shrink_mask, upright


def test_thin_lines_stay_in_a_mask_made_small() -> None:
    mask = np.zeros((1000, 4000), bool)
    mask[500, :] = True
    small = shrink_mask(mask, (400, 100))
    assert small.shape == (100, 400)
    assert small.any(axis=0).all()
    assert small.sum() <= 2 * 400
    assert not shrink_mask(np.zeros((100, 100), bool), (10, 10)).any()


def test_the_detail_is_cut_where_most_of_the_damage_is_with_it_in_the_middle() -> None:
    mask = np.zeros((600, 800), bool)
    mask[300:310, 400:410] = True
    mask[10, 10] = True
    rows, columns = densest(mask, 100)
    assert (rows.stop - rows.start, columns.stop - columns.start) == (100, 100)
    assert abs((rows.start + rows.stop) / 2 - 305) <= 1
    assert abs((columns.start + columns.stop) / 2 - 405) <= 1


def test_a_picture_smaller_than_the_detail_is_its_own_detail() -> None:
    assert densest(np.ones((3, 5), bool), 100) == (slice(0, 3), slice(0, 5))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photographs_are_turned_as_a_viewer_turns_them(orientation: int) -> None:
    pixels: NDArray[np.uint8] = np.arange(6, dtype=np.uint8).reshape(2, 3)
    image = Image.fromarray(pixels)
    image.getexif()[0x0112] = orientation
    turned = ImageOps.exif_transpose(image)
    assert np.array_equal(upright(pixels, orientation), np.asarray(turned))
