"""Sample grids: real, cropped, reconstructed, one row a sample. The only place of torchvision."""

from pathlib import Path

import torch
from torch import Tensor

from archive_restore.training.objectives import Batch


def save_grid(path: Path, batch: Batch, composite: Tensor, rows: int = 8) -> None:
    """Writes a PNG of up to `rows` samples: the truth, what the network is given with the hole in white, and
    what it makes of it.

    Parameters
    ----------
    composite : (B, 3, S, S) in [-1, 1], on any device
    """
    declare_nms_beside_a_cpu_torch()
    from torchvision.utils import save_image

    truth, mask = batch["truth"][:rows].cpu(), batch["mask"][:rows].cpu()
    cropped = truth * (1 - mask) + mask
    triples = torch.stack((truth, cropped, composite[:rows].float().cpu()), dim=1).flatten(0, 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_image(triples.clamp(-1, 1), str(path), nrow=3, padding=2, normalize=True, value_range=(-1, 1))


def declare_nms_beside_a_cpu_torch() -> None:
    """torchvision built for CUDA cannot load its operators beside a torch built for the CPU (a common pair: each
    is what its own installation gives), and then fails to import because `torchvision::nms` is not declared.
    Nothing here calls it; declaring it is enough."""
    if not hasattr(torch.ops.torchvision, "nms"):
        global _declared
        _declared = torch.library.Library("torchvision", "DEF")
        _declared.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


_declared: torch.library.Library | None = None
"""Kept alive: an operator is gone with its library."""
