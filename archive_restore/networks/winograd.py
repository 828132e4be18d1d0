"""3x3 convolutions with a quarter of the multiplications, for processors that multiply slowly.

Winograd's minimal filtering (Lavin and Gray, CVPR 2016): a tile of the input and the weights are each seen as
polynomials and evaluated at a few points, the values are multiplied, and the product is interpolated. For 5x5 outputs
that is 49 multiplications instead of 225. What it costs is memory traffic, so wide layers gain more than narrow ones.
Sums are in another order than in a direct convolution, and differ from it by some millionths of its range.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from archive_restore.networks.devices import cpu_has_only_avx2

TAPS = 3
"""Side of the kernels, px."""

OUTPUTS = 5
"""Side of a tile of the output, px. The maps of the generator's windows are whole numbers of tiles. Of six, two of ten
would be wasted; and from seven on the numbers of the transforms are so unlike that float32 rounds visibly more."""

POINTS = (0.0, 1.0, -1.0, 0.5, -0.5, 2.0)
"""Where polynomials are evaluated, beside infinity; small powers of two, whose products are exact."""

SIDE = OUTPUTS + TAPS - 1
"""Of a tile of the input, px."""

TILES = 64
"""That are transformed at once: of 48 channels they fill 600 KB, and stay in a core's cache until they are done."""

FEWEST_CHANNELS = 24
"""On either side; fewer take longer to transform than they save."""

MOST_DILATED = 2
"""A convolution of dilation 2 is four of smaller maps; sixteen even smaller ones would be mostly filling."""

FEWEST_TILES = 4
"""Of all pictures together; for fewer, reading the transformed weights takes longer than multiplying by them."""

LEAST_SAVED = 2.0
"""Times as many multiplications as a direct convolution has, which need no transforms, and none with the zeros around a
map. Below, it is direct."""


