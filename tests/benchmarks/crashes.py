"""Scans and runs that are killed again and again: what they lose, and what they do twice.

`python -m tests.benchmarks.crashes --photographs 300 --kills 200` kills `run` at random moments and at named
points (SIGKILL), and a fifth as often `scan`, then lets both go through once and looks at what is there.
"""

import argparse
import contextlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import imagecodecs
import numpy as np

from archive_restore import run as running
from archive_restore.home import Home
from archive_restore.ledger import Ledger, RegionRow, ScannedPhotograph, State, open_ledger
from archive_restore.networks.generator import Generator
from archive_restore.networks.weights import ModelCard, save_model
from archive_restore.photos.archive import output_folder
from archive_restore.photos.codecs import file_sha256
from archive_restore.photos.files import TEMPORARY_PREFIX, write_mask
from archive_restore.progress import NullProgress
from archive_restore.records import record_path
from archive_restore.run import RunOptions, RunSummary
from archive_restore.scan import ScanOptions, scan
from tests.drawn import PAPER, blank, lay, scene

SIDE = 96  # px
POINTS: dict[str, tuple[Any, str, bool]] = {
    "after claim": (Ledger, "claim", True),
    "before intent": (Ledger, "write_intent", False),
    "after intent": (Ledger, "write_intent", True),
    "before rename": (Path, "replace", False),
    "after rename": (Path, "replace", True),
    "before done": (Ledger, "finish", False),
    "after done": (Ledger, "finish", True),
    "in recovery": (running, "recover", True),
    "before record": (Ledger, "record", False),
    "after record": (Ledger, "record", True),
}
"""Where a process kills itself: what is called, and whether after the call."""

RUN_POINTS = list(POINTS)[:8]
SCAN_POINTS = [None, "before record", "after record", "before rename", "after rename"]
LONGEST_SECONDS = 120.0
"""s after which a process that was to kill itself is killed."""


@dataclass
class Outcome:
    """What the kills did."""

    photographs: int
    kills: Counter[str] = field(default_factory=Counter)  # by place
    lost: int = 0  # done once, and not any more
    doubled: int = 0  # written again
    strays: int = 0
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def sound(self) -> bool:
        return not (self.lost or self.doubled or self.strays or self.faults)

    def line(self, what: str) -> str:
        places = ", ".join(f"{place} {count}" for place, count in sorted(self.kills.items()))
        return (
            f"{what}: {self.photographs} photographs, {self.kills.total()} kills ({places}) in {self.seconds:.0f} s: "
            f"lost {self.lost}, doubled {self.doubled}, stray files {self.strays}, faults {self.faults or 'none'}"
        )


def killed(work: Callable[[], object], point: str | None, calls: int, seconds: float) -> bool:
    """Runs `work` in a process that dies at its `calls`th visit of `point`, or after `seconds`.

    Returns
    -------
    Whether it was killed, and did not end by itself first.
    """
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            if point is not None:
                _arm(*POINTS[point], calls)
            work()
            os._exit(0)
        os._exit(1)
    ends = time.monotonic() + (LONGEST_SECONDS if point is not None else seconds)
    while time.monotonic() < ends:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "it ended with an error"
            return os.WIFSIGNALED(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def _arm(owner: Any, name: str, after: bool, calls: int) -> None:
    original, made = getattr(owner, name), 0

    def deadly(*arguments: Any, **options: Any) -> Any:
        nonlocal made
        made += 1
        result = original(*arguments, **options) if after or made < calls else None
        if made >= calls:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, deadly)


