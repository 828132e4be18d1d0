"""Work beside the network: photographs are read before they are wanted and written after they are done.

Both functions keep at most `limit` px in the hands of their threads (a single larger photograph is let
through), and at most `MOST` photographs, so that memory stays flat however long the queue is.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import Final, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST: Final = 32
"""Photographs in the hands of the threads. Of small ones thousands have few pixels, but all of them are to be finished
when somebody stops the run, and are suspects when it is killed."""


def read_ahead(
    items: Iterable[Item],
    work: Callable[[Item], Result],
    executor: Executor,
    *,
    pixels: Callable[[Item], int],
    limit: int,
) -> Iterator[tuple[Item, Result]]:
    """`(item, work(item))` for each item, in order, worked on before they are asked for.

    Items are drawn until they have `limit` px or are `MOST`, then as they leave. An exception of `work` is raised here.
    """
    return _worked_on(items, work, executor, pixels, limit, early=False)


def write_behind(
    items: Iterable[Item],
    work: Callable[[Item], Result],
    executor: Executor,
    *,
    pixels: Callable[[Item], int],
    limit: int,
) -> Iterator[tuple[Item, Result]]:
    """`(item, work(item))` for each item, in order, as soon as they are done.

    Drawing the next item waits only while those that are not done have `limit` px or are `MOST`. An exception of
    `work` is raised here.
    """
    return _worked_on(items, work, executor, pixels, limit, early=True)


def _worked_on(
    items: Iterable[Item],
    work: Callable[[Item], Result],
    executor: Executor,
    pixels: Callable[[Item], int],
    limit: int,
    *,
    early: bool,
) -> Iterator[tuple[Item, Result]]:
    """`(item, work(item))` for each item, in order; `early`: before another item is drawn, if it is done."""
    handed: deque[tuple[Item, Future[Result]]] = deque()
    held = 0
    try:
        for item in items:
            handed.append((item, executor.submit(work, item)))
            held += pixels(item)
            del item  # a photograph: not kept alive while the next is waited for
            while handed and (held >= limit or len(handed) >= MOST or (early and handed[0][1].done())):
                held -= pixels(handed[0][0])
                yield _oldest(handed)
        while handed:
            yield _oldest(handed)
    finally:
        for _, future in handed:
            future.cancel()


def _oldest(handed: deque[tuple[Item, Future[Result]]]) -> tuple[Item, Result]:
    item, future = handed.popleft()
    return item, future.result()
