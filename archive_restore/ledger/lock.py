"""One running worker at a time, held by the operating system: a killed process lets go by itself."""

import contextlib
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Final

from archive_restore.clock import local
from archive_restore.errors import LockedError, StorageError, printable
from archive_restore.home import Home

WINDOWS_LOCK_OFFSET: Final = 1 << 30
"""Byte that is locked on Windows, far behind the text, which others must be able to read."""

TRIES: Final = 5
LOOK_SECONDS: Final = 0.02
"""s between tries: who only looks whether the lock is held (`is_held`) takes it for some microseconds."""


END_IT: Final = "Wait until it ends, or stop it with Ctrl-C there."
IT_ENDS: Final = "It ends with the photograph that it restores: try again in a minute."


class WorkerLock:
    """`with WorkerLock(home.worker_lock): ...`; raises LockedError saying who holds it and since when.

    `work` is the command that the message names, and `advice` what it says to do.
    """

    def __init__(self, path: Path, *, work: str = "run", advice: str = END_IT) -> None:
        self._path = path
        self._work = work
        self._advice = advice
        self._descriptor: int | None = None

    def __enter__(self) -> "WorkerLock":
        tries = TRIES
        while self._descriptor is None:
            descriptor = self._open()
            try:
                _lock(descriptor)
            except OSError as error:
                os.close(descriptor)
                tries -= 1
                if not tries:
                    raise LockedError(self._who_holds_it()) from error
                time.sleep(LOOK_SECONDS)
                continue
            if self._is_still_there(descriptor):
                self._descriptor = descriptor
            else:
                os.close(descriptor)  # somebody removed the file between opening and locking it
        self._sign(self._descriptor)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)  # lets the lock go
            self._descriptor = None

    def _open(self) -> int:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            return os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise StorageError(
                f"{printable(self._path)}: the lock file cannot be written ({error.strerror}). Check the "
                "folder's permissions, or set ARCHIVE_RESTORE_HOME to a folder that can be written."
            ) from error

    def _is_still_there(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self._path.stat())
        except FileNotFoundError:
            return False

    def _sign(self, descriptor: int) -> None:
        since = datetime.now().astimezone().isoformat(timespec="seconds")
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": since}
        with contextlib.suppress(OSError):  # a full disk does not make the lock less held
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(holder).encode(), 0) if hasattr(os, "pwrite") else os.write(
                descriptor, json.dumps(holder).encode()
            )

    def _who_holds_it(self) -> str:
        try:
            holder = json.loads(self._path.read_text())
            since = local(holder["since"])[:19].replace("T", " ")
            who = f"process {holder['pid']} on {holder['host']}, since {since}"
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            who = "a process that has just started"
        return f"Another {self._work} is at work on this ledger: {who}. {self._advice}"


def lone_lock(home: Home) -> WorkerLock:
    """The lock of the process that restores a photograph alone."""
    return WorkerLock(home.alone_lock, work="process of a run that was killed", advice=IT_ENDS)


@contextmanager
def no_run(home: Home) -> Iterator[None]:
    """While no run is at work, nor what a killed one left.

    Raises
    ------
    LockedError
        One is.
    """
    with WorkerLock(home.worker_lock), lone_lock(home):
        yield


@contextmanager
def no_run_or_scan(home: Home) -> Iterator[None]:
    """While no scan is at work either; LockedError if one is."""
    with no_run(home), WorkerLock(home.scan_lock, work="scan"):
        yield


def is_held(path: Path) -> bool:
    """Whether a living process holds the lock there. Leaves no trace; nobody is kept waiting by it."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        _lock(descriptor)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, WINDOWS_LOCK_OFFSET, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
