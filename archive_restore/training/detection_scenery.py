"""What detectors take for damage and is not: lettering, frames, wires, bars, stars, eyes, collars, pearls, whiskers.

Drawn over training photographs before damage is, and never marked as damage. Each `draw_*` function lays one thing
over an (H, W, 3) float32 picture, 0 to 255, in place.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator as Random
from numpy.typing import NDArray

from archive_restore.training import damage

Picture = NDArray[np.float32]

LETTERS = tuple("ABCDEFGHIJKLMNOPRSTUVWabcdefghilmnoprstuvy0123456789.,:-&' ")


def lay(picture: Picture, opacity: NDArray[np.float32], tone: NDArray[np.floating]) -> None:
    """Lays one tone (3,) over the picture at `opacity` (H, W), 0 to 1, in place."""
    box = box_of(opacity)
    if box is not None:
        inside = picture[box]
        inside += (tone.astype(np.float32) - inside) * opacity[box][..., None]


def unit(drawing: NDArray[np.uint8]) -> NDArray[np.float32]:
    """0 to 255 as 0 to 1."""
    return drawing.astype(np.float32) / np.float32(255)


def box_of(opacity: NDArray[np.float32]) -> tuple[slice, slice] | None:
    """The smallest box outside of which the opacity (H, W) is 0; None if it is so everywhere."""
    left, top, width, height = cv2.boundingRect((opacity > 0).view(np.uint8))
    return (slice(top, top + height), slice(left, left + width)) if width else None


def grey_tone(random: Random, light: float) -> NDArray[np.float64]:
    """A nearly neutral tone: light with this probability, else dark."""
    level = random.uniform(175, 255) if random.random() < light else random.uniform(0, 75)
    return np.clip(level + random.normal(0, 7, 3), 0, 255)


def strokes(
    random: Random, shape: tuple[int, int], lines: list[NDArray[np.float64]], width: float
) -> Picture:
    """Opacity (H, W) of antialiased lines of one width, each (N, 2) points x, y."""
    opacity = np.zeros(shape, np.float32)
    for points in lines:
        damage.stroke(opacity, points, np.full(len(points), width))
    return opacity


def draw_lettering(picture: Picture, random: Random) -> None:
    """Lines of writing, on shop signs, in captions, embossed by a studio, or date stamps."""
    height, width = picture.shape[:2]
    opacity = np.zeros((height, width), np.uint8)
    face, scale = int(random.integers(0, 8)), float(random.uniform(0.35, 2.4))
    thickness = max(1, round(scale * random.uniform(0.8, 3.5)))
    x, y = int(random.uniform(-0.2, 0.7) * width), int(random.uniform(0, 1) * height)
    for row in range(int(random.integers(1, 5))):
        text = "".join(random.choice(LETTERS, int(random.integers(3, 20))))
        at = (x, y + round(row * 38 * scale))
        cv2.putText(opacity, text, at, face, scale, 255, thickness, cv2.LINE_AA)
    if random.random() < 0.4:
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), float(random.normal(0, 25)), 1)
        opacity = np.asarray(cv2.warpAffine(opacity, turn, (width, height)), np.uint8)
    lay(
        picture, opacity.astype(np.float32) * np.float32(random.uniform(0.5, 1) / 255), grey_tone(random, 0.6)
    )


def draw_frame(picture: Picture, random: Random) -> None:
    """A paper border, a mount, a film's black rim or the scanner's lid around the photograph; a little askew, with
    straight, rounded or deckled inner edges."""
    height, width = picture.shape[:2]
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    slant = float(random.normal(0, 0.012)) if random.random() < 0.6 else 0.0
    broad = 0.02 + 0.13 * random.beta(1, 2)
    margins = broad * min(height, width) * random.uniform(0.5, 1.5, 4)
    margins[random.random(4) < random.choice([0.0, 0.15, 0.6])] = -1e4
    across, down = columns + slant * rows, rows - slant * columns
    sides = (across - margins[0], width - across - margins[1], down - margins[2], height - down - margins[3])
    depth = np.minimum(np.minimum(sides[0], sides[1]), np.minimum(sides[2], sides[3]))
    if random.random() < 0.25:  # rounded corners
        radius = float(random.uniform(4, 30))
        x, y = np.minimum(sides[0], sides[1]), np.minimum(sides[2], sides[3])
        corner = (x < radius) & (y < radius)
        depth = np.where(corner, radius - np.hypot(radius - x, radius - y), depth)
    if random.random() < 0.4:  # deckled
        depth = depth + np.float32(random.uniform(0.6, 3)) * damage.smooth_noise(
            random, (height, width), float(random.uniform(3, 14))
        )
    soft = float(random.uniform(0.6, 2.5))
    tone = grey_tone(random, 0.7)
    if random.random() < 0.3:  # a line or a shadow along the edge
        inner = np.clip(1 - np.abs(depth - random.uniform(0, 6)) / random.uniform(0.7, 3), 0, 1)
        lay(picture, inner.astype(np.float32) * np.float32(random.uniform(0.3, 1)), grey_tone(random, 0.3))
    lay(picture, np.clip(0.5 - depth / soft, 0, 1).astype(np.float32), tone)
    if random.random() < 0.4:  # what lies beyond the paper
        beyond = depth + np.float32(random.uniform(0.3, 0.9) * broad * min(height, width))
        lay(picture, np.clip(0.5 - beyond / soft, 0, 1).astype(np.float32), grey_tone(random, 0.5))


def draw_wires(picture: Picture, random: Random) -> None:
    """Wires, masts, railings: smooth lines from edge to edge, most of them dark, often several alike."""
    height, width = picture.shape[:2]
    upright = random.random() < 0.35
    x = np.linspace(-5, (height if upright else width) + 5, 24)
    side = width if upright else height
    start, slope = random.uniform(0, side), random.normal(0, 0.05 if upright else 0.25)
    sag = 0.0 if upright else random.uniform(0, 0.25) * side
    lines = []
    for _ in range(int(random.integers(1, 5))):
        y = start + slope * x + sag * ((x / x[-1] - random.uniform(0.3, 0.7)) ** 2)
        lines.append(np.stack((y, x) if upright else (x, y), axis=1))
        start += random.uniform(3, 30)
        slope += random.normal(0, 0.01)
    lay(
        picture,
        strokes(random, (height, width), lines, float(random.uniform(0.7, 4))),
        grey_tone(random, 0.15),
    )


def draw_bars(picture: Picture, random: Random) -> None:
    """Window bars, fences, brick joints: a regular grid in a quadrilateral."""
    height, width = picture.shape[:2]
    corner = np.array(damage.somewhere(random, (height, width)))
    size = random.uniform(0.2, 0.8) * max(height, width)
    angle = random.normal(0, 0.08)
    across = size * np.array((np.cos(angle), np.sin(angle)))
    down = size * random.uniform(0.5, 1.5) * np.array((-np.sin(angle), np.cos(angle)))
    lines = []
    for way, other, count in (
        (across, down, int(random.integers(1, 12))),
        (down, across, int(random.integers(0, 9))),
    ):
        for share in np.linspace(0, 1, count + 1):
            start = corner - size / 2 + share * other
            lines.append(np.stack((start, start + way)))
    lay(
        picture,
        strokes(random, (height, width), lines, float(random.uniform(0.8, 5))),
        grey_tone(random, 0.5),
    )


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
    sigma = float(random.uniform(0.5, 2.5))
    points = np.asarray(cv2.GaussianBlur(points, (0, 0), sigma), np.float32)
    points /= max(float(points.max()), 1e-6)
    if random.random() < 0.5:
        picture *= np.float32(random.uniform(0.15, 0.7))
    lay(picture, points, np.array((250.0, 250.0, 248.0)))


def draw_eyes(picture: Picture, random: Random) -> None:
    """Eyes with catch-lights, buttons, buckles: a bright point or two within a dark disc."""
    shape = picture.shape[:2]
    x, y = damage.somewhere(random, shape)
    radius, apart = random.uniform(2, 14), random.uniform(2.5, 7)
    skin = float(np.mean(picture[int(min(y, shape[0] - 1)), int(min(x, shape[1] - 1))]))
    for side in range(int(random.integers(1, 3))):
        centre = (x + side * apart * radius, y + random.normal(0, 1))
        white, iris, light = (np.zeros(shape, np.uint8) for _ in range(3))
        ellipse = (tuple(map(float, centre)), (3.2 * radius, 1.8 * radius), float(random.normal(0, 8)))
        cv2.ellipse(white, ellipse, 255, -1, cv2.LINE_AA)
        cv2.circle(iris, tuple(round(16 * v) for v in centre), round(13 * radius), 255, -1, cv2.LINE_AA, 4)
        spot = (centre[0] + random.normal(0, 0.3) * radius, centre[1] - 0.3 * radius)
        spot_radius = max(0.6, random.uniform(0.12, 0.35) * radius)
        cv2.circle(
            light, tuple(round(16 * v) for v in spot), round(16 * spot_radius), 255, -1, cv2.LINE_AA, 4
        )
        lay(picture, unit(white), np.full(3, min(235.0, skin + random.uniform(5, 70))))
        lay(picture, unit(iris), np.full(3, random.uniform(10, 80)))
        lay(picture, unit(light), np.full(3, random.uniform(190, 255)))


def draw_collars(picture: Picture, random: Random) -> None:
    """Collars, cuffs, sheets of paper: plain bright polygons with sharp corners, and sometimes a shadow."""
    height, width = picture.shape[:2]
    for _ in range(int(random.integers(1, 4))):
        centre = np.array(damage.somewhere(random, (height, width)))
        turns = np.sort(random.uniform(0, 2 * np.pi, int(random.integers(3, 7))))
        reach = np.exp(random.uniform(np.log(6), np.log(90))) * random.uniform(0.4, 1.3, (len(turns), 1))
        outline = centre + reach * np.stack((np.cos(turns), np.sin(turns)), axis=1)
        patch = np.zeros((height, width), np.uint8)
        cv2.fillPoly(patch, [np.round(outline * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        folds = np.abs(damage.smooth_noise(random, (height, width), float(random.uniform(10, 60))))
        shading = 1 - np.float32(random.uniform(0, 0.12)) * folds
        tone = random.uniform(170, 255)
        opacity = damage.soften(unit(patch), float(random.uniform(0.3, 1.5)))
        picture += (tone * shading[..., None] - picture) * opacity[..., None]


def draw_pearls(picture: Picture, random: Random) -> None:
    """Necklaces, lace, rows of teeth or rivets: equal light bodies in a row along a curve."""
    shape = picture.shape[:2]
    radius = float(random.uniform(1, 5))
    step = radius * random.uniform(2, 4.5)
    points = damage.wander(
        random,
        damage.somewhere(random, shape),
        random.uniform(0, 7),
        step * random.integers(6, 30),
        0.15,
        step,
    )
    beads = np.zeros(shape, np.uint8)
    for x, y in points:
        cv2.circle(beads, (round(16 * x), round(16 * y)), round(16 * radius), 255, -1, cv2.LINE_AA, 4)
    lay(
        picture,
        damage.soften(unit(beads), float(random.uniform(0.3, 1.0))),
        grey_tone(random, 0.8),
    )


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
    lay(picture, strokes(random, shape, lines, float(random.uniform(0.6, 1.8))), grey_tone(random, 0.6))


def draw_branches(picture: Picture, random: Random) -> None:
    """Bare branches and twigs: they divide as cracks do, and are dark and taper."""
    opacity = damage.draw_cracks(random, picture.shape[:2], float(random.uniform(0.8, 2.5)))
    lay(picture, opacity, grey_tone(random, 0.0))


SCENERY: dict[str, Callable[[Picture, Random], None]] = {
    "lettering": draw_lettering,
    "frame": draw_frame,
    "wires": draw_wires,
    "bars": draw_bars,
    "stars": draw_stars,
    "eyes": draw_eyes,
    "collars": draw_collars,
    "pearls": draw_pearls,
    "whiskers": draw_whiskers,
    "branches": draw_branches,
}

SHARES = (0.2, 0.18, 0.1, 0.1, 0.04, 0.06, 0.2, 0.05, 0.04, 0.03)
"""How often each is drawn, in the order of `SCENERY`."""


def decorate(picture: Picture, random: Random) -> None:
    """Draws one or two of them."""
    for name in random.choice(list(SCENERY), int(random.integers(1, 3)), p=SHARES, replace=False):
        SCENERY[str(name)](picture, random)
