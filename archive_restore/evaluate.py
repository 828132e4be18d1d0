"""The workflow of `evaluate`: the published measures of a model on a folder, next to its classical peers'."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from archive_restore.home import Home
from archive_restore.networks.architectures import CENTRE
from archive_restore.networks.weights import LoadedModel, load_model
from archive_restore.progress import Progress
from archive_restore.restoring.restorer import Restorer
from archive_restore.training.measures import PEERS, Fill, Measures, Picture, judged_picture, measure
from archive_restore.training.objectives import to_tensor
from archive_restore.training.region_masks import written_square
from archive_restore.training.sources import Photographs, find_entries


@dataclass(frozen=True)
class Evaluation:
    """One model's measures on `photographs` photographs, and its peers' on the same."""

    model: str
    photographs: int
    measures: Measures
    peers: dict[str, Measures]

    def as_json(self) -> dict[str, Any]:
        """{"model", "photographs", "psnr", "l1", "l2", "psnr_hidden", "sharp", "peers": {name: the same}}."""
        peers = {name: rounded(measures) for name, measures in self.peers.items()}
        return {
            "model": self.model,
            "photographs": self.photographs,
            **rounded(self.measures),
            "peers": peers,
        }


def rounded(measures: Measures) -> dict[str, float]:
    """Four decimals are more than the measures are worth."""
    return {name: round(value, 4) for name, value in asdict(measures).items()}


def evaluate(
    folder: Path, *, model: str | None, device: torch.device, home: Home, progress: Progress
) -> Evaluation:
    """Hides the centre of each photograph in `folder` (or tar file) and compares what is written with it.

    Parameters
    ----------
    model : a model's name; None is the default

    Raises
    ------
    InputError
        If there are no photographs, or one cannot be decoded.
    WeightsError
        If there is no such model or its file was changed.
    """
    loaded = load_model(model, home=home)
    photographs = Photographs(find_entries(folder))
    progress.start("measuring", len(photographs))
    pictures = []
    for index in range(len(photographs)):
        pictures.append(judged_picture(photographs[index]))
        progress.advance()
    progress.stop()
    peers = {name: measure(fill, pictures) for name, fill in PEERS.items()}
    return Evaluation(loaded.card.name, len(pictures), measure(fill_of(loaded, device), pictures), peers)


def fill_of(loaded: LoadedModel, device: torch.device) -> Fill:
    """The model as a way to fill the hidden centre. The centre form writes its whole 64x64, as published; any
    other model restores the hidden part only, as `run` would."""
    if loaded.card.architecture == CENTRE:
        return centre_fill(loaded, device)
    return Restorer(loaded, device, opaque=True, grain=False).restore


def centre_fill(loaded: LoadedModel, device: torch.device) -> Fill:
    """The centre form under the published protocol, in single precision."""
    network = loaded.network.eval().to(device)

    @torch.inference_mode()
    def fill(picture: Picture, hidden: NDArray[np.bool_]) -> Picture:
        written = network(to_tensor([picture]).to(device))[0].float().cpu()
        square = ((written.permute(1, 2, 0) + 1) * 127.5).round().clamp(0, 255)
        result = picture.copy()
        result[written_square(picture.shape[0])] = square.numpy().astype(np.uint8)
        return result

    return fill
