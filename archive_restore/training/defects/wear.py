"""Wear that `damage` does not draw: swarms of specks, scratches along a film, stains that let the photograph through,
rings of rust, folds with their shadow, bends that did not break, and gouges."""

import cv2
import numpy as np
from numpy.random import Generator as Random

from archive_restore.training import damage
from archive_restore.training.defects.laying import Defect, Floats, Shape


def draw_tramlines(random: Random, shape: Shape) -> Floats:
    """Scratches along a film: straight, a pixel or less wide, faint, interrupted, several side by side; they lean by
    what the frame is askew in the scan."""
    lying = random.random() < 0.35
    height, width = shape[::-1] if lying else shape
    opacity = np.zeros((height, width), np.float32)
    columns, rows = np.arange(width, dtype=np.float32), np.arange(height)
    x, lean = float(random.uniform(0, width)), float(random.normal(0, 0.005))
    for _ in range(int(random.integers(1, 5))):
        away = columns - x - lean * (rows[:, None] - height / 2)
        profile = np.exp(-((away / random.uniform(0.35, 0.9)) ** 2))
        first = random.uniform(-0.5, 0.8) * height
        inside = (rows >= first) & (rows < first + random.uniform(0.15, 1.5) * height)
        worn = damage.smooth_noise(random, (height, 2), float(random.uniform(4, 40)))[:, 0]
        along = inside * np.clip(random.uniform(0.2, 1.2) + 0.6 * worn, 0, 1) * random.uniform(0.2, 1.0)
        np.maximum(opacity, (along[:, None] * profile).astype(np.float32), out=opacity)
        x += float(random.normal(0, 12))
    return np.ascontiguousarray(opacity.T) if lying else opacity


def draw_specks(random: Random, shape: Shape, unit: float) -> Floats:
    """What an old print has by the hundred: points of a pixel or two where the emulsion flaked off, short ticks and
    burst bubbles among them, all over or in clumps and along an edge; sharper than the photograph, many faint."""
    height, width = shape
    opacity = np.zeros(shape, np.float32)
    count = max(1, int(np.exp(random.uniform(np.log(8), np.log(250))) * height * width / 256**2))
    at = random.uniform((0, 0), (width, height), (count, 2))
    gather = random.random()
    if gather < 0.3:  # in clumps
        middles = random.uniform((0, 0), (width, height), (int(random.integers(1, 5)), 2))
        at = middles[random.integers(0, len(middles), count)] + random.normal(
            0, random.uniform(6, 40), (count, 2)
        )
    elif gather < 0.5:  # along a line that the rim of a mount wore
        side = int(random.integers(0, 2))
        at[:, side] = at[0, side] + random.normal(0, random.uniform(2, 14), count)
    strengths = random.beta(1.5, 1.5, count) * random.uniform(0.6, 1.5)
    # Some prints have points alone, others blisters of many px among them.
    coarse, spread = unit ** random.uniform(0.4, 1.0), float(random.uniform(0.35, 0.75))
    for (x, y), strength in zip(at, np.clip(strengths, 0.05, 1), strict=True):
        radius = coarse * float(np.exp(random.normal(-0.1, spread)))
        here = (round(16 * x), round(16 * y))
        colour, shape_of_it = float(strength), random.random()
        if shape_of_it < 0.8:
            axes = (round(16 * radius), round(16 * radius * random.uniform(0.5, 1)))
            turned = float(random.uniform(0, 180))
            cv2.ellipse(opacity, here, axes, turned, 0, 360, colour, -1, cv2.LINE_AA, 4)
        elif shape_of_it < 0.92:
            way = random.uniform(0, 2 * np.pi)
            points = damage.wander(random, (float(x), float(y)), way, 6 * radius, 0.3, 1.5)
            mark = np.zeros(shape, np.float32)
            damage.stroke(mark, points, np.full(len(points), max(0.7, radius)))
            np.maximum(opacity, colour * mark, out=opacity)
        else:
            axes = (round(32 * radius), round(32 * radius * random.uniform(0.7, 1)))
            cv2.ellipse(opacity, here, axes, 0, 0, 360, colour, 1, cv2.LINE_AA, 4)
    return damage.soften(opacity, float(random.uniform(0.3, 0.6)))


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


