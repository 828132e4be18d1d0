from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from archive_restore.restoring.guesses import BLOCK, FirstGuess
from archive_restore.restoring.prefill import prefill

SIDE = 2 * BLOCK + 44


@pytest.fixture
def picture() -> NDArray[np.uint8]:
    random = np.random.default_rng(3)
    return cv2.resize(random.integers(0, 256, (20, 20, 3), np.uint8), (SIDE, SIDE)).astype(np.uint8)


@pytest.fixture
def scratches() -> NDArray[np.bool_]:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    for start, end in (((0, 30), (SIDE - 1, SIDE - 60)), ((300, 0), (250, SIDE - 1)), ((5, 500), (400, 515))):
        cv2.line(mask, start, end, 1, 4)
    return mask > 0


def test_blocks_are_filled_as_the_whole_picture_would_be(
    picture: NDArray[np.uint8], scratches: NDArray[np.bool_]
) -> None:
    everywhere = slice(0, SIDE), slice(0, SIDE)
    guess = FirstGuess(picture, scratches, None).within(everywhere)
    np.testing.assert_array_equal(guess[~scratches], picture[~scratches])
    assert np.abs(guess.astype(int) - prefill(picture, scratches)).max() <= 1


def test_a_guess_does_not_depend_on_who_asks_first(
    picture: NDArray[np.uint8], scratches: NDArray[np.bool_]
) -> None:
    places = [(slice(y, y + 64), slice(x, x + 128)) for y in range(0, 480, 48) for x in range(0, 420, 60)]
    one, other = FirstGuess(picture, scratches, None), FirstGuess(picture, scratches, None)
    alone = [one.within(place).copy() for place in reversed(places)]
    with ThreadPoolExecutor(4) as executor:
        together = [guess.copy() for guess in executor.map(other.within, places)]
    for first, second in zip(reversed(alone), together, strict=True):
        np.testing.assert_array_equal(first, second)


def test_the_middle_of_a_deep_hole_is_the_coarser_pictures_whichever_block_it_lies_in() -> None:
    picture = np.full((SIDE, SIDE), 100, np.uint8)
    mask = np.zeros((SIDE, SIDE), bool)
    mask[BLOCK - 40 : BLOCK + 40, BLOCK - 60 : BLOCK + 60] = True
    coarse = np.full((SIDE // 2, SIDE // 2), 180, np.uint8)
    guess = FirstGuess(picture, mask, coarse).within((slice(0, SIDE), slice(0, SIDE)))
    assert (guess[BLOCK - 30 : BLOCK + 30, BLOCK - 50 : BLOCK + 50] == 180).all()
    rim = guess[BLOCK - 40, BLOCK - 50 : BLOCK + 50]
    assert (abs(rim.astype(int) - 100) < 20).all()
    assert (guess[~mask] == 100).all()
