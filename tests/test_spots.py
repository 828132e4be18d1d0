import cv2
import numpy as np
import pytest

from archive_restore.detection import Kind, spots
from tests.drawn import INK, PAPER, blank, lay, look_of_largest, scene


@pytest.mark.parametrize("tone", [PAPER, INK])
def test_a_spot_larger_than_dust_looks_like_a_spot(tone):
    picture = scene()
    shape = blank(picture)
    rng = np.random.default_rng(5)
    for x, y in [(80, 80), (390, 110), (120, 230)]:
        blob = [
            (int(x + r * np.cos(a)), int(y + r * np.sin(a)))
            for a, r in zip(
                np.linspace(0, 2 * np.pi, 14, endpoint=False), rng.uniform(9, 15, 14), strict=True
            )
        ]
        cv2.fillPoly(shape, [np.array(blob, np.int32)], 255, cv2.LINE_AA)
    assert look_of_largest(lay(picture, shape, tone), light=tone == PAPER) is Kind.SPOT


def test_spots_are_doubted_and_the_larger_ones_the_more():
    doubt = spots.doubt(np.array([1, 300, 1_000, 20_000], np.float32), 100_000)
    assert 0 < doubt[0] == doubt[1] < 0.5 < doubt[2] < doubt[3] < 5
