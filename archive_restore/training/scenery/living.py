"""What nature made, and what people wear of it: stars, eyes, whiskers, branches, birds, folds of clothes, leaves;
and what is round.

Each `draw_*` function lays one thing over an (H, W, 3) float32 picture, 0 to 255, in place.
"""

import cv2
import numpy as np
from numpy.random import Generator as Random
from numpy.typing import NDArray

from archive_restore.training import damage
from archive_restore.training.scenery.laying import Picture, discs, grey_tone, lay, strokes, unit


def draw_stars(picture: Picture, random: Random) -> None:
    """Stars, snow, foam and glints: soft points of very different brightness all over a region, and never darker
    than what they lie on."""
    height, width = picture.shape[:2]
    points = np.zeros((height, width), np.float32)
    count = int(random.integers(20, 200))
    low, high = np.sort(random.uniform(0, height, 2))
    rows, columns = random.uniform(low, high + 1, count), random.uniform(0, width, count)
    inside = (rows < height) & (columns < width)
    points[rows[inside].astype(int), columns[inside].astype(int)] = (
        random.uniform(0.1, 1, int(inside.sum())) ** 2
    )
    sigma = float(random.uniform(0.7, 2.5))
    points = damage.soften(points, sigma)
    points /= max(float(points.max()), 1e-6)
    if random.random() < 0.7:
        picture *= np.float32(random.uniform(0.15, 0.7))
    lay(picture, points, np.array((250.0, 250.0, 248.0)))


def draw_snow(picture: Picture, random: Random) -> None:
    """Flakes or spray in the air: small ones far away and large soft ones near by, all in one picture."""
    height, width = picture.shape[:2]
    tone = random.uniform(205, 255)
    sigma, count = random.uniform(0.5, 1.0), int(random.integers(15, 130))
    for _ in range(int(random.integers(2, 5))):
        points = np.zeros((height, width), np.float32)
        rows, columns = random.integers(0, height, count), random.integers(0, width, count)
        points[rows, columns] = random.uniform(0.3, 1, count)
        points = damage.soften(points, float(sigma))
        lay(picture, points / max(float(points.max()), 1e-6) * np.float32(0.9), np.full(3, tone))
        sigma, count = sigma * random.uniform(1.4, 2.2), max(int(count * random.uniform(0.2, 0.5)), 1)


def draw_lamps(picture: Picture, random: Random) -> None:
    """Lamps, glints on metal and water: burnt-out cores with a glow around them, before the dark, and in some pictures
    with the rays that a lens's blades make of each."""
    shape = picture.shape[:2]
    rays = int(random.integers(2, 10)) * 2 if random.random() < 0.4 else 0
    turned = float(random.uniform(0, np.pi))
    if random.random() < 0.7:
        picture *= np.float32(random.uniform(0.15, 0.6))
    for _ in range(int(random.integers(1, 8))):
        x, y = damage.somewhere(random, shape)
        radius, core = np.exp(random.uniform(np.log(0.6), np.log(5))), np.zeros(shape, np.uint8)
        axes = (round(16 * radius), round(16 * radius * random.uniform(0.5, 1)))
        at = (round(16 * x), round(16 * y))
        cv2.ellipse(core, at, axes, float(random.uniform(0, 180)), 0, 360, 255, -1, cv2.LINE_AA, 4)
        glow = damage.soften(unit(core), float(radius * random.uniform(1, 4)))
        warm = np.clip(255 - random.uniform(0, 60) * np.array((0.0, 0.4, 1.0)), 0, 255)
        lay(picture, np.clip(np.float32(random.uniform(0.5, 2.5)) * glow, 0, 0.9).astype(np.float32), warm)
        lay(picture, damage.soften(unit(core), float(random.uniform(0.4, 0.9))), np.full(3, 254.0))
        reach = radius * random.uniform(3, 9)
        for angle in turned + np.arange(rays) * 2 * np.pi / max(rays, 1):
            ray = np.zeros(shape, np.float32)
            far = np.array((x, y)) + reach * random.uniform(0.6, 1.1) * np.array(
                (np.cos(angle), np.sin(angle))
            )
            damage.stroke(ray, np.linspace((x, y), far, 8), np.linspace(0.7 * radius, 0.3, 8))
            lay(picture, damage.soften(ray, 0.6) * np.float32(random.uniform(0.4, 1)), warm)


