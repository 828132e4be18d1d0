"""Tears and missing emulsion: broad light wounds, most of them from the edge inwards."""

from archive_restore.detection.filters import Floats
from archive_restore.detection.shapes import Form, rising

# Thousandths of the long side.
BROAD = (6, 12)
LONG = (40, 80)


def likeness(form: Form) -> Floats:
    """(N,) 0..1, how much each candidate looks like a tear."""
    return form.light * rising(form.width, *BROAD) * rising(form.length, *LONG) * (0.6 + 0.4 * form.frame)
