import cv2
import numpy as np
import pytest

from archive_restore.detection import judge
from archive_restore.detection.detect import regions_in
from archive_restore.detection.odds import odds_of

SHAPE = (320, 480)


def grained(level: float = 120.0) -> np.ndarray:
    noise = np.random.default_rng(3).normal(0, 4, SHAPE)
    return np.clip(level + noise, 0, 255).astype(np.uint8)


def judged(picture: np.ndarray, called: np.ndarray, sure: int = 190) -> tuple[np.ndarray, np.ndarray]:
    """The odds of each region of `called`, and the scores that come of them."""
    scores = np.where(called, sure, 0).astype(np.uint8)
    regions, weighed = regions_in(picture, scores)
    odds = judge.odds(weighed)
    return odds, judge.reconsidered(scores, regions, odds, np.zeros_like(odds))


def test_what_is_called_with_more_confidence_is_believed_more():
    picture = grained()
    line = cv2.line(np.zeros(SHAPE, np.uint8), (60, 40), (200, 260), 1, 2) > 0
    picture[line] = 245
    (unsure,), _ = judged(picture, line, 130)
    (sure,), _ = judged(picture, line, 230)
    assert sure > unsure + 0.5


def test_pixels_outside_the_regions_keep_their_scores():
    picture, called = grained(), np.zeros(SHAPE, np.uint8)
    called[100:104, 100:160] = 200
    called[200:204, 200:260] = 60  # too faint to be a region
    regions, weighed = regions_in(picture, called)
    scores = judge.reconsidered(called, regions, judge.odds(weighed), np.zeros(1, np.float32))
    assert len(weighed) == 1
    assert (scores[200:204, 200:260] == 60).all()
    assert (scores[100:104, 100:160] != 200).any()
    assert not scores[called == 0].any()


@pytest.mark.parametrize("place", [np.s_[0:1, 0:1], np.s_[:, :], np.s_[0:320, 0:2]])
def test_a_pixel_and_a_whole_picture_have_finite_traits(place):
    scores = np.zeros(SHAPE, np.uint8)
    scores[place] = 255
    _, weighed = regions_in(grained(), scores)
    assert weighed.shape == (1, len(judge.TRAITS))
    assert np.isfinite(weighed).all()


def test_what_is_doubted_scores_less_and_other_regions_do_not():
    picture, called = grained(), np.zeros(SHAPE, np.uint8)
    called[100:104, 100:160] = called[200:204, 200:260] = 200
    regions, weighed = regions_in(picture, called)
    odds = judge.odds(weighed)
    before = judge.reconsidered(called, regions, odds, np.zeros(2, np.float32))
    after = judge.reconsidered(called, regions, odds, np.array([0, 1], np.float32))
    assert (after[:150] == before[:150]).all()
    assert odds_of(after[202, 230:231]) == pytest.approx(odds_of(before[202, 230:231]) - 1, abs=0.05)
