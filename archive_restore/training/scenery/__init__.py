"""What detectors take for damage and is not. Drawn over training photographs before damage is, and never marked as
damage."""

from collections.abc import Callable
from typing import NamedTuple

from numpy.random import Generator as Random

from archive_restore.training.scenery import living, made
from archive_restore.training.scenery.laying import Picture


class Drawn(NamedTuple):
    """How a thing is drawn, and how often beside the others."""

    draw: Callable[[Picture, Random], None]
    share: float


SCENERY = {
    "lettering": Drawn(made.draw_lettering, 0.24),
    "frame": Drawn(made.draw_frame, 0.15),
    "wires": Drawn(made.draw_wires, 0.12),
    "bars": Drawn(made.draw_bars, 0.08),
    "truss": Drawn(made.draw_truss, 0.18),
    "lattice": Drawn(made.draw_lattice, 0.09),
    "panes": Drawn(made.draw_panes, 0.1),
    "markings": Drawn(made.draw_markings, 0.04),
    "sticks": Drawn(made.draw_sticks, 0.05),
    "collars": Drawn(made.draw_collars, 0.12),
    "pearls": Drawn(made.draw_pearls, 0.04),
    "buttons": Drawn(made.draw_buttons, 0.04),
    "stars": Drawn(living.draw_stars, 0.05),
    "snow": Drawn(living.draw_snow, 0.05),
    "lamps": Drawn(living.draw_lamps, 0.13),
    "eyes": Drawn(living.draw_eyes, 0.05),
    "whiskers": Drawn(living.draw_whiskers, 0.03),
    "branches": Drawn(living.draw_branches, 0.03),
    "silhouettes": Drawn(living.draw_silhouettes, 0.02),
    "folds": Drawn(living.draw_folds, 0.03),
    "leaves": Drawn(living.draw_leaves, 0.03),
    "clouds": Drawn(living.draw_clouds, 0.05),
    "rounds": Drawn(living.draw_rounds, 0.22),
}
"""What there is."""


def decorate(picture: Picture, random: Random) -> None:
    """Draws one or two of them."""
    shares = [thing.share for thing in SCENERY.values()]
    total = sum(shares)
    chosen = random.choice(
        list(SCENERY), int(random.integers(1, 3)), p=[share / total for share in shares], replace=False
    )
    for name in chosen:
        SCENERY[str(name)].draw(picture, random)
