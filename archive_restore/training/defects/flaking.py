"""Emulsion that came off a print: patches of bare paper, fields of flakes, and rims worn down to the paper.

Every `draw_*` function returns an opacity (H, W) float32, as those of `damage` do.
"""

import cv2
import numpy as np
from numpy.random import Generator as Random

from archive_restore.training import damage
from archive_restore.training.defects.laying import Floats, Shape


def draw_losses(random: Random, shape: Shape, unit: float) -> Floats:
    """Patches where the emulsion came off: flat paper, of sharp angular outlines with frayed rims and cracks that
    lead away from their corners; thin remains of the photograph in some."""
    opacity = np.zeros(shape, np.float32)
    for _ in range(int(random.integers(1, 3))):
        centre = np.array(damage.somewhere(random, shape))
        turns = np.sort(random.uniform(0, 2 * np.pi, int(random.integers(5, 12))))
        reach = unit * np.exp(random.uniform(np.log(5), np.log(45)))
        radii = reach * random.lognormal(0, 0.45, len(turns)).clip(0.3, 2.2)
        corners = centre + radii[:, None] * np.stack((np.cos(turns), np.sin(turns)), axis=1)
        np.maximum(opacity, damage.polygon(shape, corners), out=opacity)
        for corner in corners[random.random(len(corners)) < 0.25]:
            away = float(np.arctan2(*(corner - centre)[::-1]))
            lead_away(opacity, random, (float(corner[0]), float(corner[1])), away, unit)
    frayed = damage.ragged(random, opacity, unit, 2.0 * unit, random.uniform(0.6, 1.4))
    return with_remains(random, damage.soften(frayed, float(random.uniform(0.3, 0.8))), unit)


def draw_flakes(random: Random, shape: Shape, unit: float) -> Floats:
    """A field of flakes: bits of bare paper of every size with angular outlines, dense in its middle and fewer around
    it; most fields are drawn out along a bend, some have streaks."""
    height, width = shape
    if random.random() < 0.6:
        line = np.zeros(shape, np.float32)
        way = random.uniform(0, 2 * np.pi)
        points = damage.wander(
            random, damage.somewhere(random, shape), way, unit * random.uniform(30, 260), 0.08, 5.0
        )
        damage.stroke(line, points, np.full(len(points), unit * random.uniform(1, 5)))
        spread = unit * float(np.exp(random.uniform(np.log(2), np.log(18))))
        near = damage.soften(line, spread)
        near /= max(float(near.max()), 1e-6)
    else:
        near = np.clip(damage.smooth_noise(random, shape, unit * random.uniform(30, 90)), 0, 2) / np.float32(
            2
        )
    stretch, grain = float(np.exp(random.uniform(0, 1.4))), unit * float(random.uniform(1.5, 6))
    if random.random() < 0.5:
        bits = bits_of(random, shape, grain, stretch)
    else:
        bits = np.ascontiguousarray(bits_of(random, (width, height), grain, stretch).T)
    flakes = (bits > random.uniform(1.6, 3.2) - random.uniform(1.2, 3.0) * near).astype(np.float32)
    return damage.soften(flakes * (near > 0.08), float(random.uniform(0.3, 0.7)))


def draw_rim(random: Random, shape: Shape, unit: float) -> Floats:
    """The rim of a print worn down to the paper along one or two sides: bays of very different depth, flakes before
    them, fewer the further from the side, and cracks that lead inwards."""
    height, width = shape
    opacity = np.zeros(shape, np.float32)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    depths = (columns, rows, width - 1 - columns, height - 1 - rows)
    inwards = (0.0, np.pi / 2, np.pi, -np.pi / 2)
    first = int(random.integers(4))
    for side in (first, (first + 1) % 4)[: int(random.choice([1, 2], p=[0.65, 0.35]))]:
        depth, along = depths[side], (height, width)[side % 2]
        worn = random.uniform(-3, 3) + sum(
            random.uniform(0.5, 7) * damage.smooth_noise(random, (along, 2), wave * unit)[:, 0]
            for wave in (60, 20, 6)
        )
        bays = unit * np.maximum(worn, 0).astype(np.float32)
        inside = depth < (bays[:, None] if side % 2 == 0 else bays[None])
        bits = bits_of(random, shape, unit * random.uniform(1.5, 5), 1.0)
        flakes = bits > random.uniform(0.3, 1.8) + depth / (unit * random.uniform(5, 25))
        np.maximum(opacity, (inside | flakes).astype(np.float32), out=opacity)
        for _ in range(int(random.integers(0, 4))):
            t = random.uniform(0, along)
            start = ((0, t), (t, 0), (width - 1, t), (t, height - 1))[side]
            lead_away(opacity, random, (float(start[0]), float(start[1])), inwards[side], unit)
    return with_remains(random, damage.soften(opacity, float(random.uniform(0.3, 0.8))), unit)


def bits_of(random: Random, shape: Shape, grain: float, stretch: float) -> Floats:
    """Noise of unit deviation with details of every size from `grain` px up, drawn out `stretch` times along rows."""
    height, width = shape
    narrow = (height, max(2, round(width / stretch)))
    noise = sum(
        (damage.smooth_noise(random, narrow, grain * k) * np.float32(share) for k, share in BITS),
        np.zeros(narrow, np.float32),
    )
    return np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


BITS = ((0.4, 0.4), (1, 0.6), (2.5, 0.5), (6, 0.45))
"""Wavelengths, in grains, and shares of what flakes are cut from."""


def lead_away(opacity: Floats, random: Random, start: tuple[float, float], angle: float, unit: float) -> None:
    """Draws a crack that starts at a place x, y and tapers, into `opacity`."""
    path = damage.wander(
        random, start, angle + random.normal(0, 0.3), unit * random.uniform(10, 90), 0.15, 4.0
    )
    taper = unit * np.linspace(random.uniform(1, 3.5), 0.6, len(path))
    damage.stroke(opacity, path, taper * random.uniform(0.6, 1.4, len(path)))


def with_remains(random: Random, opacity: Floats, unit: float) -> Floats:
    """Half of what came off left a thin rest of the photograph, of uneven thickness."""
    if random.random() < 0.5:
        return opacity
    rest = np.abs(damage.smooth_noise(random, opacity.shape, 15 * unit))
    return opacity * np.clip(1 - np.float32(random.uniform(0.05, 0.3)) * rest, 0.4, 1)
