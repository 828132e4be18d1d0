import cv2
import numpy as np

from archive_restore.detection import Kind, score, threshold
from tests.drawn import PAPER, beside, blank, covered, lay, look_of_largest, scene

SPECKS = [
    (60, 40, 4),
    (200, 60, 3),
    (330, 50, 5),
    (90, 200, 4),
    (400, 180, 6),
    (430, 90, 3),
    (40, 240, 3),
    (160, 120, 4),
]


def specks(picture):
    shape = blank(picture)
    for x, y, radius in SPECKS:
        cv2.circle(shape, (x, y), radius, 255, cv2.FILLED, cv2.LINE_AA)
    return shape


def test_half_of_light_specks_is_found_and_nothing_else():
    picture = scene()
    shape = specks(picture)
    mask, regions = threshold(score(lay(picture, shape, PAPER)))
    assert covered(shape, mask) > 0.3
    assert beside(shape, mask) < 0.001
    assert all(region.kind in (Kind.DUST, Kind.SPOT) for region in regions)


def test_a_small_speck_looks_like_dust():
    picture = scene()
    shape = blank(picture)
    for x, y, _ in SPECKS:
        cv2.circle(shape, (x, y), 2, 255, cv2.FILLED, cv2.LINE_AA)
    assert look_of_largest(lay(picture, shape, PAPER), light=True) is Kind.DUST


def test_specks_are_found_in_a_picture_four_times_as_large():
    picture = cv2.resize(scene(), None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    noise = np.random.default_rng(0).normal(0, 3, picture.shape)
    picture = np.clip(picture + noise, 0, 255).astype(np.uint8)
    shape = cv2.resize(specks(scene()), None, fx=4, fy=4, interpolation=cv2.INTER_LINEAR)
    mask, _ = threshold(score(lay(picture, shape, PAPER)), shape=shape.shape)
    assert covered(shape, mask) > 0.3
    assert beside(shape, mask, reach=8) < 0.002
