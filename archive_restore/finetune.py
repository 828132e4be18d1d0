"""The workflow of `finetune`: trains the generator on an archive's own undamaged parts, and adopts the result only
if it restores held-out photographs of that archive better.
"""

import time
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from archive_restore.adoption import JUDGE_SEED, adopt, judged, remove_leftovers
from archive_restore.errors import InputError, TrainingError, printable
from archive_restore.home import Home
from archive_restore.ledger import Archive, Ledger, WorkerLock
from archive_restore.material import Material, gather, shapes_in, tiles_in
from archive_restore.networks.architectures import DEFAULT
from archive_restore.networks.eight_bits import observed
from archive_restore.networks.weights import LoadedModel, find_model, load_model
from archive_restore.photos.codecs import DEFAULT_MAX_PIXELS
from archive_restore.progress import NullProgress, Progress
from archive_restore.scanned import scanned_archives
from archive_restore.training.comparison import Comparison
from archive_restore.training.loop import CHECKPOINT, PREFETCHED, batches, resumed, stop_after, train
from archive_restore.training.objectives import RefineHoles
from archive_restore.training.sources import Photographs
from archive_restore.training.trainer import Trainer, TrainingOptions, load_state
from archive_restore.training.world import World
from archive_restore.unfinished import Begun, finished, goes_on

SAMPLES_A_STEP = 14
"""Roughly, over the three window sizes; turns --steps into samples."""

RATE = 1e-4
"""Adam's, at the start; a tenth of that of a training from scratch. Twice that lost 0.1 dB in 4 minutes on a CPU."""

TIMED_STEPS = 6
"""Steps, two of each window size, that tell how many samples fit into --minutes."""


@dataclass(frozen=True)
class FinetuneOptions:
    """What the user chose. `minutes` and `steps` both limit. One that was stopped goes on if it was begun in the same
    way, with `resume` in any case, with `anew` never."""

    archive: Path | None = None
    minutes: float | None = None
    steps: int | None = None
    resume: bool = False
    anew: bool = False
    max_pixels: int = DEFAULT_MAX_PIXELS


@dataclass(frozen=True)
class FinetuneSummary:
    """What a finetuning did. `comparison` is over held-out photographs, hole PSNR in dB; `before` is the model that
    it began from, `used` the one that the archive had, and `adopted` the new one, None if that was kept."""

    archive: Path
    material: Material
    samples: int
    before: str
    used: str
    comparison: Comparison
    adopted: str | None
    folder: Path


def finetune(
    *,
    ledger: Ledger,
    home: Home,
    options: FinetuneOptions,
    device: torch.device,
    progress: Progress,
    world: World | None = None,
) -> FinetuneSummary | None:
    """Trains on one archive's own undamaged parts and adopts the result if it is better.

    Returns
    -------
    What was done; None in a process that does not lead (see `World`).

    Raises
    ------
    InputError
        If the archive was not scanned, or several were and none is named.
    LockedError
        If another finetuning is at work.
    TrainingError
        If the archive is too small (with the figures), training diverges, or one was stopped that was begun in another
        way.
    """
    archive = the_archive(ledger, options.archive)
    folder = home.finetuning(archive.root)
    world = world or World()
    lock = WorkerLock(home.finetune_lock, work="finetuning") if world.leads else nullcontext()
    with lock:
        if world.leads:
            remove_leftovers(home, folder)
            gather(archive, ledger, home, folder, options.max_pixels, progress)
        world.any(False)  # the others wait here until the tiles are cut out
        material = gather(archive, ledger, home, folder, options.max_pixels, NullProgress())
        used = find_model(archive.model, home=home)[1].name
        refusal = material.refusal()
        if refusal is not None:
            raise TrainingError(
                f"{printable(archive.root)} is too small to finetune on: {refusal}. {used} is kept; "
                "add photographs and scan again"
            )
        progress.note(
            f"{material.photographs} photographs give {material.tiles} undamaged squares to train on; "
            f"{material.held_out} photographs are held out to judge; {material.shapes} damage shapes are the "
            "archive's own"
        )
        start = load_model(archive.model, home=home)
        if start.card.architecture != DEFAULT:
            start = load_model(None, home=home)
        trainer = trained(start, folder, material, options, device, world, progress)
        if not world.leads:
            return None
        with observed(trainer.averaged) as ranges:
            comparison = judged(start, trainer, folder, device)
        adopted = None
        if comparison.better:
            adopted = adopt(ledger, home, archive, start, trainer, comparison, ranges)
        finished(folder)
    return FinetuneSummary(
        archive.root, material, trainer.samples, start.card.name, used, comparison, adopted, folder
    )


def the_archive(ledger: Ledger, root: Path | None) -> Archive:
    """The scanned archive at `root`, or the only one there is."""
    archives = scanned_archives(ledger, root)
    if len(archives) > 1:
        names = ", ".join(printable(archive.root) for archive in archives)
        raise InputError(f"several archives have been scanned; name one of {names}")
    return archives[0]


def trained(
    start: LoadedModel,
    folder: Path,
    material: Material,
    options: FinetuneOptions,
    device: torch.device,
    world: World,
    progress: Progress,
) -> Trainer:
    """The trainer after training from `start`'s weights."""
    objective = RefineHoles(
        shapes=shapes_in(folder / "train"), settings=dict(start.card.settings), adversary_from=0.5
    )
    tiles = tiles_in(folder / "train")
    begun = Begun(start.card.name, start.card.sha256, options.minutes, options.steps)
    asked = options.resume or options.anew
    # No process removes anything before all have looked.
    stopped = world.any(not asked and goes_on(folder, begun, start))
    if world.leads:
        begun.write(folder, goes_on=stopped or options.resume)
    samples = training_length(material, options)
    minutes = options.minutes if options.steps is None else None
    if stopped:  # as long as it was to be, whatever is known of the archive or of the machine by now
        samples = load_state(folder / CHECKPOINT)["options"]["samples"]
    elif minutes is not None:
        # So that the rates have fallen when the time is up; the slowest process decides.
        fitting = 60 * minutes * samples_a_second(objective, tiles, device) * world.size
        samples = world.least(max(1, int(fitting)))
    trainer = Trainer(
        objective,
        TrainingOptions(samples=samples, generator_rate=RATE, warm_up=min(2_000, samples // 10)),
        device,
        world,
    )
    trainer.start_from(start.network.state_dict())
    if stopped or options.resume:
        resumed(trainer, folder)
    if options.resume and minutes is not None:  # they come after those of before
        trainer.options = replace(trainer.options, samples=trainer.samples + samples)
    train(trainer, tiles, folder, progress=progress, until=stop_after(options.minutes))
    return trainer


def samples_a_second(objective: RefineHoles, tiles: Photographs, device: torch.device) -> float:
    """How fast this machine draws and trains, the adversary included, measured on a network that is thrown away."""
    trial = Trainer(replace(objective, adversary_from=0.0), TrainingOptions(samples=1), device)
    drawn = batches(objective, tiles, (JUDGE_SEED,), 0)
    for _ in range(PREFETCHED):  # they were drawn together, before the clock runs
        trial.train_step(next(drawn))
    began, seen = time.monotonic(), trial.samples
    for _ in range(TIMED_STEPS):
        trial.train_step(next(drawn))
    return (trial.samples - seen) / (time.monotonic() - began)


def training_length(material: Material, options: FinetuneOptions) -> int:
    """Samples: as many as `steps` say, else forty views of each tile, 20,000 to 400,000."""
    if options.steps is not None:
        return options.steps * SAMPLES_A_STEP
    return int(np.clip(40 * material.tiles, 20_000, 400_000))
