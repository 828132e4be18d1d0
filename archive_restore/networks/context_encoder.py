"""The context encoder as published: Pathak, Krähenbühl, Donahue, Darrell and Efros, "Context Encoders: Feature
Learning by Inpainting", CVPR 2016 (arXiv:1604.07379), section 3 and the authors' code.

A convolutional encoder reads a 128x128 picture with a hole, a bottleneck mixes everything it saw, a decoder of
transposed convolutions writes the central 64x64 (centre form) or the whole picture (random-region form).

Not repeated here, because they are errors of a widespread tutorial on this network: `in_place=` for `inplace=`;
no comma after the bottleneck convolution; no bottleneck-to-512 transposed convolution, so that channels do not
fit; `transforms.Scale` and `Variable`, which are gone; labels of shape (B,) against an output of (B, 1, 1, 1); one
learning rate for both networks; no evaluation mode and no held-out photographs.
"""

from torch import Tensor, nn

SLOPE = 0.2
"""Negative slope of the encoder's and discriminator's leaky rectifiers."""

PAPER_BOTTLENECK = 4000
"""Channels of the published bottleneck (71 M parameters in all for the centre form)."""

PAPER_WIDTH = 64
"""Channels of the published networks' first layers."""

MEAN_COLOUR = (117 / 255, 104 / 255, 123 / 255)
"""RGB that fills the hole before the picture is scaled to [-1, 1], as the authors' code does."""


def down(inputs: int, outputs: int, *, norm: bool = True) -> list[nn.Module]:
    """4x4 convolution, stride 2, that halves the map; batch normalisation unless it is the first."""
    layers: list[nn.Module] = [nn.Conv2d(inputs, outputs, 4, stride=2, padding=1, bias=not norm)]
    if norm:
        layers.append(nn.BatchNorm2d(outputs))
    return [*layers, nn.LeakyReLU(SLOPE, inplace=True)]


def up(inputs: int, outputs: int) -> list[nn.Module]:
    """4x4 transposed convolution, stride 2, that doubles the map, with batch normalisation."""
    return [
        nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    ]


class ContextEncoder(nn.Module):
    """Writes what a hole in a 128x128 picture held.

    Parameters
    ----------
    whole : False for the centre form (writes 64x64), True for the random-region form (one more `up`, writes
        128x128)
    bottleneck : channels between encoder and decoder
    width : channels of the first encoder and the last decoder layer
    """

    def __init__(
        self, *, whole: bool = False, bottleneck: int = PAPER_BOTTLENECK, width: int = PAPER_WIDTH
    ) -> None:
        super().__init__()
        self.whole = whole
        self.encoder = nn.Sequential(
            *down(3, width, norm=False),
            *down(width, width),
            *down(width, 2 * width),
            *down(2 * width, 4 * width),
            *down(4 * width, 8 * width),
            nn.Conv2d(8 * width, bottleneck, 4, bias=False),
            nn.BatchNorm2d(bottleneck),
            nn.LeakyReLU(SLOPE, inplace=True),
        )
        last = [*up(width, width)] if whole else []
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(bottleneck, 8 * width, 4, bias=False),
            nn.BatchNorm2d(8 * width),
            nn.ReLU(inplace=True),
            *up(8 * width, 4 * width),
            *up(4 * width, 2 * width),
            *up(2 * width, width),
            *last,
            nn.ConvTranspose2d(width, 3, 4, stride=2, padding=1),
            nn.Tanh(),
        )
        initialise(self)

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, 3, 128, 128) in [-1, 1], holes filled with the mean colour, to (B, 3, 64, 64) or, for the
        random-region form, (B, 3, 128, 128) in [-1, 1]."""
        written: Tensor = self.decoder(self.encoder(pictures))
        return written


class ContextDiscriminator(nn.Module):
    """Judges what was written, without ever seeing the context. One logit a picture.

    The published network ends in a sigmoid; its logit with `binary_cross_entropy_with_logits` is the same loss
    and stays finite in half precision.

    Parameters
    ----------
    whole : True for the random-region form: one more `down` (64 > 64) for 128x128
    """

    def __init__(self, *, whole: bool) -> None:
        super().__init__()
        width = PAPER_WIDTH
        first = [*down(3, width, norm=False), *down(width, width)] if whole else down(3, width, norm=False)
        self.layers = nn.Sequential(
            *first,
            *down(width, 2 * width),
            *down(2 * width, 4 * width),
            *down(4 * width, 8 * width),
            nn.Conv2d(8 * width, 1, 4),
        )
        initialise(self)

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, 3, 64, 64), or (B, 3, 128, 128) for the random-region form, to (B,) logits."""
        logits: Tensor = self.layers(pictures)
        return logits.flatten()


def initialise(network: nn.Module) -> None:
    """Convolutions N(0, 0.02), batch normalisation scale N(1, 0.02) and shift 0 (Radford et al., DCGAN, 2015)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
            nn.init.zeros_(module.bias)