def transforms() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The matrices of the Cook-Toom algorithm in one direction: `forward` (S, S) evaluates a tile of the input, `weigh`
    (S, TAPS) a kernel, and `back` (OUTPUTS, S) interpolates the products: back @ (weigh @ k * forward @ x) are the
    OUTPUTS sums of k over x (S,), S = SIDE. The last point is infinity."""
    points = np.array(POINTS)
    weigh = np.zeros((SIDE, TAPS))
    back = np.zeros((OUTPUTS, SIDE))
    forward = np.zeros((SIDE, SIDE))
    for row, point in enumerate(points):
        others = np.delete(points, row)
        weigh[row] = point ** np.arange(TAPS) / np.prod(point - others)
        back[:, row] = point ** np.arange(OUTPUTS)
        forward[row, :-1] = np.poly(others)[::-1]
    weigh[-1, -1] = back[-1, -1] = 1.0
    forward[-1] = np.poly(points)[::-1]
    return forward, weigh, back


class WinogradConvolution(nn.Module):
    """Does what a `torch.nn.Conv2d` does whose kernel is 3x3, whose stride is 1 and whose padding is its dilation, 1 or
    2. (B, C, H, W) float32 to (B, D, H, W), both channels last; only to be used, not to be trained.

    Parameters
    ----------
    convolution : see `can_replace`; its weights are transformed, which takes five times as much memory again
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        if not can_replace(convolution):
            raise ValueError(f"no 3x3 convolution without stride, as wide as it is long: {convolution}")
        forward, weigh, back = (torch.from_numpy(matrix) for matrix in transforms())
        kernels = convolution.weight.detach().double()
        # Columns come first, since they are transformed last.
        spectra = torch.einsum("ci,dkji,rj->crkd", weigh, kernels, weigh)
        self.dilation = convolution.dilation[0]
        self.direct = convolution
        self.spectra = nn.Buffer(spectra.flatten(0, 1).float())
        self.bias = nn.Buffer(
            torch.zeros(len(kernels)) if convolution.bias is None else convolution.bias.detach()
        )
        self.evaluate = nn.Buffer(forward.float())
        self.interpolate = nn.Buffer(back.float())

    def forward(self, x: Tensor) -> Tensor:
        """As the convolution does, see above."""
        if not saves(x.shape[0], x.shape[2], x.shape[3], self.dilation):
            return self.direct(x)  # type: ignore[no-any-return]
        pixels = x.permute(0, 2, 3, 1)
        if self.dilation == 1:
            return self._convolved(pixels).permute(0, 3, 1, 2)
        height, width = pixels.shape[1:3]
        parts = self._convolved(_apart(pixels, self.dilation))
        return _together(parts, self.dilation)[:, :height, :width].permute(0, 3, 1, 2)

    def _convolved(self, pixels: Tensor) -> Tensor:
        """(B, H, W, C) to (B, H, W, D), without dilation."""
        count, height, width, _ = pixels.shape
        down, across = -(-height // OUTPUTS), -(-width // OUTPUTS)
        padded = functional.pad(
            pixels, (0, 0, 1, OUTPUTS * across - width + 1, 1, OUTPUTS * down - height + 1)
        )
        made = pixels.new_empty(count, OUTPUTS * down, OUTPUTS * across, len(self.bias))
        rows = max(1, TILES // across)
        images = max(1, rows // down)
        for image in range(0, count, images):
            for row in range(0, down, rows):
                end = min(row + rows, down)
                tall = slice(OUTPUTS * row, OUTPUTS * end + TAPS - 1)
                self._some(
                    padded[image : image + images, tall],
                    made[image : image + images, OUTPUTS * row : OUTPUTS * end],
                )
        return made[:, :height, :width]

    def _some(self, padded: Tensor, made: Tensor) -> None:
        """Some tiles: (b, h + 2, w + 2, C) into `made` (b, h, w, D), h and w whole numbers of tiles."""
        count, height, width, channels = made.shape
        down, across = height // OUTPUTS, width // OUTPUTS
        # (S, b, down, w + 2, C): the rows of the tiles, which overlap.
        rows = padded.unfold(1, SIDE, OUTPUTS).permute(4, 0, 1, 2, 3)
        values = torch.mm(self.evaluate, rows.reshape(SIDE, -1)).view(rows.shape)
        # (S, S, b, down, across, C): their columns.
        columns = values.unfold(3, SIDE, OUTPUTS).permute(5, 0, 1, 2, 3, 4)
        values = torch.mm(self.evaluate, columns.reshape(SIDE, -1))
        products = torch.bmm(values.view(SIDE * SIDE, count * down * across, -1), self.spectra)
        columns = torch.mm(self.interpolate, products.view(SIDE, -1)).view(OUTPUTS, SIDE, -1)
        tiles = torch.bmm(self.interpolate.expand(OUTPUTS, OUTPUTS, SIDE), columns)
        tiles = tiles.view(OUTPUTS, OUTPUTS, count, down, across, channels).permute(2, 3, 1, 4, 0, 5)
        torch.add(tiles, self.bias, out=made.view(count, down, OUTPUTS, across, OUTPUTS, channels))


def _apart(pixels: Tensor, step: int) -> Tensor:
    """(B, H, W, C) to (step * step * B, h, w, C): every so many pixels, filled up with zeros."""
    count, height, width, channels = pixels.shape
    filled = functional.pad(pixels, (0, 0, 0, -width % step, 0, -height % step))
    rows, columns = filled.shape[1] // step, filled.shape[2] // step
    apart = filled.reshape(count, rows, step, columns, step, channels).permute(2, 4, 0, 1, 3, 5)
    return apart.reshape(step * step * count, rows, columns, channels)


def _together(parts: Tensor, step: int) -> Tensor:
    """`_apart` undone, but for what was filled up."""
    count, rows, columns, channels = parts.shape
    apart = parts.reshape(step, step, count // step**2, rows, columns, channels)
    return apart.permute(2, 3, 0, 4, 1, 5).reshape(-1, rows * step, columns * step, channels)


def saves(count: int, height: int, width: int, dilation: int) -> bool:
    """Whether tiles are worth their transforms for so many maps of a size."""
    tiles, direct = dilation**2, 1
    for side in (height, width):
        tiles *= -(-side // (dilation * OUTPUTS))
        direct *= max(side, TAPS * side - (TAPS - 1) * dilation)
    return count * tiles >= FEWEST_TILES and direct >= LEAST_SAVED * SIDE**2 * tiles


def can_replace(module: nn.Module) -> bool:
    """Whether `WinogradConvolution` does the same as a module."""
    return (
        isinstance(module, nn.Conv2d)
        and module.kernel_size == (TAPS, TAPS)
        and module.stride == (1, 1)
        and module.groups == 1
        and module.padding_mode == "zeros"
        and module.padding == module.dilation
        and module.dilation in {(step, step) for step in range(1, MOST_DILATED + 1)}
    )


def pays(device: torch.device) -> bool:
    """Whether a device multiplies so slowly that transforms are cheaper: processors with AVX2 alone. With AVX-512 the
    segmenter was slower; others have not been asked."""
    return device.type == "cpu" and cpu_has_only_avx2()


def with_fewer_multiplications(module: nn.Module) -> nn.Module:
    """The module, with its wide enough 3x3 convolutions replaced, in place; only to be used, not to be trained."""
    for name, part in module.named_children():
        if isinstance(part, WinogradConvolution):  # of a module that was given before
            continue
        if (
            isinstance(part, nn.Conv2d)
            and can_replace(part)
            and min(part.in_channels, part.out_channels) >= FEWEST_CHANNELS
        ):
            module.add_module(name, WinogradConvolution(part))
        else:
            with_fewer_multiplications(part)
    return module
