"""A finetuning that was stopped: what it was begun with, so that the same command goes on and another one asks."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from archive_restore.adoption import same_weights
from archive_restore.durable import remove_file, write_durably
from archive_restore.errors import TrainingError
from archive_restore.networks.weights import LoadedModel
from archive_restore.training.loop import CHECKPOINT
from archive_restore.training.trainer import load_state

BEGUN = "begun.json"
"""Beside the checkpoint, until what was trained is judged, and adopted or not."""


@dataclass(frozen=True)
class Begun:
    """What a finetuning was begun with, as far as it decides what comes out."""

    model: str  # its name
    sha256: str  # of its weights
    minutes: float | None
    steps: int | None

    def in_words(self) -> str:
        """For the user, by his options."""
        given = {"--minutes": self.minutes, "--steps": self.steps}
        options = [f"{name} {value:g}" for name, value in given.items() if value is not None]
        return f"from {self.model} with {' '.join(options) or 'neither --minutes nor --steps'}"

    def write(self, folder: Path, *, goes_on: bool) -> None:
        """Puts it down; the checkpoint of another finetuning goes first."""
        if not goes_on:
            remove_file(folder / CHECKPOINT)
        write_durably(folder / BEGUN, json.dumps(asdict(self)).encode())


def goes_on(folder: Path, begun: Begun, start: LoadedModel) -> bool:
    """Whether there is a checkpoint of a finetuning that was begun in the same way and is not finished.

    Raises
    ------
    TrainingError
        It was begun in another way.
    """
    if not (folder / CHECKPOINT).exists():
        return False
    try:
        before = Begun(**json.loads((folder / BEGUN).read_bytes()))
    except (
        FileNotFoundError,
        ValueError,
        TypeError,
        RecursionError,
    ):  # finished, or put down by another version
        return False
    if before == begun:
        return True
    averaged: dict[str, torch.Tensor] = load_state(folder / CHECKPOINT)["averaged"]
    if before.sha256 != begun.sha256 and same_weights(start.network, averaged):
        return False  # it was adopted, and killed before it could say so
    raise TrainingError(
        f"a finetuning was stopped that began {before.in_words()}; this one would begin {begun.in_words()}. "
        "Go on with it by the same options as then, or by --resume with these; --anew begins again without it"
    )


def finished(folder: Path) -> None:
    """The next finetuning begins anew."""
    remove_file(folder / BEGUN)
