"""The damage of the segmenter's samples: what `damage` draws, and what it lacks: faint hairs, clouds of dust, stains
that let the photograph through, folds with their shadow, and the shapes of real artefacts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator as Random
from numpy.typing import NDArray

from archive_restore.training import damage

Floats = NDArray[np.float32]
Shape = tuple[int, int]
Shapes = Mapping[str, Sequence[Floats]]

UNITS = (0.6, 2.6)
"""px a unit of `damage`: from finer than on a photograph of 768 px to coarser than on one of 1,536 px."""

WEIGHTS = {
    "dust": 1.4,
    "hairs": 2.0,
    "scratches": 1.8,
    "creases": 0.8,
    "cracks": 1.0,
    "tears": 0.5,
    "spots": 1.4,
    "stains": 0.4,
    "folds": 0.6,
}
"""How often each kind is drawn. Not missing corners: a plain wall or sky that fills a corner looks the same to a
network, and the heuristics find those that have an edge."""

REAL_KINDS = {
    "dust": ("dots", "dirt", "spots", "lint"),
    "hairs": ("hair", "hair-short", "lint"),
    "scratches": ("scratches",),
    "spots": ("stain", "smut", "sprinkles", "spots"),
}
"""Folders of real shapes by the kind of damage."""

REAL_SIZES = {"dust": (4, 60), "hairs": (25, 220), "scratches": (100, 380), "spots": (12, 140)}
"""Units that the longer side of a real shape spans."""

REAL_COUNTS = {"dust": (3, 18), "hairs": (1, 5), "scratches": (1, 3), "spots": (1, 4)}
"""How many lie on a sample of 256 px at one px a unit; fewer on one that shows less of the photograph."""

TRAMLINES = 0.35
"""Share of the scratches that a camera or a projector drew along the film."""

MOST = {"tears": 0.3}
MOST_OTHERS = 0.2
"""Share of a sample that one damage covers at most: a sample that is all stain is a dark photograph."""

REAL = 0.6
"""Share of the kinds that have real shapes for which these are used."""


@dataclass(frozen=True)
class Defect:
    """One damage: opacity (H, W) float32 in [0, 1]; tone RGB, 0 to 255; texture, the deviation of its own grain in
    levels; `stains`: multiplies the photograph by the tone instead of covering it."""

    opacity: Floats
    tone: tuple[float, float, float]
    texture: float
    kind: str
    stains: bool = False


def draw_some(random: Random, shape: Shape, shapes: Shapes) -> list[Defect]:
    """The damage of one sample: one to three kinds at one scale."""
    unit = float(np.exp(random.uniform(*np.log(UNITS))))
    shares = np.array(list(WEIGHTS.values()))
    kinds = random.choice(
        list(WEIGHTS),
        int(random.choice([1, 2, 3], p=[0.5, 0.35, 0.15])),
        replace=False,
        p=shares / shares.sum(),
    )
    drawn = [defect for kind in kinds for defect in draw(random, shape, unit, str(kind), shapes)]
    return [defect for defect in drawn if (defect.opacity > 0).mean() <= MOST.get(defect.kind, MOST_OTHERS)]


def draw(random: Random, shape: Shape, unit: float, kind: str, shapes: Shapes) -> list[Defect]:
    """One kind of damage on one sample."""
    if kind == "folds":
        return draw_fold(random, shape, unit)
    if kind == "stains":
        return [draw_stain(random, shape, unit)]
    if kind == "scratches" and random.random() < TRAMLINES:
        return [Defect(draw_tramlines(random, shape), tone(random, kind), float(random.uniform(0, 4)), kind)]
    if kind in REAL_KINDS and shapes and random.random() < REAL:
        opacity = stamped(random, shape, unit, kind, shapes)
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
    """As `damage` has it; one in eight is coloured (emulsion scratched to a dye layer) or of middle grey."""
    if kind in ("dust", "hairs", "scratches", "spots") and random.random() < 0.12:
        level = random.uniform(40, 230)
        values = np.clip(level + random.normal(0, 30 if random.random() < 0.5 else 5, 3), 0, 255)
        return float(values[0]), float(values[1]), float(values[2])
    return damage.choose_tone(random, kind)


def draw_tramlines(random: Random, shape: Shape) -> Floats:
    """Scratches along a film: exactly straight, a pixel or less wide, faint, interrupted, several side by side."""
    lying = random.random() < 0.35
    height, width = shape[::-1] if lying else shape
    opacity = np.zeros((height, width), np.float32)
    columns, rows = np.arange(width, dtype=np.float32), np.arange(height)
    x = float(random.uniform(0, width))
    for _ in range(int(random.integers(1, 5))):
        profile = np.exp(-(((columns - x) / random.uniform(0.35, 0.9)) ** 2))
        first = random.uniform(-0.5, 0.8) * height
        inside = (rows >= first) & (rows < first + random.uniform(0.15, 1.5) * height)
        worn = damage.smooth_noise(random, (height, 2), float(random.uniform(4, 40)))[:, 0]
        along = inside * np.clip(random.uniform(0.2, 1.2) + 0.6 * worn, 0, 1) * random.uniform(0.2, 1.0)
        np.maximum(opacity, (along[:, None] * profile[None]).astype(np.float32), out=opacity)
        x += float(random.normal(0, 12))
    return np.ascontiguousarray(opacity.T) if lying else opacity


def stamped(random: Random, shape: Shape, unit: float, kind: str, shapes: Shapes) -> Floats:
    """Opacity of real shapes, turned, mirrored, scaled and strewn; in one of three samples they keep together."""
    opacity = np.zeros(shape, np.float32)
    folders = [folder for folder in REAL_KINDS[kind] if folder in shapes]
    low, high = REAL_COUNTS[kind]
    count = max(1, round(int(random.integers(low, high + 1)) / unit**1.2))
    centre, together = np.array(damage.somewhere(random, shape)), random.random() < 0.33
    for _ in range(count):
        chosen = shapes[str(random.choice(folders))]
        form = chosen[int(random.integers(len(chosen)))]
        form = np.rot90(form, int(random.integers(4)))[:, :: int(random.choice([-1, 1]))]
        scale = unit * float(random.uniform(*REAL_SIZES[kind])) / max(form.shape)
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        size = (max(1, round(form.shape[1] * scale)), max(1, round(form.shape[0] * scale)))
        form = np.asarray(cv2.resize(np.ascontiguousarray(form), size, interpolation=how), np.float32)
        at = centre + random.normal(0, 25 * unit, 2) if together else damage.somewhere(random, shape)
        stamp(
            opacity, form, round(float(at[1])) - form.shape[0] // 2, round(float(at[0])) - form.shape[1] // 2
        )
    return opacity


def stamp(opacity: Floats, form: Floats, top: int, left: int) -> None:
    """Lays a shape into `opacity`, in place, cut off at the picture's edges."""
    y, x = max(top, 0), max(left, 0)
    bottom, right = min(top + form.shape[0], opacity.shape[0]), min(left + form.shape[1], opacity.shape[1])
    if bottom > y and right > x:
        inside = opacity[y:bottom, x:right]
        np.maximum(inside, form[y - top : bottom - top, x - left : right - left], out=inside)


