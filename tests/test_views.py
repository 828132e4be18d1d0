"""A small photograph is shown to the verifier several times."""

import cv2
import numpy as np
import pytest

from archive_restore.detection.detect import AGREED, BROAD, judged, named
from archive_restore.detection.odds import odds_of, scores_of
from archive_restore.detection.views import (
    CLOSE_PIXELS,
    CLOSE_VIEWS,
    LARGEST_PX,
    SMALL_PX,
    SOFT,
    SOFT_FROM_PX,
    SOFT_VIEWS,
    TINY_PX,
    VERY_SOFT,
    VIEWS,
    Seen,
    closely,
    fineness,
    seen,
    seen_once,
)
from archive_restore.detection.worn import PIECES, SHARES
from tests.drawn import scene

PICTURE = scene(height=201, width=301)
PLACE = np.s_[60:90, 80:120]


def verifier_of(believing):
    """It believes in the damage at PLACE in the views whose number is `believing`, and in none elsewhere."""
    shown = []

    def verifier(view):
        number = len(shown)
        shown.append(view)
        probability = np.zeros(PICTURE.shape, np.uint8)
        if number in believing:
            probability[PLACE] = 255
        if VIEWS[number].mirrored:
            probability = probability[:, ::-1]
        large = cv2.resize(probability, view.shape[1::-1], interpolation=cv2.INTER_NEAREST)
        return odds_of(np.asarray(large, np.uint8))

    return verifier, shown


def test_each_view_is_enlarged_and_perhaps_mirrored_as_it_says():
    verifier, shown = verifier_of(())
    seen(PICTURE, verifier)
    assert len(shown) == len(VIEWS)
    for picture, view in zip(shown, VIEWS, strict=True):
        assert picture.shape == pytest.approx([view.times * side for side in PICTURE.shape], abs=1)
        as_large = cv2.resize(PICTURE, picture.shape[1::-1], interpolation=cv2.INTER_CUBIC).astype(int)
        turned = as_large[:, ::-1]
        alike, other = (turned, as_large) if view.mirrored else (as_large, turned)
        assert abs(picture - alike).mean() < 0.2 * abs(picture - other).mean()


@pytest.mark.parametrize("believing", [{0}, {1}, {2}, {3}, {0, 1}, {1, 3}, {0, 1, 2}, {0, 1, 2, 3}])
def test_the_odds_of_all_views_are_weighed(believing):
    opinion = seen(PICTURE, verifier_of(believing)[0])
    judged_by, suspected_by = (
        sum(weights[number] for number in believing) / sum(weights)
        for weights in ([view.judged for view in VIEWS], [view.suspected for view in VIEWS])
    )
    expected = scores_of(np.float32(6.24 * (2 * judged_by - 1)))
    assert opinion.probability[75, 100] == pytest.approx(expected, abs=2)
    assert opinion.odds[75, 100] == pytest.approx(6.24 * (2 * suspected_by - 1), abs=0.1)
    assert opinion.generous is not None
    assert abs(int(opinion.generous[75, 100]) - 255 * suspected_by) <= 1
    assert not opinion.probability[:40].any()
    assert opinion.views == len(VIEWS)


def test_belief_goes_from_the_weighed_odds_to_the_mean_probability_where_that_is_more():
    opinion = Seen(
        np.array([[0, 40, 90, 250]], np.uint8),
        np.zeros((1, 4), np.float32),
        3,
        np.array([[0, 80, 80, 251]], np.uint8),
    )
    assert opinion.believing(0) is opinion
    assert opinion.believing(0.5).probability.tolist() == [[0, 60, 90, 250]]
    assert opinion.believing(1).probability.tolist() == [[0, 80, 90, 251]]
    assert (opinion.believing(1).odds == opinion.odds).all()
    once = seen_once(PICTURE, lambda view: np.zeros(view.shape, np.float32))
    assert once.believing(1) is once


