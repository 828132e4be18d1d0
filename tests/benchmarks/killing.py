"""Commands that are killed with SIGKILL, at named points or at random moments.

Most are forks of this process, which has imported everything, so that one costs a second instead of ten; the others
are real command lines in fresh processes.
"""

import contextlib
import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from archive_restore import alone, cli, processes
from archive_restore.home import HOME_VARIABLE, Home

ROOT: Final = Path(__file__).parents[2]
LONGEST_SECONDS: Final = 180.0
"""s after which a command that was to kill itself is killed."""

POINTS: Final = {
    "after claim": ("archive_restore.ledger", "Ledger.claim", True),
    "before intent": ("archive_restore.ledger", "Ledger.write_intent", False),
    "after intent": ("archive_restore.ledger", "Ledger.write_intent", True),
    "after write": ("pathlib", "Path.replace", False),
    "after rename": ("pathlib", "Path.replace", True),
    "before commit": ("archive_restore.ledger", "Ledger.finish", False),
    "after commit": ("archive_restore.ledger", "Ledger.finish", True),
    "in recovery": ("archive_restore.run", "recover", True),
    "before the row": ("archive_restore.ledger", "Ledger.record", False),
    "after the row": ("archive_restore.ledger", "Ledger.record", True),
    "before adoption": ("archive_restore.ledger", "Ledger.use_model", False),
    "after adoption": ("archive_restore.ledger", "Ledger.use_model", True),
    "before manifest": ("archive_restore.networks.weights", "write_manifest", False),
    "after manifest": ("archive_restore.networks.weights", "write_manifest", True),
    "in training": ("archive_restore.training.trainer", "Trainer.train_step", True),
    "before checkpoint": ("archive_restore.training.trainer", "Trainer.save", False),
    "in judging": ("archive_restore.finetune", "judged", True),
}
"""Where a command kills itself: module, what is called, and whether after the call."""


@dataclass(frozen=True)
class Kill:
    """When a command dies: at a visit of a point, else `seconds` after it began."""

    point: str | None = None
    calls: int = 1
    seconds: float = 0.0
    whole: bool = True  # its child processes die with it, as in a power cut; else they are left to themselves

    @property
    def place(self) -> str:
        return self.point or "at random"


