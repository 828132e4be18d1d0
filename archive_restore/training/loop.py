"""The training loop: batches made ahead, checkpoints, curves.

Progress is counted in samples seen. The batch of a step is a pure function of (seed, step), so a run that was
killed and resumed sees what an unbroken one would have seen.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from archive_restore.durable import writing
from archive_restore.interrupts import stop_on_interrupt
from archive_restore.progress import Progress
from archive_restore.training.curves import Curves
from archive_restore.training.objectives import Batch, Objective
from archive_restore.training.sources import Photographs
from archive_restore.training.trainer import Step, Trainer, load_state
from archive_restore.training.world import lost_process

CHECKPOINT = "checkpoint.pt"

PREFETCHED = 3
"""Batches made ahead by one thread."""


def batches(
    objective: Objective, photographs: Photographs, seed: Sequence[int], first_step: int
) -> Iterator[Batch]:
    """The batches from `first_step` on, made ahead by one thread; each a function of (*seed, step)."""
    with ThreadPoolExecutor(1) as maker:
        pending: list[Future[Batch]] = []
        step = first_step
        try:
            while True:
                while len(pending) < PREFETCHED:
                    pending.append(maker.submit(objective.batch, photographs, (*seed, step)))
                    step += 1
                yield pending.pop(0).result()
        finally:
            for future in pending:
                future.cancel()


Reporter = Callable[[Trainer], dict[str, float]]
"""Called between samples, e.g. to score held-out photographs and save a grid; its figures go into the curves."""


def train(
    trainer: Trainer,
    photographs: Photographs,
    folder: Path,
    *,
    progress: Progress,
    reporter: Reporter | None = None,
    until: Callable[[], bool] = lambda: False,
) -> None:
    """Trains until `options.samples` are seen or `until()` says stop; checkpoints into `folder` as it goes.

    A stop of any kind (Ctrl-C and SIGTERM included, which raise KeyboardInterrupt once the step is whole) leaves a
    checkpoint of the last whole step, except after a loss that is not finite or a collapsed discriminator, where
    the last good checkpoint stays.
    """
    options = trainer.options
    checkpoint = folder / CHECKPOINT
    with writing(checkpoint):
        folder.mkdir(parents=True, exist_ok=True)
    saved_at, started_at, started_with = time.monotonic(), time.monotonic(), trainer.samples
    progress.start("training", options.samples, done=min(trainer.samples, options.samples))
    leads = trainer.world.leads
    source = batches(trainer.objective, photographs, (options.seed, trainer.world.rank), trainer.step)
    good = True
    try:
        with stop_on_interrupt() as stop, Curves(folder, writes=leads) as curves:
            while trainer.samples < options.samples and not trainer.world.any(until() or stop.made):
                before = trainer.samples
                batch = next(source)
                good = False
                with lost_process():
                    step = trainer.train_step(batch)
                good = True
                # The last batch may hold more than what is left.
                progress.advance(min(trainer.samples, options.samples) - before)
                rate = (trainer.samples - started_with) / max(time.monotonic() - started_at, 1e-9)
                figures = figures_of(step, rate)
                progress.figures(**figures)
                if leads and before // options.report_samples != trainer.samples // options.report_samples:
                    figures |= reporter(trainer) if reporter else {}
                if leads and (trainer.step % 20 == 0 or "held_out_psnr" in figures):
                    curves.add(trainer.samples, trainer.step, figures)
                if leads and time.monotonic() - saved_at > options.checkpoint_seconds:
                    trainer.save(checkpoint)
                    saved_at = time.monotonic()
    finally:
        source.close()  # type: ignore[attr-defined]  # a generator; Iterator does not say so
        if good and leads:
            trainer.save(checkpoint)
        progress.stop()
    if stop.made:
        raise KeyboardInterrupt


def figures_of(step: Step, rate: float) -> dict[str, float]:
    """What the progress bar and the curves show of a step: losses, D(x), D(G(z)), samples a second."""
    figures = {name: round(value, 5) for name, value in step.losses.items()}
    if step.real is not None and step.fake is not None:
        figures |= {"D(x)": round(step.real, 3), "D(G(z))": round(step.fake, 3)}
    return figures | {"samples/s": round(rate, 1)}


def resumed(trainer: Trainer, folder: Path) -> Trainer:
    """The trainer, gone on from the folder's checkpoint where there is one. A longer or shorter training than
    before is allowed; the rates then follow the new length."""
    checkpoint = folder / CHECKPOINT
    if checkpoint.exists():
        state = load_state(checkpoint)
        if state["options"]["seed"] != trainer.options.seed:
            trainer.options = replace(trainer.options, seed=state["options"]["seed"])
        trainer.restore(state)
    return trainer


def stop_after(minutes: float | None) -> Callable[[], bool]:
    """Says stop once `minutes` have passed; never if None."""
    end = math.inf if minutes is None else time.monotonic() + 60 * minutes
    return lambda: time.monotonic() >= end
