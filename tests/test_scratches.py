import cv2
import numpy as np
import pytest

from archive_restore.detection import Kind, score, threshold
from tests.drawn import INK, PAPER, beside, blank, covered, lay, look_of_largest, scene


def drawn_lines(picture, width=2):
    shape = blank(picture)
    for start, end in [((60, 10), (75, 330)), ((20, 200), (300, 120)), ((350, 20), (420, 300))]:
        cv2.line(shape, start, end, 255, width, cv2.LINE_AA)
    return shape


def test_most_of_light_scratches_is_found_and_little_else():
    picture = scene()
    shape = drawn_lines(picture)
    mask, _ = threshold(score(lay(picture, shape, PAPER)))
    assert covered(shape, mask) > 0.6
    assert beside(shape, mask) < 0.005


@pytest.mark.parametrize("tone", [PAPER, INK])
def test_straight_lines_look_like_scratches_and_curved_ones_like_hairs(tone):
    picture = scene()
    scratch = blank(picture)
    cv2.line(scratch, (60, 30), (75, 110), 255, 1, cv2.LINE_AA)
    hair = blank(picture)
    cv2.ellipse(hair, (300, 90), (26, 20), 30, 0, 250, 255, 1, cv2.LINE_AA)
    assert look_of_largest(lay(picture, scratch, tone), light=tone == PAPER) is Kind.SCRATCH
    # A long curved light line may as well be a crack.
    hair_look = look_of_largest(lay(picture, hair, tone), light=tone == PAPER)
    assert hair_look in ((Kind.HAIR, Kind.CRACK) if tone == PAPER else (Kind.HAIR,))


def test_the_edge_of_an_object_where_a_scratch_could_be_is_left_alone():
    picture = scene(grain=2).astype(np.float32)
    picture[:, 70:] += 60
    mask, _ = threshold(score(np.clip(picture, 0, 255).astype(np.uint8)))
    assert mask.mean() < 0.0005
