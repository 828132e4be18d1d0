"""The workflow of `train`: a network from scratch, on a folder or tar shards of photographs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from archive_restore.errors import InputError, printable
from archive_restore.networks.architectures import DEFAULT, Settings, build_generator
from archive_restore.networks.eight_bits import UNKNOWN, Ranges, observed
from archive_restore.networks.weights import ModelCard, save_model
from archive_restore.progress import Progress
from archive_restore.training.defects.laying import NO_SHAPES
from archive_restore.training.defects.real_shapes import read_shapes
from archive_restore.training.grids import save_grid
from archive_restore.training.loop import CHECKPOINT, resumed, train
from archive_restore.training.objectives import Objective, hole_psnr, objective_for
from archive_restore.training.sources import Entry, Photographs, find_entries, split
from archive_restore.training.trainer import PUBLISHED, Trainer, TrainingOptions, load_state
from archive_restore.training.world import World

HELD_OUT_SEED = 20_160_627
"""Seed of the held-out samples, apart from any training seed (the day the paper was presented)."""

HELD_OUT_BATCHES = 3
"""Fixed batches, one of each window size, on which training is judged as it goes."""


@dataclass(frozen=True)
class TrainSummary:
    """What a training gave. `folder` holds checkpoint, curves and grids; `held_out_psnr` is over the holes of
    held-out photographs, dB, None in a process that does not lead, and `ranges` what the convolutions read there;
    `finished` is False if it was stopped before its length."""

    folder: Path
    samples: int
    held_out_psnr: float | None
    ranges: Ranges
    photographs: int
    finished: bool


class HeldOut:
    """Judges the averaged weights on fixed samples of photographs that are never trained on."""

    def __init__(self, objective: Objective, photographs: Photographs, folder: Path) -> None:
        self.objective = objective
        self.folder = folder
        self.batches = [
            objective.batch(photographs, (HELD_OUT_SEED, step)) for step in range(HELD_OUT_BATCHES)
        ]
        self.psnr: float | None = None
        self.ranges: Ranges = UNKNOWN

    def __call__(self, trainer: Trainer) -> dict[str, float]:
        """Hole PSNR over all held-out samples, dB; writes a grid of the last batch."""
        trainer.averaged.eval()
        values = []
        with observed(trainer.averaged) as self.ranges:
            for batch in self.batches:
                with torch.no_grad(), trainer.autocast():
                    on_device = {name: value.to(trainer.device) for name, value in batch.items()}
                    written = self.objective.write(trainer.averaged, on_device)
                    composite = self.objective.composite(written, on_device).float().cpu()
                values += hole_psnr(composite, batch)
        save_grid(self.folder / "samples" / f"{trainer.samples:09d}.png", batch, composite)
        self.psnr = float(np.mean(values))
        return {"held_out_psnr": round(self.psnr, 3)}


def train_network(
    data: Sequence[Path],
    *,
    architecture: str,
    settings: Settings,
    options: TrainingOptions,
    device: torch.device,
    folder: Path,
    progress: Progress,
    validation: Path | None = None,
    artefacts: Path | None = None,
    world: World | None = None,
    until: Callable[[], bool] = lambda: False,
) -> TrainSummary:
    """Trains, or goes on from the checkpoint in `folder`.

    Parameters
    ----------
    data : folders or tar files of photographs
    validation : a folder of photographs to judge on, which are taken out of `data`; by default one in a hundred of
        that is held out
    artefacts : a folder of real ones, as `read_shapes` takes it, to draw damage with
    until : asked after each step whether to stop early

    Raises
    ------
    InputError
        If there are no photographs or artefacts, or one cannot be decoded.
    TrainingError
        If training diverges, or the checkpoint belongs to another network.
    """
    entries: list[Entry] = [entry for folder_or_shard in data for entry in find_entries(folder_or_shard)]
    if validation is None:
        entries, held_out = split(entries)
    else:
        held_out = find_entries(validation)
        judging = {_content(entry) for entry in held_out}
        entries = [entry for entry in entries if _content(entry) not in judging]
    if not entries and validation is not None:
        raise InputError(
            f"{printable(validation)} holds all photographs there are: none is left to train on."
        )
    if not entries:
        raise InputError(
            f"{printable(held_out[0].name)} is the only photograph, and one is held out to judge by. Add photographs, "
            "or name others to judge by with --validation."
        )
    objective = objective_for(architecture, settings, read_shapes(artefacts) if artefacts else NO_SHAPES)
    trainer = resumed(Trainer(objective, options, device, world), folder)
    judge = HeldOut(objective, Photographs(held_out), folder)
    train(trainer, Photographs(entries), folder, progress=progress, reporter=judge, until=until)
    if trainer.world.leads:
        judge(trainer)  # as they are now; the last report may be of thousands of samples ago
    finished = trainer.samples >= options.samples
    return TrainSummary(folder, trainer.samples, judge.psnr, judge.ranges, len(entries), finished)


def _content(entry: Entry) -> tuple[Path, int]:
    """What two entries of one photograph have in common, however its file is named."""
    return entry.container.resolve(), max(0, entry.offset)


def options_for(
    architecture: str, *, samples: int, seed: int = 0, checkpoint_seconds: float = 120.0
) -> TrainingOptions:
    """The paper's options for its own two networks, this project's for the default one."""
    base = TrainingOptions(samples=samples) if architecture == DEFAULT else PUBLISHED
    return replace(base, samples=samples, seed=seed, checkpoint_seconds=checkpoint_seconds)


def export(folder: Path, models: Path, *, name: str, data: str, ranges: Ranges = UNKNOWN) -> ModelCard:
    """Writes the averaged weights of a training's checkpoint into a folder of models.

    Parameters
    ----------
    name, data, ranges : for the model's card: its name, what it was trained on, and what its convolutions read

    Returns
    -------
    The card as written; the samples seen come from the checkpoint.
    """
    state = load_state(folder / CHECKPOINT)
    module = build_generator(state["architecture"], state["settings"])
    module.load_state_dict(state["averaged"])
    card = ModelCard(
        name=name,
        file="",
        sha256="",
        architecture=state["architecture"],
        settings=state["settings"],
        samples=state["samples"],
        data=data,
        ranges=ranges,
    )
    return save_model(module, models, card)
