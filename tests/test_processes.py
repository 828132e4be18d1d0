import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from archive_restore.errors import StorageError
from archive_restore.processes import Lost, in_processes


def double(number: int) -> int:
    return 2 * number


def crash_at_three(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGSEGV)
    return number


def stumble_at_three(number: int) -> int:
    if number == 3:
        raise ValueError("not three")
    return number


def disk_full(number: int) -> int:
    raise StorageError("the disk is full")


def sleep(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def test_every_task_comes_back_with_its_result() -> None:
    assert dict(in_processes(double, range(20), processes=2)) == {n: 2 * n for n in range(20)}


def test_no_task_starts_no_process() -> None:
    assert list(in_processes(double, [], processes=2)) == []


def test_a_process_that_dies_costs_its_own_task_only() -> None:
    results = dict(in_processes(crash_at_three, range(8), processes=2))
    lost = results.pop(3)
    assert isinstance(lost, Lost)
    assert "SIGSEGV" in lost.reason
    assert results == {n: n for n in range(8) if n != 3}


def test_an_unforeseen_exception_costs_its_own_task_only() -> None:
    results = dict(in_processes(stumble_at_three, range(6), processes=1))
    assert results.pop(3) == Lost("unexpected ValueError: not three")
    assert results == {n: n for n in range(6) if n != 3}


def test_a_full_disk_ends_the_work() -> None:
    with pytest.raises(StorageError, match="the disk is full"):
        list(in_processes(disk_full, range(6), processes=2))


def test_tasks_are_taken_only_when_a_process_is_free() -> None:
    taken: list[int] = []

    def tasks() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    results = in_processes(double, tasks(), processes=2)
    next(results)
    assert len(taken) <= 3
    results.close()


def test_who_stops_listening_stops_the_processes() -> None:
    results = in_processes(sleep, [0.0, 60.0, 60.0], processes=2)
    next(results)
    started = time.monotonic()
    results.close()
    assert time.monotonic() - started < 10


HELD_BACK = """
import signal
from multiprocessing import resource_tracker
from archive_restore.processes import _interrupts_held_back
with _interrupts_held_back():
    resource_tracker.getfd()  # as the first process that is started does
    print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ()))
"""


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="this system holds no signals back")
def test_ctrl_c_does_not_reach_the_first_process_before_it_can_ignore_it() -> None:
    said = subprocess.run([sys.executable, "-c", HELD_BACK], capture_output=True, text=True, check=True)
    assert said.stdout == "True\n"
