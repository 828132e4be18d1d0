"""Pieces missing at several corners of a print, through which card or lid shows."""

import cv2
import numpy as np
import pytest

from archive_restore.detection import score, threshold
from archive_restore.detection.torn_corners import torn_corners
from tests.drawn import PAPER, beside, blank, covered, lay, scene

CARD = 12
CORNERS = [(0, 0), (1, 0), (0, 1), (1, 1)]
UNLIKE = [(35, 60), (65, 30), (50, 48), (62, 64)]


def bitten(picture, corners=CORNERS, edges=UNLIKE, seed=0):
    """Ragged pieces off these corners, so far along the upper or lower side and the others, px."""
    random = np.random.default_rng(seed)
    shape = blank(picture)
    height, width = shape.shape
    for corner, (across, down) in zip(corners, edges, strict=True):
        turns = np.linspace(0, np.pi / 2, 12)
        ragged = random.uniform(0.75, 1.1, turns.size)
        x = abs(corner[0] * (width - 1) - across * np.cos(turns) * ragged)
        y = abs(corner[1] * (height - 1) - down * np.sin(turns) * ragged)
        outline = [(corner[0] * (width - 1), corner[1] * (height - 1)), *zip(x, y, strict=True)]
        cv2.fillPoly(shape, [np.rint(outline).astype(np.int32)], 255, cv2.LINE_AA)
    return shape


@pytest.mark.parametrize("ground", [CARD, 250])
@pytest.mark.parametrize("count", [3, 4])
def test_torn_corners_are_found_over_card_and_lid(ground, count):
    picture = np.minimum(np.maximum(scene(), 70), 180)
    shape = bitten(picture, CORNERS[:count], UNLIKE[:count])
    mask, _ = threshold(score(lay(picture, shape, ground)))
    assert covered(shape, mask) > 0.95
    assert beside(shape, mask) < 0.002


def test_a_piece_beside_the_corner_counts():
    picture = np.maximum(scene(), 70)
    shape = bitten(picture, CORNERS[1:], UNLIKE[1:])
    cv2.ellipse(shape, (0, 44), (28, 22), 0, 0, 360, 255, cv2.FILLED, cv2.LINE_AA)
    assert covered(shape, torn_corners(lay(picture, shape, CARD))) > 0.95


def test_paper_that_a_tear_bared_goes_with_it_and_a_white_sky_does_not():
    picture = np.minimum(np.maximum(scene(), 70), 180)
    shape = bitten(picture)
    torn = lay(picture, shape, CARD)
    bare, sky = blank(picture), blank(picture)
    cv2.circle(bare, (40, 48), 14, 255, cv2.FILLED, cv2.LINE_AA)
    cv2.rectangle(sky, (picture.shape[1] - 90, 15), (picture.shape[1] - 4, 170), 255, cv2.FILLED)
    bare[shape > 0] = sky[shape > 0] = 0
    found = torn_corners(lay(lay(torn, bare, PAPER), sky, PAPER))
    assert covered(shape, found) > 0.95
    assert covered(bare, found) > 0.95
    assert np.mean(found[sky > 127]) < 0.15


def test_the_lid_beyond_the_print_does_not_hide_them():
    picture = np.maximum(scene(), 70)
    shape = bitten(picture)
    framed = cv2.copyMakeBorder(lay(picture, shape, CARD), 4, 5, 3, 0, cv2.BORDER_CONSTANT, value=254)
    found = torn_corners(framed)[4:-5, 3:]
    assert covered(shape, found) > 0.95


def test_alike_they_are_a_mount():
    picture = np.maximum(scene(), 70)
    assert not torn_corners(lay(picture, bitten(picture, edges=[(60, 60)] * 4), CARD)).any()


def test_two_are_too_few():
    picture = np.maximum(scene(), 70)
    assert not torn_corners(lay(picture, bitten(picture, CORNERS[:2], UNLIKE[:2]), CARD)).any()


def test_where_the_sides_are_as_dark_it_is_the_scene():
    picture = np.maximum(scene(), 70)
    shape = bitten(picture)
    night = lay(picture, shape, CARD)
    night[150:250, :20] = CARD
    assert torn_corners(lay(picture, shape, CARD)).any()
    assert not torn_corners(night).any()


def test_what_fades_into_the_scene_is_none():
    picture = np.maximum(scene(), 70)
    shape = cv2.GaussianBlur(bitten(picture), (0, 0), 12)
    assert not torn_corners(lay(picture, shape, CARD)).any()


@pytest.mark.parametrize("colour", [(12, 12, 90), (60, 8, 8)])
def test_ground_has_no_colour(colour):
    grey = np.maximum(scene(), 70)
    picture = np.repeat(grey[..., None], 3, axis=2)
    shape = bitten(grey)
    shown = np.where(shape[..., None] > 127, np.array(colour, np.uint8), picture)
    assert not torn_corners(shown.astype(np.uint8)).any()


def test_a_picture_without_room_has_none():
    assert not torn_corners(np.zeros((63, 300), np.uint8)).any()
    assert not torn_corners(PAPER * np.ones((1, 1), np.uint8)).any()
