"""What an archive offers a finetuning: undamaged tiles and damage shapes, cut out of its photographs once for each
content, and the split into those that train and those that judge.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from archive_restore.durable import write_durably
from archive_restore.errors import PhotographError
from archive_restore.home import Home
from archive_restore.ledger import Archive, Ledger
from archive_restore.photos.codecs import decode, sha256
from archive_restore.photos.mask_files import read_mask
from archive_restore.photos.rendering import viewable
from archive_restore.progress import Progress
from archive_restore.training.sources import Photographs, find_entries
from archive_restore.training.tiles import damage_shapes, undamaged_tiles

FEWEST_PHOTOGRAPHS = 24
"""With undamaged parts. Of fewer, the held-out ones are too few to tell better from luck."""

FEWEST_TILES = 64
"""Undamaged squares to train on. Of fewer, a network learns them by heart."""

HELD_OUT_SHARE = 0.25
"""Of the photographs."""

SHAPES_A_PHOTOGRAPH = 8
"""Damage shapes taken from one mask, the largest first."""


@dataclass(frozen=True)
class Material:
    """What an archive offers: tiles and photographs for training, and held out; damage shapes; what could not be
    read."""

    tiles: int
    photographs: int
    held_out: int  # photographs
    shapes: int
    set_aside: int

    def refusal(self) -> str | None:
        """Why that is too little, in words; None if it is enough."""
        if self.photographs + self.held_out < FEWEST_PHOTOGRAPHS:
            return (
                f"only {self.photographs + self.held_out} photographs have undamaged parts of 128 px or more; "
                f"finetuning wants {FEWEST_PHOTOGRAPHS}"
            )
        if self.tiles < FEWEST_TILES:
            return f"the undamaged parts give only {self.tiles} squares to train on; finetuning wants {FEWEST_TILES}"
        return None


def gather(
    archive: Archive,
    ledger: Ledger,
    home: Home,
    folder: Path,
    max_pixels: int,
    progress: Progress,
) -> Material:
    """Cuts undamaged squares out of the archive's photographs into `folder`, once for each content.

    A photograph is held out or not by its hash, so that it never changes sides.
    """
    contents = {
        known.sha256: relative
        for relative, known in sorted(ledger.known_files(archive.id).items())
        if known.sha256 is not None and not known.missing
    }
    held_out = held_out_of(sorted(contents))
    progress.start("cutting out undamaged parts", len(contents))
    counts = {"train": 0, "held-out": 0}
    tiles = set_aside = shapes = 0
    for content, relative in contents.items():
        part = "held-out" if content in held_out else "train"
        try:
            found, drawn = cut_out(
                archive.root / os.fsdecode(relative), content, home, folder / part, max_pixels
            )
        except PhotographError as error:
            progress.note(str(error))
            set_aside += 1
            continue
        finally:
            progress.advance()
        counts[part] += found > 0
        tiles += found if part == "train" else 0
        shapes += drawn if part == "train" else 0
    progress.stop()
    return Material(tiles, counts["train"], counts["held-out"], shapes, set_aside)


def held_out_of(contents: list[str]) -> set[str]:
    """The quarter of the photographs that judges: those with the smallest hash of their hash."""
    order = sorted(contents, key=lambda content: hashlib.sha256(content.encode()).hexdigest())
    return set(order[: max(1, round(HELD_OUT_SHARE * len(order)))])


def cut_out(path: Path, content: str, home: Home, part: Path, max_pixels: int) -> tuple[int, int]:
    """Writes one photograph's tiles and damage shapes, unless an earlier call did; returns how many of each."""
    record = part / f"{content}.json"
    if record.exists():
        known = json.loads(record.read_text(encoding="utf-8"))
        return known["tiles"], known["shapes"]
    photograph = decode(path, max_pixels=max_pixels)
    if sha256(photograph.source) != content:
        raise PhotographError(path, "it has changed since the scan; scan again")
    pixels = viewable(photograph)
    mask_file = home.mask(content)
    mask = read_mask(mask_file, pixels.shape) if mask_file.exists() else np.zeros(pixels.shape[:2], bool)
    seed = int(content[:12], 16)
    tiles = undamaged_tiles(mask, np.random.default_rng(seed))
    for tile in tiles:
        square = pixels[tile.slices]
        encoded = cv2.imencode(".png", square if square.ndim == 2 else square[..., ::-1])[1]
        write_durably(part / f"{content}-{tile.top}-{tile.left}.png", encoded.tobytes())
    shapes = damage_shapes(mask, SHAPES_A_PHOTOGRAPH)
    for number, shape in enumerate(shapes):
        encoded = cv2.imencode(".png", shape.astype(np.uint8) * 255)[1]
        write_durably(part / "shapes" / f"{content}-{number}.png", encoded.tobytes())
    figures = {"tiles": len(tiles), "shapes": len(shapes)}
    write_durably(record, json.dumps(figures).encode())
    return len(tiles), len(shapes)


def tiles_in(part: Path) -> Photographs:
    """The tiles of one side of the split."""
    return Photographs([entry for entry in find_entries(part) if entry.container.parent == part])


def shapes_in(part: Path) -> tuple[np.ndarray, ...]:
    """The damage shapes of one side of the split, (h, w) bool each."""
    files = sorted((part / "shapes").glob("*.png"))
    pictures = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in files]
    return tuple(np.asarray(picture) > 0 for picture in pictures if picture is not None)
