"""Commands that are killed again and again: what they lose, and what they do twice.

`python -m tests.benchmarks.crashes --photographs 240 --kills 240` kills `run`, `scan` and `finetune` with SIGKILL at
named points and at random moments, prints as it goes, lets each go through in the end and looks at what is there.
Every twelfth try is a real command line in a fresh process; the others are forks of this one, which are quicker.
"""

import tests.conftest  # noqa: F401, I001 (before torch)

import argparse
import contextlib
import importlib
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import cv2

from archive_restore import adoption, finetune
from archive_restore.home import Home
from archive_restore.ledger import Job, State, open_ledger
from archive_restore.networks.weights import load_model, read_manifest
from archive_restore.photos.archive import output_folder
from archive_restore.photos.codecs import file_sha256
from archive_restore.durable import TEMPORARY_PREFIX
from archive_restore.records import record_path
from archive_restore.training.comparison import Comparison
from archive_restore.training.loop import CHECKPOINT
from archive_restore.training.trainer import load_state
from archive_restore.training.objectives import RefineHoles
from tests.benchmarks.killing import Commands, Kill
from tests.benchmarks.small_archives import MODEL, to_restore, to_scan, to_tune

RUN: Final = ["run", "--device", "cpu", "--model", MODEL, "--batch-size", "2"]
FINETUNE: Final = ["finetune", "--device", "cpu", "--steps", "1"]
POINTS: Final = {
    "run": (
        "after claim",
        "before intent",
        "after intent",
        "after write",
        "after rename",
        "before commit",
        "after commit",
        "in recovery",
    ),
    "scan": ("after write", "after rename", "before the row", "after the row"),
    "finetune": (
        "after write",
        "after rename",
        "in training",
        "before checkpoint",
        "in judging",
        "before manifest",
        "after manifest",
        "before adoption",
        "after adoption",
    ),
}
"""Of each command, in turn."""

OFTEN: Final = frozenset({*POINTS["run"][:-1], *POINTS["scan"], *POINTS["finetune"][:3]})
"""Points that a command visits more than once."""

AT_RANDOM: Final = 0.3
"""Of the kills; the others are at points."""

LONGEST: Final = {"run": 0.8, "scan": 1.5, "finetune": 4.0}
"""s; random moments are at most so long after a command began its work."""

FRESH_EVERY: Final = 12
"""One try in so many is a fresh process."""

SAID_EVERY: Final = 5
"""kills between two lines."""

SHARES: Final = {"run": 0.62, "scan": 0.27, "finetune": 0.11}
"""Of the kills."""

TUNED_PHOTOGRAPHS: Final = 24


@dataclass
class Outcome:
    """What the kills of one command did."""

    command: str
    photographs: int
    wanted: int  # kills
    kills: Counter[str] = field(default_factory=Counter)  # by place
    fresh: int = 0  # kills of fresh processes
    lost: int = 0  # done once, and not any more
    doubled: int = 0  # done again
    strays: int = 0
    integrity: str = "not asked"
    faults: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    @property
    def sound(self) -> bool:
        return not (self.lost or self.doubled or self.strays or self.faults) and self.integrity == "ok"

    def tries(
        self, commands: Commands, arguments: Sequence[str], chance: random.Random
    ) -> Iterator[tuple[str, int | None]]:
        """Starts the command, kills it, and again until there were enough kills.

        Yields where it was to die, and its exit code (None: it was killed).
        """
        points = POINTS[self.command]
        for number in range(1, sys.maxsize):
            if self.kills.total() >= self.wanted:
                return
            point = None if chance.random() < AT_RANDOM else points[number % len(points)]
            moment = chance.uniform(0, LONGEST[self.command])
            visits = chance.randint(1, 3) if point in OFTEN else 1
            kill = Kill(point, visits, moment, whole=chance.random() < 0.5)
            fresh = number % FRESH_EVERY == 0
            code = commands.killed(arguments, kill, fresh=fresh)
            if code is None:
                self.kills[kill.place] += 1
                self.fresh += fresh
            elif code:
                self.faults.append(f"it ended with {code}: {commands.said[-500:]}")
                return
            yield kill.place, code

    def say(self, place: str, done: str) -> None:
        if self.kills.total() % SAID_EVERY == 0:
            kills = f"{self.kills.total()} of {self.wanted} kills, the last {place}"
            print(f"{self.command}: {kills}; {done}; {self.seconds} s", flush=True)

    @property
    def seconds(self) -> str:
        return f"{time.monotonic() - self.began:.0f}"

    def line(self) -> str:
        places = ", ".join(f"{place} {count}" for place, count in sorted(self.kills.items()))
        return (
            f"{self.command}: {self.photographs} photographs, {self.kills.total()} kills in {self.seconds} s "
            f"({places}; {self.fresh} of fresh processes): lost {self.lost}, doubled {self.doubled}, "
            f"stray files {self.strays}, integrity {self.integrity}, faults {'; '.join(self.faults) or 'none'}"
        )

    def look(self, folder: Path, home: Home, commands: Commands) -> None:
        """At what every command must leave, once it went through."""
        if not commands.wait_for_orphans():
            self.faults.append("a process of a killed command does not end")
        self.strays = sum(path.is_file() for path in folder.rglob(f"{TEMPORARY_PREFIX}*"))
        with open_ledger(home.ledger) as ledger:
            self.integrity = "; ".join(ledger.faults()) or "ok"


