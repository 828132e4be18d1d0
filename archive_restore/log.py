"""A log for programs: one JSON object a line, written as it happens."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Protocol, TextIO

from archive_restore.clock import Clock, SystemClock
from archive_restore.errors import StorageError, printable

Fact = str | int | float | bool | None


class Log(Protocol):
    """Told by workflows what happened to which photograph."""

    def event(self, name: str, facts: Mapping[str, Fact]) -> None: ...


class NullLog:
    """Keeps nothing."""

    def event(self, name: str, facts: Mapping[str, Fact]) -> None: ...


class EventLog:
    """`{"time": ..., "event": ..., ...}` a line, added to `path`; and in words to `tell`, for --verbose.

    Safe to call from several threads.

    Raises
    ------
    StorageError
        The file cannot be written.
    """

    def __init__(
        self, path: Path | None, *, tell: Callable[[str], None] | None = None, clock: Clock | None = None
    ) -> None:
        self._path = path
        self._tell = tell
        self._clock = clock or SystemClock()
        self._lock = Lock()
        self._file: TextIO | None = None
        if path is not None:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._file = path.open("a", encoding="utf-8")
            except OSError as error:
                raise self._unwritable(error) from error

    def __enter__(self) -> "EventLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            with suppress(OSError):  # a full disk
                self._file.close()

    def event(self, name: str, facts: Mapping[str, Fact]) -> None:
        if self._tell is not None:
            said = "  ".join(f"{key} {value}" for key, value in facts.items() if value is not None)
            self._tell(f"{name}: {said}")
        if self._file is None:
            return
        line = {"time": self._clock.now().isoformat(timespec="milliseconds"), "event": name, **facts}
        with self._lock:
            try:
                self._file.write(json.dumps(line) + "\n")
                self._file.flush()
            except OSError:
                # A full disk stops the photographs as well, and in words; the log goes on when there is room.
                return

    def _unwritable(self, error: OSError) -> StorageError:
        return StorageError(
            f"The log {printable(self._path or '')} cannot be written ({error.strerror}). Choose another --log."
        )
