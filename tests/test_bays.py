"""Pieces missing along the sides of a photograph."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from archive_restore.detection import Kind, score, threshold
from archive_restore.detection.bays import missing_pieces
from archive_restore.detection.planes import finest
from tests.drawn import beside, blank, covered, lay, scene

Picture = NDArray[np.uint8]


def bay_at(picture: Picture, side: int, reach: tuple[int, int] = (50, 45)) -> Picture:
    """Half of a ragged ellipse, so many px along the side and deep, at one of the four sides; (h, w), 0 to 255."""
    turned = np.ascontiguousarray(np.rot90(blank(picture), side))
    height = len(turned)
    angles = np.linspace(-np.pi / 2, np.pi / 2, 40)
    ragged = 1 + np.random.default_rng(3).normal(0, 0.03, angles.shape)
    rim = np.stack(
        [reach[1] * np.cos(angles) * ragged, height * 0.45 + reach[0] * np.sin(angles) * ragged], axis=1
    )
    rim[[0, -1], 0] = -2
    cv2.fillPoly(turned, [rim.round().astype(np.int32)], 255, cv2.LINE_AA)
    return np.ascontiguousarray(np.rot90(turned, -side))


def found_in(picture: Picture, corners: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
    return missing_pieces(finest(picture), np.zeros(picture.shape, bool) if corners is None else corners)


def on_a_lid(picture: Picture, tone: int) -> Picture:
    """A print as a scan shows it, 20 px of the lid above it and left of it."""
    sheet = cv2.copyMakeBorder(picture, 20, 0, 20, 0, cv2.BORDER_CONSTANT, value=tone)
    return np.asarray(sheet, np.uint8)


@pytest.mark.parametrize("side", range(4))
@pytest.mark.parametrize("tone", [25, 235])
def test_a_piece_that_is_missing_at_a_side_is_found(side: int, tone: int) -> None:
    picture = scene()
    shape = bay_at(picture, side)
    mask, regions = threshold(score(lay(picture, shape, tone)))
    assert covered(shape, mask) > 0.95
    assert beside(shape, mask) < 0.002
    assert max(regions, key=lambda region: region.area).kind is Kind.CORNER


def test_the_pointed_end_of_a_piece_is_missing_with_it() -> None:
    picture = scene()
    shape = bay_at(picture, 0, reach=(40, 60))
    cv2.fillPoly(shape, [np.array([(40, 150), (40, 174), (75, 162)], np.int32)], 255, cv2.LINE_AA)
    missing = found_in(lay(picture, shape, 25))
    assert covered(shape, missing) > 0.995


def things() -> dict[str, Picture]:
    """What reaches the side of a photograph and is no hole, dark or pale."""
    picture = scene()
    shape = bay_at(picture, 0)
    textured = np.random.default_rng(5).normal(0, 9, picture.shape)
    soft = cv2.GaussianBlur(shape, (0, 0), 9)
    elsewhere = lay(picture, shape, 25)
    elsewhere[100:200, 300:400] = 25
    sky = lay(picture, shape, 235)
    sky[60:90, 200:260] = 235
    stripe = blank(picture)
    stripe[150:190, :200] = 255
    return {
        "a thing with texture": np.clip(lay(picture, shape, 25) + textured * (shape > 0), 0, 255).astype(
            np.uint8
        ),
        "a shade": lay(picture, soft, 25),
        "a coat, of whose black there is more": elsewhere,
        "sky between houses, of which there is more": sky,
        "a pole": lay(picture, stripe, 25),
        "grey": lay(picture, shape, 120),
        "clipped": np.where(shape > 127, np.uint8(0), picture),
    }


@pytest.mark.parametrize("name", list(things()))
def test_what_reaches_the_side_of_a_photograph_is_no_hole(name: str) -> None:
    assert not found_in(things()[name]).any()


@pytest.mark.parametrize(("tone", "found"), [(30, True), (45, False)])
def test_beside_a_lid_only_its_tone_is_missing_and_may_be_elsewhere(tone: int, found: bool) -> None:
    picture = scene()
    picture[200:300, 300:400] = tone
    shape = bay_at(picture, 2)
    sheet = on_a_lid(lay(picture, shape, tone), 30)
    missing = found_in(sheet)
    assert missing.any() == found
    assert not found or covered(on_a_lid(shape, 0), missing) > 0.95


def test_a_piece_at_the_lids_side_is_missing_up_to_the_lid() -> None:
    picture = scene()
    shape = bay_at(picture, 0)
    missing = found_in(on_a_lid(lay(picture, shape, 30), 30))
    assert covered(on_a_lid(shape, 0), missing) > 0.95
    rows = np.flatnonzero(missing.any(axis=1))
    assert missing[rows[len(rows) // 2], 17]


@pytest.mark.parametrize(("ground", "found"), [(30, True), (60, False)])
def test_a_missing_corner_tells_the_tone_of_the_ground(ground: int, found: bool) -> None:
    picture = scene()
    picture[200:300, 300:400] = 30
    picture[:60, :60] = ground
    corners = np.zeros(picture.shape, bool)
    corners[:60, :60] = True
    shape = bay_at(picture, 2)
    missing = found_in(lay(picture, shape, 30), corners)
    assert missing.any() == found
    assert not missing[corners].any()


def test_the_dark_ground_of_a_landscape_is_no_lid() -> None:
    picture = scene()
    picture[300:] = 25
    shape = bay_at(np.ascontiguousarray(picture[:300]), 3)  # something as dark that stands on it
    picture[:300] = lay(np.ascontiguousarray(picture[:300]), shape, 25)
    picture[100:180, 250:400] = 25
    assert not found_in(picture).any()


def test_tiny_pictures_are_looked_at() -> None:
    for shape in ((1, 1), (1, 80), (64, 64), (70, 3)):
        assert found_in(np.full(shape, 20, np.uint8)).shape == shape
