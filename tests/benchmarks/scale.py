"""How the ledger and a scan fare with very many photographs.

`python -m tests.benchmarks.scale --files 1000000 --folder /tmp/scale` makes that many empty files and rows for
them, as a whole scan and half a night had left them, and prints what a second scan, a claim and a status take.
"""

import argparse
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from archive_restore.examine import ScanOptions
from archive_restore.home import Home
from archive_restore.ledger import Ledger, open_ledger
from archive_restore.progress import NullProgress
from archive_restore.scan import scan

FILES_A_FOLDER = 1_000
DAMAGED_OF_TEN = 6
QUEUED = 2_000  # with a mask file each, which a scan looks for; the other damaged ones are done
CLAIMS = 200

Result = TypeVar("Result")


@dataclass(frozen=True)
class Figures:
    """What was measured."""

    files: int
    ledger_megabytes: float
    scanned_a_second: float
    scan_memory_megabytes: float  # by which the process grew
    claim_milliseconds: float  # median, with all damaged photographs queued
    slowest_claim_milliseconds: float
    status_seconds: float  # counts, kinds, pixels, failures

    def line(self) -> str:
        return (
            f"{self.files:,} files: ledger {self.ledger_megabytes:,.0f} MB, unchanged files "
            f"{self.scanned_a_second:,.0f}/s (memory +{self.scan_memory_megabytes:.0f} MB), claim "
            f"{self.claim_milliseconds:.2f} ms (slowest {self.slowest_claim_milliseconds:.1f}), status "
            f"{self.status_seconds:.3f} s"
        )


def make(folder: Path, files: int) -> tuple[Path, Home]:
    """The archive of empty files and the home with its ledger."""
    archive, home = folder / "photos", Home(folder / "home")
    moment = 1_600_000_000_000_000_000  # ns; any
    for start in range(0, files, FILES_A_FOLDER):
        place = archive / f"{start // FILES_A_FOLDER:05}"
        place.mkdir(parents=True)
        for number in range(start, min(files, start + FILES_A_FOLDER)):
            (place / f"IMG_{number:07}.jpg").touch()
    with open_ledger(home.ledger) as ledger:
        archive_id = ledger.add_archive(archive.resolve())
        connection = ledger._connection
        connection.execute("PRAGMA synchronous = OFF")
        for start in range(0, files, 50_000):
            some = range(start, min(files, start + 50_000))
            paths = [archive / f"{n // FILES_A_FOLDER:05}" / f"IMG_{n:07}.jpg" for n in some]
            with connection.transaction():
                connection.execute_many(
                    "INSERT INTO photographs (id, sha256, format, width, height, policy, scanned_at) "
                    "VALUES (?, ?, 'jpeg', 4000, 3000, 'normal', 't')",
                    [(n + 1, f"{n:064x}") for n in some],
                )
                damaged = [n for n in some if n % 10 < DAMAGED_OF_TEN]
                connection.execute_many(
                    'INSERT INTO regions (photograph_id, kind, "left", top, width, height, area, score) '
                    "VALUES (?, ?, 1, 1, 9, 9, 40, 0.9)",
                    [(n + 1, kind) for n in damaged for kind in ("dust", "dust", "scratches")],
                )
                connection.execute_many(
                    "INSERT INTO photograph_kinds VALUES (?, ?, ?, ?)",
                    [(n + 1, *kind) for n in damaged for kind in (("dust", 2, 80), ("scratches", 1, 40))],
                )
                names = [path.relative_to(archive).as_posix() for path in paths]
                connection.execute_many(
                    "INSERT INTO files VALUES (?, ?, ?, ?, 0, ?, ?, NULL)",
                    [
                        (n + 1, archive_id, name.encode(), name, path.stat().st_mtime_ns or moment, n + 1)
                        for n, name, path in zip(some, names, paths, strict=True)
                    ],
                )
                connection.execute_many(
                    "INSERT INTO outputs (id, job_id, attempt, sha256, path, name, model, intended_at) "
                    "VALUES (?, ?, 1, ?, ?, ?, 'm', 't')",
                    [
                        (n + 1, n + 1, f"{n + files:064x}", b"/photos-restored/" + name.encode(), name)
                        for n, name in zip(some, names, strict=True)
                        if n % 10 < DAMAGED_OF_TEN
                    ],
                )
                connection.execute_many(
                    "INSERT INTO jobs (id, file_id, archive_id, state, output_id, attempts, queued_at, finished_at) "
                    "VALUES (?, ?, ?, 'done', ?, 1, 't', 't')",
                    [(n + 1, n + 1, archive_id, n + 1) for n in damaged],
                )
        queued = [n for n in range(files) if n % 10 < DAMAGED_OF_TEN][-QUEUED:]
        for n in queued:
            mask = home.mask(f"{n:064x}")
            mask.parent.mkdir(parents=True, exist_ok=True)
            mask.touch()
        with connection.transaction():
            connection.execute_many(
                "UPDATE jobs SET state = 'queued', output_id = NULL WHERE id = ?", [(n + 1,) for n in queued]
            )
    return archive, home


def measure(archive: Path, home: Home) -> Figures:
    """A second scan, then claims and a status while everything is queued."""
    with open_ledger(home.ledger) as ledger:
        before = _memory()
        took, summary = _timed(
            lambda: scan(archive, ledger=ledger, home=home, options=ScanOptions(), progress=NullProgress())
        )
        grown = _memory() - before
        assert summary.unchanged == summary.found, "some files were read again"
        status, _ = _timed(lambda: _status(ledger))
        ledger._connection.execute("UPDATE jobs SET state = 'queued', output_id = NULL")
        status = max(status, _timed(lambda: _status(ledger))[0])
        claims = [_timed(lambda: ledger.claim("worker", 1, 1))[0] for _ in range(CLAIMS)]
        status = max(status, _timed(lambda: _status(ledger))[0])
    size = home.ledger.stat().st_size
    return Figures(
        files=summary.found,
        ledger_megabytes=size / 1e6,
        scanned_a_second=summary.found / took,
        scan_memory_megabytes=grown,
        claim_milliseconds=1e3 * statistics.median(claims),
        slowest_claim_milliseconds=1e3 * max(claims),
        status_seconds=status,
    )


def _status(ledger: Ledger) -> None:
    """What `archive-restore status` asks."""
    ledger.counts(1), ledger.kinds(1), ledger.pixels(1), ledger.failures(1, 20)


def _timed(work: Callable[[], Result]) -> tuple[float, Result]:
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def _memory() -> float:
    """MB, the most this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--folder", type=Path, help="where; kept, and used again if it is there")
    chosen = parser.parse_args()
    folder = chosen.folder or Path(tempfile.mkdtemp(prefix="archive-restore-scale-"))
    try:
        archive, home = folder / "photos", Home(folder / "home")
        if not home.ledger.exists():
            took, (archive, home) = _timed(lambda: make(folder, chosen.files))
            print(f"made in {took:.0f} s")
        print(measure(archive, home).line())
    finally:
        if chosen.folder is None:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