def draw_eyes(picture: Picture, random: Random) -> None:
    """Eyes with catch-lights, buttons, buckles: a bright point or two within a dark disc."""
    shape = picture.shape[:2]
    x, y = damage.somewhere(random, shape)
    radius, apart = random.uniform(2, 14), random.uniform(2.5, 7)
    skin = float(np.mean(picture[int(min(y, shape[0] - 1)), int(min(x, shape[1] - 1))]))
    for side in range(int(random.integers(1, 3))):
        centre = (x + side * apart * radius, y + random.normal(0, 1))
        white = np.zeros(shape, np.uint8)
        ellipse = (tuple(map(float, centre)), (3.2 * radius, 1.8 * radius), float(random.normal(0, 8)))
        cv2.ellipse(white, ellipse, 255, -1, cv2.LINE_AA)
        spot = (centre[0] + random.normal(0, 0.3) * radius, centre[1] - 0.3 * radius)
        spot_radius = max(0.6, random.uniform(0.12, 0.35) * radius)
        lay(picture, unit(white), np.full(3, min(235.0, skin + random.uniform(5, 70))))
        lay(picture, discs(shape, [centre], 13 / 16 * radius), np.full(3, random.uniform(10, 80)))
        lay(picture, discs(shape, [spot], spot_radius), np.full(3, random.uniform(190, 255)))


def draw_whiskers(picture: Picture, random: Random) -> None:
    """Whiskers, eyelashes, grass: a fan of short smooth curves from nearly one place."""
    shape = picture.shape[:2]
    root = np.array(damage.somewhere(random, shape))
    angle, spread = random.uniform(0, 2 * np.pi), random.uniform(0.3, 1.2)
    length = random.uniform(12, 90)
    lines = []
    for _ in range(int(random.integers(4, 16))):
        turned = angle + random.uniform(-spread, spread)
        points = damage.wander(random, (0, 0), turned, length * random.uniform(0.5, 1.2), 0.04, 4.0)
        lines.append(points + root + random.normal(0, 5, 2))
    lay(picture, strokes(shape, lines, float(random.uniform(0.6, 1.8))), grey_tone(random, 0.6))


def draw_branches(picture: Picture, random: Random) -> None:
    """Bare branches and twigs: they divide as cracks do, and are dark and taper."""
    opacity = damage.draw_cracks(random, picture.shape[:2], float(random.uniform(0.8, 2.5)))
    lay(picture, opacity, grey_tone(random, 0.0))


def draw_silhouettes(picture: Picture, random: Random) -> None:
    """Birds, aeroplanes, leaves and lamps before a plain sky: small dark bodies with wings, sharp as the scene is."""
    height, width = picture.shape[:2]
    for _ in range(int(random.integers(1, 7))):
        centre = np.array(damage.somewhere(random, (height, width)))
        size, turn = np.exp(random.uniform(np.log(2.5), np.log(22))), random.uniform(0, 2 * np.pi)
        spread, sweep, body = random.uniform(0.5, 1.1), random.uniform(-0.3, 0.6), random.uniform(0.1, 0.25)
        outline = np.array(
            [
                (1, 0),
                (0.2, body),
                (-sweep, spread),
                (-sweep - 0.25, spread),
                (-0.3, body),
                (-1, body / 2),
                (-1.1, 0.3),
                (-1.1, -0.3),
                (-1, -body / 2),
                (-0.3, -body),
                (-sweep - 0.25, -spread),
                (-sweep, -spread),
                (0.2, -body),
            ]
        )
        c, s = np.cos(turn), np.sin(turn)
        outline = centre + size * outline @ np.array([(c, s), (-s, c)])
        drawn = damage.polygon((height, width), outline)
        lay(picture, damage.soften(drawn, float(random.uniform(0.3, 0.9))), grey_tone(random, 0.1))


def draw_folds(picture: Picture, random: Random) -> None:
    """Folds, seams and hems of clothes, wrinkles: soft lines, dark on one side and light on the other, that taper."""
    shape = picture.shape[:2]
    for _ in range(int(random.integers(2, 9))):
        length = random.uniform(15, 120)
        points = damage.wander(
            random, damage.somewhere(random, shape), random.uniform(0, 7), length, 0.08, 4.0
        )
        taper = np.sin(np.linspace(0.15, np.pi - 0.15, len(points)))
        aside = np.array((np.cos(1.6), np.sin(1.6))) * random.uniform(1, 3)
        for offset, light, strength in ((0, 0.05, (0.3, 0.9)), (1, 0.95, (0.1, 0.5))):
            opacity = np.zeros(shape, np.float32)
            damage.stroke(opacity, points + offset * aside, random.uniform(0.8, 3.5) * taper + 0.3)
            opacity = damage.soften(opacity, float(random.uniform(0.6, 1.6)))
            lay(picture, opacity * np.float32(random.uniform(*strength)), grey_tone(random, light))