def kill_runs(folder: Path, photographs: int, kills: int, seed: int = 0, *, quiet: bool = True) -> Outcome:
    """Kills `run` at every kind of place, then lets it go through."""
    chance, outcome, began = random.Random(seed), Outcome(photographs), time.monotonic()
    archive, home = to_restore(folder, photographs)
    output = output_folder(archive)
    written: dict[Path, tuple[int, int]] = {}
    done: set[int] = set()
    while outcome.kills.total() < kills:
        point = chance.choice([None, None, *RUN_POINTS])
        # In twos and threes, so that the photographs last until the last kill.
        calls, seconds = chance.randint(1, 3), chance.uniform(0.2, 6)
        if killed(lambda: _run(home), point, calls, seconds):
            outcome.kills[point or "at random"] += 1
        elif not _left(home):
            _put_back(home, archive, output, written, done)
        outcome.lost += _lost(home, done)
        outcome.doubled += _changed(output, written)
        if not quiet and outcome.kills.total() % 20 == 0:
            print(outcome.line("so far"), f"{len(done)} done", flush=True)
    while _left(home):
        summary = _run(home)
        assert not summary.set_aside, summary.set_aside
    outcome.lost += _lost(home, done) + photographs - len(done)
    outcome.doubled += _changed(output, written)
    with open_ledger(home.ledger) as ledger:
        outcome.faults += ledger.faults()
        jobs = ledger.jobs(state=State.DONE)
    outcome.faults += [
        f"{job.path} is not what the ledger says" for job in jobs if not _as_told(job.output, job)
    ]
    outcome.faults += [f"{path} has no record" for path in written if not record_path(path).exists()]
    outcome.strays = _strays(folder)
    outcome.seconds = time.monotonic() - began
    return outcome


def kill_scans(folder: Path, photographs: int, kills: int, seed: int = 0) -> Outcome:
    """Kills `scan` at every kind of place, then lets it go through."""
    chance, outcome, began = random.Random(seed), Outcome(photographs), time.monotonic()
    archive, home = folder / "scanned", Home(folder / "scan home")
    archive.mkdir(parents=True)
    for number in range(photographs):
        (archive / f"{number:04}.png").write_bytes(imagecodecs.png_encode(_scratched(number)))
    known: set[bytes] = set()
    while outcome.kills.total() < kills:
        point = chance.choice(SCAN_POINTS)
        if killed(lambda: _scan(archive, home), point, chance.randint(1, 3), chance.uniform(1, 8)):
            outcome.kills[point or "at random"] += 1
        else:
            shutil.rmtree(home.root)  # all is scanned: from the beginning
            known.clear()
        outcome.lost += len(known - _scanned(home))
        known |= _scanned(home)
    _scan(archive, home)
    with open_ledger(home.ledger) as ledger:
        outcome.faults += ledger.faults()
        counts, jobs = ledger.counts(), ledger.jobs()
    outcome.lost += photographs - counts.photographs
    outcome.doubled += len(jobs) - len({job.relative for job in jobs})
    outcome.faults += [f"{job.path} has no mask" for job in jobs if not home.mask(str(job.sha256)).exists()]
    outcome.faults += [] if jobs else ["no damage was found"]
    outcome.strays = _strays(folder)
    outcome.seconds = time.monotonic() - began
    return outcome


def _run(home: Home) -> RunSummary:
    options = RunOptions(device="cpu", model="small", batch_size=2)
    with open_ledger(home.ledger) as ledger:
        return running.run(ledger=ledger, home=home, options=options, progress=NullProgress())


def _scan(archive: Path, home: Home) -> None:
    with open_ledger(home.ledger) as ledger:
        options = ScanOptions(jobs=1)
        scan(archive, ledger=ledger, home=home, options=options, progress=NullProgress())


def to_restore(folder: Path, photographs: int) -> tuple[Path, Home]:
    """An archive of small photographs, scanned, and the home with its ledger, masks and a small generator."""
    archive, home = folder / "photos", Home(folder / "home")
    (archive / "sub").mkdir(parents=True)
    card = ModelCard("small", "", "", "context-encoder-convolutional", {"blocks": 0})
    save_model(Generator(blocks=0), home.models, card)
    mask = np.zeros((SIDE, SIDE), bool)
    mask[40:43, 10:80] = True
    with open_ledger(home.ledger) as ledger:
        archive_id = ledger.add_archive(archive)
        for number in range(photographs):
            # Every tenth is a duplicate of the one before.
            content = number - 1 if number % 10 == 9 else number
            relative = f"{'sub/' if number % 2 else ''}{number:04}.png"
            path = archive / relative
            pixels = np.random.default_rng(content).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
            path.write_bytes(imagecodecs.png_encode(pixels))
            digest, status = file_sha256(path), path.stat()
            write_mask(home.mask(digest), mask)
            photograph = ScannedPhotograph(
                relative.encode(), status.st_size, status.st_mtime_ns, digest, "png", SIDE, SIDE, "normal"
            )
            ledger.record(archive_id, photograph, [RegionRow("scratches", 10, 40, 70, 3, 210, 0.9)])
    return archive, home


