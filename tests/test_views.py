"""A small photograph is shown to the verifier several times."""

import cv2
import numpy as np
import pytest

from archive_restore.detection.detect import (
    LARGEST_VIEW_PX,
    SMALL_PX,
    VIEWS,
    judged,
    seen_often,
    seen_once,
)
from archive_restore.detection.odds import Seen, odds_of
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
        if VIEWS[number][1]:
            probability = probability[:, ::-1]
        large = cv2.resize(probability, view.shape[1::-1], interpolation=cv2.INTER_NEAREST)
        return odds_of(np.asarray(large, np.uint8))

    return verifier, shown


def test_each_view_is_enlarged_and_perhaps_mirrored_as_it_says():
    verifier, shown = verifier_of(())
    seen_often(PICTURE, verifier)
    assert len(shown) == len(VIEWS)
    for view, (times, mirrored) in zip(shown, VIEWS, strict=True):
        assert view.shape == pytest.approx([times * side for side in PICTURE.shape], abs=1)
        as_large = cv2.resize(PICTURE, view.shape[1::-1], interpolation=cv2.INTER_CUBIC).astype(int)
        turned = as_large[:, ::-1]
        alike, other = (turned, as_large) if mirrored else (as_large, turned)
        assert abs(view - alike).mean() < 0.2 * abs(view - other).mean()


@pytest.mark.parametrize("believing", [{0}, {1}, {2}, {0, 1}, {0, 2}, {0, 1, 2}])
def test_it_is_believed_as_much_as_there_are_views_that_believe_it(believing):
    seen = seen_often(PICTURE, verifier_of(believing)[0])
    share = len(believing) / len(VIEWS)
    assert abs(int(seen.probability[75, 100]) - 255 * share) <= 1
    assert seen.odds[75, 100] == pytest.approx(6.2 * (2 * share - 1), abs=0.1)
    assert not seen.probability[:40].any()
    assert seen.views == len(VIEWS)


def test_what_several_views_believe_is_less_in_doubt():
    """A blot of which one view is as sure as all are together."""
    blot = cv2.circle(np.zeros(PICTURE.shape, np.uint8), (150, 100), 9, 150, cv2.FILLED)
    picture = PICTURE.copy()
    picture[blot > 0] = 250

    def best(views):
        return int(judged(picture, Seen(blot, odds_of(blot), views)).merged.scores.max())

    assert best(len(VIEWS)) > best(1) > 0


def test_no_view_is_longer_than_the_largest_and_none_is_reduced():
    long = np.full((40, SMALL_PX - 1), 90, np.uint8)
    shown = []

    def verifier(view):
        shown.append(view.shape)
        return np.zeros(view.shape, np.float32)

    seen = seen_often(long, verifier)
    assert shown[0] == long.shape
    assert max(width for _, width in shown) <= LARGEST_VIEW_PX + 1
    assert seen.probability.shape == seen.odds.shape == long.shape


def test_a_single_pixel_is_seen():
    seen = seen_often(np.full((1, 1), 90, np.uint8), lambda view: np.zeros(view.shape, np.float32))
    assert seen.probability.tolist() == [[128]]


def test_once_is_as_it_is():
    odds = np.linspace(-3, 3, PICTURE.size, dtype=np.float32).reshape(PICTURE.shape)
    seen = seen_once(PICTURE, lambda view: odds)
    assert (seen.odds == odds).all()
    assert seen.views == 1
