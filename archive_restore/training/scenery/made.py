"""What people made and detectors take for damage: lettering, frames, wires, bars, trusses, buttons.

Each `draw_*` function lays one thing over an (H, W, 3) float32 picture, 0 to 255, in place.
"""

import cv2
import numpy as np
from numpy.random import Generator as Random

from archive_restore.training import damage
from archive_restore.training.scenery.laying import Picture, discs, grey_tone, lay, strokes

LETTER_SCALES = (0.35, 4.0)
"""Of OpenCV's fonts: capitals of 8 to 90 px."""

LETTERS = tuple("ABCDEFGHIJKLMNOPRSTUVWabcdefghilmnoprstuvy0123456789.,:-&' ")


def draw_lettering(picture: Picture, random: Random) -> None:
    """Lines of writing, on shop signs, in captions, embossed by a studio, or date stamps."""
    height, width = picture.shape[:2]
    opacity = np.zeros((height, width), np.uint8)
    face, scale = int(random.integers(0, 8)), float(np.exp(random.uniform(*np.log(LETTER_SCALES))))
    thickness = max(1, round(scale * random.uniform(0.8, 6)))
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
        strokes((height, width), lines, float(random.uniform(0.7, 4))),
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
        strokes((height, width), lines, float(random.uniform(0.8, 5))),
        grey_tone(random, 0.5),
    )


