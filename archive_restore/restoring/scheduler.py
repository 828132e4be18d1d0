"""Full batches from many photographs.

A scratch takes a few windows, the coarsest level of a torn corner takes one: a network that were given one
photograph's next level at a time would mostly run half empty. Here the windows of all photographs in flight
wait in one queue for each of their few sorts, and a batch takes whatever of one sort is ready.
"""

import heapq
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from archive_restore.restoring.fractions import Picture
from archive_restore.restoring.levels import Cut, Level, Painting
from archive_restore.restoring.windows import Shape, Window

Key = TypeVar("Key")

BATCHES_AHEAD = 2
"""Batches that are cut out while the network is busy with the one before."""

Write = Callable[[list[Cut], int], NDArray[np.float32]]
"""The network: the cuts of B windows of one shape, and in how many ways they are shown to it, to (B, H, W, 3) float32,
0 to 255, in their order."""

Outcome = Picture | Exception
"""The restored pixels of a photograph, or why there are none."""


class _Sort(NamedTuple):
    """What windows have in common that may share a batch."""

    shape: Shape
    ways: int


@dataclass
class _Photograph(Generic[Key]):
    """A photograph in flight."""

    number: int  # in the order of admission
    key: Key
    painting: Painting
    pixels: int  # px
    unwritten: int = 0  # windows of its present level that have not come back
    finished: bool = False


@dataclass(order=True)
class _Task(Generic[Key]):
    """A window that may be cut. The photograph that came first goes first, so that it leaves soon."""

    order: tuple[int, int]
    photograph: _Photograph[Key] = field(compare=False)
    level: Level = field(compare=False)
    window: Window = field(compare=False)


class Scheduler(Generic[Key]):
    """Restores photographs side by side.

    A photograph that raises is given back with its exception and the others go on; an exception of the
    network ends everything.

    Parameters
    ----------
    write : the network
    room : asked before each batch, since it may shrink: windows of a shape that go through the network at once
    ways : in how many ways the windows of a level are shown to the network
    max_pixels : px; no further photograph is admitted while those in flight have as many. One photograph is
        admitted whatever its size.
    cutters : threads in which windows are cut out while the network is busy
    """

    def __init__(
        self,
        write: Write,
        *,
        room: Callable[[Shape], int],
        ways: Callable[[Level], int] = lambda level: 1,
        max_pixels: int,
        cutters: Executor,
    ) -> None:
        self._write = write
        self._room = room
        self._ways = ways
        self._max_pixels = max_pixels
        self._cutters = cutters
        self._ready: dict[_Sort, list[_Task[Key]]] = {}  # heaps, none of them empty
        self._cutting: deque[tuple[_Sort, list[tuple[_Task[Key], Future[Cut]]]]] = deque()
        self._leaving: deque[tuple[_Photograph[Key], Outcome]] = deque()
        self._in_flight = 0  # px
        self._admitted = 0

    def run(self, paintings: Iterable[tuple[Key, Painting, int]]) -> Iterator[tuple[Key, Outcome]]:
        """Restores each (key, painting, px) and gives it back when it is finished, in no fixed order.

        The next photograph is drawn from `paintings` only when there is room for it and the windows at hand
        do not fill the batches ahead.
        """
        source = iter(paintings)
        drained = False
        try:
            while True:
                while not drained and self._has_room():
                    item = next(source, None)
                    if item is None:
                        drained = True
                    else:
                        self._admit(*item)
                        yield from self._departures()
                self._cut_ahead()
                if not self._cutting:
                    return
                self._write_next()
                yield from self._departures()
        finally:
            for _, batch in self._cutting:
                for _, cut in batch:
                    cut.cancel()

    def _has_room(self) -> bool:
        full = sum(len(tasks) // self._room(sort.shape) for sort, tasks in self._ready.items())
        return full + len(self._cutting) < BATCHES_AHEAD and self._in_flight < self._max_pixels

    def _admit(self, key: Key, painting: Painting, pixels: int) -> None:
        photograph = _Photograph(self._admitted, key, painting, pixels)
        self._admitted += 1
        self._in_flight += pixels
        self._advance(photograph)

    def _advance(self, photograph: _Photograph[Key]) -> None:
        """Queues the windows of the next level that has any; without one, the photograph is finished."""
        try:
            while photograph.unwritten == 0:
                level = next(photograph.painting)
                photograph.unwritten = len(level.windows)
        except StopIteration as end:
            self._finish(photograph, end.value)
        except Exception as error:
            self._finish(photograph, error)
        else:
            ways = self._ways(level)
            for index, window in enumerate(level.windows):
                tasks = self._ready.setdefault(_Sort(window.shape, ways), [])
                heapq.heappush(tasks, _Task((photograph.number, index), photograph, level, window))

    def _finish(self, photograph: _Photograph[Key], outcome: Outcome) -> None:
        photograph.finished = True
        self._leaving.append((photograph, outcome))

    def _departures(self) -> Iterator[tuple[Key, Outcome]]:
        while self._leaving:
            photograph, outcome = self._leaving.popleft()
            self._in_flight -= photograph.pixels
            yield photograph.key, outcome

    def _cut_ahead(self) -> None:
        """Starts cutting full batches; a part of one only when nothing is under way that could fill it."""
        while len(self._cutting) < BATCHES_AHEAD:
            full = [sort for sort, tasks in self._ready.items() if len(tasks) >= self._room(sort.shape)]
            sorts = full or ([] if self._cutting else list(self._ready))
            if not sorts:
                return
            oldest = min(sorts, key=lambda sort: self._ready[sort][0])
            batch = self._begun(oldest)
            if batch:
                self._cutting.append((oldest, batch))

    def _begun(self, sort: _Sort) -> list[tuple[_Task[Key], Future[Cut]]]:
        """The oldest windows of a sort, being cut; none if their photographs have failed meanwhile."""
        batch: list[tuple[_Task[Key], Future[Cut]]] = []
        tasks = self._ready[sort]
        while tasks and len(batch) < self._room(sort.shape):
            task = heapq.heappop(tasks)
            if not task.photograph.finished:
                batch.append((task, self._cutters.submit(task.level.cut, task.window)))
        if not tasks:
            del self._ready[sort]
        return batch

    def _write_next(self) -> None:
        """Puts the oldest batch through the network and its results where they belong."""
        batch: list[tuple[_Task[Key], Cut]] = []
        sort, begun = self._cutting.popleft()
        for task, cut in begun:
            try:
                batch.append((task, cut.result()))
            except Exception as error:
                if not task.photograph.finished:
                    self._finish(task.photograph, error)
        batch = [(task, cut) for task, cut in batch if not task.photograph.finished]
        if not batch:
            return
        written = self._write([cut for _, cut in batch], sort.ways)
        for (task, _), values in zip(batch, written, strict=True):
            task.level.paste(task.window, values)
            task.photograph.unwritten -= 1
            if task.photograph.unwritten == 0:
                self._advance(task.photograph)
