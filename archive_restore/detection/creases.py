"""Creases and cracks: long light lines where the emulsion broke, straight across or branching."""

import numpy as np

from archive_restore.detection.filters import Floats
from archive_restore.detection.shapes import Form, falling, rising

# Thousandths of the long side.
CREASE_LENGTH = (250, 450)
CRACK_LENGTH = (60, 140)
STRAIGHT = (10, 25)  # bend; a crease wanders a little
BRANCHED = (4, 8)
NARROW = (18, 26)


def crease_likeness(form: Form) -> Floats:
    """(N,) 0..1, how much each candidate looks like a fold across the photograph."""
    across = rising(form.length, *CREASE_LENGTH) * falling(form.bend, *STRAIGHT)
    # Above a scratch of the same form: what is this long and folds is broader than a hairline.
    return form.light * across * falling(form.width, *NARROW) * rising(form.width, 1.5, 3) * np.float32(1.2)


def crack_likeness(form: Form) -> Floats:
    """(N,) 0..1, how much each candidate looks like a branching crack."""
    branching = rising(form.length, *CRACK_LENGTH) * rising(form.bend, *BRANCHED)
    return form.light * branching * falling(form.width, *NARROW) * np.float32(1.1)
