"""Full batches from many photographs.

A scratch takes a few windows, the coarsest level of a torn corner takes one: a network that were given one
photograph's next level at a time would mostly run half empty. Here the windows of all photographs in flight
wait in one queue for each of their few sorts, and a batch takes whatever of one sort is ready.

Batches go through the network in lanes: on a GPU so that one is copied while another is worked on, and one a core on a
CPU, whose cores compute more when each has a batch of its own than when they share every one.
"""

import heapq
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from archive_restore.restoring.fractions import Picture
from archive_restore.restoring.levels import Cut, Level, Painting
from archive_restore.restoring.windows import Shape, Window

Key = TypeVar("Key")

BATCHES_AHEAD = 4
"""Batches that are cut out while the lanes are busy with those before. A run that is stopped finishes them."""

Values = NDArray[np.float32]
"""What the network wrote into a window, (H, W, 3), 0 to 255; of B windows, (B, H, W, 3)."""

Write = Callable[[list[Cut], int], Values]
"""The network: the cuts of B windows of one shape, and in how many ways they are shown to it, to what it writes, in
their order. Called in the lanes."""

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


@dataclass
class _Batch(Generic[Key]):
    """Windows on their way: being cut, waiting for a lane, or in one."""

    tasks: list[_Task[Key]]
    cuts: list[Future[Cut]]
    written: Future[list[Values | Exception]]  # by task

    def cancel(self) -> None:
        self.written.cancel()
        for cut in self.cuts:
            cut.cancel()


class Scheduler(Generic[Key]):
    """Restores photographs side by side.

    A photograph that raises is given back with its exception and the others go on; an exception of the
    network ends everything. What comes back is taken in the order in which it was sent, so that the same photographs
    give the same samples.

    Parameters
    ----------
    write : the network
    room : asked before each batch, since it may shrink: windows of a shape that go through the network at once
    ways : in how many ways the windows of a level are shown to the network
    max_pixels : px; no further photograph is admitted while those in flight have as many. One photograph is
        admitted whatever its size.
    cutters : threads in which windows are cut out
    lanes : threads in which batches go through the network
    enter_lane : called once in the thread of each lane
    after_batch : told the number of windows that came back, in the thread that runs the scheduler
    """

    def __init__(
        self,
        write: Write,
        *,
        room: Callable[[Shape], int],
        ways: Callable[[Level], int] = lambda level: 1,
        max_pixels: int,
        cutters: int = 1,
        lanes: int = 1,
        enter_lane: Callable[[], None] = lambda: None,
        after_batch: Callable[[int], None] = lambda windows: None,
    ) -> None:
        self._write = write
        self._room = room
        self._ways = ways
        self._max_pixels = max_pixels
        self._cutters = cutters
        self._lanes = lanes
        self._enter_lane = enter_lane
        self._after_batch = after_batch
        self._ready: dict[_Sort, list[_Task[Key]]] = {}  # heaps, none of them empty
        self._under_way: deque[_Batch[Key]] = deque()
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
        with (
            ThreadPoolExecutor(self._cutters, thread_name_prefix="cut") as cutters,
            ThreadPoolExecutor(self._lanes, "network", initializer=self._enter_lane) as lanes,
        ):
            try:
                while True:
                    while not drained and self._has_room():
                        item = next(source, None)
                        if item is None:
                            drained = True
                        else:
                            self._admit(*item)
                            yield from self._departures()
                    self._send(cutters, lanes)
                    if not self._under_way:
                        return
                    self._take(self._under_way.popleft())
                    yield from self._departures()
            finally:
                for batch in self._under_way:
                    batch.cancel()

    def _has_room(self) -> bool:
        full = sum(len(tasks) // self._room(sort.shape) for sort, tasks in self._ready.items())
        return (
            full + len(self._under_way) < self._lanes + BATCHES_AHEAD and self._in_flight < self._max_pixels
        )

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

    def _send(self, cutters: Executor, lanes: Executor) -> None:
        """Sends full batches on their way; parts of one only when a lane has nothing to do, or nothing to do next."""
        while len(self._under_way) < self._lanes + BATCHES_AHEAD:
            idle = self._lanes - len(self._under_way)
            full = [sort for sort, tasks in self._ready.items() if len(tasks) >= self._room(sort.shape)]
            sorts = full or (list(self._ready) if idle >= 0 else [])
            if not sorts:
                return
            oldest = min(sorts, key=lambda sort: self._ready[sort][0])
            count = self._room(oldest.shape) if full else -(-len(self._ready[oldest]) // max(1, idle))
            tasks = self._drawn(oldest, count)
            if tasks:
                cuts = [cutters.submit(task.level.cut, task.window) for task in tasks]
                written = lanes.submit(self._written, cuts, oldest.ways)
                self._under_way.append(_Batch(tasks, cuts, written))

    def _drawn(self, sort: _Sort, count: int) -> list[_Task[Key]]:
        """The oldest `count` windows of a sort; none if their photographs have failed meanwhile."""
        drawn: list[_Task[Key]] = []
        tasks = self._ready[sort]
        while tasks and len(drawn) < count:
            task = heapq.heappop(tasks)
            if not task.photograph.finished:
                drawn.append(task)
        if not tasks:
            del self._ready[sort]
        return drawn

    def _written(self, cuts: list[Future[Cut]], ways: int) -> list[Values | Exception]:
        """What the network writes into each of these windows, or why it could not be cut. Runs in a lane."""
        outcomes = [_outcome(cut) for cut in cuts]
        whole = [cut for cut in outcomes if isinstance(cut, Cut)]
        written = iter(self._write(whole, ways) if whole else ())
        return [next(written) if isinstance(cut, Cut) else cut for cut in outcomes]

    def _take(self, batch: _Batch[Key]) -> None:
        """Waits for a batch, and puts what was written where it belongs."""
        written = batch.written.result()
        self._after_batch(len(written))
        for task, values in zip(batch.tasks, written, strict=True):
            photograph = task.photograph
            if photograph.finished:
                continue
            if isinstance(values, Exception):
                self._finish(photograph, values)
                continue
            task.level.paste(task.window, values)
            photograph.unwritten -= 1
            if photograph.unwritten == 0:
                self._advance(photograph)


def _outcome(cut: Future[Cut]) -> Cut | Exception:
    try:
        return cut.result()
    except Exception as error:
        return error
