import itertools

import cv2
import numpy as np

from archive_restore.detection import Kind
from tests.drawn import INK, PAPER, blank, lay, look_of_largest, scene


def crease(picture):
    shape = blank(picture)
    rng = np.random.default_rng(3)
    y = 150 + np.cumsum(rng.normal(0, 0.8, 25))
    points = [(int(x), int(v)) for x, v in zip(np.linspace(-5, 485, 25), y, strict=True)]
    for a, b in itertools.pairwise(points):
        cv2.line(shape, a, b, 255, int(rng.integers(2, 5)), cv2.LINE_AA)
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


def test_a_long_broken_line_across_the_picture_looks_like_a_crease():
    picture = scene()
    assert look_of_largest(lay(picture, crease(picture), PAPER), light=True) is Kind.CREASE


def test_a_branching_line_looks_like_a_crack():
    picture = scene()
    assert look_of_largest(lay(picture, crack(picture), PAPER), light=True) is Kind.CRACK


def test_a_dark_line_is_neither():
    picture = scene()
    assert look_of_largest(lay(picture, crack(picture), INK), light=False) not in (Kind.CREASE, Kind.CRACK)
