"""Does memory stay flat over a long night?

`python -m tests.benchmarks.soak --photographs 20000` restores that many small photographs with a small untrained
generator, or as many as it can in `--minutes`, and prints as it goes what memory its processes hold (Linux).
"""

import tests.conftest  # noqa: F401, I001 (before torch)

import argparse
import gc
import os
import tempfile
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

from archive_restore import run as running
from archive_restore.ledger import State, open_ledger
from archive_restore.log import Fact
from archive_restore.progress import NullProgress
from archive_restore.run import RunOptions
from tests.benchmarks.small_archives import MODEL, to_restore

EVERY: Final = 250
"""photographs between two lines."""

OWN: Final = Path("/proc/self")


class MemoryLog:
    """Notes the memory after every so many photographs."""

    def __init__(self) -> None:
        self._done = 0
        self._began = time.monotonic()
        self.megabytes: list[tuple[float, float]] = []

    def event(self, name: str, facts: Mapping[str, Fact]) -> None:
        if name not in ("restored", "linked", "copied"):
            return
        self._done += 1
        if self._done % EVERY == 0:
            self.note()

    def note(self) -> None:
        gc.collect()
        decoders = sum(map(resident_megabytes, children()))
        self.megabytes.append((resident_megabytes("self"), decoders))
        files = len(os.listdir(OWN / "fd"))  # noqa: PTH208 (only counted)
        print(
            f"{self._done:,} done in {time.monotonic() - self._began:.0f} s: {self.megabytes[-1][0]:.0f} MB, processes "
            f"that decode {decoders:.0f} MB, {files} files open",
            flush=True,
        )


def children() -> list[str]:
    """The processes that the threads of this one started."""
    return [child for task in OWN.glob("task/*/children") for child in task.read_text().split()]


def resident_megabytes(process: str) -> float:
    """MB of memory that a process holds now."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1e3
    return 0.0  # it has just ended


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photographs", type=int, default=20_000)
    parser.add_argument("--minutes", type=float, help="end after so many")
    chosen = parser.parse_args()
    lasting = None if chosen.minutes is None else timedelta(minutes=chosen.minutes)
    print(f"drawing and entering {chosen.photographs:,} photographs", flush=True)
    with tempfile.TemporaryDirectory(prefix="archive-restore-soak-") as folder:
        _, home = to_restore(Path(folder).resolve(), chosen.photographs)
        log, began = MemoryLog(), time.process_time()
        options = RunOptions(device="cpu", model=MODEL, lasting=lasting)
        with open_ledger(home.ledger) as ledger:
            summary = running.run(ledger=ledger, home=home, options=options, progress=NullProgress(), log=log)
            states = ledger.counts().states
        log.note()
    done = summary.restored + summary.linked
    (first, decoders), (last, _) = log.megabytes[0], log.megabytes[-1]
    print(
        f"{summary.restored:,} restored and {summary.linked:,} linked in {summary.seconds:.0f} s, "
        f"{1e3 * (time.process_time() - began) / max(done, 1):.0f} ms of CPU each, {len(summary.set_aside)} set aside, "
        f"{states[State.QUEUED]:,} still queued; memory {first:.0f} MB after {EVERY}, {last:.0f} MB at the end, "
        f"highest {max(own for own, _ in log.megabytes):.0f} MB; processes that decode {decoders:.0f} MB after "
        f"{EVERY}, highest {max(theirs for _, theirs in log.megabytes):.0f} MB"
    )


if __name__ == "__main__":
    main()
