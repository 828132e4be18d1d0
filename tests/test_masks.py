import numpy as np
import pytest

from archive_restore.detection import KINDS, Kind, ScoreMap, Sensitivity, threshold
from archive_restore.detection.masks import HYSTERESIS

NORMAL = HYSTERESIS[Sensitivity.NORMAL]


def map_of(scores, kind=Kind.DUST):
    scores = np.array(scores, np.uint8)
    return ScoreMap(scores, np.full(scores.shape, KINDS.index(kind), np.uint8))


def test_nothing_scored_gives_an_empty_mask_and_no_region():
    mask, regions = threshold(map_of(np.zeros((5, 7))))
    assert mask.shape == (5, 7)
    assert mask.dtype == bool
    assert not mask.any()
    assert regions == []


def test_a_faint_tail_is_followed_from_a_sure_seed_and_is_nothing_by_itself():
    scores = np.zeros((5, 12))
    scores[2, 1] = NORMAL.seed
    scores[2, 2:6] = NORMAL.reach
    scores[2, 8:11] = NORMAL.reach
    mask, _ = threshold(map_of(scores))
    assert mask[2, 1:6].all()
    assert not mask[:, 8:].any()


def test_the_mask_is_grown_by_one_pixel_against_blur():
    scores = np.zeros((5, 5))
    scores[2, 2] = 255
    mask, _ = threshold(map_of(scores))
    assert (
        mask.tolist()
        == np.array(
            [[0, 0, 0, 0, 0], [0, 0, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 0, 0], [0, 0, 0, 0, 0]], bool
        ).tolist()
    )


def test_a_region_carries_its_box_its_area_its_kind_and_its_best_score():
    scores = np.zeros((10, 12))
    scores[4, 3:7] = NORMAL.reach
    scores[4, 5] = 204
    _, [region] = threshold(map_of(scores, Kind.SCRATCH))
    assert region.kind is Kind.SCRATCH
    assert (region.left, region.top, region.width, region.height) == (2, 3, 6, 3)
    assert region.area == 4 + 4 + 4 + 2
    assert region.score == pytest.approx(0.8)


def test_a_region_of_two_kinds_is_called_by_the_larger_part():
    score_map = map_of(np.full((1, 5), 255), Kind.HAIR)
    score_map.kinds[0, :2] = KINDS.index(Kind.SPOT)
    _, [region] = threshold(score_map)
    assert region.kind is Kind.HAIR


def test_the_mask_of_a_photograph_larger_than_its_score_map_has_the_photographs_size():
    scores = np.zeros((20, 30))
    scores[5:9, 10] = 255
    mask, [region] = threshold(map_of(scores), shape=(80, 120))
    assert mask.shape == (80, 120)
    assert mask[22:34, 42].all()
    # A line one pixel wide is four wide there, not four more on either side.
    assert 4 <= mask[28].sum() <= 8
    assert (region.left, region.top, region.width, region.height) == (36, 16, 12, 24)


def test_what_was_not_reached_stays_out_of_the_larger_mask():
    scores = np.zeros((20, 30))
    scores[5, 5:9] = 255
    scores[15, 5:9] = NORMAL.reach
    mask, _ = threshold(map_of(scores), shape=(80, 120))
    assert mask[:40].any()
    assert not mask[40:].any()


def test_an_enlarged_score_map_keeps_its_kinds():
    small = map_of(np.pad(np.full((2, 2), 200), 2), Kind.TEAR)
    large = small.enlarged((12, 18))
    assert large.scores.shape == large.kinds.shape == (12, 18)
    assert (large.kinds[large.scores > 0] == KINDS.index(Kind.TEAR)).all()
    assert large.scores.max() == 200


def test_a_higher_sensitivity_never_calls_less():
    scores = np.random.default_rng(0).integers(0, 256, (60, 60))
    low, normal, high = (threshold(map_of(scores), sensitivity)[0] for sensitivity in Sensitivity)
    assert (low <= normal).all()
    assert (normal <= high).all()
    assert low.sum() < normal.sum() < high.sum()


def test_the_png_carries_scores_and_kinds_unchanged():
    rng = np.random.default_rng(0)
    stored = ScoreMap(
        rng.integers(0, 256, (7, 5)).astype(np.uint8), rng.integers(0, len(KINDS), (7, 5)).astype(np.uint8)
    )
    back = ScoreMap.from_png(stored.to_png())
    assert (back.scores == stored.scores).all()
    assert (back.kinds == stored.kinds).all()


@pytest.mark.parametrize("data", [b"", b"no picture", map_of(np.zeros((4, 4))).to_png()[:40]])
def test_what_is_no_score_map_is_refused(data):
    with pytest.raises(ValueError, match="scan the photograph again"):
        ScoreMap.from_png(data)


def test_kinds_of_a_later_version_are_refused():
    unknown = map_of(np.zeros((2, 2)))
    unknown.kinds[0, 0] = len(KINDS)
    with pytest.raises(ValueError, match="does not know"):
        ScoreMap.from_png(unknown.to_png())
