"""Does memory stay flat over a long night?

`python -m tests.benchmarks.soak --photographs 20000` restores that many small photographs with a small untrained
generator, and prints as it goes what memory its processes hold (Linux).
"""

import tests.benchmarks.polite  # noqa: F401, I001

import argparse
import gc
import os
import resource
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from archive_restore import run as running
from archive_restore.ledger import open_ledger
from archive_restore.log import Fact
from archive_restore.progress import NullProgress
from archive_restore.run import RunOptions
from tests.benchmarks.crashes import to_restore

LINES = 40
"""Printed in all."""


class MemoryLog:
    """Notes the memory at every fortieth of the photographs."""

    def __init__(self, photographs: int) -> None:
        self._every = max(1, photographs // LINES)
        self._done = 0
        self._began = time.monotonic()
        self.megabytes: list[tuple[float, float]] = []

    def event(self, name: str, facts: Mapping[str, Fact]) -> None:
        if name not in ("restored", "linked", "copied"):
            return
        self._done += 1
        if self._done % self._every == 0:
            gc.collect()
            self.megabytes.append(held_megabytes())
            own, decoders = self.megabytes[-1]
            seconds = time.monotonic() - self._began
            print(
                f"{self._done:,} done in {seconds:.0f} s: {own:.0f} MB, processes that decode {decoders:.0f} MB, "
                f"{len(os.listdir('/proc/self/fd'))} files open",  # noqa: PTH208 (only counted)
                flush=True,
            )


def held_megabytes() -> tuple[float, float]:
    """MB that this process holds now, and that its children hold together."""
    own = os.getpid()
    children = Path(f"/proc/{own}/task/{own}/children").read_text().split()
    return resident_megabytes(str(own)), sum(map(resident_megabytes, children))


def resident_megabytes(process: str) -> float:
    """MB of memory that a process holds now."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1e3
    return 0.0  # it has just ended


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photographs", type=int, default=20_000)
    chosen = parser.parse_args()
    print(f"drawing and entering {chosen.photographs:,} photographs", flush=True)
    with tempfile.TemporaryDirectory(prefix="archive-restore-soak-") as folder:
        _, home = to_restore(Path(folder).resolve(), chosen.photographs)
        log = MemoryLog(chosen.photographs)
        options = RunOptions(device="cpu", model="small")
        before = resource.getrusage(resource.RUSAGE_SELF)
        with open_ledger(home.ledger) as ledger:
            summary = running.run(ledger=ledger, home=home, options=options, progress=NullProgress(), log=log)
        after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    tenth, last = log.megabytes[len(log.megabytes) // 10], log.megabytes[-1]
    print(
        f"{summary.restored:,} restored and {summary.linked:,} linked in {summary.seconds:.0f} s "
        f"({1e3 * cpu / chosen.photographs:.0f} ms of CPU a photograph); memory {tenth[0]:.0f} + {tenth[1]:.0f} MB "
        f"after a tenth, {last[0]:.0f} + {last[1]:.0f} MB at the end"
    )


if __name__ == "__main__":
    main()