@dataclass
class Commands:
    """Runs commands on one home, and kills them.

    `lock` is written when the command begins its work: random moments are counted from there. `arrange` runs in a fork
    before the command does.
    """

    home: Home
    lock: Path
    arrange: Callable[[], None] = lambda: None
    _groups: set[int] = field(default_factory=set)  # of processes that may have left children

    def finish(self, *arguments: str, codes: Sequence[int] = (0,)) -> str:
        """Lets a command go through; returns what it said. RuntimeError if it ends with another code."""
        ended = self.killed(arguments, None)
        if ended not in codes:
            raise RuntimeError(f"{' '.join(arguments)} ended with {ended}:\n{self.said}")
        return self.said

    def killed(self, arguments: Sequence[str], kill: Kill | None, *, fresh: bool = False) -> int | None:
        """Its exit code; None if it was killed before its end."""
        self.home.root.mkdir(parents=True, exist_ok=True)
        began = time.time_ns()
        process = self._fresh(arguments, kill) if fresh else self._forked(arguments, kill)
        self._groups.add(process)
        ends = time.monotonic() + LONGEST_SECONDS
        counting = kill is None or kill.point is not None
        while time.monotonic() < ends:
            pid, status = os.waitpid(process, os.WNOHANG)
            if pid:
                return None if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
            if kill is not None and not counting and self._has_begun(began):
                ends, counting = time.monotonic() + kill.seconds, True
            time.sleep(0.003)
        if kill is None or kill.point is not None:
            raise RuntimeError(f"{' '.join(arguments)}, {kill}: no end in {LONGEST_SECONDS:.0f} s")
        (os.killpg if kill.whole else os.kill)(process, signal.SIGKILL)
        os.waitpid(process, 0)
        return None

    def wait_for_orphans(self) -> bool:
        """Children of killed commands end by themselves; False if one does not."""
        ends = time.monotonic() + LONGEST_SECONDS
        for group in self._groups:
            with contextlib.suppress(ProcessLookupError):
                while time.monotonic() < ends:
                    os.killpg(group, 0)
                    time.sleep(0.05)
                return False
        return True

    @property
    def said(self) -> str:
        """What the last command said."""
        return self._said.read_text(errors="replace")

    @property
    def _said(self) -> Path:
        return self.home.root.with_name(f"{self.home.root.name} said.txt")

    def _has_begun(self, began: int) -> bool:
        try:
            return self.lock.stat().st_mtime_ns >= began
        except FileNotFoundError:
            return False

    def _fresh(self, arguments: Sequence[str], kill: Kill | None) -> int:
        started = ["-m", "archive_restore"]
        if kill is not None and kill.point is not None:
            armed = (
                f"from tests.benchmarks.killing import arm; arm({kill.point!r}, {kill.calls}, {kill.whole})"
            )
            started = ["-c", f"{armed}; from archive_restore.cli import main; main()"]
        with self._said.open("wb") as said:
            process = subprocess.Popen(
                [sys.executable, *started, *arguments],
                cwd=ROOT,
                env={**os.environ, HOME_VARIABLE: str(self.home.root)},
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        process.returncode = 0  # it is waited for here, not by its object
        return process.pid

    def _forked(self, arguments: Sequence[str], kill: Kill | None) -> int:
        if len(os.listdir("/proc/self/task")) > 1:  # noqa: PTH208 (only counted)
            raise RuntimeError("a process with threads must not be forked; set OMP_NUM_THREADS=1")
        child = os.fork()
        if child:
            return child
        code = 70
        try:
            os.setsid()
            said = os.open(self._said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(said, 1)
            os.dup2(said, 2)
            os.environ[HOME_VARIABLE] = str(self.home.root)
            fork_instead_of_spawning()
            self.arrange()
            if kill is not None and kill.point is not None:
                arm(kill.point, kill.calls, kill.whole)
            sys.argv = ["archive-restore", *arguments]
            cli.main()
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)


def arm(point: str, calls: int, whole: bool = True) -> None:
    """From here on this process dies at its `calls`th visit of a point; a child of it takes it along."""
    module, path, after = POINTS[point]
    owner: Any = importlib.import_module(module)
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    original, made, main = getattr(owner, name), 0, os.getpid()

    def deadly(*arguments: Any, **options: Any) -> Any:
        nonlocal made
        made += 1
        result = original(*arguments, **options) if after or made < calls else None
        if made >= calls:
            if whole or os.getpid() != main:
                os.killpg(0, signal.SIGKILL)
            os.kill(main, signal.SIGKILL)
        return result

    setattr(owner, name, deadly)


def fork_instead_of_spawning() -> None:
    """Lets child processes of this one be forks of it: spawned ones import for seconds.

    They keep no file or pipe of it, as spawned ones do not, or they would hold its locks when it is killed. What was
    held by a run that died is restored in this process: its own would open the ledger, and SQLite loses transactions
    in a fork of a process that has it open.
    """
    forking, serve = multiprocessing.get_context("fork"), processes._serve

    def serve_apart(connection: Connection, work: Callable[[Any], Any]) -> None:
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in map(int, os.listdir("/proc/self/fd")):  # noqa: PTH208 (numbers)
            if descriptor > 2 and descriptor not in (connection.fileno(), nowhere):
                with contextlib.suppress(OSError):  # that of the listing is closed by now
                    os.fstat(descriptor)
                    os.dup2(nowhere, descriptor)
        serve(connection, work)

    multiprocessing.get_context = lambda method=None: forking  # type: ignore[assignment]
    processes._serve = serve_apart
    alone.in_processes = in_this_process  # type: ignore[attr-defined]


def in_this_process(
    work: Callable[[Any], Any], tasks: Iterable[Any], *, processes: int
) -> Iterator[tuple[Any, Any]]:
    """What `in_processes` does, without processes."""
    return ((task, work(task)) for task in tasks)
