"""The workflow of `run`: everything that is queued is restored, resumably."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import Final

from archive_restore.alone import restore_suspects, wait_for_orphan
from archive_restore.assignment import RunOptions, RunSummary
from archive_restore.clock import Clock, SystemClock
from archive_restore.decoding import Decode, decoding_apart
from archive_restore.errors import printable
from archive_restore.handling import ArchiveGoneError
from archive_restore.home import Home
from archive_restore.interrupts import stop_on_interrupt
from archive_restore.ledger import Archive, Ledger, State, WorkerLock
from archive_restore.log import Log, NullLog
from archive_restore.networks.devices import choose_device
from archive_restore.networks.weights import find_model, load_model
from archive_restore.night import Night
from archive_restore.outputs import Outputs, output_path
from archive_restore.photos.archive import check_archive
from archive_restore.progress import Progress
from archive_restore.recovery import recover
from archive_restore.restoring.restorer import Restorer, thoroughness
from archive_restore.scanned import scanned_archives
from archive_restore.worker import Worker

__all__ = ["RunOptions", "RunSummary", "output_path", "recover", "run"]

NO_LOG: Final = NullLog()
SYSTEM_CLOCK: Final = SystemClock()


def run(
    *,
    ledger: Ledger,
    home: Home,
    options: RunOptions,
    progress: Progress,
    clock: Clock = SYSTEM_CLOCK,
    log: Log = NO_LOG,
    decode: Decode | None = None,
) -> RunSummary:
    """Restores the queued photographs of one archive, or of all.

    `decode` reads a photograph; left out, processes of their own do, which may die of it.

    Raises
    ------
    InputError
        Nothing has been scanned, or not this archive, or it has vanished; the others are restored all the same.
    LockedError, DeviceError, WeightsError, StorageError, LedgerError
        Going on would not help. What is finished stays finished, the rest is queued again.
    """
    began = clock.monotonic()
    if options.archive is not None:
        check_archive(options.archive)
    archives = scanned_archives(ledger, options.archive)
    device = choose_device(options.device, progress.note)
    options = replace(options, device=str(device), thorough=thoroughness(options.thorough, device))
    apart = decoding_apart() if decode is None else nullcontext(decode)
    with WorkerLock(home.worker_lock), stop_on_interrupt() as stop, apart as reads:
        night = Night(clock, options.until, options.lasting)
        wait_for_orphan(home, night, stop)
        summary = RunSummary(device=place_of(options), recovered=recover(ledger))
        worker = Worker(ledger, home, options, progress, stop, summary, night, log, reads)
        log.event("run started", {"device": str(device), "recovered": summary.recovered})
        kept: list[Restorer] = []  # of the last archive: loading takes seconds

        def restorer_of(model: str) -> Restorer:
            if not kept or kept[0].card.name != model:
                kept[:] = [
                    Restorer(
                        load_model(model, home=home),
                        device,
                        options.batch_size,
                        grain=options.grain,
                        thorough=options.thorough,
                        note=progress.note,
                        after_batch=worker.after_batch,
                    )
                ]
            return kept[0]

        gone: list[ArchiveGoneError] = []
        try:
            for archive in archives:
                try:
                    summary.followed += _follow(archive, ledger, log)
                    summary.taken_back += _take_back(archive, ledger, log)
                    _empty(archive, worker, restorer_of, ledger=ledger, home=home, options=options)
                except ArchiveGoneError as error:
                    gone.append(error)  # the night goes on with the other archives
                    progress.note(str(error))
                    log.event("archive gone", {"path": printable(archive.root)})
        finally:
            worker.remember()
        if gone:
            raise gone[0]
    summary.queued = sum(ledger.counts(archive.id).states[State.QUEUED] for archive in archives)
    summary.interrupted = stop.made and summary.queued > 0
    summary.time_up = night.over() and summary.queued > 0 and not summary.interrupted
    summary.seconds = clock.monotonic() - began
    log.event(
        "run ended",
        {
            "restored": summary.restored,
            "linked": summary.linked,
            "set_aside": len(summary.set_aside),
            "queued": summary.queued,
            "seconds": round(summary.seconds, 1),
        },
    )
    return summary


def place_of(options: RunOptions) -> str:
    """The device that restores, and how thoroughly: what a pace holds for, e.g. "cuda:0, thoroughly"."""
    device = choose_device(options.device)
    manner = {True: ", thoroughly", False: ", quickly", None: ""}
    return f"{device}{manner[thoroughness(options.thorough, device)]}"


def _empty(
    archive: Archive,
    worker: Worker,
    restorer_of: Callable[[str], Restorer],
    *,
    ledger: Ledger,
    home: Home,
    options: RunOptions,
) -> None:
    """Restores what is queued of one archive, what a run that died held first."""
    waiting = ledger.counts(archive.id).states[State.QUEUED]
    if not waiting or not worker.wanted():
        return
    model = find_model(options.model or archive.model, home=home)[1].name
    restore_suspects(worker, archive, model, home=home, options=options)
    if ledger.counts(archive.id).states[State.QUEUED]:
        worker.empty(restorer_of(model), archive, waiting)


def _follow(archive: Archive, ledger: Ledger, log: Log) -> int:
    """Moves restored photographs after their originals; returns how many."""
    moved = Outputs(ledger, archive).follow()
    for old, new in moved.items():
        log.event("moved", {"from": printable(old), "to": printable(new)})
    return len(moved)


def _take_back(archive: Archive, ledger: Ledger, log: Log) -> int:
    """Removes what was restored by masks that are empty by now; returns how many."""
    taken = Outputs(ledger, archive).take_back_emptied()
    for output in taken:
        log.event("taken back", {"path": printable(output)})
    return len(taken)