def draw_stain(random: Random, shape: Shape, unit: float) -> Defect:
    """A stain that lets the photograph through: water, tea, foxing; darker at its rim, or bleached."""
    blob = (damage.draw_spots(random, shape, min(unit * random.uniform(0.5, 2.0), 2.0)) > 0.2).astype(
        np.float32
    )
    opacity = damage.soften(blob, float(random.uniform(0.6, 2.5)))
    if random.random() < 0.6:
        rim = opacity - np.minimum(opacity, damage.soften(blob, float(random.uniform(3, 9)) * min(unit, 2)))
        opacity = np.clip(opacity * np.float32(random.uniform(0.3, 0.8)) + 1.5 * rim, 0, 1)
    opacity = opacity * np.float32(random.uniform(0.5, 1.0))
    if random.random() < 0.25:
        light = float(random.uniform(200, 255))
        return Defect(0.6 * opacity, (light, light, light - 8), 0.0, "stains")
    level = float(random.uniform(40, 170))
    brown = (min(255.0, level * 1.35), level, level * float(random.uniform(0.5, 0.95)))
    return Defect(opacity, brown, 0.0, "stains", stains=True)


def draw_fold(random: Random, shape: Shape, unit: float) -> list[Defect]:
    """A fold that did not break everywhere: a light line with a dark one beside it, here and there only one."""
    line = damage.draw_crease(random, shape, unit * float(random.uniform(0.4, 0.8)))
    shift = np.array([[1, 0, random.normal(0, 2) * unit], [0, 1, random.normal(0, 2) * unit]], np.float32)
    shadow = np.asarray(cv2.warpAffine(line, shift, shape[::-1]), np.float32)
    worn = np.clip(0.6 + 0.5 * damage.smooth_noise(random, shape, 40 * unit), 0, 1)
    light, dark = float(random.uniform(190, 255)), float(random.uniform(10, 90))
    return [
        Defect(
            damage.soften(shadow, 0.8) * np.float32(random.uniform(0.2, 0.8)),
            (dark, dark, dark),
            2.0,
            "folds",
        ),
        Defect(
            line * worn * np.float32(random.uniform(0.4, 1.0)), (light, light - 4, light - 10), 4.0, "folds"
        ),
    ]
