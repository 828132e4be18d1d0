import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from archive_restore.restoring.overlap import MOST, read_ahead, write_behind
from archive_restore.restoring.pipeline import threads_for

BOTH = pytest.mark.parametrize("overlap", [read_ahead, write_behind])


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(3) as executor:
        yield executor


@BOTH
def test_every_item_comes_back_in_order_with_its_result(
    overlap: Callable[..., Iterator[tuple[int, int]]], threads: ThreadPoolExecutor
) -> None:
    results = overlap(range(50), lambda n: n * n, threads, pixels=lambda n: 1, limit=7)
    assert list(results) == [(n, n * n) for n in range(50)]


@BOTH
@pytest.mark.parametrize("limit", [1, 10, 35])
def test_no_more_pixels_are_held_than_the_limit_and_one_item(
    overlap: Callable[..., Iterator[tuple[int, int]]], threads: ThreadPoolExecutor, limit: int
) -> None:
    held = most = 0

    def items() -> Iterator[int]:
        nonlocal held, most
        for n in range(40):
            held += 10
            most = max(most, held)
            yield n

    for _ in overlap(items(), lambda n: n, threads, pixels=lambda n: 10, limit=limit):
        held -= 10
    assert most <= limit + 10  # the one that leaves is still being looked at by the caller


@BOTH
def test_of_small_photographs_no_more_are_held_than_of_large_ones(
    overlap: Callable[..., Iterator[tuple[int, int]]],
) -> None:
    held = most = 0
    release = threading.Event()

    def items() -> Iterator[int]:
        nonlocal held, most
        for n in range(3 * MOST):
            held += 1
            most = max(most, held)
            if held >= MOST:
                release.set()
            yield n

    with ThreadPoolExecutor(1) as slow:
        for _ in overlap(items(), lambda n: release.wait(5), slow, pixels=lambda n: 1, limit=10**9):
            held -= 1
    assert MOST <= most <= MOST + 1


def test_reading_keeps_ahead_while_the_caller_is_busy(threads: ThreadPoolExecutor) -> None:
    begun = [threading.Event() for _ in range(6)]
    results = read_ahead(range(6), lambda n: begun[n].set(), threads, pixels=lambda n: 1, limit=3)
    next(results)
    assert all(event.wait(5) for event in begun[:3])
    next(results)
    assert begun[3].wait(5)
    assert not begun[4].is_set()


def test_what_is_written_is_reported_before_the_next_item_is_drawn_twice(threads: ThreadPoolExecutor) -> None:
    drawn: list[int] = []
    finish = threading.Event()

    def items() -> Iterator[int]:
        for n in range(3):
            drawn.append(n)
            if n == 1:
                finish.set()
            yield n

    results = write_behind(items(), lambda n: finish.wait(5), threads, pixels=lambda n: 1, limit=100)
    assert next(results) == (0, True)
    assert drawn in ([0, 1], [0, 1, 2])


@BOTH
def test_an_exception_of_the_work_reaches_the_caller(
    overlap: Callable[..., Iterator[tuple[int, float]]], threads: ThreadPoolExecutor
) -> None:
    results = overlap(range(-3, 10), lambda n: 1 / n, threads, pixels=lambda n: 1, limit=4)
    with pytest.raises(ZeroDivisionError):
        list(results)


@BOTH
def test_leaving_early_drops_the_work_that_has_not_begun(
    overlap: Callable[..., Iterator[tuple[int, int]]],
) -> None:
    begun: list[int] = []
    release = threading.Event()

    def work(n: int) -> int:
        begun.append(n)
        assert n == 0 or release.wait(5)
        return n

    with ThreadPoolExecutor(1) as one:
        results = overlap(range(20), work, one, pixels=lambda n: 1, limit=4)
        assert next(results) == (0, 0)
        results.close()  # type: ignore[attr-defined]
        release.set()
    assert max(begun) <= 1


def test_more_cores_have_more_threads_that_read_and_write() -> None:
    assert [threads_for(cores) for cores in (1, 2, 4, 8, 32)] == [1, 2, 4, 4, 16]