def kill_runs(folder: Path, photographs: int, kills: int, seed: int) -> Outcome:
    """Kills `run`, then lets it go through."""
    archive, home = to_restore(folder, photographs)
    outcome, commands = Outcome("run", photographs, kills), Commands(home, home.worker_lock)
    originals = contents(archive)
    done: set[int] = set()
    written: dict[Path, tuple[int, int]] = {}

    def count() -> None:
        now = {job.id for job in jobs_of(home, State.DONE)}
        outcome.lost += len(done - now)
        done.update(now)
        outcome.doubled += changed(written, output_folder(archive).rglob("*.png"))

    for place, code in outcome.tries(commands, RUN, random.Random(seed)):
        count()
        if code is None:
            outcome.say(place, f"{len(done)} of {photographs} photographs done")
        elif len(done) < photographs:
            outcome.faults.append("it left photographs")
            break
        else:  # before all kills were: half is reverted, to be done again
            commands.finish("revert", "--again", str(archive / "sub"))
            done.clear()
            written.clear()
    if outcome.faults:
        return outcome
    commands.finish(*RUN)
    count()
    outcome.lost += photographs - len(done)
    commands.finish("verify")
    outcome.look(folder, home, commands)
    if contents(archive) != originals:
        outcome.faults.append("an original was touched")
    for job in jobs_of(home, State.DONE):
        if job.output is None or file_sha256(job.output) != job.output_sha256:
            outcome.faults.append(f"{job.path} is not what the ledger says")
        elif not record_path(job.output).exists():
            outcome.faults.append(f"{job.path} has no record")
    return outcome


def kill_scans(folder: Path, photographs: int, kills: int, seed: int) -> Outcome:
    """Kills `scan`, then lets it go through and compares with a scan that nobody killed."""
    archive, home = to_scan(folder, photographs), Home(folder / "scan home")
    outcome, commands = Outcome("scan", photographs, kills), Commands(home, home.scan_lock)
    command = ["scan", str(archive), "--jobs", "2"]
    known: set[bytes] = set()
    written: dict[Path, tuple[int, int]] = {}
    for place, code in outcome.tries(commands, command, random.Random(seed)):
        now = scanned(home)
        outcome.lost += len(known - now.keys())
        known |= now.keys()
        maps = {home.score_map(digest) for digest in now.values()}
        outcome.doubled += changed(written, maps)
        if code is None:
            outcome.say(place, f"{len(known)} of {photographs} photographs searched")
        elif len(known) == photographs:  # before all kills were: from the beginning
            shutil.rmtree(home.root)
            known.clear()
            written.clear()
    if outcome.faults:
        return outcome
    commands.finish(*command)
    outcome.lost += photographs - len(scanned(home))
    outcome.look(folder, home, commands)
    untouched = Commands(Home(folder / "other home"), folder / "none")
    untouched.finish(*command)
    if found_damage(home) != found_damage(untouched.home):
        outcome.faults.append("a scan that nobody killed finds something else")
    if not found_damage(home):
        outcome.faults.append("no damage was found")
    return outcome


