import numpy as np
import pytest

from archive_restore.detection.palette import SIDE, code, palette, smoothed
from archive_restore.detection.planes import pyramid


def test_smoothing_spreads_one_colour_over_its_neighbours_only():
    counts = np.zeros(SIDE**3, np.float32)
    counts[code(np.int32(80), np.int32(128), np.int32(128))] = 8
    cube = smoothed(counts).reshape(SIDE, SIDE, SIDE)
    assert cube[10, 16, 16] == 8
    assert cube[11, 16, 16] == cube[10, 15, 16] == cube[10, 16, 17] == 4
    assert cube[11, 17, 17] == 1
    assert cube.sum() == 8 * 2**3


def test_the_axes_keep_their_order():
    counts = np.zeros(SIDE**3, np.float32)
    counts[code(np.int32(0), np.int32(64), np.int32(200))] = 1
    assert smoothed(counts).reshape(SIDE, SIDE, SIDE)[0, 8, 25] == 1


def test_a_colour_has_the_share_of_the_picture_that_it_covers():
    picture = np.full((100, 100), 40, np.uint8)
    picture[:25] = 200
    shares = palette(pyramid(picture)).shares
    assert shares[code(np.int32(200), np.int32(128), np.int32(128))] == pytest.approx(0.25)
    assert shares[code(np.int32(40), np.int32(128), np.int32(128))] == pytest.approx(0.75)