def draw_rust(random: Random, shape: Shape, unit: float) -> list[Defect]:
    """What a pin or a clip left: a brown halo, rings of rust in it, and in some a burnt middle."""
    x, y = damage.somewhere(random, shape)
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    reach = min(unit, 2.0) * float(np.exp(random.uniform(np.log(6), np.log(45))))
    away = np.hypot(rows - y, (columns - x) * random.uniform(0.7, 1.4)) / reach
    away += np.float32(random.uniform(0.05, 0.3)) * damage.smooth_noise(random, shape, 0.7 * reach)
    red = float(random.uniform(130, 225))
    green = red * float(random.uniform(0.5, 0.8))
    rust = (red, green, green * float(random.uniform(0.15, 0.8)))
    halo = np.clip(1.3 - away, 0, 1) * np.float32(random.uniform(0.3, 0.9))
    defects = [Defect(halo, rust, 0.0, "rust", stains=True)]
    for _ in range(int(random.integers(1, 4))):
        ring = np.exp(-(((away - random.uniform(0.2, 0.95)) / random.uniform(0.05, 0.15)) ** 2))
        darker = (0.7 * rust[0], 0.6 * rust[1], 0.5 * rust[2])
        defects.append(
            Defect((ring * random.uniform(0.3, 0.9)).astype(np.float32), darker, 2.0, "rust", stains=True)
        )
    if random.random() < 0.5:
        core = (away < random.uniform(0.08, 0.35)).astype(np.float32)
        burnt = float(random.uniform(5, 60))
        defects.append(Defect(damage.soften(core, 0.7), (burnt + 15, burnt + 5, burnt), 3.0, "rust"))
    return defects


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


def draw_bend(random: Random, shape: Shape, unit: float) -> list[Defect]:
    """A bend of the paper that broke little or nothing: a fine light line that comes and goes, one side of it a
    little darker or lighter than it was."""
    angle = float(random.uniform(0, 2 * np.pi))
    points = damage.wander(
        random, damage.somewhere(random, shape), angle, unit * random.uniform(50, 320), 0.012, 5.0
    )
    line = np.zeros(shape, np.float32)
    damage.stroke(line, points, np.full(len(points), unit * random.uniform(0.5, 1.6)))
    worn = np.clip(random.uniform(0.3, 1.0) + 0.5 * damage.smooth_noise(random, shape, 25 * unit), 0, 1)
    light = float(random.uniform(190, 255))
    broken = Defect(line * worn, (light, light - 4, light - 10), 4.0, "bends")
    if random.random() < 0.4:
        return [broken]
    side = np.array((-np.sin(angle), np.cos(angle))) * unit * random.uniform(1.5, 4)
    shade = np.zeros(shape, np.float32)
    damage.stroke(shade, points + side, np.full(len(points), 2 * float(np.hypot(*side))))
    shade = damage.soften(shade, float(np.hypot(*side)) / 2) * np.float32(random.uniform(0.05, 0.22))
    level = float(random.choice([15.0, 240.0]))
    return [Defect(shade, (level, level, level), 0.0, "bends"), broken]


def draw_gouges(random: Random, shape: Shape, unit: float) -> Floats:
    """Short deep marks of a nail or a blade, ragged, as wide as a pen's stroke; some cross."""
    opacity = np.zeros(shape, np.float32)
    at, angle = np.array(damage.somewhere(random, shape)), float(random.uniform(0, 2 * np.pi))
    for _ in range(int(random.integers(1, 5))):
        length = unit * float(random.uniform(12, 80))
        start = at - length / 2 * np.array((np.cos(angle), np.sin(angle)))
        points = damage.wander(
            random,
            (float(start[0]), float(start[1])),
            angle,
            length,
            float(random.uniform(0.02, 0.25)),
            3 * unit,
        )
        widths = unit * random.uniform(0.8, 4.5) * random.uniform(0.4, 1.5, len(points))
        damage.stroke(opacity, points, widths)
        at, angle = at + random.normal(0, 12 * unit, 2), angle + random.normal(0, 0.9)
    opacity = damage.ragged(random, opacity, unit, 1.5 * unit, 1.2)
    gaps = damage.smooth_noise(random, shape, 6 * unit) > random.uniform(-2.5, -0.7)
    return damage.soften(opacity * gaps, float(random.uniform(0.3, 0.7)))
