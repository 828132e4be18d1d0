import cv2
import numpy as np

from archive_restore.detection import Kind
from tests.drawn import PAPER, blank, lay, look_of_largest, scene


def tear(picture):
    shape = blank(picture)
    rng = np.random.default_rng(2)
    y = 120 + np.cumsum(rng.normal(2, 3, 30))
    for i, x in enumerate(np.linspace(0, 220, 29)):
        width = round(18 - 0.5 * i)
        cv2.line(shape, (int(x), int(y[i])), (int(x) + 8, int(y[i + 1])), 255, width, cv2.LINE_AA)
    return shape


def test_a_broad_wound_from_the_edge_looks_like_a_tear():
    picture = scene()
    assert look_of_largest(lay(picture, tear(picture), PAPER), light=True) is Kind.TEAR
