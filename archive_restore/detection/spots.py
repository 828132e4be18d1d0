"""Spots and stains: bodies larger than dust, of any colour."""

import numpy as np

from archive_restore.detection.filters import Floats
from archive_restore.detection.shapes import Form, falling, rising

LARGER_THAN_DUST = (8, 14)  # thousandths of the long side
COMPACT = (3, 8)  # slenderness
DOUBT = 0.15  # of any spot
LARGE = 0.003  # share of the picture from which a spot is doubted more
DOUBT_OF_LARGE = 0.8  # by how much, each time that it is e times as large


def likeness(form: Form) -> Floats:
    """(N,) 0..1, how much each candidate looks like a spot or a stain."""
    return rising(form.width, *LARGER_THAN_DUST) * falling(form.slenderness, *COMPACT) * 0.9


def doubt(area: Floats, whole: int) -> Floats:
    """(N,) what is taken off the logarithm of the odds of spots of `area` (N,) px in a picture of `whole` px.

    Blots that a segmenter takes for stains are shadows, clouds and bodies more often than lines and specks are
    anything but damage, large ones above all, and repainting one that is none costs more.
    """
    times = np.maximum(area / (LARGE * whole), 1)
    return np.asarray(DOUBT + DOUBT_OF_LARGE * np.log(times), np.float32)
