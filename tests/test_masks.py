from itertools import pairwise

import numpy as np
import pytest

from archive_restore.detection import (
    KINDS,
    Kind,
    Policy,
    ScoreMap,
    Sensitivity,
    kind_called,
    seed_of,
    threshold,
)
from archive_restore.detection.masks import EVERY_KIND, HYSTERESIS, PROVEN, hysteresis, levels_for

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


@pytest.mark.parametrize("sensitivity", Sensitivity)
def test_the_names_are_points_of_the_scale_of_numbers(sensitivity):
    assert hysteresis(seed_of(sensitivity)) == HYSTERESIS[sensitivity]


def test_a_lower_number_never_calls_less_all_along_the_scale():
    levels = [hysteresis(step / 200) for step in range(201)]
    assert all(lower.seed <= higher.seed for lower, higher in pairwise(levels))
    assert all(lower.reach <= higher.reach for lower, higher in pairwise(levels))
    assert all(level.reach <= level.seed for level in levels)
    assert (levels[0].seed, levels[-1].seed) == (1, 255)


def worn(share):
    """A speck that is half sure, in a photograph of which so much is surely damaged."""
    scores = np.zeros((100, 100), np.uint8)
    scores[50, 50] = 175
    scores.ravel()[: round(share * scores.size)] = 200
    return map_of(scores)


def test_normal_is_bolder_in_a_photograph_that_is_surely_damaged():
    whole, damaged = (threshold(worn(share))[0] for share in (PROVEN / 2, 2 * PROVEN))
    assert not whole[40:60, 40:60].any()
    assert damaged[50, 50]


def test_damage_that_is_left_alone_proves_as_much_as_other():
    score_map = worn(2 * PROVEN)
    score_map.kinds[0] = KINDS.index(Kind.SCRATCH)
    mask, _ = threshold(score_map, kinds={Kind.DUST})
    assert mask[50, 50]
    assert not mask[0].any()


@pytest.mark.parametrize("level", [Sensitivity.LOW, Sensitivity.HIGH, 0.7, seed_of(Sensitivity.NORMAL)])
def test_what_is_asked_for_by_number_or_as_low_or_high_means_the_same_everywhere(level):
    assert levels_for(worn(0.5), level) == hysteresis(level)


def test_what_has_no_score_is_no_damage_at_any_level():
    assert not threshold(map_of(np.zeros((5, 5))), 0.0)[0].any()


@pytest.mark.parametrize("level", [-0.1, 1.1])
def test_a_number_beyond_the_scale_is_refused(level):
    with pytest.raises(ValueError, match="between 0 and 1"):
        hysteresis(level)


def test_kinds_that_are_no_damage_leave_the_mask_and_only_they():
    score_map = map_of(np.zeros((5, 20)), Kind.SCRATCH)
    score_map.scores[2, 2:18] = 255
    score_map.kinds[2, 8:12] = KINDS.index(Kind.SPOT)  # a stain that a scratch crosses
    mask, regions = threshold(score_map, kinds={Kind.SCRATCH})
    assert [(region.kind, region.left, region.width) for region in regions] == [
        (Kind.SCRATCH, 1, 8),
        (Kind.SCRATCH, 11, 8),
    ]
    assert not mask[2, 9:11].any()
    assert mask.sum() == 2 * (6 * 3 + 2)
    every, _ = threshold(score_map)
    assert (every[:, 9:11] == mask.any(axis=1)[:, None]).all()


@pytest.mark.parametrize(
    ("policy", "text"),
    [
        (Policy(), "normal"),
        (Policy(Sensitivity.HIGH), "high"),
        (Policy(0.6), "0.6"),
        (Policy(Sensitivity.LOW, frozenset({Kind.SPOT, Kind.DUST})), "low: dust, spots"),
        (
            Policy(0.05, EVERY_KIND - {Kind.HAIR}),
            "0.05: dust, scratches, creases, cracks, tears, spots, corners",
        ),
    ],
)
def test_a_policy_is_a_line_of_text_and_back(policy, text):
    assert policy.text == text
    assert Policy.parsed(text) == policy


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (("dust", "specks", "Speck"), Kind.DUST),
        (("hair", "hairs", "fibre", "fibers"), Kind.HAIR),
        (("scratch", " scratches "), Kind.SCRATCH),
        (("crease", "creases", "fold", "folds"), Kind.CREASE),
        (("crack", "cracks"), Kind.CRACK),
        (("tear", "TEARS", "rip"), Kind.TEAR),
        (("spot", "spots", "stain", "stains", "blot"), Kind.SPOT),
        (("corner", "corners", "edge"), Kind.CORNER),
    ],
)
def test_users_call_a_kind_by_several_names(words, kind):
    assert {kind_called(word) for word in words} == {kind}


@pytest.mark.parametrize("word", ["birds", "", "s", "dus"])
def test_what_is_no_kind_of_damage_is_refused_with_the_list(word):
    with pytest.raises(ValueError, match=r"dust, hairs, scratches.*stains"):
        kind_called(word)


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


@pytest.mark.parametrize("factor", [2, 8])
def test_regions_of_a_reduced_score_map_are_pieces_of_the_photograph_s_mask(factor: int):
    scores = np.zeros((60, 80), np.uint8)
    scores[10:30, 20:40] = 220
    scores[45, 5:60] = 200
    score_map = ScoreMap(scores, np.zeros_like(scores))
    mask, regions = threshold(score_map, shape=(60 * factor, 80 * factor))
    assert len(regions) == 2
    assert sum(region.area for region in regions) == pytest.approx(mask.sum(), rel=0.01)
    for region in regions:
        box = np.s_[region.top : region.top + region.height, region.left : region.left + region.width]
        assert mask[box].sum() == pytest.approx(region.area, rel=0.02)
        inside = np.argwhere(mask[box])
        assert (inside.min(axis=0) < factor).all()
        assert (inside.max(axis=0) >= np.array(mask[box].shape) - factor).all()


def test_what_is_lost_between_the_pixels_of_a_score_map_is_no_region():
    scores = np.zeros((60, 80), np.uint8)
    scores[30, 40] = 188  # half of it at even reductions
    mask, regions = threshold(ScoreMap(scores, np.zeros_like(scores)), shape=(120, 160))
    assert not mask.any()
    assert regions == []
