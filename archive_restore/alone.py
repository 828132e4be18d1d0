"""A photograph that may end the process: restored in a process of its own, which can die alone."""

from dataclasses import dataclass
from functools import cache
from typing import Final

from archive_restore.assignment import RunOptions, RunSummary
from archive_restore.clock import SystemClock
from archive_restore.decoding import decode_here
from archive_restore.errors import LockedError
from archive_restore.home import Home
from archive_restore.interrupts import StopRequest
from archive_restore.ledger import Archive, Job, lone_lock, open_ledger
from archive_restore.log import NullLog
from archive_restore.networks.devices import choose_device
from archive_restore.networks.weights import load_model
from archive_restore.night import Night
from archive_restore.processes import Lost, in_processes
from archive_restore.progress import NullProgress
from archive_restore.restoring.restorer import Restorer
from archive_restore.worker import Worker

ORPHAN_SECONDS: Final = 600
"""s that a run waits for such a process of a run that was killed; one photograph takes less."""


def wait_for_orphan(home: Home, night: Night, stop: StopRequest) -> None:
    """A run that was killed may leave a process that restores a suspect; it ends with that photograph.

    Raises
    ------
    LockedError
        It does not end.
    KeyboardInterrupt
        The user asked to stop meanwhile.
    """
    for _ in range(ORPHAN_SECONDS):
        try:
            with lone_lock(home):
                return
        except LockedError:
            night.wait(1, lambda: not stop.made)
        if stop.made:  # nothing is in flight yet that could be finished
            raise KeyboardInterrupt
    with lone_lock(home):
        return


@dataclass(frozen=True)
class Alone:
    """A task for a process of its own: a photograph that a run held when it died."""

    home: Home
    options: RunOptions
    job: Job  # leased
    model: str


def restore_alone(task: Alone) -> RunSummary:
    """Restores one photograph in this process, which may die of it.

    Raises
    ------
    ArchiveRestoreError
        Going on would not help.
    """
    summary = RunSummary()
    options, home = task.options, task.home
    with lone_lock(home), open_ledger(home.ledger) as ledger:
        restorer = _restorer_alone(home, task.model, options)
        worker = Worker(
            ledger,
            home,
            options,
            NullProgress(),
            StopRequest(),
            summary,
            Night(SystemClock()),
            NullLog(),
            decode_here,
        )
        worker.only(task.job, restorer)
    return summary


@cache
def _restorer_alone(home: Home, model: str, options: RunOptions) -> Restorer:
    """The restorer of a process of its own, which keeps it for the next photograph."""
    device = choose_device(options.device)
    loaded = load_model(model, home=home)
    return Restorer(loaded, device, options.batch_size, grain=options.grain, thorough=options.thorough)


def restore_suspects(
    worker: Worker, archive: Archive, model: str, *, home: Home, options: RunOptions
) -> None:
    """What a run held when it died is restored in a process of its own: if that dies too, it is guilty."""
    tasks = (Alone(home, options, job, model) for job in worker.suspects(archive))
    try:
        for task, result in in_processes(restore_alone, tasks, processes=1):
            if isinstance(result, Lost):
                worker.failed(
                    task.job,
                    f"it is too much for this machine: a run died while it held it, then {result.reason}. "
                    "Close other programs, then retry it",
                )
            else:
                worker.add(task.job, result)
    finally:
        worker.release_mine()
