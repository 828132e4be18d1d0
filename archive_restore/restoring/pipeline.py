"""From tasks to written files: reading, the network and writing side by side.

`run` and `inpaint` differ in where their tasks come from and in what they do with the outcome; what happens
between is here. Whatever the length of the queue, memory holds a bounded number of pixels in each stage.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.errors import ArchiveRestoreError, PhotographError
from archive_restore.photos.codecs import Format, Photograph, decode
from archive_restore.photos.files import write_durably
from archive_restore.restoring.overlap import read_ahead, write_behind
from archive_restore.restoring.restorer import Restorer

Task = TypeVar("Task")

MAX_PIXELS_WAITING = 24_000_000
"""px of photographs that are read but not yet being restored, and again of those restored but not written."""

MAX_THREADS = 4
"""Threads that read, and again that write."""

JPEG_REACH = 40
"""px from a changed pixel to which a JPEG may change: its block, 32 px wide at most (T.81 A.2), and the chroma
samples beside it, from which decoders interpolate."""


@dataclass(frozen=True)
class Loaded:
    """A photograph and where it is damaged, (H, W) bool."""

    photograph: Photograph
    mask: NDArray[np.bool_]


@dataclass(frozen=True)
class SetAside:
    """A photograph that was not restored, and why."""

    path: Path
    reason: str


class Work(Protocol[Task]):
    """What a workflow does with its tasks.

    `load` and `save` run in threads, several at once, and raise PhotographError for a photograph that must be
    set aside; the rest runs where the pipeline was called. Any other ArchiveRestoreError ends the pipeline.
    """

    def tasks(self) -> Iterator[Task]:
        """What is to be done; drawn as there is room."""

    def pixels(self, task: Task) -> int:
        """px of its photograph, or a guess."""

    def wanted(self) -> bool:
        """False once the user has asked to stop: what has not begun is given back."""

    def load(self, task: Task) -> Loaded: ...

    def save(self, task: Task, loaded: Loaded, pixels: NDArray[np.uint8]) -> None: ...

    def finished(self, task: Task) -> None: ...

    def failed(self, task: Task, reason: str) -> None: ...

    def given_back(self, task: Task) -> None: ...


@dataclass(frozen=True)
class _Restored(Generic[Task]):
    task: Task
    loaded: Loaded
    outcome: NDArray[np.uint8] | Exception

    @property
    def pixels(self) -> int:
        return self.loaded.mask.size


def restore_all(work: Work[Task], restorer: Restorer) -> None:
    """Takes every task of `work` through reading, restoring and writing."""

    def load(task: Task) -> Loaded | str:
        try:
            return work.load(task)
        except Exception as error:
            return reason_of(error)

    def save(restored: _Restored[Task]) -> str | None:
        try:
            if isinstance(restored.outcome, Exception):
                return reason_of(restored.outcome)
            work.save(restored.task, restored.loaded, restored.outcome)
        except Exception as error:
            return reason_of(error)
        return None

    with _threads("read") as readers, _threads("write") as writers:
        read = read_ahead(work.tasks(), load, readers, pixels=work.pixels, limit=MAX_PIXELS_WAITING)
        restored = _restored(_begun(work, read), restorer)
        written = write_behind(
            restored, save, writers, pixels=lambda one: one.pixels, limit=MAX_PIXELS_WAITING
        )
        for one, reason in written:
            if reason is None:
                work.finished(one.task)
            else:
                work.failed(one.task, reason)


def write_checked(path: Path, data: bytes, original: Photograph, pixels: NDArray[np.uint8]) -> None:
    """Writes a restored photograph durably and reads it back.

    Parameters
    ----------
    path : its place
    data : the whole file
    original : whose permissions and times it takes, and whose shape and format it must have
    pixels : what it must hold exactly; in a JPEG, everywhere but near what differs from the original

    Raises
    ------
    PhotographError
        What came back is something else; the file was removed.
    StorageError
        It could not be written.
    """
    write_durably(path, data, like=original.path)
    try:
        again = decode(path, max_pixels=original.header.pixels)
        same = again.header == original.header and _holds(again, original, pixels)
        reason = None if same else "it does not hold what was written"
    except PhotographError as error:
        reason = error.reason
    if reason is not None:
        path.unlink(missing_ok=True)
        raise PhotographError(
            path,
            f"the restored file, read back, is wrong ({reason}) and was removed; check the disk, then retry",
        )


def _holds(written: Photograph, original: Photograph, pixels: NDArray[np.uint8]) -> bool:
    """Whether `written` holds `pixels` wherever its format can."""
    if written.header.format is not Format.JPEG or np.array_equal(written.pixels, pixels):
        return np.array_equal(written.pixels, pixels)
    near = cv2.dilate(
        _differ(original.pixels, pixels).astype(np.uint8), np.ones((2 * JPEG_REACH + 1,) * 2, np.uint8)
    )
    return not (_differ(written.pixels, pixels) & (near == 0)).any()


def _differ(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Pixels that are not the same, (H, W) bool."""
    differs = first != second
    return np.asarray(differs if differs.ndim == 2 else differs.any(axis=2))


def reason_of(error: Exception) -> str:
    """Why a photograph is set aside, in words. An error that concerns more than the photograph is raised."""
    match error:
        case PhotographError():
            return error.reason
        case ArchiveRestoreError():
            raise error
        case MemoryError():
            return "not enough memory to restore it; close other programs, then retry"
        case _:  # a mistake of this program must not end the night either
            return f"unexpected {type(error).__name__}: {error}"


def _begun(work: Work[Task], read: Iterator[tuple[Task, Loaded | str]]) -> Iterator[tuple[Task, Loaded]]:
    """What could be read, as long as it is wanted; the rest is told to `work`."""
    for task, loaded in read:
        if not work.wanted():
            work.given_back(task)
        elif isinstance(loaded, str):
            work.failed(task, loaded)
        else:
            yield task, loaded


def _restored(begun: Iterator[tuple[Task, Loaded]], restorer: Restorer) -> Iterator[_Restored[Task]]:
    items = (((task, loaded), loaded.photograph.pixels, loaded.mask) for task, loaded in begun)
    for (task, loaded), outcome in restorer.restore_many(items):
        yield _Restored(task, loaded, outcome)


@contextmanager
def _threads(name: str) -> Iterator[ThreadPoolExecutor]:
    """Threads whose waiting work is dropped when an error ends the pipeline."""
    executor = ThreadPoolExecutor(min(MAX_THREADS, os.cpu_count() or 1), thread_name_prefix=name)
    try:
        yield executor
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
