"""Spoils files of every format and decodes them: nothing may crash, hang, or take more memory than it should.

usage: python -m tests.benchmarks.fuzz [--mutations N] [--seconds S] [--memory MIB] [--seed K] [--part I/N]
    [--state FILE] [NAMES...]

Each format (all of tests/formats.py, or those whose names begin with NAMES) is mutated N times: bits flipped, bytes
overwritten, numbers made huge, pieces cut out, doubled, or swapped, the end cut off. Child processes decode, and
encode what decodes; each is limited to S seconds a file and MIB of memory beyond what it has when it starts. Printed
per format: mutations, decoded, refused, and what must be 0: crashes, hangs, memory errors, other exceptions, refusals
that do not name the file. Exit code 1 if any is not 0.

--part 2/5 takes the second of every five formats. --state FILE remembers what is through: stopped, and started again
with the same options, it goes on; several parts may share the file.
"""

import contextlib
import json
import multiprocessing
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from archive_restore.errors import PhotographError
from archive_restore.photos import codecs
from tests.benchmarks.commands import parser_of
from tests.formats import BLOCKS, EXACT, HEIF, PAGES

FORMATS = EXACT | BLOCKS | PAGES | HEIF
MAX_PIXELS = 4_000_000
"""Allowed to what decodes; a lying header must not reach further."""

MUST_NOT = ("crash", "hang", "memory", "exception", "unnamed")
COLUMNS = ("decoded", "refused", *MUST_NOT)
TOGETHER = 2500
"""Mutations after which the state is written."""
HUGE = (0, 1, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def mutated(data: bytes, random: np.random.Generator) -> bytes:
    """One to four changes."""
    spoilt = bytearray(data)
    for _ in range(int(random.integers(1, 5))):
        # Half of all changes hit the first 400 bytes: headers are a small part of a file.
        reach = len(spoilt) if random.random() < 0.5 else min(len(spoilt), 400)
        if reach < 8:
            break
        at = int(random.integers(0, reach))
        match int(random.integers(0, 7)):
            case 0:
                spoilt[at] ^= 1 << int(random.integers(0, 8))
            case 1:
                spoilt[at] = int(random.integers(0, 256))
            case 2:
                number = HUGE[int(random.integers(0, len(HUGE)))]
                spoilt[at : at + 4] = number.to_bytes(4, "big" if random.random() < 0.5 else "little")
            case 3:
                del spoilt[at : at + int(random.integers(1, 64))]
            case 4:
                spoilt[at:at] = spoilt[at : at + int(random.integers(1, 64))]
            case 5:
                other = int(random.integers(0, len(spoilt)))
                piece = bytes(spoilt[at : at + 16])
                spoilt[at : at + 16], spoilt[other : other + 16] = spoilt[other : other + 16], piece
            case _:
                del spoilt[int(random.integers(at, len(spoilt))) :]
    return bytes(spoilt)


def outcome(path: Path, data: bytes) -> str:
    """What becomes of one file."""
    path.write_bytes(data)
    try:
        photograph = codecs.decode(path, max_pixels=MAX_PIXELS)
        changed = tuple(np.invert(samples) for samples in photograph.pages)
        codecs.encode(photograph, changed)
        codecs.oddities(photograph)
    except PhotographError as error:
        return "refused" if error.path == path and str(path) in str(error) else "unnamed"
    except MemoryError:
        return "memory"
    except Exception as error:
        print(f"{path.name}: {type(error).__name__}: {error}", file=sys.stderr)
        return "exception"
    return "decoded"


def child(pipe: Connection, name: str, start: int, stop: int, seed: int, memory: int, folder: Path) -> None:
    """Sends the outcome of each mutation of one format."""
    path = folder / f"{start}-{name}"
    data = FORMATS[name](path).read_bytes()
    outcome(path, data)  # so that everything is loaded before the limit
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (memory << 20),) * 2)
    for number in range(start, stop):
        pipe.send(outcome(path, mutated(data, np.random.default_rng([seed, number]))))
    path.unlink()


def fuzz(name: str, start: int, mutations: int, seconds: float, seed: int, memory: int) -> Counter[str]:
    """The outcomes of one format's mutations from `start` on. A child that dies or hangs costs its file, and another
    one goes on."""
    counts: Counter[str] = Counter()
    context = multiprocessing.get_context("spawn")
    number = start
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        while number < mutations:
            mine, theirs = context.Pipe(duplex=False)
            worker = context.Process(
                target=child, args=(theirs, name, number, mutations, seed, memory, Path(folder))
            )
            worker.start()
            theirs.close()
            patience = seconds + 60  # the first answer comes after everything is loaded
            with contextlib.suppress(EOFError):
                while number < mutations:
                    if not mine.poll(patience):
                        counts["hang"] += 1
                        print(f"{name}: mutation {number} hangs", file=sys.stderr)
                        number += 1
                        worker.kill()
                        break
                    counts[mine.recv()] += 1
                    number += 1
                    patience = seconds
            worker.join()
            if worker.exitcode not in (0, -signal.SIGKILL) and number < mutations:
                counts["crash"] += 1
                print(f"{name}: mutation {number} ends with {worker.exitcode}", file=sys.stderr)
                number += 1
    return counts


class State:
    """Lines of JSON: format, seed, first mutation, last mutation, outcomes."""

    def __init__(self, path: Path | None, seed: int) -> None:
        self._path, self._seed = path, seed

    def before(self, name: str) -> tuple[int, Counter[str]]:
        """How many mutations of a format are through, and their outcomes."""
        done, counts = 0, Counter[str]()
        lines = self._path.read_text().splitlines() if self._path and self._path.exists() else []
        for line in lines:
            told = json.loads(line)
            if (told["format"], told["seed"], told["start"]) == (name, self._seed, done):
                done, counts = told["stop"], counts + Counter(told["outcomes"])
        return done, counts

    def add(self, name: str, start: int, stop: int, counts: Counter[str]) -> None:
        if self._path is not None:
            line = {"format": name, "seed": self._seed, "start": start, "stop": stop, "outcomes": counts}
            with self._path.open("a") as file:
                file.write(json.dumps(line) + "\n")


def main() -> int:
    parser = parser_of(__doc__)
    parser.add_argument("names", nargs="*", metavar="NAMES")
    parser.add_argument("--mutations", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--memory", type=int, default=512, metavar="MIB")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--part", default="1/1", metavar="I/N")
    parser.add_argument("--state", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    chosen = [name for name in FORMATS if not arguments.names or name.startswith(tuple(arguments.names))]
    part, parts = map(int, arguments.part.split("/"))
    chosen = chosen[part - 1 :: parts]
    state = State(arguments.state, arguments.seed)
    print(f"{'format':40}{'mutations':>10}" + "".join(f"{column:>10}" for column in COLUMNS) + "   seconds")
    wrong = 0
    for name in chosen:
        began = time.monotonic()
        done, counts = state.before(name)
        while done < arguments.mutations:
            stop = min(done + TOGETHER, arguments.mutations)
            more = fuzz(name, done, stop, arguments.seconds, arguments.seed, arguments.memory)
            state.add(name, done, stop, more)
            done, counts = stop, counts + more
        wrong += sum(counts[column] for column in MUST_NOT)
        figures = "".join(f"{counts[column]:>10}" for column in COLUMNS)
        print(f"{name:40}{counts.total():>10}{figures}{time.monotonic() - began:>10.0f}", flush=True)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
