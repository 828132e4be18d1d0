"""The adversary of the default generator: judges patches, so that one weight set serves windows of any size.

PatchGAN (Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks", CVPR 2017) with
spectral normalisation (Miyato et al., ICLR 2018), which keeps it from winning outright.
"""

from itertools import pairwise

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

SLOPE = 0.2

WIDTHS = (3, 32, 64, 128)
"""Channels of the picture and of the three layers."""


class PatchDiscriminator(nn.Module):
    """A logit for each patch of 38x38 px, every 8 px."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            spectral_norm(nn.Conv2d(a, b, 4, stride=2, padding=1)) for a, b in pairwise(WIDTHS)
        )
        self.judge = spectral_norm(nn.Conv2d(WIDTHS[-1], 1, 3, padding=1))
        self.activation = nn.LeakyReLU(SLOPE)

    def forward(self, pictures: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Parameters: pictures (B, 3, H, W) in [-1, 1], H and W multiples of 8.

        Returns
        -------
        logits : (B, 1, H/8, W/8)
        features : the activations of the three layers, at 1/2, 1/4 and 1/8 of the resolution
        """
        features = []
        for layer in self.layers:
            pictures = self.activation(layer(pictures))
            features.append(pictures)
        return self.judge(pictures), features
