"""Archives of small photographs for benchmarks that want many: drawn, and entered as a scan would enter them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import imagecodecs
import numpy as np
from numpy.typing import NDArray

from archive_restore.home import Home
from archive_restore.ledger import Ledger, RegionRow, ScannedPhotograph, open_ledger
from archive_restore.networks.generator import Generator
from archive_restore.networks.weights import ModelCard, save_model
from archive_restore.photos.codecs import file_sha256
from archive_restore.photos.mask_files import write_mask
from tests.drawn import PAPER, blank, lay, scene, soft

MODEL: Final = "small"
"""The name of an untrained generator that is quick."""

SIDE: Final = 96  # px
SEARCHED_SIDE: Final = 128  # px; what the detectors find a scratch in
TUNED_SIDE: Final = 768  # px; room for four undamaged squares


def to_restore(folder: Path, photographs: int) -> tuple[Path, Home]:
    """An archive as a scan leaves it, and the home with its ledger, masks and a small generator.

    Every tenth photograph is a duplicate of the one before.
    """
    archive, home = folder / "photos", Home(folder / "home")
    (archive / "sub").mkdir(parents=True)
    add_small_model(home)
    mask = np.zeros((SIDE, SIDE), bool)
    mask[40:43, 10:80] = True
    with open_ledger(home.ledger) as ledger:
        archive_id = ledger.add_archive(archive)
        for number in range(photographs):
            content = number - 1 if number % 10 == 9 else number
            pixels = np.random.default_rng(content).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
            path = archive / f"{'sub/' if number % 2 else ''}{number:04}.png"
            path.write_bytes(imagecodecs.png_encode(pixels))
            enter(ledger, home, archive_id, archive, path, mask)
    return archive, home


def to_scan(folder: Path, photographs: int) -> Path:
    """An archive of scratched scenes; every tenth is a duplicate of the one before."""
    archive = folder / "scanned"
    (archive / "sub").mkdir(parents=True)
    for number in range(photographs):
        content = number - 1 if number % 10 == 9 else number
        path = archive / f"{'sub/' if number % 2 else ''}{number:04}.png"
        path.write_bytes(imagecodecs.png_encode(scratched(content)))
    return archive


def to_tune(folder: Path, photographs: int) -> tuple[Path, Home]:
    """An archive of soft patterns, every third with a scratch, and a home whose small generator it uses."""
    archive, home = folder / "tuned", Home(folder / "tuned home")
    archive.mkdir(parents=True)
    add_small_model(home)
    with open_ledger(home.ledger) as ledger:
        archive_id = ledger.add_archive(archive)
        for number in range(photographs):
            path = archive / f"{number:03}.png"
            cv2.imwrite(str(path), soft(TUNED_SIDE, TUNED_SIDE, seed=number))
            mask = np.zeros((TUNED_SIDE, TUNED_SIDE), bool)
            mask[10:90, 2:5] = number % 3 == 0
            enter(ledger, home, archive_id, archive, path, mask)
        ledger.use_model(archive_id, MODEL)
    return archive, home


def add_small_model(home: Home) -> None:
    """Enters the small generator among the adopted ones."""
    card = ModelCard(MODEL, "", "", "context-encoder-convolutional", {"blocks": 0})
    save_model(Generator(blocks=0), home.models, card)


def enter(
    ledger: Ledger, home: Home, archive_id: int, archive: Path, path: Path, mask: NDArray[np.bool_]
) -> None:
    """Records a PNG as a scan would that found this mask, (H, W) bool."""
    digest, status = file_sha256(path), path.stat()
    write_mask(home.mask(digest), mask)
    height, width = mask.shape
    relative = path.relative_to(archive).as_posix().encode()
    photograph = ScannedPhotograph(
        relative, status.st_size, status.st_mtime_ns, digest, "png", width, height, "normal"
    )
    ledger.record(archive_id, photograph, regions_of(mask))


def regions_of(mask: NDArray[np.bool_]) -> Sequence[RegionRow]:
    """One scratch, where the mask is."""
    rows, columns = np.nonzero(mask)
    if not rows.size:
        return []
    left, top = int(columns.min()), int(rows.min())
    width, height = int(columns.max()) - left + 1, int(rows.max()) - top + 1
    return [RegionRow("scratches", left, top, width, height, rows.size, 0.9)]


def scratched(number: int) -> NDArray[Any]:
    """A small drawn scene with two scratches; two pixels tell the numbers apart."""
    side = SEARCHED_SIDE
    picture = np.asarray(cv2.resize(scene(seed=1), (side, side), interpolation=cv2.INTER_AREA), np.uint8)
    picture[0, :2] = number % 256, number // 256
    scratches = blank(picture)
    for start, end in (((19, 3), (26, side - 6)), ((side - 10, 10), (side // 2, side - 10))):
        cv2.line(scratches, start, end, 255, 1, cv2.LINE_AA)
    return lay(picture, scratches, PAPER)
