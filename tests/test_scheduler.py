import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from archive_restore.restoring.levels import Level, Painting, coarse_to_fine
from archive_restore.restoring.scheduler import BATCHES_AHEAD, Cut, Scheduler
from archive_restore.restoring.windows import Window

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


def photograph(specks: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Grey, with as many holes that each take a window of their own."""
    mask = np.zeros((64, 64 * max(1, specks)), bool)
    mask[32, 32 : 64 * specks : 64] = True
    return np.full(mask.shape, 100, np.uint8), mask


def painting(specks: int) -> Painting:
    return coarse_to_fine(*photograph(specks), size=SIZE, context=CONTEXT)


def test_windows_of_several_photographs_share_full_batches() -> None:
    network = Network()
    scheduler: Scheduler[int] = Scheduler(network, room=lambda shape: 8, max_pixels=10**9)
    done = list(scheduler.run((number, painting(3), 1) for number in range(16)))
    assert sorted(number for number, _ in done) == list(range(16))
    assert network.batches == [8] * 6


def test_only_windows_that_are_shown_in_as_many_ways_share_a_batch() -> None:
    network = Network()
    scheduler: Scheduler[int] = Scheduler(
        network,
        room=lambda shape: 8,
        ways=lambda level: 2 if len(level.windows) == 3 else 4,
        max_pixels=10**9,
    )
    list(scheduler.run((number, painting(3 if number % 2 else 5), 1) for number in range(8)))
    shown = {2: 0, 4: 0}
    for ways, size in zip(network.ways, network.batches, strict=True):
        shown[ways] += size
    assert shown == {2: 4 * 3, 4: 4 * 5}
    assert max(network.batches) == 8


def test_coarse_levels_fill_their_batches_with_windows_of_others() -> None:
    def deep() -> Painting:
        mask = np.zeros((200, 200), bool)
        mask[60:140, 60:140] = True  # levels of 1, 1, 4, 9 and 36 windows or so
        return coarse_to_fine(np.full(mask.shape, 9, np.uint8), mask, size=SIZE, context=CONTEXT)

    network = Network()
    scheduler: Scheduler[int] = Scheduler(network, room=lambda shape: 8, max_pixels=10**9)
    list(scheduler.run((number, deep(), 1) for number in range(12)))
    alone = Network()
    for _ in range(12):
        one: Scheduler[int] = Scheduler(alone, room=lambda shape: 8, max_pixels=10**9)
        list(one.run([(0, deep(), 1)]))
    assert sum(network.batches) == sum(alone.batches)
    assert np.mean(network.batches) > 7.5
    assert np.mean(alone.batches) < 6.5


def test_the_first_photograph_leaves_before_the_last_is_admitted() -> None:
    events: list[str] = []

    def paintings() -> Iterator[tuple[int, Painting, int]]:
        for number in range(20):
            events.append(f"in {number}")
            yield number, painting(4), 1

    scheduler: Scheduler[int] = Scheduler(Network(), room=lambda shape: 4, max_pixels=10**9)
    for number, _ in scheduler.run(paintings()):
        events.append(f"out {number}")
    assert events.index("out 0") < events.index(f"in {BATCHES_AHEAD + 1}")


@pytest.mark.parametrize("limit", [1, 2500, 10_000])
def test_photographs_in_flight_hold_no_more_pixels_than_allowed_and_one_photograph(limit: int) -> None:
    held = most = 0

    def paintings() -> Iterator[tuple[int, Painting, int]]:
        nonlocal held, most
        for number in range(30):
            held += 1000
            most = max(most, held)
            yield number, painting(1), 1000

    scheduler: Scheduler[int] = Scheduler(Network(), room=lambda shape: 64, max_pixels=limit)
    for _ in scheduler.run(paintings()):
        held -= 1000
    assert held == 0
    assert most <= limit + 999


def test_a_photograph_without_damage_goes_straight_through() -> None:
    network = Network()
    scheduler: Scheduler[str] = Scheduler(network, room=lambda shape: 8, max_pixels=10)
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


def test_a_photograph_that_raises_comes_back_with_its_error_and_the_others_go_on() -> None:
    scheduler: Scheduler[str] = Scheduler(Network(), room=lambda shape: 4, max_pixels=10**9)
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


def test_a_network_that_fails_ends_everything() -> None:
    def fail(cuts: list[Cut], ways: int) -> NDArray[np.float32]:
        raise RuntimeError("device lost")

    scheduler: Scheduler[int] = Scheduler(fail, room=lambda shape: 4, max_pixels=10**9)
    with pytest.raises(RuntimeError, match="device lost"):
        list(scheduler.run((number, painting(2), 1) for number in range(5)))


def test_batches_are_in_all_lanes_at_once() -> None:
    together = threading.Barrier(3)

    def write(cuts: list[Cut], ways: int) -> NDArray[np.float32]:
        together.wait(timeout=20)
        return Network()(cuts, ways)

    scheduler: Scheduler[int] = Scheduler(write, room=lambda shape: 2, max_pixels=10**9, lanes=3)
    assert len(list(scheduler.run((number, painting(4), 1) for number in range(3)))) == 3


def test_what_is_too_little_for_a_batch_is_shared_by_idle_lanes() -> None:
    network = Network()
    scheduler: Scheduler[int] = Scheduler(network, room=lambda shape: 8, max_pixels=10**9, lanes=2)
    list(scheduler.run([(0, painting(5), 1)]))
    assert sorted(network.batches) == [2, 3]


def test_the_order_in_which_lanes_are_done_changes_nothing() -> None:
    random = np.random.default_rng(5)
    picture = random.integers(0, 256, (150, 150), np.uint8)
    mask = np.zeros(picture.shape, bool)
    mask[40:110, 40:110] = True

    def restored(lanes: int, delays: list[float]) -> NDArray[np.generic]:
        def write(cuts: list[Cut], ways: int) -> NDArray[np.float32]:
            time.sleep(delays.pop() if delays else 0)
            return np.stack([np.square(cut.guess / 16.0) for cut in cuts]).astype(np.float32)

        scheduler: Scheduler[int] = Scheduler(write, room=lambda shape: 2, max_pixels=10**9, lanes=lanes)
        ((_, outcome),) = scheduler.run([(0, coarse_to_fine(picture, mask, size=SIZE, context=CONTEXT), 1)])
        assert not isinstance(outcome, Exception)
        return outcome

    alone = restored(1, [])
    for _ in range(3):
        np.testing.assert_array_equal(alone, restored(3, list(random.uniform(0, 0.01, 30))))


def test_a_lane_is_entered_once_and_batches_are_told_where_the_scheduler_runs() -> None:
    entered: list[int] = []
    told: list[tuple[int, int]] = []
    scheduler: Scheduler[int] = Scheduler(
        Network(),
        room=lambda shape: 4,
        max_pixels=10**9,
        lanes=2,
        enter_lane=lambda: entered.append(threading.get_ident()),
        after_batch=lambda windows: told.append((threading.get_ident(), windows)),
    )
    list(scheduler.run((number, painting(4), 1) for number in range(12)))
    assert 1 <= len(set(entered)) == len(entered) <= 2
    assert threading.get_ident() not in entered
    assert {thread for thread, _ in told} == {threading.get_ident()}
    assert sum(windows for _, windows in told) == 48


class Uncuttable(Level):
    def cut(self, window: Window) -> Cut:
        raise OSError(window)


def test_a_photograph_of_which_nothing_can_be_cut_comes_back_once() -> None:
    def crashing() -> Painting:
        pixels, mask = photograph(3)
        level = Uncuttable(pixels, mask, mask, None, size=SIZE, context=CONTEXT)
        yield level
        return level.composite()

    scheduler: Scheduler[int] = Scheduler(Network(), room=lambda shape: 2, max_pixels=10**9)
    [(_, outcome)] = scheduler.run([(0, crashing(), 1)])
    assert isinstance(outcome, OSError)


def test_parts_of_a_batch_go_ahead_only_as_far_as_a_lane_has_nothing_to_do_next() -> None:
    ahead: list[int] = []
    scheduler: Scheduler[int] = Scheduler(
        Network(),
        room=lambda shape: 8,
        ways=lambda level: len(level.windows),
        max_pixels=10**9,
        after_batch=lambda windows: ahead.append(len(scheduler._under_way)),
    )
    list(scheduler.run((specks, painting(specks), 1) for specks in (1, 2, 3)))
    assert ahead == [1, 1, 0]
