import cv2
import numpy as np
import pytest

from archive_restore.detection import Kind, score, threshold
from tests.drawn import INK, PAPER, beside, blank, covered, lay, scene


def drawn_lines(picture, width=2):
    shape = blank(picture)
    for start, end in [((60, 10), (75, 330)), ((20, 200), (300, 120)), ((350, 20), (420, 300))]:
        cv2.line(shape, start, end, 255, width, cv2.LINE_AA)
    return shape


def drawn_hairs(picture):
    shape = blank(picture)
    for x, y in [(90, 80), (360, 90), (200, 240)]:
        cv2.ellipse(shape, (x, y), (40, 22), 30, 0, 230, 255, 2, cv2.LINE_AA)
    return shape


@pytest.mark.parametrize("tone", [PAPER, INK])
def test_straight_scratches_are_found_in_both_polarities_and_nothing_else_is(tone):
    picture = scene()
    shape = drawn_lines(picture)
    mask, regions = threshold(score(lay(picture, shape, tone)))
    assert covered(shape, mask) > 0.8
    assert beside(shape, mask) < 0.001
    lines = sum(region.area for region in regions if region.kind in (Kind.SCRATCH, Kind.CREASE))
    assert lines > 0.7 * mask.sum()


def test_curved_hairs_are_told_from_straight_scratches():
    picture = scene()
    shape = drawn_hairs(picture)
    mask, regions = threshold(score(lay(picture, shape, INK)))
    assert covered(shape, mask) > 0.8
    assert {region.kind for region in regions if region.area > 60} <= {Kind.HAIR, Kind.CRACK}


def test_the_edge_of_an_object_where_a_scratch_could_be_is_left_alone():
    picture = scene(grain=2).astype(np.float32)
    picture[:, 70:] += 60
    mask, _ = threshold(score(np.clip(picture, 0, 255).astype(np.uint8)))
    assert mask.mean() < 0.0005