def flaked(flakes, high, wide):
    """A picture with so many flakes, sure in all views, and one broad patch that most views are not sure of."""
    picture = PICTURE.copy()
    patch = np.s_[150:170, 40:70]
    sure = np.zeros(PICTURE.shape, np.uint8)
    for number in range(flakes):
        row, column = 12 + 14 * (number // 14), 12 + 20 * (number % 14)
        sure[row : row + high, column : column + wide] = 255
    picture[sure > 0] = picture[patch] = 250
    generous = sure.copy()
    generous[patch] = 255 * 2 // 3
    odds = odds_of(sure)
    return picture, patch, Seen(scores_of(odds), odds, len(VIEWS), generous)


def test_in_a_worn_print_a_view_that_is_outvoted_is_heard():
    few, many = flaked(PIECES[0], 8, 16), flaked(2 * PIECES[1], 3, 8)
    for _, _, opinion in (few, many):
        assert (opinion.probability > 128).mean() > SHARES[1]
    for (picture, patch, opinion), heard in ((few, False), (many, True)):
        assert named(picture, opinion).scores[patch].any() == heard


def test_what_several_views_believe_is_less_in_doubt():
    """A blot of which one view is as sure as all are together."""
    blot = cv2.circle(np.zeros(PICTURE.shape, np.uint8), (150, 100), 9, 150, cv2.FILLED)
    picture = PICTURE.copy()
    picture[blot > 0] = 250

    def best(views):
        return int(judged(picture, Seen(blot, odds_of(blot), views)).merged.scores.max())

    assert best(len(VIEWS)) > best(1) > 0


def test_what_is_broad_is_not_believed_sooner_but_a_single_look_at_it_is_doubted(monkeypatch):
    blot = cv2.circle(np.zeros(PICTURE.shape, np.uint8), (150, 100), 20, 150, cv2.FILLED)
    assert np.count_nonzero(blot) > BROAD * blot.size
    picture = PICTURE.copy()
    picture[blot > 0] = 250

    def best(views, belief):
        monkeypatch.setitem(AGREED, views, belief)
        return int(judged(picture, Seen(blot, odds_of(blot), views)).merged.scores.max())

    assert best(3, 1.0) == best(3, 0.0) > best(1, -1.0) > 0


def test_no_view_is_longer_than_the_largest_and_none_is_reduced():
    long = np.full((40, SMALL_PX - 1), 90, np.uint8)
    shown = []

    def verifier(view):
        shown.append(view.shape)
        return np.zeros(view.shape, np.float32)

    opinion = seen(long, verifier)
    assert shown[0] == long.shape
    assert max(width for _, width in shown) <= LARGEST_PX + 1
    assert opinion.probability.shape == opinion.odds.shape == long.shape


@pytest.mark.parametrize("shape", [(1, 2000), (2000, 1), (3, 1500)])
def test_a_close_look_sees_the_thinnest_strip(shape):
    strip = np.full(shape, 90, np.uint8)
    opinion = seen(strip, lambda view: np.zeros(view.shape, np.float32), original=strip, close=True)
    assert opinion.probability.shape == shape


def test_a_single_pixel_is_seen():
    opinion = seen(np.full((1, 1), 90, np.uint8), lambda view: np.zeros(view.shape, np.float32))
    assert opinion.probability.tolist() == [[128]]


@pytest.mark.parametrize(
    ("long_side", "reduced", "views"),
    [
        (TINY_PX - 1, False, 4),
        (TINY_PX, False, 3),
        (SMALL_PX - 1, False, 3),
        (SMALL_PX, False, 1),
        (300, True, 1),
    ],
)
def test_the_smaller_a_picture_the_more_views(long_side, reduced, views):
    verifier, shown = verifier_of(())
    picture = np.full((40, long_side), 90, np.uint8)
    original = np.full((80, 2 * long_side), 90, np.uint8) if reduced else picture
    opinion = seen(picture, verifier, original=original)
    assert len(shown) == opinion.views == views


def enlarged(long_side, times=2):
    """A scene that was so many times smaller."""
    small = scene(height=long_side // 3 * 2 // times, width=long_side // times)
    return cv2.resize(small, (long_side, long_side // 3 * 2), interpolation=cv2.INTER_CUBIC)


def sharp(long_side):
    """Squares of random tones."""
    tones = np.random.default_rng(0).integers(60, 200, (long_side // 45, long_side // 30)).astype(np.uint8)
    return cv2.resize(tones, (long_side, long_side // 3 * 2), interpolation=cv2.INTER_NEAREST)


@pytest.mark.parametrize(
    ("picture", "views"),
    [
        (enlarged(SOFT_FROM_PX), CLOSE_VIEWS),
        (enlarged(SOFT_FROM_PX - 2), VIEWS),
        (sharp(SOFT_FROM_PX), VIEWS),
        (enlarged(SMALL_PX, 3), SOFT_VIEWS),
        (sharp(SMALL_PX), CLOSE_VIEWS),
    ],
    ids=["soft", "soft and small", "sharp", "soft and large", "sharp and large"],
)
def test_a_soft_photograph_is_seen_as_larger_ones_are(picture, views):
    shown = []

    def verifier(view):
        shown.append(view.shape[1])
        return np.zeros(view.shape, np.float32)

    seen(picture, verifier, close=closely(picture.shape, None))
    most = LARGEST_PX / picture.shape[1]
    wanted = [min(view.times, most) * picture.shape[1] for view in views if picture.shape[1] < view.under]
    assert shown == pytest.approx(wanted, abs=1)


@pytest.mark.parametrize("shape", [(1, 1000), (1000, 1), (2, 1000, 3)])
def test_the_thinnest_strip_may_be_soft(shape):
    random = np.random.default_rng(0)
    strip = random.integers(0, 255, shape).astype(np.uint8)
    assert fineness(strip) > SOFT
    assert fineness(cv2.GaussianBlur(strip, (0, 0), 3)) < SOFT


def test_the_noise_of_a_scanner_makes_no_soft_picture_sharp():
    soft = cv2.GaussianBlur(sharp(SMALL_PX), (0, 0), 3)
    noise = np.random.default_rng(1).normal(0, 3, soft.shape)
    noisy = np.clip(soft + noise, 0, 255).astype(np.uint8)
    assert fineness(noisy) == pytest.approx(fineness(soft), abs=0.1)
    assert fineness(noisy) < VERY_SOFT


def test_an_even_picture_is_not_soft():
    assert fineness(np.full((SMALL_PX, 90), 40, np.uint8)) == 1


@pytest.mark.parametrize(
    ("shape", "thorough", "close"),
    [
        ((SMALL_PX - 1, 40), True, False),
        ((SMALL_PX - 1, SMALL_PX - 1, 3), None, False),
        ((SMALL_PX, 40), None, True),
        ((40, SMALL_PX, 3), True, True),
        ((40, SMALL_PX), False, False),
        ((2500, CLOSE_PIXELS // 2500), None, True),
        ((2500, CLOSE_PIXELS // 2500 + 1), None, False),
        ((5000, CLOSE_PIXELS // 2500), True, True),
    ],
)
def test_a_close_look_is_for_what_is_neither_small_nor_takes_too_long_unless_it_is_wished(
    shape, thorough, close
):
    assert closely(shape, thorough) is close


def test_a_close_look_shows_what_the_reduced_picture_has_lost():
    """A pattern of lines 1 px wide, of which the half as large picture keeps nothing, and a blot at one side."""
    original = np.full((64, 4 * SMALL_PX), 90, np.uint8)
    original[:, ::2] = 110
    original[:, -800:] = 200
    picture = np.full((16, SMALL_PX), 100, np.uint8)
    picture[:, -200:] = 200
    contrasts, odds = [], []

    def verifier(view):
        middle = view.shape[1] // 2
        contrasts.append(view[:, middle - 50 : middle + 50].std() > 0)
        odds.append(np.where(view > 150, 3, -3).astype(np.float32))
        return odds[-1]

    opinion = seen(picture, verifier, original=original, close=True)
    assert contrasts == [view.times > 1 for view in CLOSE_VIEWS]
    assert opinion.probability.shape == picture.shape
    # Not mirrored any more, none of them.
    assert (opinion.odds[:, :-210] < -2.9).all()
    assert (opinion.odds[:, -190:] > 2.9).all()


def test_once_is_as_it_is():
    odds = np.linspace(-3, 3, PICTURE.size, dtype=np.float32).reshape(PICTURE.shape)
    opinion = seen_once(PICTURE, lambda view: odds)
    assert (opinion.odds == odds).all()
    assert (opinion.probability == scores_of(odds)).all()
    assert opinion.generous is None
