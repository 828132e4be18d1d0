"""Does memory stay flat over a long night?

`python -m tests.benchmarks.soak --photographs 20000` restores that many small photographs with a small untrained
generator, and prints the memory of the process as it goes.
"""

import argparse
import gc
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


class MemoryLog:
    """Notes the memory at every tenth of the photographs."""

    def __init__(self, photographs: int) -> None:
        self._every = max(1, photographs // 10)
        self._done = 0
        self._began = time.monotonic()
        self.megabytes: list[float] = []

    def event(self, name: str, facts: Mapping[str, Fact]) -> None:
        if name not in ("restored", "linked", "copied"):
            return
        self._done += 1
        if self._done % self._every == 0:
            gc.collect()
            self.megabytes.append(resident_megabytes())
            seconds = time.monotonic() - self._began
            print(f"{self._done:,} done in {seconds:.0f} s: {self.megabytes[-1]:.0f} MB", flush=True)


def resident_megabytes() -> float:
    """MB of memory that the process holds now (Linux)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1e3
    raise RuntimeError("/proc/self/status does not say VmRSS")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photographs", type=int, default=20_000)
    chosen = parser.parse_args()
    log = MemoryLog(chosen.photographs)
    with tempfile.TemporaryDirectory(prefix="archive-restore-soak-") as folder:
        _, home = to_restore(Path(folder).resolve(), chosen.photographs)
        options = RunOptions(device="cpu", model="small")
        with open_ledger(home.ledger) as ledger:
            summary = running.run(ledger=ledger, home=home, options=options, progress=NullProgress(), log=log)
    first, last = log.megabytes[0], log.megabytes[-1]
    print(
        f"{summary.restored:,} restored and {summary.linked:,} linked in {summary.seconds:.0f} s; memory "
        f"{first:.0f} MB after a tenth, {last:.0f} MB at the end"
    )


if __name__ == "__main__":
    main()
