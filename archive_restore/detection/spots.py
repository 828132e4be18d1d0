"""Spots and stains: bodies larger than dust, of any colour."""

from archive_restore.detection.filters import Floats
from archive_restore.detection.shapes import Form, falling, rising

LARGER_THAN_DUST = (8, 14)  # thousandths of the long side
COMPACT = (3, 8)  # slenderness


def likeness(form: Form) -> Floats:
    """(N,) 0..1, how much each candidate looks like a spot or a stain."""
    return rising(form.width, *LARGER_THAN_DUST) * falling(form.slenderness, *COMPACT) * 0.9
