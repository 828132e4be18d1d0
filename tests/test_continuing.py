"""What is sure for a part of its length goes on where the segmenter's odds have a ridge."""

import cv2
import numpy as np
import pytest

from archive_restore.detection import continuing
from archive_restore.detection.continuing import GONE_ON, LEAST, go_on
from archive_restore.detection.masks import ScoreMap
from archive_restore.detection.regions import KINDS, Kind

SIDE = 200
HAIR = KINDS.index(Kind.HAIR)
NOTHING = -9.0
SURE = ((10, 100), (100, 100))
"""From x, y to x, y."""


def line(start, end, width=3):
    """(SIDE, SIDE) bool."""
    drawn = np.zeros((SIDE, SIDE), np.uint8)
    cv2.line(drawn, start, end, 255, width)
    return drawn > 0


def seen(*ridges, odds=LEAST + 1.5):
    """A score map with a sure hair, and the odds that have it and ridges."""
    scores, kinds = np.zeros((2, SIDE, SIDE), np.uint8)
    believed = np.full((SIDE, SIDE), NOTHING, np.float32)
    for ridge in ridges:
        believed[ridge] = odds
    scores[line(*SURE)], kinds[line(*SURE)], believed[line(*SURE)] = 220, HAIR, 2.0
    return ScoreMap(scores, kinds), believed


def gone_on(ridge, score_map):
    """The share of a ridge that is called now, beside what was before."""
    return float((score_map.scores[ridge & ~line(*SURE)] == GONE_ON).mean())


@pytest.mark.parametrize("end", [(160, 100), (158, 120), (158, 80)])
def test_a_line_goes_on_in_its_direction(end):
    ridge = line((103, 100), end)
    score_map, odds = seen(ridge)
    assert go_on(score_map, odds)
    assert gone_on(ridge, score_map) == 1
    assert (score_map.kinds[ridge] == HAIR).all()
    assert ((score_map.scores > 0) == (ridge | line(*SURE))).all()


@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_it_goes_on_from_where_it_went_on(rounds, monkeypatch):
    monkeypatch.setattr(continuing, "ROUNDS", rounds)
    ridges = [line((103, 100), (125, 100)), line((132, 100), (154, 103)), line((162, 104), (185, 108))]
    score_map, odds = seen(*ridges)
    assert go_on(score_map, odds)
    assert [gone_on(ridge, score_map) for ridge in ridges] == [1, rounds > 1, rounds > 2]


@pytest.mark.parametrize(
    "ridge",
    [
        line((50, 97), (50, 30)),  # a whisker that it crosses
        line((50, 130), (120, 130)),  # beside it
        line((120, 100), (170, 100)),  # farther on
        line((103, 100), (111, 100)),  # short
        line((110, 100), (170, 100), 15),  # broad
    ],
    ids=["across", "beside", "far", "short", "broad"],
)
def test_nothing_else_does(ridge):
    score_map, odds = seen(ridge)
    before = score_map.scores.copy()
    assert not go_on(score_map, odds)
    assert np.array_equal(score_map.scores, before)


@pytest.mark.parametrize("odds", [LEAST - 0.5, NOTHING + 1])
def test_what_is_hardly_believed_does_not(odds):
    assert not go_on(*seen(line((103, 100), (160, 100)), odds=odds))


def test_in_a_print_that_has_hardly_suffered_nothing_goes_on():
    score_map, odds = seen(line((103, 100), (160, 100)))
    around = ((0, 300), (0, 300))
    large = ScoreMap(np.pad(score_map.scores, around), np.pad(score_map.kinds, around))
    assert not go_on(large, np.pad(odds, around, constant_values=NOTHING))
    assert go_on(score_map, odds)


def test_what_was_judged_to_be_none_stays_so():
    ridge = line((103, 100), (160, 100))
    score_map, odds = seen(ridge)
    score_map.scores[ridge] = 115
    assert not go_on(score_map, odds)
