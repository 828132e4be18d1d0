import numpy as np
import pytest

from archive_restore.training import region_masks


def test_centre_hides_56_of_the_64_that_are_written():
    mask = region_masks.centre(128, overlap=4)
    assert mask.sum() == 56 * 56
    rows, columns = region_masks.written_square(128)
    assert mask[rows, columns].shape == (64, 64)
    assert mask[rows, columns][4:60, 4:60].all()
    assert mask.sum() == mask[rows, columns].sum()


def test_centre_of_a_small_picture_by_hand():
    assert region_masks.centre(8, overlap=1).astype(int).tolist() == [
        [0, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 1, 1, 0, 0, 0],
        [0, 0, 0, 1, 1, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0],
    ]


@pytest.mark.parametrize("seed", range(20))
def test_random_blocks_cover_something_and_at_most_a_quarter(seed: int):
    mask = region_masks.random_blocks(np.random.default_rng(seed), 128)
    assert 0.01 < mask.mean() <= 0.25


@pytest.mark.parametrize("seed", range(20))
def test_random_regions_cover_20_to_30_percent(seed: int):
    mask = region_masks.random_region(np.random.default_rng(seed), 128)
    assert 0.20 <= mask.mean() <= 0.30


@pytest.mark.parametrize("seed", range(20))
def test_regions_from_an_archives_shapes_are_never_empty_nor_more_than_a_quarter(seed: int):
    scratch = np.zeros((90, 6), bool)
    scratch[:, 2:4] = True
    stain = np.ones((40, 50), bool)
    mask = region_masks.region_from_shapes(np.random.default_rng(seed), 128, [scratch, stain])
    assert 0 < mask.mean() <= 0.25


def test_a_shape_larger_than_the_window_is_scaled_into_it():
    mask = region_masks.place(np.random.default_rng(1), np.ones((500, 20), bool), 64)
    assert mask.shape == (64, 64)
    assert mask.any()


def test_the_same_seed_gives_the_same_mask_and_another_a_different_one():
    first, again, other = (region_masks.random_region(np.random.default_rng(seed), 64) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
