import numpy as np
import pytest

from archive_restore.restoring import prefill


def ramp(height: int, width: int) -> np.ndarray:
    return np.broadcast_to(np.linspace(0, 255, width).astype(np.uint8), (height, width)).copy()


def test_a_hole_in_a_ramp_is_filled_close_to_it():
    picture = ramp(40, 40)
    mask = np.zeros((40, 40), bool)
    mask[18:22, 10:30] = True
    damaged = np.where(mask, 255, picture).astype(np.uint8)

    filled = prefill.prefill(damaged, mask)

    assert np.abs(filled.astype(int) - picture)[mask].max() <= 12
    assert np.array_equal(filled[~mask], picture[~mask])


def test_without_a_hole_the_picture_comes_back_as_it_was_and_is_a_copy():
    picture = ramp(8, 8)
    filled = prefill.prefill(picture, np.zeros((8, 8), bool))
    assert np.array_equal(filled, picture)
    assert filled is not picture


def test_a_picture_that_is_all_hole_is_grey():
    assert (prefill.prefill(ramp(4, 4), np.ones((4, 4), bool)) == 128).all()


def test_halving_averages_only_known_samples():
    picture = np.array([[10, 200], [30, 200]], np.uint8)
    mask = np.array([[False, True], [False, True]])
    small, small_mask = prefill.halve(picture, mask)
    assert small.tolist() == [[20]]
    assert small_mask.tolist() == [[False]]


def test_a_coarse_sample_is_a_hole_only_if_all_four_are():
    mask = np.zeros((4, 4), bool)
    mask[0:2, 0:2] = True
    mask[2, 2] = True
    _, small_mask = prefill.halve(np.zeros((4, 4), np.uint8), mask)
    assert small_mask.tolist() == [[True, False], [False, False]]


@pytest.mark.parametrize("shape", [(5, 7), (6, 8), (1, 1), (2, 9)])
def test_doubling_a_half_gives_the_shape_back(shape: tuple[int, int]):
    picture = np.full((*shape, 3), 77, np.uint8)
    small, _ = prefill.halve(picture, np.zeros(shape, bool))
    assert small.shape == ((shape[0] + 1) // 2, (shape[1] + 1) // 2, 3)
    doubled = prefill.double(small, shape)
    assert doubled.shape == picture.shape
    assert (doubled == 77).all()


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_doubling_a_part_gives_what_doubling_all_gives_there(kind: type) -> None:
    random = np.random.default_rng(3)
    small = random.integers(0, 256, (21, 30, 3)).astype(kind)
    whole = prefill.double(small, (42, 60))
    for _ in range(50):
        top, left = (int(random.integers(side - 1)) for side in whole.shape[:2])
        bottom, right = (
            int(random.integers(first + 1, side + 1))
            for first, side in zip((top, left), whole.shape[:2], strict=True)
        )
        place = slice(top, bottom), slice(left, right)
        np.testing.assert_array_equal(prefill.double_within(small, place), whole[place])


def test_depth_is_the_distance_to_the_nearest_known_sample_and_the_border_is_none():
    mask = np.zeros((9, 9), bool)
    mask[:, :5] = True
    depths = prefill.depth(mask)
    assert depths[4].round().tolist() == [5, 4, 3, 2, 1, 0, 0, 0, 0]


def test_the_middle_of_a_deep_hole_is_the_coarser_picture_and_its_rim_is_not():
    picture = np.full((80, 80), 50, np.uint8)
    coarse = np.full((80, 80), 200, np.uint8)
    mask = np.zeros((80, 80), bool)
    mask[10:70, 10:70] = True

    filled = prefill.prefill_deep(picture, mask, coarse, prefill.depth(mask))

    assert filled[40, 40] == 200
    assert filled[10, 40] < 80
    assert (filled[~mask] == 50).all()
