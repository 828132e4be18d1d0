"""Hairs and scratches: thin lines, the one curved, the other straight."""

from archive_restore.detection.filters import Floats
from archive_restore.detection.shapes import Form, falling, rising

SLENDER = (4, 7)  # length over width
THIN = (6, 10)  # thousandths of the long side
# How much broader the whole is than the line: a straight scratch stays under the first figure.
CURVED = (2, 4)


def hair_likeness(form: Form) -> Floats:
    """(N,) 0..1, how much each candidate looks like a hair or a piece of lint."""
    return rising(form.slenderness, *SLENDER) * falling(form.width, *THIN) * rising(form.bend, *CURVED)


def scratch_likeness(form: Form) -> Floats:
    """(N,) 0..1, how much each candidate looks like a straight scratch."""
    return rising(form.slenderness, *SLENDER) * falling(form.width, *THIN) * falling(form.bend, *CURVED)
