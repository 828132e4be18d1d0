import numpy as np
import pytest

from archive_restore.detection.odds import odds_of, scores_of


def test_odds_and_probabilities_are_inverse():
    scores = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert (scores_of(odds_of(scores)) == scores).all()


@pytest.mark.parametrize("shape", [(0,), (1,), (5,), (1, 7), (3, 1)])
def test_scores_have_the_shape_of_their_odds(shape):
    scores = scores_of(np.full(shape, 100.0, np.float32))
    assert scores.shape == shape
    assert (scores == 255).all()
    assert not scores_of(np.full(shape, -100.0, np.float32)).any()