def draw_leaves(picture: Picture, random: Random) -> None:
    """Foliage in the sun: hundreds of overlapping leaves of every tone, so that no tone stands out in one polarity."""
    height, width = picture.shape[:2]
    top, bottom = np.sort(random.uniform(-0.2, 1.2, 2)) * height
    leaf, hue = random.uniform(2, 9), random.uniform(0.6, 1.1, 3)
    for _ in range(int(random.integers(150, 900))):
        centre = (float(random.uniform(0, width)), float(random.uniform(top, bottom + 1)))
        axes = (float(leaf * random.uniform(0.7, 2)), float(leaf * random.uniform(0.3, 0.9)))
        tone = np.clip(random.uniform(25, 235) * hue, 0, 255)
        cv2.ellipse(
            picture, (centre, axes, float(random.uniform(0, 180))), tuple(map(float, tone)), -1, cv2.LINE_AA
        )


def draw_clouds(picture: Picture, random: Random) -> None:
    """Clouds, smoke, spray, mist: light without a colour of its own, piled up in soft lumps with shaded undersides."""
    height, width = picture.shape[:2]
    scale = float(np.exp(random.uniform(np.log(12), np.log(120))))
    lumps = damage.smooth_noise(random, (height, width), scale)
    for octave in (2, 4, 8):
        if scale / octave > 2:
            finer = damage.smooth_noise(random, (height, width), scale / octave)
            lumps = lumps + finer / np.float32(octave**1.5)
    opacity = np.clip((lumps - random.uniform(-0.5, 1.0)) / random.uniform(0.8, 3), 0, 1).astype(np.float32)
    shade = np.clip(np.roll(lumps, int(random.integers(2, 10)), axis=0) - lumps, 0, 1).astype(np.float32)
    lay(picture, opacity * np.float32(random.uniform(0.4, 1)), grey_tone(random, 0.95))
    lay(picture, shade * opacity * np.float32(random.uniform(0, 0.5)), grey_tone(random, 0.1))


def draw_rounds(picture: Picture, random: Random) -> None:
    """Plates, balls, moons, wheels, coats and shoulders, hills: plain bodies with smooth round outlines, small and as
    large as the picture, shaded to one side, some with a glint along their rim; most of a tone that the picture has."""
    shape = picture.shape[:2]
    rows, columns = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j].astype(np.float32)
    for _ in range(int(random.integers(1, 4))):
        # Some lie partly outside, as a coat does.
        outline = rounded(random) + np.array(damage.somewhere(random, shape)) * random.uniform(0.8, 1.4)
        opacity = damage.soften(damage.polygon(shape, outline), float(random.uniform(0.3, 2.0)))
        if random.random() < 0.6:
            tone = picture[int(random.integers(shape[0])), int(random.integers(shape[1]))].astype(np.float64)
        else:
            tone = np.clip(random.uniform(15, 250) + random.normal(0, random.choice([4, 25]), 3), 0, 255)
        shading = 1 + np.float32(random.normal(0, 0.15)) * rows + np.float32(random.normal(0, 0.15)) * columns
        shaded = np.clip(tone.astype(np.float32) * shading[..., None], 0, 255)
        picture += (shaded - picture) * opacity[..., None]
        if random.random() < 0.5:
            part = np.roll(outline, int(random.integers(len(outline))), axis=0)[: int(random.integers(6, 40))]
            rim = damage.soften(strokes(shape, [part], float(random.uniform(0.7, 3))), 0.5)
            lay(picture, rim * np.float32(random.uniform(0.3, 1)), grey_tone(random, 0.8))


def rounded(random: Random) -> NDArray[np.float64]:
    """The outline (72, 2), x and y about 0, of an ellipse or a box with rounded corners (superellipses), turned."""
    turns = np.linspace(0, 2 * np.pi, 72)
    exponent = float(random.choice([1.0, 1.0, 0.5, 0.25]))  # 1 is an ellipse
    across, along = (np.sign(v) * np.abs(v) ** exponent for v in (np.cos(turns), np.sin(turns)))
    angle, reach = random.uniform(0, np.pi), np.exp(random.uniform(np.log(8), np.log(220)))
    turn = np.array(((np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))))
    return np.asarray(reach * np.stack((across, along * random.uniform(0.3, 1)), axis=1) @ turn)
