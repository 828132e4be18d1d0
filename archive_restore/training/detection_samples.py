"""Training samples for the damage segmenter: a photograph as a scanner shows it, and which of its pixels are damaged.

Damage and photograph go through the same scanner in most samples (its blur, grain and compression over both), or
sharpness would give damage away. In others damage is sharper than the photograph, as dust on the glass is.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator as Random
from numpy.typing import NDArray

from archive_restore.training import ageing, damage, defects
from archive_restore.training.crops import cut_square
from archive_restore.training.defects.laying import Defect, Shape, Shapes, lay
from archive_restore.training.scenery import decorate

Floats = NDArray[np.float32]
Draw = Callable[[Random, Shape, Shapes], list[Defect]]

INTACT = 0.4
"""Share of the samples without any damage."""

DECORATED = 0.45
"""Share of the samples with drawn things that only look like damage."""

GREY = 0.3
"""Share of the samples that the scanner saw in grey: damage has no colour of its own there."""

SHARPENED = 0.2
"""Share of the samples that the scanner sharpened: damage then has a fringe, and the fringe is damage, too."""

ENLARGED, TIMES = 0.35, (1.2, 2.2)
"""Share of the samples that are enlarged after the scan, and by how much: small photographs are shown to the segmenter
enlarged, and their damage is as soft then as they are."""

OUT_OF_FOCUS, BLUR = 0.25, (0.7, 4.0)
"""Share of the samples whose photograph is softer than what lies on it, and its sigma, px: the lenses, films and
enlargers of old prints were, scanned at any resolution, and dust, flakes and cracks are not."""

IN_PART = 0.5
"""Share of those whose photograph is sharp in places: what the lens was focused on."""

BEFORE_THE_LENS = 0.7
"""Share of those in which what is drawn as looking like damage is part of the scene, and as soft as it; else it is on
the print, as lettering may be."""

MOST_TIMES = 2.6
"""By how much photographs are enlarged that are smaller than a sample; by more only if they have to be."""

VISIBLE = 6.0
"""Levels of 255 by which a damaged pixel differs from the undamaged photograph."""

DOUBTFUL = (3.0, 16.0)
"""Between these differences a pixel counts less, since nobody could tell."""


@dataclass(frozen=True)
class DetectorSample:
    """`picture` (S, S, 3) uint8 RGB; `truth` (S, S) bool, True = damaged; `weight` (S, S) float32, 0 where it is
    nobody's guess, 1 where it is plain."""

    picture: NDArray[np.uint8]
    truth: NDArray[np.bool_]
    weight: Floats


def sample(
    photograph: NDArray[np.uint8],
    size: int,
    random: Random,
    shapes: Mapping[str, Sequence[Floats]],
    draw: Draw | None = None,
    *,
    enlarging: bool = False,
) -> DetectorSample:
    """One sample of `size` px from an undamaged photograph ((H, W, 3) uint8); `shapes` are opacities of real
    artefacts by kind, and may be empty. `draw` draws the damage; None: `defects.draw_some` does. `enlarging`: a
    photograph that is smaller than the sample is always enlarged after the scan."""
    draw = draw or defects.draw_some
    times = random.uniform(*TIMES) if random.random() < ENLARGED else 1.0
    least = size / min(photograph.shape[:2])
    if enlarging and least > 1:
        times = max(times, random.uniform(least, max(least, MOST_TIMES)))
    if times == 1:
        return scanned(photograph, size, random, shapes, draw)
    return enlarged(scanned(photograph, round(size / times), random, shapes, draw), size)


def enlarged(small: DetectorSample, size: int) -> DetectorSample:
    """A sample enlarged to `size` px as `detect.score` enlarges small photographs."""
    weight = cv2.resize(small.weight, (size, size), interpolation=cv2.INTER_LINEAR)
    truth = cv2.resize(small.truth.astype(np.float32), (size, size), interpolation=cv2.INTER_LINEAR)
    picture = cv2.resize(small.picture, (size, size), interpolation=cv2.INTER_CUBIC)
    return DetectorSample(
        np.asarray(picture, np.uint8), np.asarray(truth > 0.5), np.asarray(weight, np.float32)
    )


