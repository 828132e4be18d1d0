"""Drawn scans of film: the visible picture, the infrared one, and where the dust, the hair and the scratch are."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray

from tests.drawn import scene

HEIGHT, WIDTH = 480, 720


@dataclass(frozen=True)
class Scan:
    visible: NDArray[np.uint16]  # (H, W, 3), linear light
    infrared: NDArray[np.uint16]  # (H, W), linear light
    defects: NDArray[np.bool_]  # (H, W)

    @property
    def picture(self) -> NDArray[np.uint8]:
        return np.rint(255 * (self.visible / 65535.0) ** (1 / 2.2)).astype(np.uint8)


def colours(seed: int) -> NDArray[np.float64]:
    """(H, W, 3) densities of a slide: two scenes that have no edge in common, one of them in red."""
    red, green = scene(HEIGHT, WIDTH, seed, grain=1.0), scene(HEIGHT, WIDTH, seed + 100, grain=1.0)[::-1]
    shades = np.stack([red, green, (red / 2 + green / 2)], axis=2) / 255.0
    return -2.2 * np.log(np.clip(shades, 0.03, 1))


def clarity(seed: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(H, W) the light that dust, a hair and a scratch let pass, and where they are."""
    rng = np.random.default_rng(seed)
    drawn = np.zeros((HEIGHT, WIDTH), np.uint8)
    for _ in range(25):
        centre = rng.uniform(40, WIDTH - 40), rng.uniform(40, HEIGHT - 40)
        cv2.ellipse(drawn, (centre, tuple(rng.uniform(3, 9, 2)), 30.0), 255, cv2.FILLED, cv2.LINE_AA)
    cv2.ellipse(drawn, (300, 240), (70, 45), 20, 0, 250, 230, 2, cv2.LINE_AA)
    cv2.line(drawn, (520, 40), (500, HEIGHT - 40), 130, 1, cv2.LINE_AA)
    return 1 - 0.9 * cv2.GaussianBlur(drawn, (0, 0), 0.6) / 255.0, drawn > 90


def scanned(
    seed: int = 1,
    *,
    leak: float = 0.06,  # of cyan's density, in infrared
    silver: float = 0.0,  # of all density
    shift: tuple[float, float] = (1.6, -1.2),  # px right and down
    defects: bool = True,
    negative: bool = False,  # turned into a positive by the scanner
) -> Scan:
    density = colours(seed)
    clear, where = clarity(seed) if defects else (np.ones((HEIGHT, WIDTH)), np.zeros((HEIGHT, WIDTH), bool))
    holder = np.full((HEIGHT, WIDTH), 0.001)
    holder[18:-20, 30:-26] = 1
    passes = clear * cv2.GaussianBlur(holder, (0, 0), 1.0)
    infrared = 0.7 * passes * np.exp(-leak * density[..., 0] - silver * density.mean(axis=2))
    infrared *= 1 - 0.2 * np.linspace(-0.5, 0.5, WIDTH) ** 2  # the lamp
    move = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float64)
    infrared = cv2.warpAffine(infrared, move, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
    visible = np.exp(-density) * passes[..., None]
    if negative:
        visible = (1 - np.clip(visible, 0, 1) ** (1 / 2.2)) ** 2.2
    rng = np.random.default_rng(seed)
    infrared = infrared + rng.normal(0, 0.004, infrared.shape)
    visible = visible * (1 + rng.normal(0, 0.02, (*where.shape, 1)))
    levels = [np.rint(65535 * np.clip(plane, 0, 1)).astype(np.uint16) for plane in (visible, infrared)]
    return Scan(levels[0], levels[1], where)


def rgbi(path: Path, scan: Scan, **options: Any) -> Path:
    """As VueScan writes it: infrared is the fourth sample."""
    samples = np.dstack([scan.visible, scan.infrared])
    given = {"extrasamples": [0], "software": "VueScan 9 x64 (9.8.40)"} | options
    tifffile.imwrite(path, samples, photometric="rgb", compression="lzw", metadata=None, **given)
    return path


def hdri(path: Path, scan: Scan, *, subfile: int = 4, **options: Any) -> Path:
    """As SilverFast writes it: infrared is a grey page, after a preview."""
    given = {"software": "SilverFast 9"} | options
    tifffile.imwrite(path, scan.visible, photometric="rgb", metadata=None, **given)
    small = np.ascontiguousarray(scan.visible[::4, ::4])
    tifffile.imwrite(path, small, photometric="rgb", append=True, subfiletype=1, metadata=None)
    tifffile.imwrite(path, scan.infrared, photometric="minisblack", append=True, subfiletype=0, metadata=None)
    with tifffile.TiffFile(path, mode="r+b") as file:
        file.pages[2].tags["NewSubfileType"].overwrite(subfile)  # tifffile refuses masks with shades
    return path
