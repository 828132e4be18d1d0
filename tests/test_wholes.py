"""Regions made whole."""

import numpy as np
from numpy.typing import NDArray

from archive_restore.detection.shapes import regions_of
from archive_restore.detection.wholes import made_whole

PATCH, REST, LINE, FAR = np.s_[8:24, 8:20], np.s_[8:24, 20:24], np.s_[30, 2:34], np.s_[30, 34:38]


def drawn(rest: int = 220) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Scores and grey levels: a sure patch, less sure pixels of the tone `rest` beside it, and a line."""
    scores, luminance = np.zeros((40, 60), np.uint8), np.full((40, 60), 90, np.uint8)
    for place, score, tone in ((PATCH, 200, 220), (REST, 80, rest), (LINE, 200, 220), (FAR, 80, 220)):
        scores[place], luminance[place] = score, tone
    return scores, luminance


def whole(scores: NDArray[np.uint8], luminance: NDArray[np.uint8]) -> NDArray[np.uint8]:
    regions = regions_of((scores >= 110).view(np.uint8), luminance, scores.shape)
    result, labels = made_whole(scores, regions, luminance)
    taken = result != scores
    assert (labels[~taken] == regions.labels[~taken]).all()
    assert set(labels[taken].tolist()) <= {int(regions.labels[8, 8])}  # what is taken belongs to the patch
    return result


def test_the_rest_of_a_patch_goes_with_it_and_a_line_ends_where_it_ends() -> None:
    scores, luminance = drawn()
    result = whole(scores, luminance)
    assert (result[REST] == 200).all()
    assert (result[FAR] == 80).all()
    changed = result != scores
    changed[REST] = False
    assert not changed.any()


def test_a_piece_that_was_judged_apart_from_its_patch_goes_with_it() -> None:
    # In a picture so wide that the piece is no patch itself.
    scores, luminance = (np.pad(plane, ((0, 0), (0, 400)), mode="edge") for plane in drawn())
    piece = np.s_[10:13, 21:24]  # as sure as a region, before it was judged
    asked = scores.copy()
    asked[piece] = 120
    regions = regions_of((asked >= 110).view(np.uint8), luminance, scores.shape)
    assert regions.labels[10, 21] != regions.labels[8, 8]
    result, labels = made_whole(scores, regions, luminance)
    assert (result[piece] == 200).all()
    assert (labels[piece] == labels[8, 8]).all()


def test_what_has_another_tone_stays_as_it_was() -> None:
    scores, luminance = drawn(rest=180)
    np.testing.assert_array_equal(whole(scores, luminance), scores)


def test_what_is_not_suspected_or_far_away_stays_as_it_was() -> None:
    scores, luminance = drawn()
    scores[REST] = 40
    scores[10:14, 45:49], luminance[10:14, 45:49] = 80, 220
    np.testing.assert_array_equal(whole(scores, luminance), scores)


def test_nothing_is_found_in_nothing() -> None:
    nothing = np.zeros((32, 32), np.uint8)
    np.testing.assert_array_equal(whole(nothing, nothing), nothing)
    nothing[5, 5] = 80
    np.testing.assert_array_equal(whole(nothing, nothing), nothing)
