import itertools

import cv2
import numpy as np

from archive_restore.detection import Kind, score, threshold
from tests.drawn import PAPER, beside, blank, covered, lay, scene


def crease(picture):
    shape = blank(picture)
    rng = np.random.default_rng(3)
    y = 150 + np.cumsum(rng.normal(0, 1.5, 25))
    points = [(int(x), int(v)) for x, v in zip(np.linspace(-5, 485, 25), y, strict=True)]
    for a, b in itertools.pairwise(points):
        cv2.line(shape, a, b, 255, int(rng.integers(3, 6)), cv2.LINE_AA)
    return shape


def crack(picture):
    shape = blank(picture)
    for a, b in [
        ((60, 60), (140, 120)),
        ((140, 120), (150, 210)),
        ((140, 120), (230, 140)),
        ((230, 140), (250, 90)),
    ]:
        cv2.line(shape, a, b, 255, 2, cv2.LINE_AA)
    return shape


def largest(regions):
    return max(regions, key=lambda region: region.area)


def test_a_crease_is_found_over_its_whole_length():
    picture = scene()
    shape = crease(picture)
    mask, regions = threshold(score(lay(picture, shape, PAPER)))
    assert covered(shape, mask) > 0.9
    assert beside(shape, mask) < 0.001
    assert largest(regions).kind is Kind.CREASE


def test_a_branching_crack_is_found_and_told_from_a_crease():
    picture = scene()
    shape = crack(picture)
    mask, regions = threshold(score(lay(picture, shape, PAPER)))
    assert covered(shape, mask) > 0.9
    assert beside(shape, mask) < 0.001
    assert largest(regions).kind is Kind.CRACK
