"""The soiled rims of what was torn off a print."""

import cv2
import numpy as np
import pytest

from archive_restore.detection.filters import disc
from archive_restore.detection.soiled import soiled_rims
from archive_restore.detection.torn_corners import torn_corners
from tests.drawn import beside, blank, covered, lay, scene
from tests.test_torn_corners import CARD, bitten

RUST = np.array([120, 66, 20])


def sepia(grey):
    """`grey` (H, W) in the tones of a yellowed print, (H, W, 3)."""
    return np.stack([grey, 0.8 * grey, 0.55 * grey], axis=2).astype(np.uint8)


def rim_of(shape, reach):
    """Up to `reach` px beside what is missing, bool."""
    away = cv2.distanceTransform((shape < 128).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return (away > 0) & (away <= reach)


def torn(picture, shape):
    """A colour picture without what `shape` covers, card behind it."""
    return np.stack([lay(channel, shape, CARD) for channel in cv2.split(picture)], axis=2)


def grown(shape):
    """What is missing with its blurred edge, bool."""
    return cv2.dilate(shape, disc(5)) > 127


@pytest.fixture
def print_and_pieces():
    grey = np.minimum(np.maximum(scene(), 110), 200).astype(np.uint8)
    return sepia(grey), bitten(grey)


def test_a_rusty_rim_goes_with_what_was_torn_off(print_and_pieces):
    picture, shape = print_and_pieces
    rim = rim_of(shape, 6)
    rusty = picture.copy()
    rusty[rim] = RUST
    found = torn_corners(torn(rusty, shape))
    assert covered(255 * rim.astype(np.uint8), found) > 0.95
    assert not found[~rim_of(shape, 14) & (shape < 128)].any()


def test_a_dark_rim_of_a_grey_print(print_and_pieces):
    _, shape = print_and_pieces
    grey = np.minimum(np.maximum(scene(), 110), 200).astype(np.uint8)
    rim = rim_of(shape, 5)
    found = torn_corners(lay(np.where(rim, 0.7 * grey, grey).astype(np.uint8), shape, CARD))
    assert covered(255 * rim.astype(np.uint8), found) > 0.95


def test_a_clean_rim_stays(print_and_pieces):
    picture, shape = print_and_pieces
    clean = torn(picture, shape)
    found = torn_corners(clean)
    assert covered(shape, found) > 0.95
    assert beside(shape, found) == 0
    assert not soiled_rims(clean, grown(shape)).any()


def test_what_one_piece_lies_in_is_the_scene(print_and_pieces):
    """A dark tree stands where one corner was torn off, as far as a rim would be soiled."""
    picture, shape = print_and_pieces
    alone = np.where(np.arange(shape.shape[1]) < 100, shape, 0).astype(np.uint8)
    alone[200:] = 0
    tree = rim_of(alone, 6)
    assert tree.any()
    picture[tree] = RUST
    assert soiled_rims(torn(picture, alone), grown(alone)).any()  # of this piece by itself nobody could tell
    assert not soiled_rims(torn(picture, shape), grown(shape)).any()


def test_where_the_picture_is_as_lively_no_rim_can_be_told(print_and_pieces):
    _, shape = print_and_pieces
    checks = np.indices(shape.shape).sum(axis=0) // 4 % 2
    lively = torn(np.repeat(np.where(checks, 80, 180)[..., None], 3, axis=2).astype(np.uint8), shape)
    assert not soiled_rims(lively, grown(shape)).any()


def test_nothing_torn_has_no_rim():
    assert not soiled_rims(scene(), blank(scene()) > 0).any()
    assert not soiled_rims(np.zeros((1, 1), np.uint8), np.ones((1, 1), bool)).any()
    assert not soiled_rims(np.zeros((2, 2), np.uint8), np.array([[True, False], [False, False]])).any()
