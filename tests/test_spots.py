import cv2
import numpy as np
import pytest

from archive_restore.detection import Kind, score, threshold
from tests.drawn import INK, PAPER, beside, blank, covered, lay, scene


@pytest.mark.parametrize("tone", [PAPER, INK])
def test_a_spot_larger_than_dust_is_found_and_called_a_spot(tone):
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
    mask, regions = threshold(score(lay(picture, shape, tone)))
    assert covered(shape, mask) > 0.85
    assert beside(shape, mask) < 0.001
    assert max(regions, key=lambda region: region.area).kind is Kind.SPOT
