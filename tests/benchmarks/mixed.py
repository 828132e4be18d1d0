"""Large photographs with drawn damage, written as files with their masks, to measure time with."""

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator as Random

from archive_restore.training import damage
from tests.benchmarks.pictures import SUFFIXES, Mask, Picture, drawn, read_picture, write_picture
from tests.drawn import scene

SMALLEST, LARGEST = 2.0, 12.0
"""Megapixels of the photographs of a mixed folder."""

VISIBLE = 0.02
"""Opacity from which on a sample is damaged."""

JPEG_QUALITY = 92

SEED = 0
"""Of the drawn damage."""

PNG_EVERY = 5
"""Every so many photographs one is a PNG; the others are JPEGs."""


@dataclass(frozen=True)
class Folder:
    """Photographs, their masks as `inpaint` takes them (a.jpg.png) and as IOPaint does (a.png), and their size."""

    photographs: Path
    masks: Path
    masks_by_stem: Path
    count: int
    megapixels: float


def sources(folder: Path | None) -> list[Picture]:
    """The photographs of a folder; drawn scenes without one."""
    if folder is None:
        return [np.repeat(scene(1500, 2000, seed)[..., None], 3, axis=2) for seed in range(3)]
    if not folder.is_dir():
        sys.exit(f"{folder} is no folder")
    paths = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES]
    if not paths:
        sys.exit(f"{folder} holds no photographs")
    return [read_picture(path) for path in paths]


def scaled(picture: Picture, megapixels: float) -> Picture:
    """The picture at that many megapixels."""
    scale = (megapixels * 1e6 / (picture.shape[0] * picture.shape[1])) ** 0.5
    how = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    return np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=how), np.uint8)


def damaged(
    picture: Picture, random: Random, kinds: Sequence[str], share: float = 0.0
) -> tuple[Picture, Mask]:
    """The picture under one damage of each kind, and again until `share` of it is damaged. Returns it and the mask."""
    shape = (picture.shape[0], picture.shape[1])
    # Damage on paper does not shrink when the scanner resolves more.
    unit = (shape[0] * shape[1] / 1e6) ** 0.5
    mask = np.zeros(shape, bool)
    for number, kind in enumerate(cycle(kinds)):
        if number >= len(kinds) and mask.mean() >= share:
            break
        drawn_one = damage.draw(random, shape, unit, kind)
        picture, mask = damage.apply(picture, drawn_one, random), mask | (drawn_one.opacity > VISIBLE)
    return picture, mask


def made(out: Path, count: int, megapixels: float) -> Folder:
    """An empty one, for so much."""
    parts = out / "photographs", out / "masks", out / "masks-by-stem"
    for path in parts:
        path.mkdir(parents=True)
    return Folder(*parts, count, megapixels)


def write_folder(out: Path, originals: list[Picture], count: int, distinct: int) -> Folder:
    """Writes `count` photographs of 2 to 12 megapixels, `distinct` of them different, one to three damages on each."""
    folder = made(out, count, 0.0)
    sizes = np.linspace(SMALLEST, LARGEST, distinct)
    megapixels = []
    for number, size in enumerate(sizes):
        random = np.random.default_rng((SEED, number))
        kinds = random.choice(list(damage.DRAWERS), int(random.integers(1, 4)), replace=False).tolist()
        picture, mask = damaged(scaled(originals[number % len(originals)], float(size)), random, kinds)
        megapixels.append(mask.size / 1e6)
        write_one(folder, f"{number:03d}", picture, mask, png=number % PNG_EVERY == 0)
    for number in range(distinct, count):
        link_one(folder, f"{number % distinct:03d}", f"{number:03d}")
    total = sum(megapixels[number % distinct] for number in range(count))
    return replace(folder, megapixels=total)


def write_one(folder: Folder, stem: str, picture: Picture, mask: Mask, *, png: bool) -> Path:
    """Writes one photograph and its mask, and returns the photograph's file."""
    path = folder.photographs / f"{stem}{'.png' if png else '.jpg'}"
    write_picture(path, picture, *(() if png else (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY)))
    write_picture(folder.masks / f"{path.name}.png", drawn(mask))
    os.link(folder.masks / f"{path.name}.png", folder.masks_by_stem / f"{stem}.png")
    return path


def link_one(folder: Folder, known: str, stem: str) -> None:
    """The photograph `known` under another name."""
    for path in _of(folder, known):
        os.link(path, path.with_name(path.name.replace(known, stem, 1)))


def _of(folder: Folder, stem: str) -> Iterator[Path]:
    for parent in (folder.photographs, folder.masks, folder.masks_by_stem):
        yield from sorted(parent.glob(f"{stem}.*"))
