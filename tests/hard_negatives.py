"""What detectors take for damage and is not, drawn by code or cut out of photographs that belong to nobody.

Each `draw_*` function lays one thing over a scene (H, W, 3) float32, 0 to 255, in place.
"""

import itertools
from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from skimage import data

from tests.drawn import scene

HEIGHT, WIDTH = 360, 480
Picture = NDArray[np.float32]


def lay(picture: Picture, drawn: NDArray[np.uint8], tone: float) -> None:
    """Lays a grey tone over the picture as far as `drawn` (H, W), 0..255, covers it."""
    cover = drawn[..., None].astype(np.float32) / 255
    picture += (np.float32(tone) - picture) * cover


def lines(strokes: list[list[tuple[float, float]]], width: int = 1) -> NDArray[np.uint8]:
    """Antialiased lines through points x, y."""
    drawn = np.zeros((HEIGHT, WIDTH), np.uint8)
    for points in strokes:
        whole = [np.round(np.array(points) * 16).astype(np.int32)]
        cv2.polylines(drawn, whole, False, 255, width, cv2.LINE_AA, 4)
    return drawn


def discs(places: list[tuple[float, float, float]]) -> NDArray[np.uint8]:
    """Antialiased discs at x, y of a radius."""
    drawn = np.zeros((HEIGHT, WIDTH), np.uint8)
    for x, y, radius in places:
        cv2.circle(drawn, (round(16 * x), round(16 * y)), round(16 * radius), 255, -1, cv2.LINE_AA, 4)
    return drawn


def draw_eyes(picture: Picture, rng: Generator) -> None:
    """A pair of eyes with lids and catch-lights."""
    x, y, size = rng.uniform(120, 300), rng.uniform(100, 250), rng.uniform(9, 16)
    for centre in (x, x + 5 * size):
        white = np.zeros((HEIGHT, WIDTH), np.uint8)
        cv2.ellipse(white, ((centre, y), (3.4 * size, 1.8 * size), 0.0), 255, -1, cv2.LINE_AA)
        lay(picture, white, 205)
        lay(picture, discs([(centre, y, 0.8 * size)]), 45)
        lid = [
            (centre + 1.8 * size * np.cos(a), y - 1.1 * size * np.sin(a)) for a in np.linspace(0, np.pi, 20)
        ]
        lay(picture, lines([lid], 2), 40)
        lay(picture, discs([(centre - 0.25 * size, y - 0.3 * size, 0.16 * size)]), 250)


def draw_catch_lights(picture: Picture, rng: Generator) -> None:
    """Glints on dark buttons and in the eyes of animals."""
    places = [(rng.uniform(30, 450), rng.uniform(30, 330), rng.uniform(5, 10)) for _ in range(8)]
    lay(picture, discs(places), 30)
    lay(picture, discs([(x - 0.3 * r, y - 0.3 * r, 0.2 * r) for x, y, r in places]), 245)


def draw_teeth(picture: Picture, rng: Generator) -> None:
    """An open mouth: a row of light bodies with dark joints in a dark oval."""
    x, y = rng.uniform(150, 330), rng.uniform(120, 240)
    mouth = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.ellipse(mouth, ((x, y), (66, 26), 0.0), 255, -1, cv2.LINE_AA)
    lay(picture, mouth, 60)
    for number in range(-4, 4):
        tooth = np.zeros((HEIGHT, WIDTH), np.uint8)
        left, half = x + 7 * number + 0.5, 6 - abs(number + 0.5)
        cv2.ellipse(tooth, ((left + 3.5, y - 2), (6.4, 7 + half), 0.0), 255, -1, cv2.LINE_AA)
        lay(picture, tooth, 215)


def draw_jewellery(picture: Picture, rng: Generator) -> None:
    """A string of pearls with their highlights, and a chain."""
    x, y = rng.uniform(160, 320), rng.uniform(60, 160)
    curve = [(x + 70 * np.cos(a), y + 60 * np.sin(a)) for a in np.linspace(0.2, np.pi - 0.2, 26)]
    lay(picture, discs([(*place, 3.7) for place in curve]), 95)  # each is round, and dark towards its rim
    lay(picture, discs([(px - 0.4, py - 0.5, 2.4) for px, py in curve]), 205)
    lay(picture, discs([(px - 1, py - 1, 0.8) for px, py in curve]), 250)
    chain = [(x + 40 * np.cos(a), y + 75 + 45 * np.sin(a)) for a in np.linspace(0.1, np.pi - 0.1, 60)]
    lay(picture, discs([(*place, 1.8) for place in chain[::2]]), 90)
    lay(picture, discs([(*place, 1.3) for place in chain[::2]]), 215)


