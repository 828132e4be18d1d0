"""Training samples for the default generator: a photograph's crop as truth, as a scan shows it, with a hole."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator as Random
from numpy.typing import NDArray

from archive_restore.restoring import prefill
from archive_restore.training import ageing, damage, region_masks

VISIBLE = 0.02
"""From this opacity on a sample counts as damaged: 2 % of the range, about what a score of 6 in 255 shows."""

HOLE_SHARE = (0.004, 0.6)
"""Smallest and largest share of a crop that may be hole: less teaches nothing, more leaves no context."""


SCALES = (0.45, 0.2, 0.2, 0.15)
"""How often a crop is as sharp as the photograph, enlarged, reduced, or all of the photograph."""


@dataclass(frozen=True)
class Sample:
    """One crop. `truth` (S, S, 3) uint8 without grain; `guess` (S, S, 3) uint8, the scan with its holes filled
    with the first guess; `mask` (S, S) bool, True = hole."""

    truth: NDArray[np.uint8]
    guess: NDArray[np.uint8]
    mask: NDArray[np.bool_]


def cut(photograph: NDArray[np.uint8], size: int, random: Random) -> NDArray[np.uint8]:
    """A random square of `size` px, turned and mirrored.

    Half are as sharp as the photograph is. The others are enlarged, because scans are softer than photographs
    made small; or reduced a little, or so far that the square holds all that fits, as the coarser levels of a
    wide hole are. A photograph smaller than the square is enlarged. (H, W, 3) uint8 to (size, size, 3) uint8.
    """
    short = min(photograph.shape[:2])
    enlarged, reduced = 1 / random.uniform(1.0, 2.0), random.uniform(1.0, 1.8)
    side = min(short, round(float(random.choice([size, size * enlarged, size * reduced, short], p=SCALES))))
    top = int(random.integers(0, photograph.shape[0] - side + 1))
    left = int(random.integers(0, photograph.shape[1] - side + 1))
    square = photograph[top : top + side, left : left + side]
    if side != size:
        how = cv2.INTER_AREA if side > size else cv2.INTER_CUBIC
        square = np.asarray(cv2.resize(square, (size, size), interpolation=how), np.uint8)
    square = np.rot90(square, int(random.integers(4)))
    return np.ascontiguousarray(square[:, :: int(random.choice([-1, 1]))])


def cut_scaled(photograph: NDArray[np.uint8], size: int, scale_to: int, random: Random) -> NDArray[np.uint8]:
    """A random square of `size` px from a photograph scaled so that its short side is `scale_to` px, mirrored
    by chance: the sampling of the context encoder's own code. (H, W, 3) uint8 to (size, size, 3) uint8."""
    scale = scale_to / min(photograph.shape[:2])
    side = min(round(size / scale), *photograph.shape[:2])
    top = int(random.integers(0, photograph.shape[0] - side + 1))
    left = int(random.integers(0, photograph.shape[1] - side + 1))
    square = photograph[top : top + side, left : left + side]
    how = cv2.INTER_AREA if side > size else cv2.INTER_CUBIC
    square = np.asarray(cv2.resize(square, (size, size), interpolation=how), np.uint8)
    return np.ascontiguousarray(square[:, :: int(random.choice([-1, 1]))])


def draw_mask(
    random: Random, size: int, shapes: Sequence[NDArray[np.bool_]] = ()
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """A hole for a crop, and the damage under it, which may stick out a little.

    Parameters
    ----------
    shapes : regions that a detector found in the user's archive, (h, w) bool; half of the holes are then theirs

    Returns
    -------
    mask : (size, size) bool, what the network is told to fill
    damaged : (size, size) bool, what is really damaged; mostly inside the mask, as masks are a pixel too wide
        or too narrow at times
    """
    while True:
        if len(shapes) and random.random() < 0.5:
            damaged = region_masks.region_from_shapes(random, size, shapes)
        elif random.random() < 0.12:
            strategy = region_masks.random_blocks if random.random() < 0.5 else region_masks.random_region
            damaged = strategy(random, size)
        else:
            unit = float(np.exp(random.uniform(np.log(0.6), np.log(3.5))))
            damaged = np.zeros((size, size), bool)
            for _ in range(int(random.integers(1, 4))):
                damaged |= damage.draw(random, (size, size), unit).opacity > VISIBLE
        mask = damaged
        chance = random.random()
        cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
        if chance < 0.3:
            mask = cv2.dilate(damaged.astype(np.uint8), cross, iterations=int(random.integers(1, 3))) > 0
        elif chance < 0.38:
            mask = cv2.erode(damaged.astype(np.uint8), cross) > 0
        if HOLE_SHARE[0] <= mask.mean() <= HOLE_SHARE[1]:
            return mask, damaged


def coarse_guess(
    scan: NDArray[np.uint8], truth: NDArray[np.uint8], mask: NDArray[np.bool_], trust: float
) -> NDArray[np.uint8]:
    """What the coarser level would hand down: between the rim's guess at half resolution (`trust` 0) and the
    truth at half resolution (`trust` 1), doubled. At run time that level is the network's own work."""
    half, half_mask = prefill.halve(scan, mask)
    rim = (
        coarse_guess(half, prefill.halve(truth, np.zeros_like(mask))[0], half_mask, trust)
        if prefill.is_deep(half_mask) and min(half_mask.shape) >= 16
        else prefill.prefill(half, half_mask)
    )
    ideal, _ = prefill.halve(truth, np.zeros_like(mask))
    mixed = np.rint(rim + trust * (ideal.astype(np.float32) - rim)).astype(np.uint8)
    return prefill.double(mixed, mask.shape)


def sample(
    photograph: NDArray[np.uint8], size: int, random: Random, shapes: Sequence[NDArray[np.bool_]] = ()
) -> Sample:
    """One training sample of `size` px from an undamaged photograph ((H, W, 3) uint8)."""
    truth = ageing.tone(cut(photograph, size, random), random)
    scan = ageing.scan(truth, random)
    mask, damaged = draw_mask(random, size, shapes)
    if (damaged & ~mask).any():
        stain = damage.Damage(
            "spots", damaged.astype(np.float32), damage.choose_tone(random, "scratches"), 3.0
        )
        scan = damage.apply(scan, stain, random)
    hole_depth = prefill.depth(mask)
    if hole_depth.max() <= prefill.SHALLOW:
        return Sample(truth, prefill.prefill(scan, mask), mask)
    coarse = coarse_guess(scan, truth, mask, float(random.beta(1.2, 1.2)))
    return Sample(truth, prefill.prefill_deep(scan, mask, coarse, hole_depth), mask)
