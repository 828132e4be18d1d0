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
from numpy.typing import NDArray

from archive_restore.detection import Policy, Sensitivity, threshold
from archive_restore.durable import remove_file, write_durably
from archive_restore.errors import PhotographError
from archive_restore.home import Home
from archive_restore.ledger import Archive, Ledger, MaskedPhotograph
from archive_restore.masking import read_score_map
from archive_restore.photos.codecs import decode, file_sha256, sha256
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

FEWEST_HELD_OUT = 3
"""Photographs that judge. Chance may give an archive fewer than its quarter."""

SHA256_LETTERS = 64
"""With which the names of all that is cut out of a photograph begin."""

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
        """All for which that is too little, in words; None if it is enough."""
        usable = self.photographs + self.held_out
        conditions = (
            ("photographs with undamaged parts of 128 px or more", usable, FEWEST_PHOTOGRAPHS),
            ("photographs among them to judge by", self.held_out, FEWEST_HELD_OUT),
            ("undamaged squares to train on", self.tiles, FEWEST_TILES),
        )
        unmet = [
            f"{what}: {there}, and {fewest} are wanted"
            for what, there, fewest in conditions
            if there < fewest
        ]
        return "; ".join(unmet) or None


def gather(
    archive: Archive,
    ledger: Ledger,
    home: Home,
    folder: Path,
    max_pixels: int,
    progress: Progress,
) -> Material:
    """Cuts undamaged squares out of the archive's photographs into `folder`, once for each content and mask.

    A photograph is held out or not by its hash, so that it never changes sides. What was cut out of others that are
    not there any more, or of damage that is known by now, is removed.
    """
    photographs = list(ledger.masked(archive.id))
    cut = _cut_before(folder)
    progress.start("cutting out undamaged parts", len(photographs))
    counts, contents = {"train": 0, "held-out": 0}, {"train": set[str](), "held-out": set[str]()}
    tiles = set_aside = shapes = 0
    for photograph in photographs:
        part = "held-out" if is_held_out(photograph.sha256) else "train"
        path = archive.root / os.fsdecode(photograph.relative)
        try:
            there = cut.get((part, photograph.sha256), [])
            found, drawn = cut_out(path, photograph, ledger, home, folder / part, max_pixels, there)
        except PhotographError as error:
            progress.note(str(error))
            set_aside += 1
            continue
        finally:
            progress.advance()
        contents[part].add(photograph.sha256)
        counts[part] += found > 0
        tiles += found if part == "train" else 0
        shapes += drawn if part == "train" else 0
    for (part, content), files in cut.items():
        if content not in contents[part]:
            for file in files:
                remove_file(file)
    progress.stop()
    return Material(tiles, counts["train"], counts["held-out"], shapes, set_aside)


def _cut_before(folder: Path) -> dict[tuple[str, str], list[Path]]:
    """What lies in `folder`, by part and content."""
    cut: dict[tuple[str, str], list[Path]] = {}
    for part in ("train", "held-out"):
        for file in (*(folder / part).glob("*.*"), *(folder / part / "shapes").glob("*.*")):
            cut.setdefault((part, file.name[:SHA256_LETTERS]), []).append(file)
    return cut


def is_held_out(content: str) -> bool:
    """Whether the photograph of this sha256 judges: every fourth does, by the hash of its hash."""
    return hashlib.sha256(content.encode()).digest()[0] < HELD_OUT_SHARE * 256


def cut_out(
    path: Path,
    photograph: MaskedPhotograph,
    ledger: Ledger,
    home: Home,
    part: Path,
    max_pixels: int,
    there: list[Path],
) -> tuple[int, int]:
    """Writes one photograph's tiles and damage shapes, unless an earlier call did, by the same mask; returns how many
    of each. `there` is what earlier calls wrote of it."""
    content = photograph.sha256
    record = part / f"{content}.json"
    told = _told(photograph, home)
    known = _known(record, told)
    if known is not None:
        return known
    # The record first: killed in between, the next call removes the rest.
    for file in (record, *there):
        if file.exists():
            remove_file(file)
    loaded = decode(path, max_pixels=max_pixels)
    if sha256(loaded.source) != content:
        ledger.read_again(photograph.id)  # its size and time may be those of the scan
        raise PhotographError(path, "it has changed since the scan; scan again")
    pixels = viewable(loaded)
    mask_file = home.mask(content)
    mask = read_mask(mask_file, pixels.shape) if mask_file.exists() else np.zeros(pixels.shape[:2], bool)
    tiles = undamaged_tiles(mask | _doubtful(photograph, home), np.random.default_rng(int(content[:12], 16)))
    for tile in tiles:
        square = pixels[tile.slices]
        encoded = cv2.imencode(".png", square if square.ndim == 2 else square[..., ::-1])[1]
        write_durably(part / f"{content}-{tile.top}-{tile.left}.png", encoded.tobytes())
    shapes = damage_shapes(mask, SHAPES_A_PHOTOGRAPH)
    for number, shape in enumerate(shapes):
        encoded = cv2.imencode(".png", shape.astype(np.uint8) * 255)[1]
        write_durably(part / "shapes" / f"{content}-{number}.png", encoded.tobytes())
    figures = {"tiles": len(tiles), "shapes": len(shapes), "damage": told}
    write_durably(record, json.dumps(figures).encode())
    return len(tiles), len(shapes)


def _known(record: Path, told: str) -> tuple[int, int] | None:
    """How many tiles and shapes a record says were cut out by the mask that is in use; None if it cannot be used."""
    try:
        known = json.loads(record.read_text(encoding="utf-8"))
        return (int(known["tiles"]), int(known["shapes"])) if known["damage"] == told else None
    except (FileNotFoundError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _told(photograph: MaskedPhotograph, home: Home) -> str:
    """What decides which parts of a photograph are taken for undamaged, in a line."""
    files = home.mask(photograph.sha256), home.score_map(photograph.sha256)
    told = " ".join(file_sha256(file) if file.exists() else "none" for file in files)
    return f"{told} {photograph.policy} {photograph.unsure}"


def _doubtful(photograph: MaskedPhotograph, home: Home) -> NDArray[np.bool_]:
    """(H, W), what is not to be repainted and may yet be damage: of kinds that the archive's owner skips, and all that
    a high sensitivity finds where there are faint specks all over. Nothing where somebody has painted the mask."""
    shape = (photograph.height, photograph.width)
    scores = None if photograph.by_hand else read_score_map(home.score_map(photograph.sha256))
    if scores is None:
        return np.zeros(shape, np.bool_)
    level = Sensitivity.HIGH if photograph.unsure else Policy.parsed(photograph.policy).level
    return threshold(scores, level, shape)[0]


def tiles_in(part: Path) -> Photographs:
    """The tiles of one side of the split."""
    return Photographs([entry for entry in find_entries(part) if entry.container.parent == part])


def shapes_in(part: Path) -> tuple[np.ndarray, ...]:
    """The damage shapes of one side of the split, (h, w) bool each."""
    files = sorted((part / "shapes").glob("*.png"))
    pictures = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in files]
    return tuple(np.asarray(picture) > 0 for picture in pictures if picture is not None)
