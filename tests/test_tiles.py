import numpy as np

from archive_restore.training import tiles


def test_tiles_of_an_undamaged_photograph_fill_it_without_overlapping():
    found = tiles.undamaged_tiles(np.zeros((600, 800), bool), np.random.default_rng(0))
    assert [(t.top, t.left, t.side) for t in found] == [
        (0, 0, 256),
        (0, 256, 256),
        (0, 512, 256),
        (256, 0, 256),
        (256, 256, 256),
        (256, 512, 256),
    ]


def test_no_tile_comes_nearer_to_damage_than_the_margin():
    mask = np.zeros((512, 512), bool)
    mask[100, 250] = True  # within 16 px of the second tile of the first row, too
    found = tiles.undamaged_tiles(mask, np.random.default_rng(0))
    assert [(t.top, t.left) for t in found] == [(256, 0), (256, 256)]
    mask[:] = False
    mask[100, 239] = True  # one pixel farther
    found = tiles.undamaged_tiles(mask, np.random.default_rng(0))
    assert [(t.top, t.left) for t in found] == [(0, 256), (256, 0), (256, 256)]


def test_a_small_photograph_gives_one_tile_and_a_tiny_one_none():
    assert [t.side for t in tiles.undamaged_tiles(np.zeros((130, 200), bool), np.random.default_rng(0))] == [
        130
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
