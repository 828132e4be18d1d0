from typing import Any

import cv2
import numpy as np
import pytest

from archive_restore.detection.detect import judged, named
from archive_restore.detection.odds import odds_of, scores_of
from archive_restore.detection.suspects import (
    KNOWN,
    LOWEST,
    PIECES,
    SHIFTS,
    SMALLEST_PX,
    STEPS,
    SUFFERED,
    TRAITS,
    around,
    in_steps,
    scores_by,
    suspects,
)
from archive_restore.detection.verdict import mean_odds
from archive_restore.detection.views import Seen

SHAPE = (320, 480)
UNTRIED = np.zeros(SHAPE, bool)
OUT_OF_THE_QUESTION = -11.0
CRACK = cv2.line(np.zeros(SHAPE, np.uint8), (60, 60), (200, 130), 1, 3) > 0
REST = cv2.line(np.zeros(SHAPE, np.uint8), (208, 134), (300, 180), 1, 3) > 0
SPECK = np.s_[200:203, 100:103]


def grained() -> np.ndarray:
    noise = np.random.default_rng(3).normal(0, 4, SHAPE)
    return np.clip(120 + noise, 0, 255).astype(np.uint8)


def seen(*believed: tuple[Any, float]) -> Seen:
    """Odds of places; everything else is out of the question."""
    odds = np.full(SHAPE, OUT_OF_THE_QUESTION, np.float32)
    for place, value in believed:
        odds[place] = value
    return Seen(scores_of(odds), odds, 3)  # as small photographs are: one view is believed less


def cracked() -> np.ndarray:
    """A crack that goes on fainter than it began."""
    picture = grained()
    picture[CRACK], picture[REST] = 240, 150
    return cv2.GaussianBlur(picture, (0, 0), 0.7)


def test_the_faint_rest_of_a_sure_crack_is_believed_more_than_by_itself():
    picture = cracked()
    with_crack, alone = seen((CRACK, 4.0), (REST, -3.0)), seen((REST, -3.0))
    assert not judged(picture, with_crack).merged.scores[REST].any()
    assert (named(picture, with_crack).scores[REST] > 30).all()
    assert not named(picture, alone).scores.any()


def test_what_is_believed_less_scores_less():
    scores = [named(cracked(), seen((CRACK, 4.0), (REST, odds))).scores[REST].max() for odds in (-4, -2, -1)]
    assert scores[0] < scores[1] < scores[2]


def test_what_is_as_unlikely_as_its_surroundings_is_no_suspect():
    picture, unlikely = cracked(), np.s_[110:210, 190:330]
    opinion = seen((CRACK, 4.0), (unlikely, -2.0))
    opinion.odds[REST] = -1.9
    found = suspects(picture, opinion.odds, judged(picture, opinion).merged.scores, UNTRIED)
    assert found is not None  # the rim of the unlikely block stands out
    assert not np.isin(np.flatnonzero(REST), found[0].whole.position).any()


def test_what_has_been_judged_and_what_is_too_small_is_no_suspect():
    picture = cracked()
    scores = np.zeros(SHAPE, np.uint8)
    scores[CRACK], scores[REST] = 250, KNOWN
    odds = seen((CRACK, 4.0), (REST, -1.0), (SPECK, -1.0)).odds
    assert np.count_nonzero(odds[SPECK]) < SMALLEST_PX
    assert suspects(picture, odds, scores, UNTRIED) is None


def test_what_was_judged_and_not_believed_is_no_suspect():
    picture, odds = cracked(), seen((CRACK, 4.0), (REST, -1.0)).odds
    scores, tried = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, bool)
    scores[CRACK] = 250
    assert suspects(picture, odds, scores, tried) is not None
    tried[REST] = True
    assert suspects(picture, odds, scores, tried) is None


def test_where_nothing_is_sure_nothing_is_suspected():
    odds = seen((REST, -1.0)).odds
    assert suspects(cracked(), odds, np.zeros(SHAPE, np.uint8), UNTRIED) is None


@pytest.mark.parametrize("shape", [(1, 40), (40, 1), (9, 13), (64, 50)])
def test_a_picture_of_any_size_has_finite_traits(shape):
    picture = np.random.default_rng(1).integers(0, 256, (*shape, 3), np.uint8)
    scores = np.zeros(shape, np.uint8)
    scores.ravel()[:3] = 255
    odds = np.full(shape, OUT_OF_THE_QUESTION, np.float32)
    odds.ravel()[-14:] = -1.0
    found = suspects(picture, odds, scores, np.zeros(shape, bool))
    assert (found is None) == (min(shape) == 1)  # a strip is too narrow for anything to stand out
    if found is not None:
        assert found[1].shape == (1, len(TRAITS))
        assert np.isfinite(found[1]).all()


def test_what_is_around_a_line_is_not_the_line():
    steps = in_steps(seen((REST, 0.0)).odds)
    assert np.abs(around(steps).astype(int) - (OUT_OF_THE_QUESTION - LOWEST) * STEPS).max() <= 1
    assert around(in_steps(odds_of(np.zeros((3, 5), np.uint8)))).shape == (3, 5)


def test_steps_end_where_the_scale_does():
    steps = in_steps(np.array([[-90, LOWEST - 1, LOWEST, LOWEST + 1, 90]], np.float32))
    assert steps.tolist() == [[0, 0, 0, STEPS, 255]]


@pytest.mark.parametrize(
    ("share", "pieces", "shift"),
    [
        (SUFFERED[0], PIECES[1], SHIFTS[0]),
        (SUFFERED[1], PIECES[1], SHIFTS[1]),
        (SUFFERED[1], PIECES[0], SHIFTS[0]),
        (SUFFERED[1], sum(PIECES) // 2, sum(SHIFTS) / 2),
    ],
)
def test_a_print_that_has_suffered_much_in_many_places_is_suspected_more(share, pieces, shift):
    weighed = np.zeros((1, len(TRAITS)), np.float32)
    weighed[:, TRAITS.index("called")] = np.log(share)
    judged = mean_odds("suspects", TRAITS, weighed)
    assert scores_by(weighed, pieces) == scores_of(judged + np.float32(shift))
    for other in {*SHIFTS} - {shift}:
        assert scores_by(weighed, pieces) != scores_of(judged + np.float32(other))


def test_pieces_of_sure_damage_are_counted():
    scores = np.zeros(SHAPE, np.uint8)
    scores[CRACK] = scores[SPECK] = 250
    found = suspects(cracked(), seen((CRACK, 4.0), (REST, -1.0)).odds, scores, UNTRIED)
    assert found is not None
    assert found.pieces == 2