def draw_lace(picture: Picture, rng: Generator) -> None:
    """A collar of meshes: a net of thin light threads over cloth."""
    x, y = rng.uniform(100, 250), rng.uniform(100, 200)
    threads = []
    for i in range(14):
        threads.append([(x + 9 * i + 4 * (j % 2), y + 6.0 * j) for j in range(12)])
        threads.append([(x + 9 * i + 4 * ((j + 1) % 2), y + 6.0 * j) for j in range(12)])
    lay(picture, lines(threads), 225)


def draw_text(picture: Picture, rng: Generator) -> None:
    """A sign, light on dark, and a caption, dark on light."""
    x, y = int(rng.uniform(20, 120)), int(rng.uniform(60, 200))
    for tone, ground, size, words in ((235, 50, 1.0, "GEBR. MEYER"), (40, 215, 0.6, "Sommer 1931, am See")):
        (wide, high), _ = cv2.getTextSize(words, cv2.FONT_HERSHEY_COMPLEX, size, 2)
        picture[y - high - 8 : y + 10, x - 6 : x + wide + 6] = ground
        drawn = np.zeros((HEIGHT, WIDTH), np.uint8)
        cv2.putText(drawn, words, (x, y), cv2.FONT_HERSHEY_COMPLEX, size, 255, 2, cv2.LINE_AA)
        lay(picture, drawn, tone)
        y += 80


def draw_wires(picture: Picture, rng: Generator) -> None:
    """Telegraph wires from edge to edge."""
    start, slope = rng.uniform(40, 140), rng.normal(0, 0.12)
    xs = np.linspace(-5, WIDTH + 5, 40)
    sags = [30 * ((xs / WIDTH - 0.5) ** 2 - 0.25) for _ in range(4)]
    strokes = [list(zip(xs, start + 12 * i + slope * xs - sags[i], strict=True)) for i in range(4)]
    lay(picture, lines(strokes), 40)


def draw_masts(picture: Picture, rng: Generator) -> None:
    """Masts, stays and yards in a harbour."""
    strokes, stays = [], []
    for x in np.sort(rng.uniform(60, 420, 4)):
        strokes.append([(x, 50), (x + rng.normal(0, 2), 275)])
        stays += [[(x, 55), (x + side, 272)] for side in (-45, -25, 25, 45)]
        strokes.append([(x - 20, 110), (x + 20, 108)])
    lay(picture, lines(stays), 70)
    lay(picture, lines(strokes, 3), 35)


def draw_whiskers(picture: Picture, rng: Generator) -> None:
    """A cat's whiskers, light before the dark."""
    x, y = rng.uniform(180, 300), rng.uniform(120, 220)
    picture[:] *= 0.6
    strokes = []
    for side, number in itertools.product((-1, 1), range(7)):
        reach, fall = rng.uniform(60, 100), 7 * (number - 3)
        strokes.append(
            [(x + side * (14 + reach * t), y + fall * (0.3 + t) + 14 * t * t) for t in np.linspace(0, 1, 12)]
        )
    lay(picture, lines(strokes), 200)


def draw_stars(picture: Picture, rng: Generator) -> None:
    """A night sky."""
    picture *= 0.2
    points = np.zeros((HEIGHT, WIDTH), np.float32)
    points[rng.integers(0, HEIGHT, 260), rng.integers(0, WIDTH, 260)] = rng.uniform(0.05, 1, 260) ** 2
    points = cv2.GaussianBlur(points, (0, 0), 1.1)
    lay(picture, (255 * points / points.max()).astype(np.uint8), 250)


def draw_snow(picture: Picture, rng: Generator) -> None:
    """Flakes in the air, near ones large and soft."""
    for sigma, count, tone in ((0.8, 500, 225), (1.6, 160, 235), (3.0, 40, 240)):
        flakes = np.zeros((HEIGHT, WIDTH), np.float32)
        flakes[rng.integers(0, HEIGHT, count), rng.integers(0, WIDTH, count)] = rng.uniform(0.4, 1, count)
        flakes = cv2.GaussianBlur(flakes, (0, 0), sigma)
        lay(picture, (230 * flakes / flakes.max()).astype(np.uint8), tone)


