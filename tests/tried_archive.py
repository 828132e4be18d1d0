"""An archive with its ledger and masks, as a scan leaves them, and a small untrained generator."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray

from archive_restore.clock import Clock, SystemClock
from archive_restore.decoding import Decode, decode_here
from archive_restore.durable import TEMPORARY_PREFIX
from archive_restore.home import HOME_VARIABLE, Home
from archive_restore.ledger import Ledger, RegionRow, ScannedPhotograph, State, open_ledger
from archive_restore.log import EventLog
from archive_restore.networks.generator import Generator
from archive_restore.networks.weights import ModelCard, save_model
from archive_restore.photos.codecs import file_sha256
from archive_restore.photos.mask_files import write_mask
from archive_restore.progress import NullProgress
from archive_restore.run import RunOptions, RunSummary, run

SIDE = 96  # px
DAMAGE = np.s_[40:43, 10:80]


@dataclass(frozen=True)
class Tried:
    """An archive with its ledger and masks, as a scan leaves them, and a small untrained generator."""

    archive: Path
    home: Home

    @property
    def output(self) -> Path:
        return self.archive.with_name(f"{self.archive.name}-restored")

    @property
    def log(self) -> Path:
        return self.home.root / "log.jsonl"

    def run(
        self,
        *,
        archive: Path | None = None,
        device: str = "cpu",
        limit: int | None = None,
        thorough: bool | None = None,
        until: datetime | None = None,
        lasting: timedelta | None = None,
        clock: Clock | None = None,
        decode: Decode | None = decode_here,
    ) -> RunSummary:
        """Decodes in this process, which is quicker, unless `decode` says otherwise."""
        clock = clock or SystemClock()
        chosen = RunOptions(
            archive,
            device,
            limit=limit,
            model="small",
            thorough=thorough,
            until=until,
            lasting=lasting,
        )
        with open_ledger(self.home.ledger, clock=clock.now) as ledger, EventLog(self.log, clock=clock) as log:
            return run(
                ledger=ledger,
                home=self.home,
                options=chosen,
                progress=NullProgress(),
                clock=clock,
                log=log,
                decode=decode,
            )

    def states(self) -> dict[State, int]:
        with open_ledger(self.home.ledger) as ledger:
            return {state: count for state, count in ledger.counts().states.items() if count}

    def strays(self) -> list[Path]:
        return [path for path in self.archive.parent.rglob(f"{TEMPORARY_PREFIX}*") if path.is_file()]

    def command(
        self,
        code: str = "from archive_restore.cli import main; main()",
        *options: str,
        path: Path | None = None,
    ) -> subprocess.Popen[str]:
        """`archive-restore run` in a process of its own, which finds modules in `path` first."""
        own = {HOME_VARIABLE: str(self.home.root), "OMP_NUM_THREADS": "1"}
        if path is not None:
            own["PYTHONPATH"] = str(path)
        chosen = ["--model", "small", "--device", "cpu", "--batch-size", "2", *options]
        return subprocess.Popen(
            [sys.executable, "-c", code, "run", *chosen],
            env={**os.environ, **own},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def photograph(number: int) -> NDArray[np.uint8]:
    return np.random.default_rng(number).integers(0, 256, (SIDE, SIDE, 3), np.uint8)


def add(ledger: Ledger, home: Home, archive: Path, relative: str) -> None:
    """Records a photograph as a scan would."""
    path = archive / relative
    mask = np.zeros((SIDE, SIDE), bool)
    mask[DAMAGE] = True
    digest = file_sha256(path)
    write_mask(home.mask(digest), mask)
    status = path.stat()
    ledger.record(
        ledger.add_archive(archive),
        ScannedPhotograph(
            os.fsencode(relative), status.st_size, status.st_mtime_ns, digest, "png", SIDE, SIDE, "normal"
        ),
        [RegionRow("scratches", 10, 40, 70, 3, 210, 0.9)],
    )


@pytest.fixture
def prepared(tmp_path: Path) -> Callable[[int], Tried]:
    def prepare(count: int) -> Tried:
        archive, home = tmp_path / "photos", Home(tmp_path / "home")
        (archive / "sub").mkdir(parents=True)
        save_model(
            Generator(blocks=0),
            home.models,
            ModelCard("small", "", "", "context-encoder-convolutional", {"blocks": 0}),
        )
        with open_ledger(home.ledger) as ledger:
            for number in range(count):
                relative = f"{'sub/' if number % 2 else ''}{number:03}.png"
                (archive / relative).write_bytes(imagecodecs.png_encode(photograph(number)))
                add(ledger, home, archive, relative)
        return Tried(archive, home)

    return prepare


@dataclass
class Simulated:
    """A clock that only moves when somebody sleeps. `happens` runs at each sleep, with the s since the start."""

    time: datetime = datetime(2026, 1, 5, 22, 0, tzinfo=UTC)
    awake: float = 0.0  # s
    happens: Callable[[float], None] = field(default=lambda seconds: None)

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.awake

    def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)
        self.awake += seconds
        self.happens(self.awake)
