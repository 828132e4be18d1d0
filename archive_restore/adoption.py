"""Finetuned weights: judged beside the old ones on held-out photographs, then entered and given to their archive."""

import re
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from archive_restore.durable import remove_file, remove_stray_temporaries
from archive_restore.errors import WeightsError, printable
from archive_restore.home import Home
from archive_restore.ledger import Archive, Ledger
from archive_restore.material import shapes_in, tiles_in
from archive_restore.networks.eight_bits import Ranges
from archive_restore.networks.weights import LoadedModel, ModelCard, load_model, read_manifest, save_model
from archive_restore.training.comparison import Comparison, compare
from archive_restore.training.grids import save_grid
from archive_restore.training.objectives import RefineHoles, hole_psnr
from archive_restore.training.sources import Photographs
from archive_restore.training.trainer import Trainer

SAMPLES_A_PHOTOGRAPH = 12
"""Held-out samples; a photograph counts once, by their mean."""

JUDGE_SEED = 20_160_627
"""Of the held-out samples, and of those that tell how fast a machine trains."""

ADOPTED = re.compile(r"-\d{8}-\d{6}$")
"""How the names end that `adopt` gives."""


def judged(start: LoadedModel, trainer: Trainer, folder: Path, device: torch.device) -> Comparison:
    """Old and new weights on the same held-out samples, a figure a photograph each."""
    part = folder / "held-out"
    tiles = tiles_in(part)
    by_photograph: dict[str, list[int]] = {}
    for index, entry in enumerate(tiles.entries):
        by_photograph.setdefault(entry.container.name[:64], []).append(index)
    objective = RefineHoles(
        sizes=(128,), pixels=SAMPLES_A_PHOTOGRAPH * 128 * 128, shapes=shapes_in(folder / "train")
    )
    networks = (start.network.to(device).eval(), trainer.averaged.eval())
    figures: tuple[list[float], list[float]] = ([], [])
    for number, indices in enumerate(by_photograph.values()):
        own = Photographs([tiles.entries[index] for index in indices])
        batch = objective.batch(own, (JUDGE_SEED, number))
        on_device = {name: value.to(device) for name, value in batch.items()}
        for network, values in zip(networks, figures, strict=True):
            with torch.no_grad(), trainer.autocast():
                written = objective.write(network, on_device)
            composite = objective.composite(written, on_device).float().cpu()
            values.append(float(np.mean(hole_psnr(composite, batch))))
        if number == 0:
            save_grid(folder / "held-out.png", batch, composite)
    return compare(figures[0], figures[1])


def adopt(
    ledger: Ledger,
    home: Home,
    archive: Archive,
    start: LoadedModel,
    trainer: Trainer,
    comparison: Comparison,
    ranges: Ranges,
) -> str:
    """Registers the new weights, whose convolutions read numbers in `ranges`, and lets `run` use them for this archive;
    returns their name."""
    name = entered_before(home, trainer)
    if name is not None:
        ledger.use_model(archive.id, name)
        return name
    name = f"{printable(archive.root.name) or 'archive'}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    card = ModelCard(
        name="".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name),
        file="",
        sha256="",
        architecture=start.card.architecture,
        settings=start.card.settings,
        samples=trainer.samples,
        data=f"undamaged parts of {printable(archive.root)}, from {start.card.name}",
        trained=f"{datetime.now(UTC):%Y-%m-%d}",
        scores={f"held_out_{key}": value for key, value in asdict(comparison).items()},
        ranges=ranges,
    )
    written = save_model(trainer.averaged, home.models, card)
    ledger.use_model(archive.id, written.name)
    return written.name


def entered_before(home: Home, trainer: Trainer) -> str | None:
    """The model of these very weights: a finetuning that was killed may have entered it, but not yet adopted it."""
    for card in read_manifest(home.models)[1]:
        if (card.architecture, card.samples) != (trainer.objective.architecture, trainer.samples):
            continue
        try:
            known = load_model(card.name, home=home)
        except WeightsError:
            continue
        if same_weights(known.network, trainer.averaged.state_dict()):
            return card.name
    return None


def same_weights(network: nn.Module, weights: dict[str, Tensor]) -> bool:
    """Whether a model, which is kept in 16 bits, has these weights."""
    known = network.state_dict()
    return known.keys() == weights.keys() and all(
        torch.equal(known[key].cpu().half(), value.cpu().half()) for key, value in weights.items()
    )


def remove_leftovers(home: Home, folder: Path) -> None:
    """What a finetuning that was killed left: half-written files, and weights that it had not yet entered."""
    remove_stray_temporaries(folder)
    remove_stray_temporaries(home.models)
    entered = {card.file for card in read_manifest(home.models)[1]}
    for path in home.models.glob("*.safetensors"):
        if path.name not in entered and ADOPTED.search(path.stem):
            remove_file(path)
