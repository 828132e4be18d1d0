"""What is found in a photograph: kinds of damage and the regions that carry them."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """A kind of damage. The value is the word that users read."""

    DUST = "dust"
    HAIR = "hairs"
    SCRATCH = "scratches"
    CREASE = "creases"
    CRACK = "cracks"
    TEAR = "tears"
    SPOT = "spots"
    CORNER = "corners"


# The order is stored in score maps: append to it, never reorder it.
KINDS = tuple(Kind)


@dataclass(frozen=True)
class Region:
    """One connected piece of damage."""

    kind: Kind
    left: int  # px, of its bounding box
    top: int  # px
    width: int  # px
    height: int  # px
    area: int  # px², the pixels in the mask, not the box
    score: float  # 0..1, the detectors' confidence at its surest pixel
