"""What runs along a side is the paper's edge; what reaches into the picture is damage."""

import numpy as np
import pytest

from archive_restore.detection.edges import DOUBT, doubt

SHAPE = (200, 300)
WHOLE = (slice(0, 200), slice(0, 300))


def labels_of(*boxes):
    labels = np.zeros(SHAPE, np.int32)
    for number, box in enumerate(boxes, start=1):
        labels[box] = number
    return labels


@pytest.mark.parametrize(
    "box",
    [
        np.s_[:10, :],  # the upper side, whole
        np.s_[-10:, 10:290],  # most of the lower one, a little away from none
        np.s_[:, -12:-2],  # the right one, not touched
        np.s_[-2:, 40:60],  # a sliver
        np.s_[100:180, :3],
        np.s_[:4, 100:150],  # a longer one, somewhat deeper
    ],
)
def test_what_runs_along_a_side_is_doubted(box):
    assert doubt(labels_of(box), WHOLE, SHAPE).tolist() == [DOUBT]


@pytest.mark.parametrize(
    "box",
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
def test_what_does_not_is_not(box):
    assert doubt(labels_of(box), WHOLE, SHAPE).tolist() == [0]


def test_a_part_is_where_it_lies_in_the_picture():
    box = np.s_[50:60, 10:290]
    inside = (slice(120, 200), slice(0, 300))
    assert doubt(labels_of(box)[:80], inside, SHAPE).tolist() == [0]
    at_the_border = (slice(140, 200), slice(0, 300))
    assert doubt(labels_of(box)[:60], at_the_border, SHAPE).tolist() == [DOUBT]


def test_each_region_for_itself():
    labels = labels_of(np.s_[:10, :], np.s_[50:90, 50:90])
    assert doubt(labels, WHOLE, SHAPE).tolist() == [DOUBT, 0]