def scanned(
    photograph: NDArray[np.uint8],
    size: int,
    random: Random,
    shapes: Mapping[str, Sequence[Floats]],
    draw: Draw,
) -> DetectorSample:
    """A sample as the scanner saw it."""
    square, softness = cut(photograph, size, random)
    clean = ageing.tone(square, random).astype(np.float32)
    decorated, soft_scene = random.random() < DECORATED, random.random() < OUT_OF_FOCUS
    before_the_lens = random.random() < BEFORE_THE_LENS
    if decorated and before_the_lens:
        decorate(clean, random)
    if soft_scene:
        clean = through_lens(clean, random)
    if decorated and not before_the_lens:
        decorate(clean, random)
    ageing.uneven(clean, random)
    np.clip(clean, 0, 255, out=clean)
    order = random.choice(["print", "glass", "both"], p=[0.3, 0.5, 0.2])
    if order != "print":
        clean = np.clip(clean + grain(random, clean.shape), 0, 255)
    damaged = clean
    if random.random() >= INTACT:
        damaged = clean.copy()
        for defect in draw(random, (size, size), shapes):
            lay(damaged, defect, random)
    # An enlarged photograph is soft; the scanner that made it so made its damage as soft.
    soft = max(softness * random.uniform(0.1, 0.7), 0.9 * random.uniform(0, 1) ** 2)
    clean, damaged = through_scanner(clean, damaged, 0 if order == "glass" else soft, random)
    scanned_in_grey = random.random() < GREY
    if scanned_in_grey:
        difference = np.abs(in_grey(damaged) - in_grey(clean))[..., 0]
    else:
        difference = greatest(np.abs(damaged - clean))
    if order != "glass":
        damaged = damaged + grain(random, clean.shape)
    if scanned_in_grey:
        damaged = in_grey(damaged)
    picture = np.clip(np.rint(damaged), 0, 255).astype(np.uint8)
    low, high = DOUBTFUL
    plain = np.clip((difference - low) / (high - low), 0.15, 1)
    truth = difference > VISIBLE
    weight = np.where(truth, plain, (difference < low).astype(np.float32)).astype(np.float32)
    return DetectorSample(ageing.compress(picture, random), truth, weight)


def through_lens(scene: Floats, random: Random) -> Floats:
    """The scene (H, W, 3) out of focus, everywhere alike or not everywhere."""
    soft = damage.soften(scene, float(np.exp(random.uniform(*np.log(BLUR)))))
    if random.random() >= IN_PART:
        return soft
    shape = scene.shape[:2]
    depth = damage.smooth_noise(random, shape, max(shape) * random.uniform(0.2, 0.6))
    share = np.clip(0.5 + random.normal(0, 0.7) + 1.5 * depth, 0, 1).astype(np.float32)[..., None]
    return np.asarray(scene + (soft - scene) * share, np.float32)


def through_scanner(clean: Floats, damaged: Floats, soft: float, random: Random) -> tuple[Floats, Floats]:
    """Both blurred (`soft`, px), and sometimes sharpened."""
    changes: list[Callable[[Floats], Floats]] = []
    if soft > 0.2:
        changes.append(lambda picture: damage.soften(picture, soft))
    if random.random() < SHARPENED:
        strength, sigma = float(random.uniform(0.3, 1.6)), float(random.uniform(0.6, 1.6))
        changes.append(lambda picture: sharpened(picture, strength, sigma))
    for change in changes:
        intact = damaged is clean
        clean = change(clean)
        damaged = clean if intact else change(damaged)
    return clean, damaged


def cut(photograph: NDArray[np.uint8], size: int, random: Random) -> tuple[NDArray[np.uint8], float]:
    """A random square turned and mirrored, as sharp as it is, reduced or enlarged; and by how much the enlarging
    softened it (sigma, px)."""
    short = min(photograph.shape[:2])
    wish = random.choice(["as it is", "larger", "smaller", "whole"], p=[0.5, 0.2, 0.18, 0.12])
    factor = {
        "as it is": 1.0,
        "larger": 1 / random.uniform(1.1, 2.6),
        "smaller": random.uniform(1.1, 2.2),
        "whole": short / size,
    }[str(wish)]
    side = min(short, round(size * factor))
    times = size / side
    square = np.rot90(cut_square(photograph, side, size, random), int(random.choice([0, 0, 0, 1, 2, 3])))
    softness = 0.5 * (times - 1) if times > 1.05 else 0.0
    return np.ascontiguousarray(square[:, :: int(random.choice([-1, 1]))]), softness


def in_grey(picture: Floats) -> Floats:
    """Its luminance in all channels, (H, W, 3)."""
    return np.repeat(cv2.cvtColor(np.asarray(picture, np.float32), cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)


def greatest(picture: Floats) -> Floats:
    """(H, W, 3) to (H, W), the largest channel; numpy's own maximum over a short last axis is ten times slower."""
    return np.maximum(np.maximum(picture[..., 0], picture[..., 1]), picture[..., 2])


def grain(random: Random, shape: tuple[int, ...]) -> Floats:
    """Grain of film or paper and noise of the scanner, (H, W, 1) or (H, W, 3), 0 in four samples of ten."""
    if random.random() < 0.4:
        return np.zeros((*shape[:2], 1), np.float32)
    strength = float(random.gamma(2.0, 1.7))
    channels = 3 if random.random() < 0.25 else 1
    noise = random.standard_normal((*shape[:2], channels), np.float32)
    noise = damage.soften(noise, float(random.uniform(0.3, 1.3))).reshape(*shape[:2], channels)
    return noise * np.float32(strength / max(float(noise.std()), 1e-6))


def sharpened(picture: Floats, strength: float, sigma: float) -> Floats:
    """Unsharp mask, `sigma` px."""
    return np.clip(picture + np.float32(strength) * (picture - damage.soften(picture, sigma)), 0, 255)