def draw_panes(picture: Picture, random: Random) -> None:
    """Windows against the light: burnt-out panes between dark bars, plain ones or full of painted figures."""
    height, width = picture.shape[:2]
    lengths = np.exp(random.uniform(np.log(40), np.log(2 * max(height, width)), 2)).astype(int)
    across, down = min(int(lengths[0]), width), min(int(lengths[1]), height)
    left, top = int(random.integers(0, width - across + 1)), int(random.integers(0, height - down + 1))
    light = np.zeros((down, across), np.float32)
    if random.random() < 0.7:
        for wave in (3, 8, 20):
            light += damage.smooth_noise(random, (down, across), wave * random.uniform(0.6, 1.6))
    light = 1 / (1 + np.exp(-random.uniform(0.5, 3) * (light + np.float32(random.uniform(0, 2.5)))))
    bars = np.zeros((down, across), np.float32)
    thick = float(random.uniform(0.8, 4))
    for axis, (length, other) in enumerate(((across, down), (down, across))):
        for at in np.linspace(0, length, int(random.integers(2, max(3, min(9, length // 18 + 1))))):
            ends = np.array(((at, 0.0), (at, other)))
            damage.stroke(bars, ends[:, ::-1] if axis else ends, np.full(2, thick))
    lowest, highest = random.uniform(5, 90), random.uniform(190, 255)
    tint = 1 - random.uniform(0, 0.2) * random.random(3)
    inside = picture[top : top + down, left : left + across]
    panes = (lowest + (highest - lowest) * light)[..., None] * tint.astype(np.float32)
    inside += (panes - inside) * np.float32(random.uniform(0.8, 1))
    lay(inside, damage.soften(bars, float(random.uniform(0.4, 1.0))), grey_tone(random, 0.1))


def draw_collars(picture: Picture, random: Random) -> None:
    """Collars, cuffs, sheets of paper: plain bright polygons with sharp corners, and sometimes a shadow."""
    height, width = picture.shape[:2]
    for _ in range(int(random.integers(1, 4))):
        centre = np.array(damage.somewhere(random, (height, width)))
        turns = np.sort(random.uniform(0, 2 * np.pi, int(random.integers(3, 7))))
        reach = np.exp(random.uniform(np.log(6), np.log(90))) * random.uniform(0.4, 1.3, (len(turns), 1))
        outline = centre + reach * np.stack((np.cos(turns), np.sin(turns)), axis=1)
        patch = damage.polygon((height, width), outline)
        folds = np.abs(damage.smooth_noise(random, (height, width), float(random.uniform(10, 60))))
        shading = 1 - np.float32(random.uniform(0, 0.12)) * folds
        tone = random.uniform(170, 255)
        opacity = damage.soften(patch, float(random.uniform(0.3, 1.5)))
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
    beads = discs(shape, points, radius)
    lay(picture, damage.soften(beads, float(random.uniform(0.3, 1.0))), grey_tone(random, 0.8))


def draw_truss(picture: Picture, random: Random) -> None:
    """Bridges, cranes, pylons, railings, tripods, glass roofs: straight members that meet in joints, light ones
    against the dark."""
    height, width = picture.shape[:2]
    size, angle = random.uniform(8, 40), random.normal(0, 0.25)
    along, up = np.array((np.cos(angle), np.sin(angle))), np.array((np.sin(angle), -np.cos(angle)))
    first, count = np.array(damage.somewhere(random, (height, width))), int(random.integers(3, 16))
    rise = random.uniform(0, 0.02)
    lines = []
    for number in range(-count, count):
        here, there = (
            first + size * k * along + rise * (size * k) ** 2 / size * up * -0.1 for k in (number, number + 1)
        )
        top = here + size * random.uniform(0.9, 1.1) * up
        lines += [np.stack((here, there)), np.stack((here, top)), np.stack((top, there))]
        lines.append(np.stack((top, top + size * along)))
    lay(
        picture,
        strokes((height, width), lines, float(random.uniform(0.7, 3.5))),
        grey_tone(random, 0.4),
    )


def draw_buttons(picture: Picture, random: Random) -> None:
    """Buttons, rivets, berries and animals' eyes: dark discs with one small glint at the same place in each."""
    shape = picture.shape[:2]
    light = random.uniform(-0.5, 0.5, 2)
    radius = random.uniform(2.5, 12)
    for _ in range(int(random.integers(1, 12))):
        centre = np.array(damage.somewhere(random, shape))
        r = radius * random.uniform(0.8, 1.2)
        for at, size, tone in (
            (centre, r, random.uniform(10, 90)),
            (centre + r * light, 0.22 * r, random.uniform(190, 255)),
        ):
            lay(picture, damage.soften(discs(shape, [at], max(0.5, size)), 0.5), np.full(3, tone))


def draw_lattice(picture: Picture, random: Random) -> None:
    """Leaded panes, wire netting, trellises, quilting: two families of parallel lines that cross at an angle, lighter
    or darker than what lies between, over a part of the picture."""
    height, width = picture.shape[:2]
    centre, reach = np.array(damage.somewhere(random, (height, width))), random.uniform(0.15, 0.7) * height
    step, middle = np.exp(random.uniform(np.log(5), np.log(40))), random.uniform(0, np.pi)
    lines = []
    for angle in (middle + random.uniform(0.3, 0.9), middle - random.uniform(0.3, 0.9)):
        along, across = np.array((np.cos(angle), np.sin(angle))), np.array((-np.sin(angle), np.cos(angle)))
        for offset in np.arange(-reach, reach, step):
            half = np.sqrt(max(reach**2 - offset**2, 0.0))
            lines.append(centre + offset * across + np.outer((-half, half), along))
    opacity = strokes((height, width), lines, float(random.uniform(0.7, 0.2 * step + 0.8)))
    lay(picture, opacity * np.float32(random.uniform(0.3, 1)), grey_tone(random, 0.5))


def draw_markings(picture: Picture, random: Random) -> None:
    """Lines on roads, courts and decks: light bands that narrow into the distance, whole or broken into dashes."""
    shape = picture.shape[:2]
    vanishing = np.array((random.uniform(-0.5, 1.5) * shape[1], random.uniform(-0.6, 0.5) * shape[0]))
    opacity = np.zeros(shape, np.float32)
    near_width, dashes = random.uniform(2, 14), int(random.integers(3, 14))
    broken = random.random() < 0.5
    for _ in range(int(random.integers(1, 4))):
        near = np.array((random.uniform(-0.5, 1.5) * shape[1], shape[0] * 1.1))
        for dash in range(dashes if broken else 1):
            first, last = (dash / dashes, (dash + 0.5) / dashes) if broken else (0.0, 0.95)
            distances = np.linspace(first, last, 12)
            points = near + distances[:, None] * (vanishing - near)
            damage.stroke(opacity, points, near_width * (1 - distances) + 0.4)
    worn = np.clip(1 + random.uniform(0, 0.5) * damage.smooth_noise(random, shape, 6.0), 0, 1)
    strength = np.float32(random.uniform(0.4, 1))
    lay(picture, damage.soften(opacity * worn, 0.5) * strength, grey_tone(random, 0.9))


def draw_sticks(picture: Picture, random: Random) -> None:
    """Walking sticks, props, poles, oars, rulers: one straight bar with two ends and a light and a dark side."""
    shape = picture.shape[:2]
    for _ in range(int(random.integers(1, 4))):
        middle, angle = np.array(damage.somewhere(random, shape)), random.uniform(0, np.pi)
        half = np.exp(random.uniform(np.log(12), np.log(200)))
        along, across = np.array((np.cos(angle), np.sin(angle))), np.array((-np.sin(angle), np.cos(angle)))
        width, taper = random.uniform(1.2, 9), random.uniform(0.6, 1.0)
        points = middle + np.outer(np.linspace(-half, half, 16), along)
        widths = width * np.linspace(1, taper, 16)
        light = float(random.random())
        for offset, broad, tone in (
            (0.0, 1.0, grey_tone(random, light)),
            (0.25, 0.4, grey_tone(random, 1 - light)),
        ):
            bar = np.zeros(shape, np.float32)
            damage.stroke(bar, points + offset * width * across, np.maximum(broad * widths, 0.5))
            strength = random.uniform(0.5, 1) if offset == 0 else random.uniform(0.0, 0.5)
            lay(picture, bar * np.float32(strength), tone)
