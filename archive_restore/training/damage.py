"""Synthetic damage: the shapes that dust, hairs, scratches, creases, cracks, tears, spots and missing corners
have on scans, drawn in code.

Every `draw_*` function returns the damage's opacity, an (H, W) float32 array in [0, 1], and is a pure function
of its generator. Lengths are in units of `unit` px, so that the same damage can be had at any resolution: at
`unit` = 1 a hair is one or two pixels wide, as on a scan of about 1 megapixel.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator as Random
from numpy.typing import NDArray

Opacity = NDArray[np.float32]
Shape = tuple[int, int]

SUBPIXEL_BITS = 4
"""Fixed-point bits that cv2 takes for the fraction of a coordinate."""


@dataclass(frozen=True)
class Damage:
    """One drawn damage. `opacity` (H, W) float32 in [0, 1]; `tone` RGB 0 to 255; `texture` its own grain, the
    standard deviation in levels of 255; `kind` as the detector names it."""

    kind: str
    opacity: Opacity
    tone: tuple[float, float, float]
    texture: float


def stroke(opacity: Opacity, points: NDArray[np.float64], widths: NDArray[np.float64]) -> None:
    """Draws a polyline of varying width, antialiased, into `opacity`; points are (N, 2) x, y in px."""
    canvas = np.zeros(opacity.shape, np.uint8)
    scaled = np.round(np.clip(points, -30_000, 30_000) * (1 << SUBPIXEL_BITS)).astype(np.int64)
    for start, end, width in zip(scaled[:-1], scaled[1:], widths, strict=False):
        cv2.line(canvas, start.tolist(), end.tolist(), 255, max(1, round(width)), cv2.LINE_AA, SUBPIXEL_BITS)
    # Lines thinner than a pixel cannot be drawn thinner, only fainter.
    faint = min(1.0, float(np.mean(widths)))
    np.maximum(opacity, canvas.astype(np.float32) * (max(faint, 0.45) / 255), out=opacity)


def polygon(shape: Shape, corners: NDArray[np.float64]) -> Opacity:
    """A filled polygon, antialiased; corners are (N, 2) x, y in px."""
    canvas = np.zeros(shape, np.uint8)
    fixed = np.round(corners * (1 << SUBPIXEL_BITS)).astype(np.int32)
    cv2.fillPoly(canvas, [fixed], 255, cv2.LINE_AA, SUBPIXEL_BITS)
    return canvas.astype(np.float32) / np.float32(255)


def wander(
    random: Random, start: tuple[float, float], angle: float, length: float, turn: float, step: float
) -> NDArray[np.float64]:
    """A path of (N, 2) points whose direction drifts by a normal of `turn` rad each `step` px."""
    count = max(2, int(length / step))
    angles = angle + np.cumsum(random.normal(0, turn, count))
    steps = step * np.stack((np.cos(angles), np.sin(angles)), axis=1)
    return np.concatenate((np.array([start]), np.array(start) + np.cumsum(steps, axis=0)))


def smooth_noise(random: Random, shape: Shape, wavelength: float) -> Opacity:
    """Low-frequency noise of unit deviation: normal samples every `wavelength` px, upsampled cubically."""
    small = random.normal(
        0, 1, (max(2, round(shape[0] / wavelength)), max(2, round(shape[1] / wavelength)))
    ).astype(np.float32)
    noise = cv2.resize(small, shape[::-1], interpolation=cv2.INTER_CUBIC)
    return np.asarray(noise / max(float(noise.std()), 1e-6), np.float32)


def somewhere(random: Random, shape: Shape) -> tuple[float, float]:
    """A point x, y anywhere in the picture."""
    return float(random.uniform(0, shape[1])), float(random.uniform(0, shape[0]))


def draw_dust(random: Random, shape: Shape, unit: float) -> Opacity:
    """Specks: small irregular blots, in loose clusters as well as alone."""
    opacity = np.zeros(shape, np.float32)
    count = int(random.integers(3, 14))
    centre = np.array(somewhere(random, shape))
    clustered = random.random() < 0.5
    for _ in range(count):
        at = centre + random.normal(0, 20 * unit, 2) if clustered else np.array(somewhere(random, shape))
        radius = unit * float(random.lognormal(0.3, 0.6))
        corners = int(random.integers(5, 10))
        turns = np.sort(random.uniform(0, 2 * np.pi, corners))
        reach = radius * random.uniform(0.5, 1.4, corners)
        outline = at + np.stack((reach * np.cos(turns), reach * np.sin(turns)), axis=1)
        np.maximum(opacity, polygon(shape, outline), out=opacity)
    return opacity


def draw_hairs(random: Random, shape: Shape, unit: float) -> Opacity:
    """Hairs and lint: thin, smoothly and strongly curved, of one width."""
    opacity = np.zeros(shape, np.float32)
    for _ in range(int(random.integers(1, 4))):
        curl = random.normal(0, 0.09) / max(unit, 0.5)
        length = unit * float(random.uniform(25, 180))
        count = max(4, int(length / 2))
        angles = random.uniform(0, 2 * np.pi) + np.cumsum(curl + random.normal(0, 0.05, count))
        points = np.array(somewhere(random, shape)) + np.cumsum(
            2 * np.stack((np.cos(angles), np.sin(angles)), axis=1), axis=0
        )
        width = unit * float(random.uniform(0.6, 2.2))
        stroke(opacity, points, np.full(count, width))
    return opacity


def draw_scratches(random: Random, shape: Shape, unit: float) -> Opacity:
    """Scratches: nearly straight, often parallel to a side, often interrupted, of faint to full opacity."""
    opacity = np.zeros(shape, np.float32)
    along = random.choice([0.0, np.pi / 2, random.uniform(0, np.pi)])
    for _ in range(int(random.integers(1, 5))):
        points = wander(
            random,
            somewhere(random, shape),
            along + random.normal(0, 0.05),
            random.uniform(0.3, 2.0) * max(shape),
            0.012,
            5.0,
        )
        points -= (points[-1] - points[0]) * random.uniform(0, 1)
        widths = unit * random.uniform(0.6, 3.2) * random.uniform(0.6, 1.4, len(points))
        line = np.zeros(shape, np.float32)
        stroke(line, points, widths)
        if random.random() < 0.4:
            line *= smooth_noise(random, shape, 12 * unit) > -0.8
        np.maximum(opacity, line * random.uniform(0.5, 1.0), out=opacity)
    return opacity


def ragged(random: Random, opacity: Opacity, unit: float, reach: float, amount: float) -> Opacity:
    """Flakes of missing emulsion within `reach` px of what is drawn; the more, the smaller `amount` (a noise
    level)."""
    size = 2 * max(1, round(reach)) + 1
    near = cv2.dilate((opacity > 0.5).astype(np.uint8), np.ones((size, size), np.uint8)) > 0
    flakes = (smooth_noise(random, opacity.shape, max(2.0, 5 * unit)) > amount) & near
    return np.maximum(opacity, flakes.astype(np.float32))


def draw_crease(random: Random, shape: Shape, unit: float) -> Opacity:
    """A fold: one long line through the picture with flakes of lost emulsion along it."""
    opacity = np.zeros(shape, np.float32)
    angle = random.choice([0.0, np.pi / 2, random.uniform(0, np.pi)]) + random.normal(0, 0.1)
    x, y = somewhere(random, shape)
    back = 1.5 * max(shape)
    start = (x - back * np.cos(angle), y - back * np.sin(angle))
    points = wander(random, start, float(angle), 3 * max(shape), 0.01, 6.0)
    points += np.array((x, y)) - points[len(points) // 2]
    stroke(
        opacity, points, unit * random.uniform(1.2, 5.0) * random.lognormal(0, 0.35, len(points)).clip(0.3, 2)
    )
    return soften(ragged(random, opacity, unit, 2.5 * unit, 1.0), 0.6)


def draw_cracks(random: Random, shape: Shape, unit: float) -> Opacity:
    """Branching cracks: each branch turns off, thinner and shorter than its parent."""
    opacity = np.zeros(shape, np.float32)
    pending = [
        (
            somewhere(random, shape),
            float(random.uniform(0, 2 * np.pi)),
            unit * float(random.uniform(60, 260)),
            unit * float(random.uniform(0.7, 3.0)),
        )
    ]
    drawn = 0
    while pending and drawn < 24:
        start, angle, length, width = pending.pop(0)
        points = wander(random, start, angle, length, 0.14, 4.0)
        stroke(opacity, points, width * random.uniform(0.7, 1.3, len(points)))
        drawn += 1
        for _ in range(int(random.integers(0, 4))):
            if length < 15 * unit:
                break
            at = points[int(random.integers(len(points)))]
            turned = angle + random.choice([-1.0, 1.0]) * random.uniform(0.4, 1.4)
            pending.append(((float(at[0]), float(at[1])), float(turned), 0.55 * length, 0.8 * width))
    return opacity


def draw_tear(random: Random, shape: Shape, unit: float) -> Opacity:
    """A tear from a side inwards: a wedge with ragged lips that closes as it goes."""
    opacity = np.zeros(shape, np.float32)
    height, width = shape
    along = float(random.uniform(0.1, 0.9))
    start, angle = [
        ((0.0, along * height), 0.0),
        ((float(width), along * height), np.pi),
        ((along * width, 0.0), np.pi / 2),
        ((along * width, float(height)), -np.pi / 2),
    ][int(random.integers(4))]
    points = wander(
        random,
        start,
        angle + random.normal(0, 0.35),
        unit * random.uniform(40, 260),
        0.16,
        max(2.0, 5 * unit),
    )
    widths = (
        unit * np.linspace(random.uniform(6, 28), 1.2, len(points)) * random.uniform(0.7, 1.3, len(points))
    )
    stroke(opacity, points, widths)
    return soften(ragged(random, opacity, unit, 3 * unit, 0.8), 0.7)


def draw_corner(random: Random, shape: Shape, unit: float) -> Opacity:
    """A missing corner, cut off by an uneven edge. Its legs are 20 to 110 units long."""
    height, width = shape
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    if random.random() < 0.5:
        rows = height - 1 - rows
    if random.random() < 0.5:
        columns = width - 1 - columns
    slant = float(random.uniform(0.5, 2.0))
    uneven = 6 * unit * smooth_noise(random, shape, 16 * unit) + 2 * unit * smooth_noise(
        random, shape, 4 * unit
    )
    missing = rows * slant + columns / slant + uneven < unit * random.uniform(20, 110)
    return soften(missing.astype(np.float32), 0.7)


def draw_spots(random: Random, shape: Shape, unit: float) -> Opacity:
    """Stains and spots: blobs of thresholded noise, sometimes half transparent, with or without a rim."""
    noise = smooth_noise(random, shape, unit * random.uniform(10, 40))
    x, y = somewhere(random, shape)
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    distance = np.hypot(rows - y, columns - x) / (unit * random.uniform(8, 45))
    blob = (0.5 * noise - distance + 1.2 > 0).astype(np.float32)
    if random.random() < 0.3:
        core = cv2.erode(blob, np.ones((3, 3), np.uint8), iterations=max(1, round(2 * unit)))
        blob = blob - 0.6 * core
    return soften(blob * np.float32(random.uniform(0.6, 1.0)), float(random.uniform(0.5, 1.5)))


def soften(plane: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """The blur of a lens, `sigma` px, of an opacity or a picture (H, W) or (H, W, C)."""
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma), np.float32)


DRAWERS: dict[str, Callable[[Random, Shape, float], Opacity]] = {
    "dust": draw_dust,
    "hairs": draw_hairs,
    "scratches": draw_scratches,
    "creases": draw_crease,
    "cracks": draw_cracks,
    "tears": draw_tear,
    "spots": draw_spots,
    "corners": draw_corner,
}

LIGHT_SHARE = {"dust": 0.7, "hairs": 0.5, "scratches": 0.8, "creases": 1.0, "cracks": 1.0, "tears": 1.0}
"""How often damage shows the paper (light) rather than dirt or ink; 0.6 for kinds not named."""


def choose_tone(random: Random, kind: str) -> tuple[float, float, float]:
    """Paper white, dirt black, or the brown of a stain, as RGB."""
    if kind == "spots" and random.random() < 0.4:
        return float(random.uniform(95, 165)), float(random.uniform(60, 120)), float(random.uniform(25, 85))
    if random.random() < LIGHT_SHARE.get(kind, 0.6):
        level = float(random.uniform(195, 255))
        return level, level - float(random.uniform(0, 10)), level - float(random.uniform(0, 24))
    level = float(random.uniform(0, 50))
    return level + float(random.uniform(0, 14)), level + float(random.uniform(0, 8)), level


def draw(random: Random, shape: Shape, unit: float, kind: str | None = None) -> Damage:
    """One damage of `kind` (by default any) for a picture of `shape` (H, W)."""
    chosen = kind or str(random.choice(list(DRAWERS)))
    opacity = np.clip(DRAWERS[chosen](random, shape, unit), 0, 1)
    return Damage(chosen, opacity, choose_tone(random, chosen), float(random.uniform(1, 7)))


def apply(picture: NDArray[np.uint8], damage: Damage, random: Random) -> NDArray[np.uint8]:
    """Lays a damage over a picture.

    Parameters
    ----------
    picture : (H, W, 3) or (H, W) uint8
    damage : of the same height and width; on a grey picture its green level counts

    Returns
    -------
    Like `picture`; equal to it where the opacity is 0.
    """
    texture = random.normal(0, damage.texture, damage.opacity.shape)
    if picture.ndim == 3:
        opacity = damage.opacity[..., None]
        tone = np.array(damage.tone) + texture[..., None]
    else:
        opacity, tone = damage.opacity, damage.tone[1] + texture
    damaged = picture * (1 - opacity) + tone * opacity
    return np.clip(np.rint(damaged), 0, 255).astype(np.uint8)
