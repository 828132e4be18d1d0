"""Dust and specks: small compact bodies on the print or the negative."""

from archive_restore.detection.filters import Floats
from archive_restore.detection.shapes import Form, falling

# Thousandths of the long side: 1.2 % is 3 mm on a print of 25 cm.
LARGEST_SPECK = (10, 16)
ROUNDISH = (4, 7)  # slenderness


def likeness(form: Form) -> Floats:
    """(N,) 0..1, how much each candidate looks like dust."""
    return falling(form.width, *LARGEST_SPECK) * falling(form.slenderness, *ROUNDISH)
