"""Probabilities in 255ths, and the logarithms of their odds.

A score of 0 is anything from one in five hundred downwards; the odds also tell what is unlikely from what is out of the
question.
"""

import numpy as np

from archive_restore.detection.filters import Floats, Grey


def odds_of(scores: Grey) -> Floats:
    """Logarithms of the odds of probabilities in 255ths, as far as these tell them: from -6.2 to 6.2."""
    values = scores.astype(np.float32)
    return np.log((values + 0.5) / (255.5 - values))


def scores_of(odds: Floats) -> Grey:
    """The probabilities, in 255ths, of logarithms of odds."""
    with np.errstate(over="ignore"):
        return np.rint(255 / (1 + np.exp(-odds))).astype(np.uint8)
