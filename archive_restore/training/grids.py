"""Sample grids: real, cropped, reconstructed, one row a sample. The only place of torchvision."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor

from archive_restore.durable import writing
from archive_restore.training.objectives import Batch

UNLOADABLE = ("nms", "qnms")
"""Operators that torchvision describes to torch whether or not it could load them."""


def torchvision_utils() -> ModuleType:
    """`torchvision.utils`, also where torchvision was built for CUDA and torch for the CPU.

    That pair is common (each is what its own installation gives by default), but torchvision then cannot load its
    operators and fails to import because they are not declared. Nothing here calls them; declaring them is enough.
    """
    try:
        return importlib.import_module("torchvision.utils")
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    for name in UNLOADABLE:
        torch.library.define(
            f"torchvision::{name}", "(Tensor dets, Tensor scores, float threshold) -> Tensor"
        )
    return importlib.import_module("torchvision.utils")


VISION = torchvision_utils()


def save_grid(path: Path, batch: Batch, composite: Tensor, rows: int = 8) -> None:
    """Writes a PNG of up to `rows` samples: the truth, what the network is given with the hole in white, and
    what it makes of it.

    Parameters
    ----------
    composite : (B, 3, S, S) in [-1, 1], on any device
    """
    truth, mask = batch["truth"][:rows].cpu(), batch["mask"][:rows].cpu()
    cropped = truth * (1 - mask) + mask
    triples = torch.stack((truth, cropped, composite[:rows].float().cpu()), dim=1).flatten(0, 1)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        VISION.save_image(
            triples.clamp(-1, 1), str(path), nrow=3, padding=2, normalize=True, value_range=(-1, 1)
        )
