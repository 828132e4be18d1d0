"""Faint specks all over a photograph: it is named, and its mask leaves them alone."""

import numpy as np
import pytest
from numpy.typing import NDArray

from archive_restore.detection import KINDS, Kind, ScoreMap, Sensitivity, specks_all_over

SHAPE = (120, 160)
NORMAL, FAINT = 210, 120
"""Scores that a normal sensitivity calls damage, and only a high one."""


def dotted(score: int, rows: range, columns: range) -> ScoreMap:
    scores: NDArray[np.uint8] = np.zeros(SHAPE, np.uint8)
    for row in rows:
        scores[row, columns.start : columns.stop : columns.step] = score
    return ScoreMap(scores, np.full(SHAPE, KINDS.index(Kind.DUST), np.uint8))


EVERYWHERE = range(5, 120, 20), range(5, 160, 20)


def test_faint_specks_all_over_are_told() -> None:
    assert specks_all_over(dotted(FAINT, *EVERYWHERE))
    assert specks_all_over(dotted(FAINT, *EVERYWHERE), Sensitivity.LOW)


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        (range(5, 28, 6), range(5, 160, 10)),  # many, in the upper quarter
        (range(5, 120, 40), range(5, 160, 40)),  # everywhere, and few
        (range(0), range(0)),
    ],
)
def test_few_or_those_of_one_place_are_not(rows: range, columns: range) -> None:
    assert not specks_all_over(dotted(FAINT, rows, columns))


def test_what_is_in_the_mask_anyway_or_no_damage_to_its_owner_is_not() -> None:
    assert not specks_all_over(dotted(NORMAL, *EVERYWHERE))
    assert not specks_all_over(dotted(FAINT, *EVERYWHERE), Sensitivity.HIGH)
    assert not specks_all_over(dotted(FAINT, *EVERYWHERE), kinds={Kind.SCRATCH})


def test_a_mask_is_bolder_where_damage_of_another_kind_is_proven() -> None:
    specks = dotted(175, *EVERYWHERE)
    assert specks_all_over(specks, kinds={Kind.DUST})
    specks.scores[:, 0], specks.kinds[:, 0] = 255, KINDS.index(Kind.TEAR)
    assert not specks_all_over(specks, kinds={Kind.DUST})


def test_what_goes_on_from_the_mask_is_no_speck() -> None:
    specks = dotted(FAINT, *EVERYWHERE)
    specks.scores[EVERYWHERE[0].start :: 20, EVERYWHERE[1].start + 1 :: 20] = NORMAL
    assert not specks_all_over(specks)
