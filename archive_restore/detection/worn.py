"""Worn prints: what has surely suffered, in many places, has suffered elsewhere too."""

import numpy as np

from archive_restore.detection.filters import Grey, components
from archive_restore.detection.suspects import SURE

SHARES = (0.003, 0.006)
"""Shares of a picture that are sure damage: at the lesser it is not worn, from the larger on it is."""

PIECES = (6, 11)
"""Pieces in which damage lies, in the same way: one tear or a missing corner says nothing about the rest."""


def worn_by_share(scores: Grey) -> float:
    """How worn a picture is by the share of it, (h, w) in 255ths, that is sure damage, from 0 to 1."""
    return float(np.interp(np.count_nonzero(scores >= SURE) / scores.size, SHARES, (0, 1)))


def worn_by_pieces(scores: Grey) -> float:
    """The same by the number of its pieces."""
    return float(np.interp(len(components((scores >= SURE).view(np.uint8))[1]) - 1, PIECES, (0, 1)))
