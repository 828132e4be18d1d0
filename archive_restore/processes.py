"""Work spread over processes that may die alone: a crash in a native decoder costs one photograph.

Each process has a pipe of its own and one task at a time, so a death names its task without guessing,
and only that process is started again.
"""

import contextlib
import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from types import FrameType
from typing import Any, Final, Generic, NoReturn, Self, TypeVar

from archive_restore.errors import ArchiveRestoreError

Task = TypeVar("Task")
Result = TypeVar("Result")

STOP_SECONDS: Final = 10.0
"""s a process gets to leave its photograph and remove its temporary file before it is killed."""

READY: Final = "ready"
"""What a process says first, once its imports are through."""


LESS_MEMORY: Final = " (scan, detect and rescore need less with --jobs 1)"
"""The other commands have no such option."""


@dataclass(frozen=True)
class Lost:
    """A task without a result: its process died, or raised what nobody foresaw."""

    reason: str


class _Process(Generic[Task, Result]):
    """One process and the task it has."""

    def __init__(self, work: Callable[[Task], Result]) -> None:
        context = multiprocessing.get_context("spawn")  # after a fork OpenCV and torch may hang
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, work), daemon=True)
        self.ready = False
        self.died = False
        self.task: Task | None = None
        with _interrupts_held_back():
            self.process.start()
        theirs.close()

    def give(self, task: Task) -> None:
        self.task = task
        with contextlib.suppress(OSError):  # it died while idle; reading its answer tells
            self.connection.send(task)

    def answer(self) -> Any:
        """What it sent; `Lost` if it is gone."""
        try:
            return _received(self.connection)
        except (EOFError, OSError):
            self.process.join()
            self.died = True
            if not self.ready:
                raise ArchiveRestoreError(
                    f"A process that reads photographs could not start: {_cause(self.process.exitcode)}. "
                    f"Close other programs, then run the same command again{LESS_MEMORY}."
                ) from None
            return Lost(f"the process that read it died: {_cause(self.process.exitcode)}")


def in_processes(
    work: Callable[[Task], Result], tasks: Iterable[Task], *, processes: int
) -> Iterator[tuple[Task, Result | Lost]]:
    """Each task with its result, in the order in which they are done; as many in flight as processes.

    Parameters
    ----------
    work
        A function of a module, which the processes import.
    tasks
        Small and picklable; taken only when a process is free.
    processes
        How many. One is a process of its own, too.

    Raises
    ------
    ArchiveRestoreError
        That `work` raised: going on would not help. Anything else that it raises becomes a `Lost`.
    """
    waiting = iter(tasks)
    busy: dict[Any, _Process[Task, Result]] = {}

    def give_next(process: _Process[Task, Result] | None) -> None:
        for task in waiting:
            process = process or _Process(work)
            busy[process.connection] = process
            process.give(task)
            return
        if process is not None:
            process.connection.close()  # it ends by itself

    try:
        for _ in range(processes):
            give_next(None)
        while busy:
            for connection in wait(list(busy)):
                process = busy[connection]
                answer = process.answer()
                if answer == READY:
                    process.ready = True
                    continue
                if isinstance(answer, ArchiveRestoreError):
                    raise answer
                del busy[connection]
                task: Any = process.task
                give_next(None if process.died else process)  # busy while the caller takes the result
                yield task, answer
    finally:
        _stop(busy.values())


class Processes(Generic[Task, Result]):
    """Processes that serve threads: each call has one for itself, and starts it if none is idle.

    Parameters
    ----------
    work
        A function of a module, which the processes import.
    """

    def __init__(self, work: Callable[[Task], Result]) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._idle: list[_Process[Task, Result]] = []
        self._all: list[_Process[Task, Result]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        _stop(self._all)

    def call(self, task: Task) -> Result | Lost:
        """What `work` makes of the task, which is small and picklable.

        Raises
        ------
        ArchiveRestoreError
            That `work` raised. Anything else that it raises becomes a `Lost`.
        """
        process = self._taken()
        process.give(task)
        answer = process.answer()
        while answer == READY:
            process.ready = True
            answer = process.answer()
        with self._lock:
            (self._all.remove if process.died else self._idle.append)(process)
        if process.died:
            process.connection.close()
        if isinstance(answer, ArchiveRestoreError):
            raise answer
        result: Result | Lost = answer
        return result

    def _taken(self) -> _Process[Task, Result]:
        with self._lock:
            if not self._idle:
                self._idle.append(_Process(self._work))
                self._all.append(self._idle[-1])
            return self._idle.pop()


def _serve(connection: Connection, work: Callable[[Any], Any]) -> None:
    """The life of one process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the parent decides
    signal.signal(signal.SIGTERM, _leave)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    with contextlib.suppress(EOFError, OSError):  # the parent is done, or gone
        _send(connection, READY)
        # Decoders write their warnings straight to the terminal, over the progress bar.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        while True:
            task = connection.recv()
            _send(connection, _result(work, task))


def _send(connection: Connection, answer: object) -> None:
    """Arrays go as they lie in memory, beside the pickle (PEP 574), so that a photograph is not copied thrice."""
    buffers: list[pickle.PickleBuffer] = []
    data = pickle.dumps(answer, protocol=5, buffer_callback=buffers.append)
    raw = [buffer.raw() for buffer in buffers]
    connection.send([len(data), *map(len, raw)])
    connection.send_bytes(data)
    for part in raw:
        connection.send_bytes(part)


def _received(connection: Connection) -> Any:
    """What `_send` sent. EOFError if the other end is gone."""
    parts = [bytearray(size) for size in connection.recv()]
    for part in parts:
        connection.recv_bytes_into(part)
    return pickle.loads(parts[0], buffers=parts[1:])


def _result(work: Callable[[Any], Any], task: Any) -> Any:
    try:
        return work(task)
    except ArchiveRestoreError as error:
        return error
    except MemoryError:
        return Lost(f"not enough memory to read it; close other programs, then retry{LESS_MEMORY}")
    except Exception as error:  # a mistake of this program must not end the night either
        return Lost(f"unexpected {type(error).__name__}: {error}")


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(1)  # unlike SIGTERM's default, this runs the clean-up of a half-written file


def _cause(exit_code: int | None) -> str:
    if exit_code is None or exit_code >= 0:
        return f"exit code {exit_code}"
    try:
        name = signal.Signals(-exit_code).name
    except ValueError:
        name = f"signal {-exit_code}"
    return f"{name}, probably out of memory" if name == "SIGKILL" else f"{name}, a crash in a decoder"


def _stop(processes: Iterable[_Process[Any, Any]]) -> None:
    stopping = list(processes)
    for process in stopping:
        process.process.terminate()
    for process in stopping:
        process.process.join(STOP_SECONDS)
        if process.process.exitcode is None:
            process.process.kill()
            process.process.join()
        process.connection.close()


@contextlib.contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Ctrl-C waits until the new process, which inherits the mask, has come far enough to ignore it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker  # of these systems alone

    resource_tracker.ensure_running()  # started by the first process, it would let interrupts through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
