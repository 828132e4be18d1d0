"""A TIFF of hundreds of megapixels, restored and verified by the commands: their time and their memory."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from archive_restore.home import Home
from archive_restore.ledger import RegionRow, ScannedPhotograph, open_ledger
from archive_restore.photos.codecs import file_sha256
from archive_restore.photos.mask_files import write_mask

WIDTH = 10_000
"""px"""
ROWS = 256
"""px; side of a tile, and rows that are made at a time."""

EVERY = 0.2
"""s between two looks at a command's memory."""


@dataclass(frozen=True)
class LargeTiff:
    """What is made: BigTIFF in tiles, or without compression in strips of 16 rows."""

    megapixels: int
    channels: int  # 1 grey, 3 RGB, 4 CMYK
    depth: int  # bits
    compression: str | None  # deflate or lzw

    @property
    def height(self) -> int:
        return self.megapixels * 1_000_000 // WIDTH

    def make(self, path: Path) -> None:
        """Smooth shades with grain, written piece by piece."""
        tiled: dict[str, Any] = {"tile": (ROWS, ROWS), "compression": self.compression, "predictor": True}
        plain: dict[str, Any] = {"rowsperstrip": 16}
        tifffile.imwrite(
            path,
            self._tiles() if self.compression else self._strips(16),
            shape=(self.height, WIDTH, self.channels)[: 2 if self.channels == 1 else 3],
            dtype=np.uint16 if self.depth > 8 else np.uint8,
            photometric={1: "minisblack", 3: "rgb", 4: "separated"}[self.channels],
            metadata=None,
            bigtiff=True,
            **(tiled if self.compression else plain),
        )

    def _strips(self, rows: int) -> Iterator[NDArray[Any]]:
        """So many rows after one another, (rows, WIDTH[, channels])."""
        step = 257 if self.depth > 8 else 1
        grain = np.random.default_rng(0).integers(-6 * step, 6 * step + 1, (rows, WIDTH, self.channels))
        x = np.arange(WIDTH)[:, None]
        for top in range(0, self.height, rows):
            shade = step * (120 + 60 * np.sin(x / 900 + top / 3000 + np.arange(self.channels)))
            strip = shade + np.roll(grain[: min(rows, self.height - top)], top * 7, axis=1)
            strip = strip.astype(np.uint16 if self.depth > 8 else np.uint8)
            yield strip[..., 0] if self.channels == 1 else strip

    def _tiles(self) -> Iterator[NDArray[Any]]:
        for strip in self._strips(ROWS):
            for left in range(0, WIDTH, ROWS):
                part = strip[:, left : left + ROWS]
                missing = [(0, ROWS - side) for side in part.shape[:2]] + [(0, 0)] * (part.ndim - 2)
                yield np.ascontiguousarray(np.pad(part, missing, mode="edge"))


def scratches(height: int) -> NDArray[np.bool_]:
    """Two scratches across 6,000 rows and 60 spots; (H, WIDTH) bool."""
    random = np.random.default_rng(1)
    marked = np.zeros((height, WIDTH), bool)
    for column in (2050, 5000):
        marked[height // 3 : height // 3 + 6000, column : column + 3] = True
    for y, x in zip(random.integers(0, height - 20, 60), random.integers(0, WIDTH - 20, 60), strict=True):
        marked[y : y + 12, x : x + 12] = True
    return marked


def measure(kind: LargeTiff) -> int:
    """Makes one, has it restored by `inpaint` on the processor, enters that in a ledger as `run` would, and has it
    read again by `verify`. Returns the first exit code that is not 0."""
    with tempfile.TemporaryDirectory(prefix="large-") as name:
        folder = Path(name)
        photograph, output = folder / "photos" / "large.tif", folder / "photos-restored" / "large.tif"
        photograph.parent.mkdir()
        kind.make(photograph)
        mask = folder / "masks" / "large.tif.png"
        write_mask(mask, scratches(kind.height))
        size = photograph.stat().st_size / 2**30
        print(
            f"{WIDTH}x{kind.height} px, {kind.channels} channels of {kind.depth} bits, "
            f"{kind.compression or 'no compression'}, {size:.2f} GiB",
            flush=True,
        )
        allowed = ["--max-pixels", str(WIDTH * kind.height)]
        folders = ["--masks", str(mask.parent), "--out", str(output.parent)]
        code = measured(
            "inpaint", str(photograph), "--device", "cpu", *folders, *allowed, home=folder / "home"
        )
        if code == 0:
            enter(Home(folder / "home"), photograph, output, mask, kind)
            code = measured("verify", *allowed, home=folder / "home")
        return code


def enter(home: Home, photograph: Path, output: Path, mask: Path, kind: LargeTiff) -> None:
    """As `scan` and `run` leave it."""
    status, digest = photograph.stat(), file_sha256(photograph)
    place = home.mask(digest)
    place.parent.mkdir(parents=True)
    mask.rename(place)
    seen = ScannedPhotograph(
        os.fsencode(photograph.name), status.st_size, status.st_mtime_ns, digest, "tiff", WIDTH, kind.height, "normal"
    )  # fmt: skip
    with open_ledger(home.ledger) as ledger:
        ledger.record(ledger.add_archive(photograph.parent), seen, [RegionRow("spots", 0, 0, 9, 9, 99, 0.9)])
        (job,) = ledger.claim("benchmark", 1)
        made = file_sha256(output)
        ledger.write_intent(job, made)
        ledger.finish(job, output=output, output_sha256=made, model="default")


def measured(*command: str, home: Path) -> int:
    """Runs a command and prints its time and its largest memory."""
    began = time.monotonic()
    environment = os.environ | {"ARCHIVE_RESTORE_HOME": str(home)}
    running = subprocess.Popen([sys.executable, "-m", "archive_restore", *command], env=environment)
    own, resident = 0, 0
    while running.poll() is None:
        now = held_in_memory(running.pid)
        own, resident = max(own, now[0]), max(resident, now[1])
        time.sleep(EVERY)
    print(
        f"{command[0]}: exit code {running.returncode}, {time.monotonic() - began:.0f} s, at most "
        f"{own / 2**30:.2f} GiB of memory of its own, {resident / 2**30:.2f} GiB with mapped files",
        flush=True,
    )
    return running.returncode


def held_in_memory(process: int) -> tuple[int, int]:
    """Bytes that the system could not drop, and with the pages of mapped files, which it could."""
    try:
        status = Path(f"/proc/{process}/status").read_text("ascii")
    except OSError:
        return 0, 0
    fields = dict(line.split(":", 1) for line in status.splitlines())
    kib = {name: int(fields.get(name, "0 kB").split()[0]) for name in ("RssAnon", "RssShmem", "VmRSS")}
    return (kib["RssAnon"] + kib["RssShmem"]) * 1024, kib["VmRSS"] * 1024
