"""Training samples for the default generator: a photograph's crop as truth, as a scan shows it, with a hole."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.random import Generator as Random
from numpy.typing import NDArray

from archive_restore.restoring import prefill
from archive_restore.training import ageing, damage, region_masks
from archive_restore.training.defects.laying import NO_SHAPES, Shapes
from archive_restore.training.defects.real_shapes import stampable, stamped

VISIBLE = 0.02
"""From this opacity on a sample counts as damaged: 2 % of the range, about what a score of 6 in 255 shows."""

HOLE_SHARE = (0.004, 0.6)
"""Smallest and largest share of a crop that may be hole: less teaches nothing, more leaves no context."""

SHINES_THROUGH = ("dust", "hairs", "scratches", "spots")
"""Damage that lies on the picture. Where emulsion or paper is gone, nothing shines through."""

REAL = 0.6
"""Share of the damages of these kinds that have the shapes of real artefacts, where there are any: drawn ones are
opaque or evenly half transparent, real ones are thick here and thin there."""

SMALLEST = 16
"""px; smaller pictures are not halved any more."""

OPAQUE = 0.15
"""Share of the samples whose holes show nothing of the damage, for what a user wants gone whatever it is."""

SCALES = (0.45, 0.2, 0.2, 0.15)
"""How often a crop is as sharp as the photograph, enlarged, reduced, or all of the photograph."""


@dataclass(frozen=True)
class Coarse:
    """A crop at half the resolution, from which deep holes are guessed: `guess` and `scan` (S/2, S/2, 3) uint8, `mask`
    (S/2, S/2) bool; `weight` (S, S) float32, how much of the guess at full resolution it decides."""

    guess: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    scan: NDArray[np.uint8]
    weight: NDArray[np.float32]


@dataclass(frozen=True)
class Sample:
    """One crop. `truth` (S, S, 3) uint8; `scan` (S, S, 3) uint8, the truth as damaged and scanned; `guess`
    (S, S, 3) uint8, the scan with its holes filled with the first guess; `mask` (S, S) bool, True = hole."""

    truth: NDArray[np.uint8]
    scan: NDArray[np.uint8]
    guess: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    coarse: Coarse


def cut(photograph: NDArray[np.uint8], size: int, random: Random) -> NDArray[np.uint8]:
    """A random square of `size` px, turned and mirrored.

    Half are as sharp as the photograph is. The others are enlarged, because scans are softer than photographs
    made small; or reduced a little, or so far that the square holds all that fits, as the coarser levels of a
    wide hole are. A photograph smaller than the square is enlarged. (H, W, 3) uint8 to (size, size, 3) uint8.
    """
    short = min(photograph.shape[:2])
    enlarged, reduced = 1 / random.uniform(1.0, 2.0), random.uniform(1.0, 1.8)
    side = min(short, round(float(random.choice([size, size * enlarged, size * reduced, short], p=SCALES))))
    square = np.rot90(cut_square(photograph, side, size, random), int(random.integers(4)))
    return np.ascontiguousarray(square[:, :: int(random.choice([-1, 1]))])


def cut_scaled(photograph: NDArray[np.uint8], size: int, scale_to: int, random: Random) -> NDArray[np.uint8]:
    """A random square of `size` px from a photograph scaled so that its short side is `scale_to` px, mirrored
    by chance: the sampling of the context encoder's own code. (H, W, 3) uint8 to (size, size, 3) uint8."""
    scale = scale_to / min(photograph.shape[:2])
    side = min(round(size / scale), *photograph.shape[:2])
    square = cut_square(photograph, side, size, random)
    return np.ascontiguousarray(square[:, :: int(random.choice([-1, 1]))])


def cut_square(photograph: NDArray[np.uint8], side: int, size: int, random: Random) -> NDArray[np.uint8]:
    """A square of `side` px from anywhere, scaled to `size` px. (H, W, 3) uint8 to (size, size, 3) uint8."""
    top = int(random.integers(0, photograph.shape[0] - side + 1))
    left = int(random.integers(0, photograph.shape[1] - side + 1))
    square = photograph[top : top + side, left : left + side]
    if side == size:
        return square
    how = cv2.INTER_AREA if side > size else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(square, (size, size), interpolation=how), np.uint8)


