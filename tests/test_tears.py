import cv2
import numpy as np

from archive_restore.detection import Kind, score, threshold
from tests.drawn import PAPER, beside, blank, covered, lay, scene


def tear(picture):
    shape = blank(picture)
    rng = np.random.default_rng(2)
    y = 120 + np.cumsum(rng.normal(2, 3, 30))
    for i, x in enumerate(np.linspace(0, 220, 29)):
        width = round(18 - 0.5 * i)
        cv2.line(shape, (int(x), int(y[i])), (int(x) + 8, int(y[i + 1])), 255, width, cv2.LINE_AA)
    return shape


def test_a_tear_from_the_edge_is_found():
    picture = scene()
    shape = tear(picture)
    mask, regions = threshold(score(lay(picture, shape, PAPER)))
    assert covered(shape, mask) > 0.85
    assert beside(shape, mask) < 0.002
    assert max(regions, key=lambda region: region.area).kind is Kind.TEAR
