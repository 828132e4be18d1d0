import numpy as np
import pytest

from archive_restore.training import tiles


def test_tiles_do_not_overlap_and_lie_inside():
    found = tiles.undamaged_tiles(np.zeros((600, 800), bool), np.random.default_rng(0))
    covered = np.zeros((600, 800), int)
    for tile in found:
        assert covered[tile.slices].shape == (256, 256)
        covered[tile.slices] += 1
    assert len(found) >= 3
    assert covered.max() == 1


@pytest.mark.parametrize("seed", range(5))
def test_no_tile_comes_nearer_to_damage_than_the_margin(seed: int):
    mask = np.random.default_rng(seed).random((900, 900)) < 3e-6
    for row, column in np.argwhere(mask):
        for tile in tiles.undamaged_tiles(mask, np.random.default_rng(seed)):
            away = max(tile.top - row, row - tile.top - tile.side + 1)
            aside = max(tile.left - column, column - tile.left - tile.side + 1)
            assert max(away, aside) > tiles.MARGIN


def test_a_tile_fits_beside_damage_at_a_side():
    mask = np.zeros((300, 300), bool)
    mask[:, :10] = True
    assert [tile.side for tile in tiles.undamaged_tiles(mask, np.random.default_rng(0))] == [256]
    mask[:, :100] = True
    assert [tile.side for tile in tiles.undamaged_tiles(mask, np.random.default_rng(0))] == [128] * 2


def test_a_small_photograph_gives_a_small_tile_and_a_tiny_one_none():
    assert [t.side for t in tiles.undamaged_tiles(np.zeros((130, 200), bool), np.random.default_rng(0))] == [
        128
    ]
    assert tiles.undamaged_tiles(np.zeros((100, 900), bool), np.random.default_rng(0)) == []


def test_one_large_photograph_does_not_outweigh_the_others():
    found = tiles.undamaged_tiles(np.zeros((3000, 4000), bool), np.random.default_rng(0))
    assert len(found) == tiles.TILES_A_PHOTOGRAPH


def test_damage_shapes_are_cut_out_largest_first_and_specks_left_out():
    mask = np.zeros((40, 40), bool)
    mask[2:4, 2:12] = True
    mask[20:30, 20:30] = True
    mask[38, 38] = True
    shapes = tiles.damage_shapes(mask, limit=10)
    assert [shape.shape for shape in shapes] == [(10, 10), (2, 10)]
    assert all(shape.all() for shape in shapes)
    assert len(tiles.damage_shapes(mask, limit=1)) == 1
