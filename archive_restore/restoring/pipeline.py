"""From tasks to written files: reading, the network and writing side by side.

`run` and `inpaint` differ in where their tasks come from and in what they do with the outcome; what happens
between is here. Whatever the length of the queue, memory holds a bounded number of pixels in each stage.
"""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from archive_restore.cores import usable_cores
from archive_restore.durable import write_durably
from archive_restore.errors import ArchiveRestoreError, NoScratchError, PhotographError
from archive_restore.photos import large
from archive_restore.photos.codecs import Photograph, Samples, decode
from archive_restore.photos.fidelity import compare
from archive_restore.photos.large import Data
from archive_restore.restoring.fractions import Picture
from archive_restore.restoring.gathering import Gathering, Task
from archive_restore.restoring.overlap import read_ahead, write_behind
from archive_restore.restoring.parts import Loaded, Part, parts_of
from archive_restore.restoring.restorer import Restorer

MAX_PIXELS_WAITING = 24_000_000
"""px of photographs that are read but not yet being restored, and again of those restored but not written."""

FEW_THREADS = 4
"""Threads that read, and again that write, on a computer with as many cores or twice as many. With more cores half of
them do: a GPU wants more photographs than these prepare."""


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

    def save(self, task: Task, loaded: Loaded, pages: tuple[Samples, ...]) -> None: ...

    def finished(self, task: Task) -> None: ...

    def failed(self, task: Task, reason: str) -> None: ...

    def given_back(self, task: Task) -> None: ...


def restore_all(work: Work[Task], restorer: Restorer) -> None:
    """Takes every task of `work` through reading, restoring and writing."""

    def load(task: Task) -> Loaded | str:
        try:
            return work.load(task)
        except Exception as error:
            return reason_of(error)

    def save(restored: Gathering[Task]) -> str | None:
        try:
            work.save(restored.task, restored.loaded, restored.finished(restorer.finish))
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


def write_checked(
    path: Path, data: Data, loaded: Loaded, pages: tuple[Samples, ...], *, recompressed: bool = False
) -> None:
    """Writes a restored photograph durably and reads it back.

    Parameters
    ----------
    path : its place
    data : the whole file
    loaded : its original, whose permissions and times it takes, with the mask outside of which it must be equal
    pages : the samples that it must hold, as far as its format can
    recompressed : if it is a JPEG, it was encoded anew everywhere

    Raises
    ------
    PhotographError
        What came back is something else; the file was removed.
    StorageError
        It could not be written.
    """
    original = loaded.photograph
    write_durably(path, data, like=original.path)
    try:
        again = decode(path, max_pixels=original.header.pixels)
        faults = list(compare(original, again, loaded.mask, recompressed=recompressed).faults)
        if not faults and not _hold(again, pages):
            faults = ["it does not hold what was written"]
    except PhotographError as error:
        faults = [error.reason]
    if faults:
        path.unlink(missing_ok=True)
        raise PhotographError(
            path,
            f"the restored file, read back, is wrong ({'; '.join(faults)}) and was removed; check the disk, "
            "then retry",
        )


def _hold(written: Photograph, pages: tuple[Samples, ...]) -> bool:
    """Whether every page that can hold samples exactly does."""
    together = zip(written.header.pages, written.pages, pages, strict=True)
    return all(page.blocks or large.equal(held, wanted) for page, held, wanted in together)


def reason_of(error: Exception) -> str:
    """Why a photograph is set aside, in words. An error that concerns more than the photograph is raised."""
    match error:
        case PhotographError():
            return error.reason
        case NoScratchError():
            return str(error)
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


def _restored(begun: Iterator[tuple[Task, Loaded]], restorer: Restorer) -> Iterator[Gathering[Task]]:
    """Photographs whose pictures have all come back, in the order in which they are finished."""
    spoilt: deque[Gathering[Task]] = deque()  # of which nothing came to the network

    def items() -> Iterator[tuple[tuple[Gathering[Task], Part, int], Picture, NDArray[np.bool_]]]:
        for task, loaded in begun:
            parts = list(parts_of(loaded))
            one = Gathering.of(task, loaded, parts)
            for part in parts:
                try:
                    shown, hole = one.pictures(part), one.hole(part)
                except Exception as error:  # above all MemoryError
                    one.error = one.error or error
                    one.missing -= loaded.photograph.header.pages[part.page].colours.pictures
                    if not one.missing:
                        spoilt.append(one)
                    continue
                for number, picture in enumerate(shown):
                    yield (one, part, number), picture, hole

    for (one, part, number), outcome in restorer.restore_many(items()):
        try:
            one.take(part, number, outcome)
        except Exception as error:  # told when all of it has come back
            one.error = one.error or error
        if not one.missing:
            yield one
        while spoilt:
            yield spoilt.popleft()
    yield from spoilt


def threads_for(cores: int) -> int:
    """How many threads read, and again write, on so many cores."""
    return min(cores, max(FEW_THREADS, cores // 2))


@contextmanager
def _threads(name: str) -> Iterator[ThreadPoolExecutor]:
    """Threads whose waiting work is dropped when an error ends the pipeline."""
    executor = ThreadPoolExecutor(threads_for(usable_cores()), thread_name_prefix=name)
    try:
        yield executor
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