def _scratched(number: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A drawn scene with three scratches; two pixels tell the numbers apart."""
    picture = scene(seed=1)
    picture[0, :2] = number % 256, number // 256
    scratches = blank(picture)
    for start, end in (((60, 10), (75, 330)), ((20, 200), (300, 120)), ((350, 20), (420, 300))):
        cv2.line(scratches, start, end, 255, 2, cv2.LINE_AA)
    return lay(picture, scratches, PAPER)


def _put_back(
    home: Home, archive: Path, output: Path, written: dict[Path, tuple[int, int]], done: set[int]
) -> None:
    """All is done before all kills were: the second half of the outputs is reverted, to be done again."""
    with open_ledger(home.ledger) as ledger:
        jobs = ledger.jobs(state=State.DONE)
        for job in jobs[len(jobs) // 2 :]:
            assert job.output is not None
            job.output.unlink()
            record_path(job.output).unlink(missing_ok=True)
            ledger.revert(job, again=True)
            done.discard(job.id)
            written.pop(job.output, None)


def _left(home: Home) -> int:
    with open_ledger(home.ledger) as ledger:
        states = ledger.counts().states
    return states[State.QUEUED] + states[State.LEASED]


def _lost(home: Home, done: set[int]) -> int:
    """Jobs that were done and are not; `done` takes in the new ones."""
    with open_ledger(home.ledger) as ledger:
        now = {job.id for job in ledger.jobs(state=State.DONE)}
    lost = len(done - now)
    done |= now
    return lost


def _changed(output: Path, written: dict[Path, tuple[int, int]]) -> int:
    """Outputs that were whole and were written again; `written` takes in the new ones."""
    changed = 0
    for path in output.rglob("*.png") if output.exists() else ():
        status = path.stat()
        seen = status.st_ino, status.st_mtime_ns
        changed += written.setdefault(path, seen) != seen
    return changed


def _as_told(output: Path | None, job: Any) -> bool:
    return output is not None and output.exists() and file_sha256(output) == job.output_sha256


def _scanned(home: Home) -> set[bytes]:
    if not home.ledger.exists():
        return set()
    with open_ledger(home.ledger) as ledger:
        return {relative for archive in ledger.archives() for _, relative in ledger.present(archive.id)}


def _strays(folder: Path) -> int:
    return sum(path.is_file() for path in folder.rglob(f"{TEMPORARY_PREFIX}*"))


@contextlib.contextmanager
def _folder(chosen: Path | None) -> Iterator[Path]:
    if chosen is not None:
        yield chosen.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="archive-restore-crashes-") as made:
        yield Path(made).resolve()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photographs", type=int, default=300)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--scan-kills", type=int, help="a fifth of --kills, if left out")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="an empty folder to work in; kept")
    chosen = parser.parse_args()
    scan_kills = chosen.kills // 5 if chosen.scan_kills is None else chosen.scan_kills
    with _folder(chosen.folder) as folder:
        run_outcome = kill_runs(folder, chosen.photographs, chosen.kills, chosen.seed, quiet=False)
        print(run_outcome.line("run"), flush=True)
        outcomes = [run_outcome]
        if scan_kills:
            scan_outcome = kill_scans(folder, min(40, chosen.photographs), scan_kills, chosen.seed)
            print(scan_outcome.line("scan"))
            outcomes.append(scan_outcome)
    if not all(outcome.sound for outcome in outcomes):
        sys.exit(1)


if __name__ == "__main__":
    main()
