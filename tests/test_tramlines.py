"""Straight lines along a film: found by their length, and only where the segmenter suspects something, too."""

import numpy as np
import pytest
from numpy.typing import NDArray

from archive_restore.detection import threshold, tramlines
from archive_restore.detection.detect import named
from archive_restore.detection.odds import odds_of
from archive_restore.detection.paths import STRIP_PX, responses, strips_of
from archive_restore.detection.tramlines import candidates
from archive_restore.detection.views import Seen

SIDE = 320
COLUMN = 140
SUSPECTED, SURE = 60, 150  # the segmenter's probabilities, 255ths
Grey = NDArray[np.uint8]


def scene() -> NDArray[np.float32]:
    """Bands of several tones, grain over them."""
    tones = np.repeat([60.0, 150.0, 100.0, 190.0], SIDE // 4)[:, None]
    grain = np.random.default_rng(1).normal(0, 3, (SIDE, SIDE))
    return np.asarray(tones + grain, np.float32)


def scratched(difference: float) -> Grey:
    """The scene with a line of one pixel along the whole of it."""
    picture = scene()
    picture[:, COLUMN] += difference
    return np.asarray(picture.clip(0, 255), np.uint8)


def suspicion(value: int) -> Grey:
    scores = np.zeros((SIDE, SIDE), np.uint8)
    scores[:, COLUMN] = value
    return scores


@pytest.mark.parametrize("difference", [40, -40])
def test_a_line_of_either_polarity_is_found(difference: float) -> None:
    found = tramlines.tramlines(scratched(difference), suspicion(SURE))
    assert (found[:, COLUMN] > 127).mean() > 0.9
    assert not found[:, COLUMN + 4 :].any()
    assert not found[:, : COLUMN - 3].any()


def test_a_lying_line_is_found_like_an_upright_one() -> None:
    upright = tramlines.tramlines(scratched(40), suspicion(SURE))
    lying = tramlines.tramlines(
        np.ascontiguousarray(scratched(40).T), np.ascontiguousarray(suspicion(SURE).T)
    )
    np.testing.assert_array_equal(lying.T, upright)


def test_what_the_segmenter_does_not_suspect_is_no_candidate() -> None:
    assert not candidates(scratched(40), suspicion(0)).paths
    assert candidates(scratched(40), suspicion(SUSPECTED)).paths


def test_the_edge_of_an_object_is_no_candidate() -> None:
    picture = scene()
    picture[:, COLUMN:] += 40
    assert not candidates(picture.clip(0, 255).astype(np.uint8), suspicion(SURE)).paths


def test_a_line_that_is_too_short_is_no_candidate() -> None:
    picture = scene()
    picture[: (tramlines.SHORTEST - 5) * STRIP_PX, COLUMN] += 40
    assert not candidates(picture.clip(0, 255).astype(np.uint8), suspicion(SURE)).paths


def test_where_it_is_interrupted_the_photograph_is_left_alone() -> None:
    picture, scores = scratched(40), suspicion(SURE)
    intact = slice(14 * STRIP_PX, 24 * STRIP_PX)
    picture[intact], scores[intact] = scene().clip(0, 255).astype(np.uint8)[intact], 0
    found = tramlines.tramlines(picture, scores)
    assert found[: 13 * STRIP_PX, COLUMN].all()
    assert found[25 * STRIP_PX :, COLUMN].all()
    assert not found[16 * STRIP_PX : 23 * STRIP_PX].any()


@pytest.mark.parametrize("shape", [(1, 1), (32, 32), (7, 500), (500, 7)])
def test_a_picture_too_small_for_lines_has_none(shape: tuple[int, int]) -> None:
    assert not tramlines.tramlines(np.full(shape, 90, np.uint8), np.full(shape, 200, np.uint8)).any()


def test_a_blank_picture_has_none() -> None:
    assert not tramlines.tramlines(np.full((SIDE, SIDE), 90, np.uint8), suspicion(SURE)).any()


def test_a_response_is_a_share_of_what_is_usual() -> None:
    found, usual = responses(strips_of(scratched(40)))
    assert found[True][:, COLUMN].min() > 0.5
    assert found[False][:, COLUMN].max() < 0
    assert usual.shape == (SIDE // STRIP_PX, SIDE)
    assert all(np.abs(response).max() <= 1 for response in found.values())


def test_what_a_line_crosses_is_not_called_for_its_sake() -> None:
    doubted = 130  # below the normal sensitivity's seed, above its reach
    scores = suspicion(SURE)
    scores[200:206, 60:220] = doubted
    merged = named(np.repeat(scratched(40)[..., None], 3, axis=2), Seen(scores, odds_of(scores)))
    mask, _ = threshold(merged)
    assert mask[:, COLUMN].mean() > 0.9
    assert not mask[200:206, 60 : COLUMN - 6].any()
    assert not mask[200:206, COLUMN + 7 : 220].any()