def draw_foam(picture: Picture, rng: Generator) -> None:
    """Crests of waves: ragged light streaks, all along one direction, in a band."""
    noise = rng.normal(0, 1, (HEIGHT, WIDTH)).astype(np.float32)
    streaks = cv2.GaussianBlur(noise, (0, 0), sigmaX=9, sigmaY=1.6)
    streaks /= streaks.std()
    cover = np.clip(streaks - 1.1, 0, 1) * 255
    cover[: HEIGHT // 3] = 0
    lay(picture, cover.astype(np.uint8), 238)


def draw_foliage(picture: Picture, rng: Generator) -> None:
    """Sunlit leaves before shadow, and bare twigs."""
    leaves = np.zeros((HEIGHT, WIDTH), np.uint8)
    for _ in range(900):
        centre = rng.uniform(0, WIDTH), rng.uniform(0, 0.8 * HEIGHT)
        size, turn = (rng.uniform(4, 11), rng.uniform(2, 5)), rng.uniform(0, 180)
        tone = rng.uniform(40, 215)
        cv2.ellipse(leaves, (centre, size, turn), 255, -1, cv2.LINE_AA)
        lay(picture, leaves, tone)
        leaves[:] = 0


def draw_brick_joints(picture: Picture, rng: Generator) -> None:
    """A wall with light joints."""
    wall = np.full((240, 320), 255, np.uint8)
    left, top = int(rng.uniform(10, 150)), int(rng.uniform(10, 110))
    for row in range(0, 240, 12):
        for x in range(-28 + 14 * (row // 12 % 2), 320, 28):
            tone = float(rng.uniform(80, 120))
            cv2.rectangle(wall, (x + 2, row + 2), (x + 26, row + 10), tone, cv2.FILLED)
    wall[wall == 255] = 175
    picture[top : top + 240, left : left + 320] = wall[..., None]


def draw_window_bars(picture: Picture, rng: Generator) -> None:
    """A bright window with dark bars, and a dark one with light bars."""
    for left, glass, bar in ((60, 215, 45), (270, 50, 215)):
        top = int(rng.uniform(60, 120))
        picture[top : top + 160, left : left + 120] = glass
        for x in range(left, left + 121, 30):
            picture[top : top + 160, x : x + 3] = bar
        for y in range(top, top + 161, 40):
            picture[y : y + 3, left : left + 123] = bar


DRAWN: dict[str, Callable[[Picture, Generator], None]] = {
    name.removeprefix("draw_"): drawer for name, drawer in list(globals().items()) if name.startswith("draw_")
}

CUT_OUT: dict[str, Callable[[], NDArray[np.uint8]]] = {
    "a face with teeth and a space suit": lambda: data.astronaut(),  # NASA, public domain
    "a cat with whiskers": lambda: data.chelsea(),  # S. van der Walt, CC0
    "galaxies and stars": lambda: data.hubble_deep_field()[:400, :500],  # NASA, public domain
    "a wall of bricks": lambda: data.brick(),  # CC0
    "grass": lambda: data.grass(),  # CC0
    "a rocket with its masts": lambda: data.rocket(),  # SpaceX, CC0
    "a cup with highlights": lambda: data.coffee(),  # R. Michel, CC0
    "a man with a camera": lambda: data.camera(),  # CC0
}


def decorated(name: str, seed: int) -> NDArray[np.uint8]:
    """A scene in colour with one of `DRAWN` in it, as a scanner sees it: softened and grained as a whole."""
    rng = np.random.default_rng(seed)
    picture = cv2.cvtColor(scene(HEIGHT, WIDTH, seed, grain=0.5), cv2.COLOR_GRAY2RGB).astype(np.float32)
    DRAWN[name](picture, rng)
    picture = cv2.GaussianBlur(picture, (0, 0), 0.7)
    picture += cv2.GaussianBlur(rng.normal(0, 3, picture.shape[:2]), (0, 0), 0.7)[..., None]
    return np.clip(picture, 0, 255).astype(np.uint8)