def kill_finetunings(folder: Path, kills: int, seed: int) -> Outcome:
    """Kills `finetune`, new or resumed, then lets it go through."""
    _, home = to_tune(folder, TUNED_PHOTOGRAPHS)
    with contextlib.suppress(ImportError):  # where it is installed a training imports it, for seconds
        importlib.import_module("torch.utils.tensorboard")
    outcome = Outcome("finetune", TUNED_PHOTOGRAPHS, kills)
    commands = Commands(home, home.finetune_lock, judge_kindly)
    chance, command = random.Random(seed), [*FINETUNE]
    for place, code in outcome.tries(commands, command, chance):
        command[len(FINETUNE) :] = ["--resume"] if chance.random() < 0.5 else []
        outcome.faults += faults_of_models(home)
        if code is None:
            outcome.say(place, f"{len(read_manifest(home.models)[1])} models")
    if outcome.faults:
        return outcome
    commands.finish(*FINETUNE, "--resume")
    commands.finish(*FINETUNE)
    outcome.faults += faults_of_models(home)
    cards = read_manifest(home.models)[1]
    outcome.doubled = len(cards) - len({card.sha256 for card in cards})
    outcome.look(folder, home, commands)
    unlisted = {path.name for path in home.models.glob("*.safetensors")} - {card.file for card in cards}
    outcome.strays += len(unlisted)
    return outcome


def judge_kindly() -> None:
    """One step of training teaches nothing; that it is adopted all the same lets adoptions be killed."""
    adoption.SAMPLES_A_PHOTOGRAPH = 2
    for module in (finetune, adoption):
        module.RefineHoles = partial(RefineHoles, sizes=(128,), pixels=4 * 128 * 128)  # type: ignore[attr-defined]
    adoption.compare = lambda before, after: Comparison(24.0, 24.5, 0.5, 0.3, len(after), len(after))  # type: ignore[attr-defined]


def faults_of_models(home: Home) -> list[str]:
    """Whether what is entered and what is used can be loaded, hash and all, and the checkpoint be read."""
    faults = []
    try:
        for card in read_manifest(home.models)[1]:
            load_model(card.name, home=home)
        with open_ledger(home.ledger) as ledger:
            (archive,) = ledger.archives()
        load_model(archive.model, home=home)
        for checkpoint in home.root.glob(f"finetune/*/{CHECKPOINT}"):
            load_state(checkpoint)
    except Exception as error:
        faults.append(str(error))
    return faults


def jobs_of(home: Home, state: State) -> list[Job]:
    with open_ledger(home.ledger) as ledger:
        return ledger.jobs(state=state)


def contents(folder: Path) -> dict[Path, tuple[str, int]]:
    """Hash and time of every file."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path: (file_sha256(path), path.stat().st_mtime_ns) for path in files}


def changed(written: dict[Path, tuple[int, int]], paths: Iterator[Path] | set[Path]) -> int:
    """How many of the files were there and are others now; `written` takes in the new ones."""
    count = 0
    for path in paths:
        status = path.stat()
        seen = status.st_ino, status.st_mtime_ns
        count += written.setdefault(path, seen) != seen
    return count


def scanned(home: Home) -> dict[bytes, str]:
    """Hashes of the photographs that are recorded, by path."""
    if not home.ledger.exists():
        return {}
    with open_ledger(home.ledger) as ledger:
        return {
            relative: str(known.sha256)
            for archive in ledger.archives()
            for relative, known in ledger.known_files(archive.id).items()
        }


def found_damage(home: Home) -> set[tuple[object, ...]]:
    """Paths, hashes, regions and masks of what is queued."""
    with open_ledger(home.ledger) as ledger:
        return {
            (
                job.relative,
                job.sha256,
                file_sha256(home.mask(str(job.sha256))),
                *(astuple(region) for region in ledger.regions(job.photograph_id or 0)),
            )
            for job in ledger.jobs(state=State.QUEUED)
        }


@contextlib.contextmanager
def a_folder(chosen: Path | None) -> Iterator[Path]:
    if chosen is not None:
        yield chosen.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="archive-restore-crashes-") as made:
        yield Path(made).resolve()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photographs", type=int, default=240)
    parser.add_argument("--kills", type=int, default=240, help="in all")
    parser.add_argument("--only", choices=list(POINTS), help="one of the commands, which gets all kills")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="an empty folder to work in; kept")
    chosen = parser.parse_args()
    cv2.setNumThreads(1)  # what has threads cannot be forked
    outcomes = []
    with a_folder(chosen.folder) as folder:
        for command, share in SHARES.items():
            if chosen.only not in (None, command):
                continue
            kills = chosen.kills if chosen.only else max(1, round(chosen.kills * share))
            match command:
                case "run":
                    outcome = kill_runs(folder / command, chosen.photographs, kills, chosen.seed)
                case "scan":
                    outcome = kill_scans(folder / command, chosen.photographs, kills, chosen.seed)
                case _:
                    outcome = kill_finetunings(folder / command, kills, chosen.seed)
            print(outcome.line(), flush=True)
            outcomes.append(outcome)
    if not all(outcome.sound for outcome in outcomes):
        sys.exit(1)


if __name__ == "__main__":
    main()
