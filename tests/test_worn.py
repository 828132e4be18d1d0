"""How worn a print is: by the share that is sure damage, and by the pieces in which it lies."""

import numpy as np
import pytest

from archive_restore.detection.suspects import SURE
from archive_restore.detection.worn import PIECES, SHARES, worn_by_pieces, worn_by_share


@pytest.mark.parametrize(
    ("share", "worn"), [(0, 0), (SHARES[0], 0), (sum(SHARES) / 2, 0.5), (2 * SHARES[1], 1)]
)
def test_by_share(share, worn):
    scores = np.zeros((200, 200), np.uint8)
    scores.ravel()[: round(share * scores.size)] = SURE
    scores[100:] = SURE - 1  # less is not sure
    assert worn_by_share(scores) == pytest.approx(worn)


@pytest.mark.parametrize(("pieces", "worn"), [(0, 0), (PIECES[0], 0), (sum(PIECES) // 2, 0.4), (20, 1)])
def test_by_pieces(pieces, worn):
    scores = np.zeros((100, 100), np.uint8)
    for number in range(pieces):
        scores[4 * number : 4 * number + 2, 10:30] = SURE
    assert worn_by_pieces(scores) == pytest.approx(worn)
