import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from archive_restore.restoring import splines


def test_between_two_known_samples_lies_their_mean() -> None:
    picture, mask = np.array([[0, 255, 100]], np.uint8), np.array([[False, True, False]])
    assert splines.fill(picture, mask).tolist() == [[0, 50, 100]]


def test_a_ramp_goes_on_through_the_hole_exactly() -> None:
    ramp = np.tile(np.arange(20, 220, 4, dtype=np.uint8), (50, 1))
    mask = np.zeros(ramp.shape, bool)
    mask[10:40, 20:30] = True
    damaged = np.where(mask, np.uint8(255), ramp)
    np.testing.assert_array_equal(splines.fill(damaged, mask), ramp)


def test_a_curved_surface_is_followed_where_a_membrane_would_cut_the_corner() -> None:
    columns = np.arange(60, dtype=np.float64)
    dome = np.tile(200 - (columns - 29.5) ** 2 / 5, (60, 1)).clip(0, 255).astype(np.uint8)
    mask = np.zeros(dome.shape, bool)
    mask[:, 26:34] = True
    stiff, slack = (splines.fill(dome, mask, tension).astype(int) - dome for tension in (0.01, 100.0))
    assert np.abs(stiff[mask]).mean() < 0.5
    assert np.abs(slack[mask]).mean() > 1.5


def test_tension_keeps_a_missing_corner_within_what_is_known() -> None:
    edge = np.full((60, 60), 100, np.uint8)
    edge[:, 32:] = 140
    edge = cv2.GaussianBlur(edge, (0, 0), 2.0)
    mask = np.zeros(edge.shape, bool)
    mask[:, :30] = True
    loose, tight = (splines.fill(edge, mask, tension)[:, 0].astype(int) for tension in (0.0, splines.TENSION))
    assert loose.min() < 30
    assert tight.min() > 60


@given(st.integers(2, 40), st.integers(2, 40), st.booleans(), st.integers(0, 2**32 - 1))
def test_nothing_but_the_hole_changes_whatever_the_picture(
    height: int, width: int, grey: bool, seed: int
) -> None:
    random = np.random.default_rng(seed)
    picture = random.integers(0, 256, (height, width) if grey else (height, width, 3), np.uint8)
    mask: NDArray[np.bool_] = random.random((height, width)) < random.uniform(0.05, 0.9)
    mask[0, 0], mask[-1, -1] = False, True
    filled = splines.fill(picture, mask)
    assert filled.shape == picture.shape
    np.testing.assert_array_equal(filled[~mask], picture[~mask])


@pytest.mark.parametrize("flip", [False, True])
def test_the_fill_has_no_preferred_direction(flip: bool) -> None:
    random = np.random.default_rng(5)
    picture = cv2.resize(random.integers(0, 256, (6, 6), np.uint8), (48, 48), interpolation=cv2.INTER_CUBIC)
    mask = np.zeros((48, 48), bool)
    mask[12:30, 20:26] = True
    turned = (lambda plane: np.ascontiguousarray(plane[:, ::-1])) if flip else (lambda plane: plane.T.copy())
    again = turned(splines.fill(turned(picture), turned(mask)))
    assert np.abs(again.astype(int) - splines.fill(picture, mask)).max() <= 1