def draw_damage(
    random: Random, size: int, shapes: Sequence[NDArray[np.bool_]] = (), artefacts: Shapes = NO_SHAPES
) -> list[damage.Damage]:
    """One to three damages of a crop. Half of them are of the `shapes` that a detector found in the user's archive,
    (h, w) bool, where there are any; others have the opacities of real `artefacts`, by kind. Half is softer than drawn,
    and of what lies on the picture (instead of being missing from it) some is half transparent."""
    if len(shapes) and random.random() < 0.5:
        drawn = [_flat(random, region_masks.region_from_shapes(random, size, shapes))]
    elif random.random() < 0.12:
        strategy = region_masks.random_blocks if random.random() < 0.5 else region_masks.random_region
        drawn = [_flat(random, strategy(random, size))]
    else:
        unit = float(np.exp(random.uniform(np.log(0.6), np.log(3.5))))
        drawn = [_one(random, size, unit, artefacts) for _ in range(int(random.integers(1, 4)))]
    return [_weathered(random, one) for one in drawn]


def _one(random: Random, size: int, unit: float, artefacts: Shapes) -> damage.Damage:
    drawn = damage.draw(random, (size, size), unit)
    if stampable(drawn.kind, artefacts) and random.random() < REAL:
        return replace(drawn, opacity=stamped(random, (size, size), unit, drawn.kind, artefacts))
    return drawn


def _flat(random: Random, shape: NDArray[np.bool_]) -> damage.Damage:
    """A shape as opaque damage of one tone."""
    kind = str(random.choice(["tears", "corners"]))
    opacity = damage.soften(shape.astype(np.float32), 0.5)
    return damage.Damage(kind, opacity, damage.choose_tone(random, kind), float(random.uniform(1, 7)))


def _weathered(random: Random, drawn: damage.Damage) -> damage.Damage:
    opacity = drawn.opacity
    if random.random() < 0.5:
        opacity = damage.soften(opacity, float(random.uniform(0.3, 1.0)))
    if drawn.kind in SHINES_THROUGH and random.random() < 0.4:
        opacity = opacity * np.float32(random.uniform(0.35, 1.0))
    return replace(drawn, opacity=opacity)


def told_mask(random: Random, damaged: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What the network is told is damaged, (S, S) bool: masks are a pixel too wide or too narrow at times."""
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    chance = random.random()
    if chance < 0.3:
        return cv2.dilate(damaged.astype(np.uint8), cross, iterations=int(random.integers(1, 3))) > 0
    if chance < 0.35:
        return cv2.erode(damaged.astype(np.uint8), cross) > 0
    return damaged


def half_guess(scan: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The first guess of a picture from its rim and, where that is deep, from the same at half the resolution; no
    network takes part. (S, S, 3) uint8 and (S, S) bool to (S, S, 3) uint8."""
    hole_depth = prefill.depth(mask)
    if hole_depth.max() <= prefill.SHALLOW or min(mask.shape) < SMALLEST or mask.all():
        return prefill.prefill(scan, mask)
    half, half_mask = prefill.halve(scan, mask)
    coarse = prefill.double(half_guess(half, half_mask), mask.shape)
    return prefill.prefill_deep(scan, mask, coarse, hole_depth)


def sample(
    photograph: NDArray[np.uint8],
    size: int,
    random: Random,
    shapes: Sequence[NDArray[np.bool_]] = (),
    artefacts: Shapes = NO_SHAPES,
) -> Sample:
    """One training sample of `size` px from an undamaged photograph ((H, W, 3) uint8), damaged by `draw_damage`."""
    truth = ageing.grain(ageing.tone(cut(photograph, size, random), random), random)
    while True:
        scan, opacity = truth, np.zeros((size, size), np.float32)
        for drawn in draw_damage(random, size, shapes, artefacts):
            scan, opacity = damage.apply(scan, drawn, random), np.maximum(opacity, drawn.opacity)
        # Where damage has the photograph's own tone, a mask by difference leaves it out and one by shape does not.
        differs = np.abs(scan.astype(np.int16) - truth).max(axis=2) > 255 * VISIBLE
        mask = told_mask(random, differs if random.random() < 0.6 else opacity > VISIBLE)
        if HOLE_SHARE[0] <= mask.mean() <= HOLE_SHARE[1]:
            break
    scan = ageing.compress(scan, random)
    hole_depth = prefill.depth(mask)
    half, half_mask = prefill.halve(scan, mask)
    deep = bool(hole_depth.max() > prefill.SHALLOW)
    coarse = Coarse(
        guess=half_guess(half, half_mask) if deep else half,
        mask=half_mask,
        scan=prefill.halve(scan, np.zeros_like(mask))[0],
        weight=prefill.coarse_weight(np.where(mask, hole_depth, np.float32(0))),
    )
    if deep:
        guess = prefill.prefill_deep(scan, mask, prefill.double(coarse.guess, mask.shape), hole_depth)
    else:
        guess = prefill.prefill(scan, mask)
    if random.random() < OPAQUE:
        return Sample(truth, guess, guess, mask, replace(coarse, scan=coarse.guess))
    return Sample(truth, scan, guess, mask, coarse)
