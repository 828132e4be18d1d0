"""The published networks as `run` uses networks: windows of a photograph with a first guess in their holes, masks
beside them, whole windows back.

The published networks know nothing of first guesses, nor of what shines through damage: their holes are filled
with the mean colour again, as in training.
"""

import torch
from torch import Tensor, nn

from archive_restore.networks.context_encoder import MEAN_COLOUR

SIDE = 128
"""px; of the pictures that the published networks read."""

HIDDEN_BORDER = 36
"""px between a window's border and the 56x56 that the centre form was trained to see hidden."""

REGION_CONTEXT = 24
"""px of context that the random-region form wants around a hole: it was trained with a quarter hidden."""


class HiddenHole(nn.Module):
    """Shared by both: hides holes behind the mean colour.

    Attributes
    ----------
    window : side of the windows, px
    halves : False: windows of half the side would not pass through the network
    context : px between a hole and the window's border; nearer to it the first guess is kept
    """

    mean: Tensor

    def __init__(self, network: nn.Module, context: int) -> None:
        super().__init__()
        self.network = network
        self.window = SIDE
        self.halves = False
        self.context = context
        self.register_buffer("mean", torch.tensor(MEAN_COLOUR).view(1, 3, 1, 1) * 2 - 1, persistent=False)

    def hide(self, pictures: Tensor, masks: Tensor) -> Tensor:
        """(B, 3, S, S) in [-1, 1] with the mean colour where `masks` (B, 1, S, S) is 1."""
        return masks * self.mean + (1 - masks) * pictures


class CentreWindows(HiddenHole):
    """The centre form. It hides the central 56x56 of every window, as in training, and writes the central 64x64;
    the rest of the window, which it cannot write, comes back as the first guess."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__(network, HIDDEN_BORDER)

    def forward(self, pictures: Tensor, masks: Tensor, scans: Tensor) -> Tensor:
        """(B, 3, 128, 128) in [-1, 1], (B, 1, 128, 128) and (B, 3, 128, 128) to (B, 3, 128, 128)."""
        hidden = torch.zeros_like(masks)
        hidden[..., HIDDEN_BORDER:-HIDDEN_BORDER, HIDDEN_BORDER:-HIDDEN_BORDER] = 1
        written = self.network(self.hide(pictures, hidden))
        whole = pictures.clone()
        margin = (SIDE - written.shape[-1]) // 2
        whole[..., margin:-margin, margin:-margin] = written.to(whole.dtype)
        return whole


class RegionWindows(HiddenHole):
    """The random-region form: hides the holes, writes the whole window."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__(network, REGION_CONTEXT)

    def forward(self, pictures: Tensor, masks: Tensor, scans: Tensor) -> Tensor:
        """(B, 3, 128, 128) in [-1, 1], (B, 1, 128, 128) and (B, 3, 128, 128) to (B, 3, 128, 128)."""
        written: Tensor = self.network(self.hide(pictures, masks))
        return written
