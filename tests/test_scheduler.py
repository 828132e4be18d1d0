from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from archive_restore.restoring.levels import Level, Painting, coarse_to_fine
from archive_restore.restoring.scheduler import Cut, Scheduler

SIZE, CONTEXT = 32, 8


class Network:
    """Writes back what it is given, and remembers the sizes of its batches."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.ways: list[int] = []

    def __call__(self, cuts: list[Cut], ways: int) -> NDArray[np.float32]:
        self.batches.append(len(cuts))
        self.ways.append(ways)
        return np.stack([cut.guess for cut in cuts]).astype(np.float32)


@pytest.fixture
def cutters() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor


def photograph(specks: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Grey, with as many holes that each take a window of their own."""
    mask = np.zeros((64, 64 * max(1, specks)), bool)
    mask[32, 32 : 64 * specks : 64] = True
    return np.full(mask.shape, 100, np.uint8), mask


def painting(specks: int) -> Painting:
    return coarse_to_fine(*photograph(specks), size=SIZE, context=CONTEXT)


def test_windows_of_several_photographs_share_full_batches(cutters: ThreadPoolExecutor) -> None:
    network = Network()
    scheduler: Scheduler[int] = Scheduler(network, room=lambda shape: 8, max_pixels=10**9, cutters=cutters)
    done = list(scheduler.run((number, painting(3), 1) for number in range(16)))
    assert sorted(number for number, _ in done) == list(range(16))
    assert network.batches == [8] * 6


def test_only_windows_that_are_shown_in_as_many_ways_share_a_batch(cutters: ThreadPoolExecutor) -> None:
    network = Network()
    scheduler: Scheduler[int] = Scheduler(
        network,
        room=lambda shape: 8,
        ways=lambda level: 2 if len(level.windows) == 3 else 4,
        max_pixels=10**9,
        cutters=cutters,
    )
    list(scheduler.run((number, painting(3 if number % 2 else 5), 1) for number in range(8)))
    shown = {2: 0, 4: 0}
    for ways, size in zip(network.ways, network.batches, strict=True):
        shown[ways] += size
    assert shown == {2: 4 * 3, 4: 4 * 5}
    assert max(network.batches) == 8


def test_coarse_levels_fill_their_batches_with_windows_of_others(cutters: ThreadPoolExecutor) -> None:
    def deep() -> Painting:
        mask = np.zeros((200, 200), bool)
        mask[60:140, 60:140] = True  # levels of 1, 1, 4, 9 and 36 windows or so
        return coarse_to_fine(np.full(mask.shape, 9, np.uint8), mask, size=SIZE, context=CONTEXT)

    network = Network()
    scheduler: Scheduler[int] = Scheduler(network, room=lambda shape: 8, max_pixels=10**9, cutters=cutters)
    list(scheduler.run((number, deep(), 1) for number in range(12)))
    alone = Network()
    for _ in range(12):
        one: Scheduler[int] = Scheduler(alone, room=lambda shape: 8, max_pixels=10**9, cutters=cutters)
        list(one.run([(0, deep(), 1)]))
    assert sum(network.batches) == sum(alone.batches)
    assert np.mean(network.batches) > 7.5
    assert np.mean(alone.batches) < 6.5


def test_the_first_photograph_leaves_before_the_last_is_admitted(cutters: ThreadPoolExecutor) -> None:
    events: list[str] = []

    def paintings() -> Iterator[tuple[int, Painting, int]]:
        for number in range(20):
            events.append(f"in {number}")
            yield number, painting(4), 1

    scheduler: Scheduler[int] = Scheduler(Network(), room=lambda shape: 4, max_pixels=10**9, cutters=cutters)
    for number, _ in scheduler.run(paintings()):
        events.append(f"out {number}")
    assert events.index("out 0") < events.index("in 4")


@pytest.mark.parametrize("limit", [1, 2500, 10_000])
def test_photographs_in_flight_hold_no_more_pixels_than_allowed_and_one_photograph(
    cutters: ThreadPoolExecutor, limit: int
) -> None:
    held = most = 0

    def paintings() -> Iterator[tuple[int, Painting, int]]:
        nonlocal held, most
        for number in range(30):
            held += 1000
            most = max(most, held)
            yield number, painting(1), 1000

    scheduler: Scheduler[int] = Scheduler(Network(), room=lambda shape: 64, max_pixels=limit, cutters=cutters)
    for _ in scheduler.run(paintings()):
        held -= 1000
    assert held == 0
    assert most <= limit + 999


def test_a_photograph_without_damage_goes_straight_through(cutters: ThreadPoolExecutor) -> None:
    network = Network()
    scheduler: Scheduler[str] = Scheduler(network, room=lambda shape: 8, max_pixels=10, cutters=cutters)
    ((key, outcome),) = scheduler.run([("clean", painting(0), 4096)])
    assert key == "clean"
    assert not isinstance(outcome, Exception)
    assert (outcome == 100).all()
    assert network.batches == []


class CrashingLevel(Level):
    """One whose third window cannot be cut."""

    def cut(self, window):  # type: ignore[no-untyped-def]
        if window == self.windows[2]:
            raise OSError("damaged window")
        return super().cut(window)


def crash_at_once() -> Painting:
    raise ValueError("no good")
    yield


def crash_while_cutting() -> Painting:
    pixels, mask = photograph(9)
    level = CrashingLevel(pixels, mask, mask, None, size=SIZE, context=CONTEXT)
    yield level
    return level.composite()


def crash_at_the_end() -> Painting:
    pixels, mask = photograph(2)
    yield Level(pixels, mask, mask, None, size=SIZE, context=CONTEXT)
    raise MemoryError


def test_a_photograph_that_raises_comes_back_with_its_error_and_the_others_go_on(
    cutters: ThreadPoolExecutor,
) -> None:
    scheduler: Scheduler[str] = Scheduler(Network(), room=lambda shape: 4, max_pixels=10**9, cutters=cutters)
    outcomes = dict(
        scheduler.run(
            [
                ("good", painting(5), 1),
                ("at once", crash_at_once(), 1),
                ("cutting", crash_while_cutting(), 1),
                ("end", crash_at_the_end(), 1),
                ("good too", painting(5), 1),
            ]
        )
    )
    assert {key: type(outcome) for key, outcome in outcomes.items()} == {
        "good": np.ndarray,
        "at once": ValueError,
        "cutting": OSError,
        "end": MemoryError,
        "good too": np.ndarray,
    }


def test_a_network_that_fails_ends_everything(cutters: ThreadPoolExecutor) -> None:
    def fail(cuts: list[Cut], ways: int) -> NDArray[np.float32]:
        raise RuntimeError("device lost")

    scheduler: Scheduler[int] = Scheduler(fail, room=lambda shape: 4, max_pixels=10**9, cutters=cutters)
    with pytest.raises(RuntimeError, match="device lost"):
        list(scheduler.run((number, painting(2), 1) for number in range(5)))
