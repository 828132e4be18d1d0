"""What runs along a side is the paper's edge; what reaches into the picture is damage."""

import numpy as np
import pytest

from archive_restore.detection.edges import DOUBT, doubt
from archive_restore.detection.shapes import regions_of

SHAPE = (200, 300)
WHOLE = (slice(0, 200), slice(0, 300))


def doubts(*places, part=WHOLE, shape=SHAPE):
    """How much regions at these places of a part are doubted, from the upper left on."""
    mask = np.zeros([slice_.stop - slice_.start for slice_ in part], np.uint8)
    for place in places:
        mask[place] = 1
    return doubt(regions_of(mask, mask, shape).boxes, part, shape).tolist()


@pytest.mark.parametrize(
    "place",
    [
        np.s_[:10, :],  # the upper side, whole
        np.s_[-10:, 10:290],  # most of the lower one
        np.s_[:, -12:-2],  # the right one, not touched
        np.s_[-2:, 40:60],  # a sliver
        np.s_[100:180, :3],
        np.s_[:4, 100:150],  # a longer one, somewhat deeper
    ],
)
def test_what_runs_along_a_side_is_doubted(place):
    assert doubts(place) == [DOUBT]


@pytest.mark.parametrize(
    "place",
    [
        np.s_[:20, :],  # reaches into the picture
        np.s_[:10, :200],  # a part of the side
        np.s_[90:100, :],  # a scratch across
        np.s_[:, 20:30],  # away from the side
        np.s_[-2:, 40:46],  # a speck at the border
        np.s_[:4, 40:70],  # too deep for a sliver so short
        np.s_[:8, 40:140],  # too deep for any
        np.s_[20:22, 40:80],
    ],
)
def test_what_does_not_is_not(place):
    assert doubts(place) == [0]


def test_a_part_is_where_it_lies_in_the_picture():
    place = np.s_[50:60, 10:290]
    assert doubts(place, part=(slice(120, 200), slice(0, 300))) == [0]
    assert doubts(place, part=(slice(140, 200), slice(0, 300))) == [DOUBT]


def test_each_region_for_itself():
    assert doubts(np.s_[:10, :], np.s_[50:90, 50:90]) == [DOUBT, 0]


def test_no_regions():
    assert doubts() == []
