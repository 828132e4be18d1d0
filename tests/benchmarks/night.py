"""Two nights in a minute: `run --until 07:00` by a clock that is set by hand.

`python -m tests.benchmarks.night --photographs 48` scans an archive in the evening and restores it over two nights. In
the first the disk is full for a while, from the first restored photograph on; one photograph kills every process that
decodes it, until somebody has the memory of the machine exchanged. Prints what happens as it happens, and fails if
anything is lost or done twice.
"""

import tests.conftest  # noqa: F401, I001 (before torch)

import argparse
import errno
import multiprocessing
import os
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from unittest.mock import patch

import cv2

from archive_restore import decoding
from archive_restore.examine import ScanOptions
from archive_restore.home import Home
from archive_restore.ledger import State, open_ledger
from archive_restore.log import Fact
from archive_restore.night import estimate, next_time, parse_time
from archive_restore.photos.codecs import Photograph, decode
from archive_restore.durable import TEMPORARY_PREFIX
from archive_restore.progress import NullProgress
from archive_restore.report import gather, write_report
from archive_restore.run import RunOptions, RunSummary, run
from archive_restore.scan import scan
from tests.benchmarks.killing import fork_instead_of_spawning
from tests.benchmarks.small_archives import MODEL, add_small_model, to_scan
from tests.tried_archive import Simulated

EVENING: Final = datetime(2026, 1, 5, 22, 0, tzinfo=UTC)
WORK: Final = timedelta(hours=10)
"""That the network takes for all photographs, by the clock that is set by hand: more than the first night has."""

FULL_FOR: Final = timedelta(hours=1.75)
"""How long the disk is full, from the first restored photograph on."""
DEADLY: Final = "0002.png"


class Protocol(NullProgress):
    """Says what happens, with its time, and lets the time go by that the network takes."""

    def __init__(self, clock: Simulated, photographs: int) -> None:
        self._clock = clock
        self._each = WORK.total_seconds() / photographs
        self.done: Counter[str] = Counter()
        self.events: Counter[str] = Counter()
        self._first: datetime | None = None  # restored

    @property
    def disk_full(self) -> bool:
        """Now."""
        return self._first is not None and self._clock.now() < self._first + FULL_FOR

    def note(self, message: str) -> None:
        print(f"{self._clock.now():%a %H:%M}  {message}", flush=True)

    def event(self, name: str, facts: Mapping[str, Fact]) -> None:
        self.events[name] += 1
        if name in ("restored", "linked", "copied"):
            path = str(facts["path"])
            self.done[path] += 1
            self._clock.sleep(self._each)
            self._first = self._first or self._clock.now()
            self.note(f"{name} {Path(path).name}")


def deadly(path: Path, max_pixels: int) -> Photograph:
    """A decoder that crashes at one photograph, in a process of its own."""
    if path.name == DEADLY and multiprocessing.parent_process() is not None:
        signal.raise_signal(signal.SIGSEGV)
    return decode(path, max_pixels=max_pixels)


def one_night(protocol: Protocol, clock: Simulated, home: Home) -> RunSummary:
    """`run --until 07:00`."""
    morning = next_time(parse_time("07:00"), clock.now())
    fsync = os.fsync

    def synced(descriptor: int) -> None:
        if protocol.disk_full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(descriptor)

    with open_ledger(home.ledger, clock=clock.now) as ledger, patch.object(os, "fsync", synced):
        ahead = estimate(ledger, ledger.archives(), "cpu")
        pace = "as long as it takes" if ahead.seconds is None else f"about {ahead.seconds / 3600:.1f} h"
        protocol.note(f"run --until 07:00: {ahead.photographs} photographs, {pace}")
        options = RunOptions(device="cpu", model=MODEL, batch_size=1, until=morning)
        summary = run(ledger=ledger, home=home, options=options, progress=protocol, clock=clock, log=protocol)
        ended = "the time is up" if summary.time_up else "all is done"
        protocol.note(f"{ended}: {summary.restored} restored, {summary.queued} still queued")
        protocol.note(f"report: {gather(ledger, None, EVENING).summary}")
    return summary


def nights(folder: Path, photographs: int) -> list[str]:
    """What went wrong, in words."""
    clock = Simulated(EVENING - timedelta(hours=1))
    protocol, home = Protocol(clock, photographs), Home(folder / "home")
    archive = to_scan(folder, photographs)
    add_small_model(home)
    with open_ledger(home.ledger, clock=clock.now) as ledger:
        found = scan(archive, ledger=ledger, home=home, options=ScanOptions(jobs=2), progress=protocol)
        protocol.note(f"scan: {found.found} photographs, {found.counts.states[State.QUEUED]} queued")
    summaries: list[RunSummary] = []
    with patch.object(decoding, "decode", deadly):
        while not summaries or (summaries[-1].queued and len(summaries) < 5):
            clock.time = EVENING + timedelta(days=len(summaries))
            summaries.append(one_night(protocol, clock, home))
    with open_ledger(home.ledger, clock=clock.now) as ledger:
        page = folder / "report.html"
        write_report(gather(ledger, archive), page, ledger=ledger, home=home, progress=protocol)
        guilty = [(failure.path.name, failure.attempts) for failure in ledger.failures()]
        ledger.retry()
    clock.time = EVENING + timedelta(days=len(summaries))
    protocol.note(f"the memory was exchanged; retry of {guilty}")
    one_night(protocol, clock, home)
    with open_ledger(home.ledger) as ledger:
        states, faults = ledger.counts().states, ledger.faults()
    checks = {
        "the first night was not ended by the clock": summaries[0].time_up and len(summaries) > 1,
        "the full disk did not pause it once": protocol.events["paused"] == protocol.events["resumed"] == 1,
        "another photograph was set aside": guilty == [(DEADLY, 2)],
        "not all is done": states[State.DONE] == len(protocol.done) == photographs,
        "something was done twice": set(protocol.done.values()) == {1},
        "the ledger is damaged": not faults,
        "a temporary file stayed": not list(folder.rglob(f"{TEMPORARY_PREFIX}*")),
        "there is no report": page.stat().st_size > 10_000,
    }
    return [fault for fault, sound in checks.items() if not sound]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photographs", type=int, default=48)
    chosen = parser.parse_args()
    cv2.setNumThreads(1)
    fork_instead_of_spawning()  # spawned processes would import all of this first
    with tempfile.TemporaryDirectory(prefix="archive-restore-night-") as folder:
        faults = nights(Path(folder).resolve(), chosen.photographs)
    print("faults: " + ("; ".join(faults) or "none"))
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
