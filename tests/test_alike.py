"""Doubtful regions of the sure damage's colour."""

import numpy as np
import pytest
from numpy.typing import NDArray

from archive_restore.detection import detect
from archive_restore.detection.alike import BELIEVED, DOUBTFUL, SMALLEST, SURE, believe_alike
from archive_restore.detection.masks import ScoreMap

PAPER, SKY = (238, 232, 220), (150, 140, 120)
SURE_PATCH, DOUBTFUL_PATCH, DRESS = np.s_[20:40, 20:40], np.s_[60:70, 60:80], np.s_[:, 84:]


def printed(*, patch: tuple[int, int, int] = PAPER, dress: tuple[int, int, int] = SKY) -> NDArray[np.uint8]:
    """A grained print, a torn patch that bares its paper, another `patch`, and a white `dress`, or none."""
    picture = np.zeros((100, 140, 3))
    picture[:] = SKY
    picture[DRESS], picture[SURE_PATCH], picture[DOUBTFUL_PATCH] = dress, PAPER, patch
    grain = np.random.default_rng(5).normal(0, 2, (100, 140, 1))
    return np.clip(picture + grain, 0, 255).astype(np.uint8)


def scored(doubtful: int, sure: int = 200) -> ScoreMap:
    scores = np.zeros((100, 140), np.uint8)
    scores[SURE_PATCH], scores[DOUBTFUL_PATCH] = sure, doubtful
    return ScoreMap(scores, np.zeros_like(scores))


def after(score_map: ScoreMap, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The scores then; those of the sure patch, and of what nobody suspected, must not change."""
    before = score_map.scores.copy()
    believe_alike(score_map, picture)
    changed = score_map.scores != before
    changed[DOUBTFUL_PATCH] = False
    assert not changed.any()
    return score_map.scores


@pytest.mark.parametrize("doubtful", [DOUBTFUL, 120, SURE - 1])
@pytest.mark.parametrize("grey", [False, True])
def test_what_has_the_colour_of_bared_paper_alone_is_believed(doubtful: int, grey: bool) -> None:
    picture = printed()
    scores = after(scored(doubtful), picture[..., 1].copy() if grey else picture)
    assert (scores[DOUBTFUL_PATCH] == BELIEVED).all()


def test_the_rim_of_what_is_believed_stays_as_much_less_sure() -> None:
    score_map = scored(120)
    score_map.scores[60, 60:80] = 80
    scores = after(score_map, printed())
    assert (scores[61:70, 60:80] == BELIEVED).all()
    assert 140 < scores[60, 60] < BELIEVED


@pytest.mark.parametrize(
    "picture",
    [
        pytest.param(printed(patch=(238, 200, 150)), id="another colour"),
        pytest.param(printed(dress=PAPER), id="a dress as white"),
    ],
)
def test_where_colours_say_nothing_doubt_stays(picture: NDArray[np.uint8]) -> None:
    score_map = scored(120)
    assert (after(score_map, picture)[DOUBTFUL_PATCH] == 120).all()


def test_where_nothing_is_sure_or_nothing_suspected_all_stays() -> None:
    assert (after(scored(120, sure=SURE - 1), printed())[DOUBTFUL_PATCH] == 120).all()
    assert (after(scored(DOUBTFUL - 1), printed())[DOUBTFUL_PATCH] == DOUBTFUL - 1).all()
    assert not after(scored(0, sure=0), printed()).any()


def test_what_is_as_small_as_a_catch_light_stays_in_doubt() -> None:
    picture, score_map = np.tile(printed()[50:51, 5:6], (1000, 600, 1)), np.zeros((1000, 600), np.uint8)
    picture[:100, :140] = printed(patch=SKY)
    score_map[SURE_PATCH] = 200
    side = int(SMALLEST**0.5)
    light, blot = np.s_[300 : 300 + side - 1, 300 : 300 + side], np.s_[500 : 500 + side, 300 : 300 + side]
    for place in (light, blot):
        picture[place], score_map[place] = PAPER, 120
    believe_alike(ScoreMap(score_map, np.zeros_like(score_map)), picture)
    assert (score_map[light] == 120).all()
    assert (score_map[blot] == BELIEVED).all()


def test_a_large_picture_is_asked_as_well() -> None:
    picture, score_map = np.tile(printed(dress=PAPER), (8, 8, 1)), scored(120)
    scores = np.zeros(picture.shape[:2], np.uint8)
    scores[:100, :140] = score_map.scores
    repeated = ScoreMap(scores.copy(), np.zeros_like(scores))
    believe_alike(repeated, picture)
    assert (repeated.scores == scores).all()  # most of the paper's white is not damage

    picture = np.tile(printed()[50:51, 5:6], (800, 1120, 1))
    picture[:100, :140] = printed()
    repeated = ScoreMap(scores.copy(), np.zeros_like(scores))
    believe_alike(repeated, picture)
    assert (repeated.scores[DOUBTFUL_PATCH] == BELIEVED).all()


def test_the_colour_of_a_single_region_is_told_like_those_of_the_photograph() -> None:
    pink = (238, 180, 160)  # CIELAB a and b are the same
    picture = printed(patch=pink)
    picture[SURE_PATCH] = pink
    assert (after(scored(120), picture)[DOUBTFUL_PATCH] == BELIEVED).all()


def test_what_is_called_of_a_white_border_says_nothing_about_what_is_white(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    picture = np.random.default_rng(2).integers(100, 160, (300, 400, 3)).astype(np.uint8)
    framed, patch = np.ones((300, 400), bool), np.s_[140:160, 190:210]
    framed[24:-24, 24:-24] = False
    picture[framed], picture[patch] = PAPER, PAPER
    scores = np.zeros((300, 400), np.uint8)
    scores[framed], scores[patch] = 220, 120
    merged = ScoreMap(scores.copy(), np.zeros_like(scores))
    monkeypatch.setattr(detect, "judged", lambda *_, **__: detect.Judged(merged, frozenset(), frozenset()))
    found = detect.score(picture, lambda shown: np.full(shown.shape[:2], -9, np.float32)).scores
    assert not found[:10].any()
    assert (found[patch] == 120).all()
