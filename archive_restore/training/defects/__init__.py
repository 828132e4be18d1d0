"""The damage of the segmenter's samples: what `damage` draws, other wear, and the shapes of real artefacts."""

import numpy as np
from numpy.random import Generator as Random

from archive_restore.training import damage
from archive_restore.training.defects import flaking, wear
from archive_restore.training.defects.laying import Defect, Shape, Shapes
from archive_restore.training.defects.real_shapes import stampable, stamped

UNITS = (0.6, 2.6)
"""px a unit of `damage`: from finer than on a photograph of 768 px to coarser than on one of 1,536 px."""

WEIGHTS = {
    "dust": 1.4,
    "hairs": 2.0,
    "scratches": 1.8,
    "creases": 0.8,
    "cracks": 1.0,
    "tears": 0.5,
    "spots": 3.0,
    "stains": 1.2,
    "folds": 0.9,
    "bends": 1.6,
    "gouges": 1.0,
    "losses": 1.2,
    "flakes": 1.2,
    "rims": 0.8,
    "rust": 0.6,
    "specks": 1.8,
}
"""How often each kind is drawn. Not missing corners: a plain wall or sky that fills a corner looks the same to a
network, and the heuristics find those that have an edge."""

WORN = {
    "gouges": wear.draw_gouges,
    "losses": flaking.draw_losses,
    "flakes": flaking.draw_flakes,
    "rims": flaking.draw_rim,
    "specks": wear.draw_specks,
}
"""What bares the paper, beside the kinds that `damage` draws."""

TONED_AS = {"scratches": "dust"} | dict.fromkeys(WORN, "tears")
"""Kinds that have the tones of another one of `damage`; its scratches are seldom dark."""

WORN_OUT = 0.15
"""Share of the damaged samples that have suffered in many ways at once, as a print that went through many hands."""

AGED = 0.35
"""Share of what bares the paper that shows it yellowed, brown or grey, not white."""

TRAMLINES = 0.35
"""Share of the scratches that a camera or a projector drew along the film."""

MOST = {"dust": 0.2, "hairs": 0.2, "cracks": 0.2, "creases": 0.2}
MOST_OTHERS = 0.35
"""Share of a sample that one damage covers at most: a sample that is all stain is a dark photograph."""

COVERS = 0.08
"""Opacity from which it covers."""

REAL = 0.6
"""Share of the kinds that have real shapes for which these are used."""


def draw_some(random: Random, shape: Shape, shapes: Shapes) -> list[Defect]:
    """The damage of one sample: one to three kinds at one scale, or of a worn print four to seven."""
    unit = float(np.exp(random.uniform(*np.log(UNITS))))
    shares = np.array(list(WEIGHTS.values()))
    worn = random.random() < WORN_OUT
    count = int(random.integers(4, 8) if worn else random.choice([1, 2, 3], p=[0.5, 0.35, 0.15]))
    kinds = random.choice(list(WEIGHTS), count, replace=False, p=shares / shares.sum())
    drawn = [defect for kind in kinds for defect in draw(random, shape, unit, str(kind), shapes)]
    return [
        defect for defect in drawn if (defect.opacity > COVERS).mean() <= MOST.get(defect.kind, MOST_OTHERS)
    ]


def draw(random: Random, shape: Shape, unit: float, kind: str, shapes: Shapes) -> list[Defect]:
    """One kind of damage on one sample."""
    if kind == "folds":
        return wear.draw_fold(random, shape, unit)
    if kind == "bends":
        return wear.draw_bend(random, shape, unit)
    if kind == "rust":
        return wear.draw_rust(random, shape, unit)
    if kind == "stains":
        return [wear.draw_stain(random, shape, unit)]
    if kind == "scratches" and random.random() < TRAMLINES:
        return [
            Defect(wear.draw_tramlines(random, shape), tone(random, kind), float(random.uniform(0, 4)), kind)
        ]
    if stampable(kind, shapes) and random.random() < REAL:
        opacity = stamped(random, shape, unit, kind, shapes)
    elif kind in WORN:
        opacity = WORN[kind](random, shape, unit)
    else:
        times = {"dust": int(random.integers(1, 4)), "hairs": int(random.integers(1, 3))}.get(kind, 1)
        opacity = damage.DRAWERS[kind](random, shape, unit)
        for _ in range(times - 1):
            np.maximum(opacity, damage.DRAWERS[kind](random, shape, unit), out=opacity)
    opacity = np.clip(opacity, 0, 1)
    if kind in ("dust", "hairs", "scratches", "spots") and random.random() < 0.25:
        opacity = opacity * np.float32(random.uniform(0.4, 1.0))
    if random.random() < 0.15:
        opacity = damage.soften(opacity, float(random.uniform(0.3, 0.9)))
    return [Defect(opacity, tone(random, kind), float(random.uniform(0, 7)), kind)]


def tone(random: Random, kind: str) -> tuple[float, float, float]:
    """As `damage` has it; one in eight is coloured (emulsion scratched to a dye layer) or of middle grey, and paper is
    of every age."""
    if kind in ("dust", "hairs", "scratches", "spots") and random.random() < 0.12:
        level = random.uniform(40, 230)
        values = np.clip(level + random.normal(0, 30 if random.random() < 0.5 else 5, 3), 0, 255)
        return float(values[0]), float(values[1]), float(values[2])
    if kind in WORN and random.random() < AGED:
        red = float(random.uniform(150, 245))
        green = red * float(random.uniform(0.84, 1.0))
        return red, green, green * float(random.uniform(0.78, 1.0))
    return damage.choose_tone(random, TONED_AS.get(kind, kind))
