"""What encloses a rectangle is no damage."""

import cv2
import numpy as np
import pytest

from archive_restore.detection.filters import components
from archive_restore.detection.panes import DOUBT, doubt

SHAPE = (200, 300)


def drawn(*lines: tuple[tuple[int, int], ...]) -> np.ndarray:
    mask = np.zeros(SHAPE, np.uint8)
    for line in lines:
        cv2.polylines(mask, [np.array(line, np.int32)], False, 1, 3)
    return mask


def doubts(mask: np.ndarray) -> list[float]:
    labels, boxes = components(mask)
    return doubt(labels, len(boxes) - 1).tolist()


WINDOW = (((40, 20), (40, 150)), ((100, 20), (100, 150)), ((20, 50), (120, 50)), ((20, 110), (120, 110)))
CRACKS = (((40, 20), (60, 90), (30, 150)), ((30, 40), (110, 60), (100, 120), (40, 130)))
FOLDED = (((150, 0), (150, 199)), ((0, 100), (299, 100)))


def test_bars_that_enclose_a_pane_are_doubted_and_nothing_else_is():
    beside = ((180, 20), (280, 30))
    assert sorted(doubts(drawn(*WINDOW, beside))) == [0.0, DOUBT]


@pytest.mark.parametrize("lines", [CRACKS, FOLDED, WINDOW[:3], ()])
def test_what_encloses_no_rectangle_is_not(lines):
    assert set(doubts(drawn(*lines))) <= {0.0}


def test_a_pane_that_leans_is_none_and_a_small_one_neither():
    turned = cv2.warpAffine(drawn(*WINDOW), cv2.getRotationMatrix2D((70, 80), 25, 1), SHAPE[::-1])
    assert doubts(turned) == [0.0]
    small = cv2.resize(drawn(*WINDOW), None, fx=0.2, fy=0.2, interpolation=cv2.INTER_AREA)
    assert DOUBT not in doubts((small > 0).view(np.uint8))
