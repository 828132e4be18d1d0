"""The default generator: a fully convolutional context encoder.

It keeps the idea of Pathak et al. (CVPR 2016): an encoder reads the context, a bottleneck that sees the whole
window decides what belongs in the hole, a decoder writes it, and an adversary judges. It differs where single
photographs at native resolution need it: no fully connected bottleneck (dilated convolutions instead, Yu and
Koltun, ICLR 2016), skip connections so that edges continue exactly (U-Net, Ronneberger et al., MICCAI 2015),
and it predicts what a classical first guess of the hole lacks (residual learning) instead of starting from grey.

It also sees the damaged samples themselves. Much damage is half transparent (thin hairs and scratches, whose
width is below a sample's; stains; the soft rim of everything), and masks are wider than the damage: what
survives under the mask is evidence, and the network learns where to believe it. A damage of opacity a scales what lies
under it by 1 - a, so it comes back by a factor: hence a `trust` in the output that multiplies what the scan shows.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

SLOPE = 0.2
"""Of the leaky rectifiers, as published."""

DILATIONS = (1, 2, 4, 8, 4, 2)
"""Of the residual blocks at 1/8, from the first on: out to the whole window, and back to neighbours."""


class ResidualBlock(nn.Module):
    """x + conv(act(conv(act(x)))), 3x3, the first convolution dilated. (B, C, H, W) to (B, C, H, W)."""

    def __init__(self, channels: int, dilation: int = 1) -> None:
        super().__init__()
        self.spread = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation)
        self.gather = nn.Conv2d(channels, channels, 3, padding=1)
        self.activation = nn.LeakyReLU(SLOPE)

    def forward(self, x: Tensor) -> Tensor:
        spread = self.spread(self.activation(x))
        gathered: Tensor = self.gather(functional.leaky_relu(spread, SLOPE, inplace=True))
        return gathered.add_(x)


class Generator(nn.Module):
    """Refines the first guess inside the holes of a window, with what shines through the damage.

    Parameters
    ----------
    widths : channels at 1/2, 1/4 and 1/8 of the resolution
    blocks : residual blocks at 1/2 and 1/4, on either side
    dilations : one residual block each at 1/8
    window : side of the square windows that `run` cuts, px; the network was trained on 64 to 128
    context : known pixels that a hole wants around it inside a window, px; 12 in windows of 128 px are 0.03 to
        0.1 dB better (models/README.md) and take half as long again
    """

    def __init__(
        self,
        widths: tuple[int, int, int] = (48, 96, 192),
        blocks: int = 1,
        dilations: tuple[int, ...] = DILATIONS[:4],
        window: int = 80,
        context: int = 8,
    ) -> None:
        super().__init__()
        self.window = window
        self.context = context
        half, quarter, eighth = widths
        self.fold = nn.PixelUnshuffle(2)
        self.read = nn.Conv2d(4 * (3 + 1 + 3), half, 3, padding=1)
        self.encode_half = nn.Sequential(*(ResidualBlock(half) for _ in range(blocks)))
        self.down_quarter = nn.Conv2d(half, quarter, 4, stride=2, padding=1)
        self.encode_quarter = nn.Sequential(*(ResidualBlock(quarter) for _ in range(blocks)))
        self.down_eighth = nn.Conv2d(quarter, eighth, 4, stride=2, padding=1)
        self.bottleneck = nn.Sequential(*(ResidualBlock(eighth, d) for d in dilations))
        self.up_quarter = nn.ConvTranspose2d(eighth, quarter, 4, stride=2, padding=1)
        self.decode_quarter = nn.Sequential(*(ResidualBlock(quarter) for _ in range(blocks)))
        self.up_half = nn.ConvTranspose2d(quarter, half, 4, stride=2, padding=1)
        self.decode_half = nn.Sequential(*(ResidualBlock(half) for _ in range(blocks)))
        self.activation = nn.LeakyReLU(SLOPE)
        self.write = nn.Conv2d(half, 4 * (3 + 1), 3, padding=1)
        self.unfold = nn.PixelShuffle(2)
        self.initialise()

    def initialise(self) -> None:
        """He's initialisation for leaky rectifiers; each residual branch and the output start at zero, so
        that the untrained network returns the first guess (Zhang et al., Fixup, ICLR 2019)."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_normal_(module.weight, a=SLOPE)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for module in self.modules():
            if isinstance(module, ResidualBlock):
                nn.init.zeros_(module.gather.weight)
        nn.init.zeros_(self.write.weight)

    def forward(self, pictures: Tensor, masks: Tensor, scans: Tensor) -> Tensor:
        """Writes whole windows; the caller keeps only what lies in the holes.

        Parameters
        ----------
        pictures : (B, 3, H, W) float in [-1, 1], holes already filled with a first guess; H and W are
            multiples of 8
        masks : (B, 1, H, W) float, 1 = hole
        scans : (B, 3, H, W) float in [-1, 1], the same windows with the damage as scanned; `pictures` again
            where nothing under the masks is to be believed

        Returns
        -------
        (B, 3, H, W) float, close to [-1, 1] (not clipped, so that a loss sees how far it is off)
        """
        shown = torch.cat((pictures, masks, scans), dim=1)
        # The convolution would cast as well, after the folding.
        if torch.is_autocast_enabled(shown.device.type):
            shown = shown.to(torch.get_autocast_dtype(shown.device.type))
        half = self.encode_half(self.read(self.fold(shown)))
        quarter = self.encode_quarter(self.down_quarter(half))
        eighth = self.bottleneck(self.down_eighth(quarter))
        quarter = self.decode_quarter(quarter + self.up_quarter(eighth))
        half = self.decode_half(half + self.up_half(quarter))
        # Plane by plane in memory, as the pictures are: the sum takes a CPU a tenth of the time.
        written: Tensor = self.unfold(self.write(self.activation(half))).contiguous().float()
        residual, trust = written[:, :3], written[:, 3:]
        return pictures + trust * (scans - pictures) + residual
