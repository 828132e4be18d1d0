"""Bars that cross upright are a window's; folds, cracks and crossing scratches are damage."""

import cv2
import numpy as np
import pytest

from archive_restore.detection.lattices import DOUBT, doubt
from archive_restore.detection.shapes import regions_of

SHAPE = (200, 300)


def drawn(*lines, thickness=2):
    """A mask of lines, each from (x, y) to (x, y)."""
    mask = np.zeros(SHAPE, np.uint8)
    for start, end in lines:
        cv2.line(mask, start, end, 1, thickness)
    return mask


def doubts(mask):
    regions = regions_of(mask, mask, SHAPE)
    return doubt(regions.labels, regions.boxes, SHAPE).tolist()


BARS = [((60, 40), (160, 40)), ((60, 90), (150, 90)), ((100, 30), (100, 120))]


@pytest.mark.parametrize(
    "lines",
    [
        BARS,
        [((y, x), (v, u)) for (x, y), (u, v) in BARS],  # turned
        [((60, 40), (160, 43)), *BARS[1:]],  # leaning a little
        [*BARS, ((140, 30), (140, 120))],
    ],
)
def test_bars_that_cross_are_doubted(lines):
    assert doubts(drawn(*lines)) == [DOUBT]


@pytest.mark.parametrize(
    "lines",
    [
        [BARS[0], BARS[2]],  # two scratches
        [((60, 40), (160, 75)), ((60, 90), (150, 115)), ((120, 30), (95, 130))],  # askew
        [((0, 40), (299, 40)), ((0, 90), (299, 90)), ((100, 0), (100, 199))],  # folded
        [((60, 40), (80, 40)), ((60, 52), (78, 52)), ((68, 36), (68, 58))],  # small
        [*BARS, ((60, 42), (98, 118)), ((102, 50), (150, 118)), ((60, 70), (98, 44))],  # cracks among them
    ],
)
def test_other_lines_are_not(lines):
    assert set(doubts(drawn(*lines))) == {0}


def test_what_is_broad_is_no_bar():
    assert set(doubts(drawn(*BARS, thickness=14))) == {0}


def test_each_region_for_itself_and_none_of_none():
    mask = drawn(*BARS)
    mask[150:190, 200:260] = 1
    assert doubts(mask) == [DOUBT, 0]
    assert doubts(np.zeros(SHAPE, np.uint8)) == []
