"""Makes a modern photograph look like the ones in an archive: toned, faded, grainy, blurred, compressed.

Tone, softness and grain belong to the photograph and so to the truth: what survives of them under damage is to be
kept. Compression comes after the damage.
"""

import cv2
import numpy as np
from numpy.random import Generator as Random
from numpy.typing import NDArray

from archive_restore.training import damage

Floats = NDArray[np.float32]

TONINGS = np.array([[1.06, 0.9, 0.72], [0.74, 0.93, 1.06], [1.02, 0.88, 0.97]], np.float32)
"""Channel gains, RGB, of prints toned with sepia, blue (cyanotype, iron) and selenium."""

TONING_SHARE = (0.8, 0.1, 0.1)
"""How often which."""


def tone(picture: NDArray[np.uint8], random: Random) -> NDArray[np.uint8]:
    """Colour as it is, black-and-white, toned or faded, by chance. (H, W, 3) uint8 to the same."""
    style = random.choice(["colour", "grey", "toned", "faded"], p=[0.38, 0.26, 0.21, 0.15])
    if style == "colour":
        return picture
    values = picture.astype(np.float32)
    if style in ("grey", "toned"):
        values = np.repeat(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32), 3, axis=2)
    if style == "toned":
        gains = random.choice(TONINGS, p=TONING_SHARE)
        values = values * (1 + (gains - 1) * np.float32(random.uniform(0.3, 2.0)))
    lift = np.float32(random.uniform(0, 40))
    values = lift + values * np.float32(random.uniform(0.65, 1.0))
    if style == "faded":
        values = values * random.uniform(0.85, 1.05, 3).astype(np.float32)
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def uneven(picture: Floats, random: Random) -> None:
    """Fading that is not the same everywhere, for one picture in four: yellowed towards the sides, bleached where light
    fell; and for one in sixteen the texture of silk or linen paper. (H, W, 3) float32, in place."""
    shape = picture.shape[:2]
    if random.random() < 0.25:
        field = damage.smooth_noise(random, shape, max(shape) * random.uniform(0.25, 0.8))
        rows, columns = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j].astype(np.float32)
        field += np.float32(random.normal(0, 1)) * rows + np.float32(random.normal(0, 1)) * columns
        strength = np.clip(np.float32(random.uniform(0.02, 0.12)) * field, 0, 0.4)[..., None]
        level = random.uniform(140, 250)
        tone = level * (1 - random.uniform(0, 0.5) * np.array((0.0, 0.35, 1.0)))
        picture += (tone.astype(np.float32) - picture) * strength
    if random.random() < 1 / 16:
        turn, period = random.uniform(0, np.pi / 2), random.uniform(3, 10)
        rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32) * np.float32(
            2 * np.pi / period
        )
        weave = np.sin(np.cos(turn) * columns + np.sin(turn) * rows) * np.sin(
            np.cos(turn) * rows - np.sin(turn) * columns
        )
        picture += (np.float32(random.uniform(2, 9)) * weave)[..., None]


def grain(picture: NDArray[np.uint8], random: Random) -> NDArray[np.uint8]:
    """The softness and grain of a print or film, by chance. (H, W, 3) uint8 to the same."""
    values = picture.astype(np.float32)
    if random.random() < 0.2:
        values = damage.soften(values, float(random.uniform(0.4, 1.0)))
    if random.random() < 0.6:
        strength = float(random.gamma(2.0, 2.2))
        channels = 3 if random.random() < 0.25 else 1
        noise = random.normal(0, 1, (*picture.shape[:2], channels)).astype(np.float32)
        noise = damage.soften(noise, float(random.uniform(0.3, 1.2))).reshape(*picture.shape[:2], channels)
        values = values + noise * (strength / max(float(noise.std()), 1e-6))
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def compress(picture: NDArray[np.uint8], random: Random) -> NDArray[np.uint8]:
    """JPEG's losses, for one picture in four. (H, W, 3) uint8 to the same."""
    if random.random() >= 0.25:
        return picture
    quality = int(random.integers(50, 95))
    _, encoded = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.array(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)[..., ::-1]
