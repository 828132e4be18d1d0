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


PAINTED = "by hand"
"""Instead of a kind, of a region that somebody painted where the detectors see nothing."""

SYNONYMS = {
    "specks": Kind.DUST,
    "fibres": Kind.HAIR,
    "fibers": Kind.HAIR,
    "folds": Kind.CREASE,
    "rips": Kind.TEAR,
    "stains": Kind.SPOT,
    "blots": Kind.SPOT,
    "edges": Kind.CORNER,
}
"""What else users call them."""


def kind_called(word: str) -> Kind:
    """The kind of damage that a user means: "scratch", "Scratches", "stain".

    Raises
    ------
    ValueError
        There is none of that name.
    """
    lower = word.strip().lower()
    names = {**{kind.value: kind for kind in Kind}, **SYNONYMS}
    for name, kind in names.items():
        if lower in (name, name.removesuffix("s"), name.removesuffix("es")):
            return kind
    raise ValueError(
        f"{word.strip()!r} is no kind of damage. There are {', '.join(Kind)}; also called {', '.join(SYNONYMS)}."
    )


@dataclass(frozen=True)
class Region:
    """One connected piece of damage."""

    kind: str  # a Kind, or PAINTED
    left: int  # px, of its bounding box
    top: int  # px
    width: int  # px
    height: int  # px
    area: int  # px², the pixels in the mask, not the box
    score: float  # 0..1, the detectors' confidence at its surest pixel
