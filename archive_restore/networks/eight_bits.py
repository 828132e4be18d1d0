"""Convolutions of 8-bit numbers, for processors that multiply and add four of them where they add one float32 product.

Weights become whole numbers from -127 to 127, in steps of their own for each output. What a convolution reads becomes
0 to 255 over the range that it was seen to have when the model was made, so that a picture is restored in the same way
whatever is restored beside it. Sums have 32 bits, and are written as float32, as everything between convolutions is
(Jacob et al., Quantization and training of neural networks for efficient integer-arithmetic-only inference, CVPR 2018).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache

import cv2
import torch
from torch import Tensor, nn
from torch.nn import functional

from archive_restore.networks.devices import cpu_multiplies_bytes

Ranges = Mapping[str, Sequence[float]]
"""The least and the most number that each convolution of a network was seen to read, by its name."""

UNKNOWN: Ranges = {}
"""Of a network that computes in full precision."""

LARGEST = 127
"""Of a weight."""

LEVELS = 255
"""Steps between the least and the most that is read."""

FEWEST_CHANNELS = 24
"""On either side; a convolution of fewer takes little time, and the last one, which writes the result, is exact."""

SMALLEST = 1e-6
"""Range of what is read, and step of weights, that are only ever zero."""

DOUBLING = {
    "kernel_size": (4, 4),
    "stride": (2, 2),
    "padding": (1, 1),
    "output_padding": (0, 0),
    "dilation": (1, 1),
}
"""The transposed convolutions that are replaced."""

TOLERANCE = 0.05
"""Of the largest number, by which a convolution of 8 bits may miss when the processor is asked."""


class EightBitConvolution(nn.Module):
    """Does nearly what a `torch.nn.Conv2d` does, by oneDNN's convolution of bytes. (B, C, H, W) float32 to (B, D, h, w)
    float32, both channels last; only to be used, not to be trained.

    Parameters
    ----------
    weight : (D, C, rows, columns) float
    bias : (D,) float, or None for zeros
    seen : the least and the most that it reads; what lies outside is cut off
    stride, padding, dilation : as `torch.nn.Conv2d` has them
    """

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None,
        seen: Sequence[float],
        *,
        stride: Sequence[int] = (1, 1),
        padding: Sequence[int] = (1, 1),
        dilation: Sequence[int] = (1, 1),
    ) -> None:
        super().__init__()
        least, most = min(seen[0], 0.0), max(seen[1], 0.0)  # zeros lie around every map
        self.step = max(most - least, SMALLEST) / LEVELS
        self.zero = round(-least / self.step)
        weight = weight.detach().float()
        self._steps = (weight.abs().amax(dim=(1, 2, 3)) / LARGEST).clamp(min=SMALLEST)
        self._zeros = torch.zeros(len(weight), dtype=torch.int32)
        self._bias = None if bias is None else bias.detach().float()
        self._how = list(stride), list(padding), list(dilation), 1  # group
        whole = (weight / self._steps[:, None, None, None]).round().to(torch.int8)
        self._weight = torch.ops.onednn.qconv_prepack(
            whole, self._steps, self.step, self.zero, *self._how, None
        )

    def forward(self, x: Tensor) -> Tensor:
        """As the convolution does, see above."""
        read = in_bytes(x, self.step, self.zero), self.step, self.zero
        weights = self._weight, self._steps, self._zeros, self._bias
        written: Tensor = torch.ops.onednn.qconv2d_pointwise(
            *read, *weights, *self._how, 1.0, 0, torch.float32, "none", [], ""
        )
        return written


class EightBitDoubling(nn.Module):
    """The same of a `torch.nn.ConvTranspose2d` that makes maps twice as high and wide: (B, C, H, W) to
    (B, D, 2 H, 2 W). It is a direct convolution that gives the four samples of the output that each of the input
    becomes.

    Parameters
    ----------
    weight : (C, D, 4, 4) float
    bias, seen : as above
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, seen: Sequence[float]) -> None:
        super().__init__()
        self.outputs = weight.shape[1]
        self.four = EightBitConvolution(
            by_four(weight.detach().float()), None if bias is None else bias.repeat(4), seen
        )

    def forward(self, x: Tensor) -> Tensor:
        """As the convolution does, see above."""
        count, _, height, width = x.shape
        four: Tensor = self.four(x).permute(0, 2, 3, 1).reshape(count, height, width, 2, 2, self.outputs)
        made = four.permute(0, 1, 3, 2, 4, 5).reshape(count, 2 * height, 2 * width, self.outputs)
        return made.permute(0, 3, 1, 2)


def by_four(kernels: Tensor) -> Tensor:
    """The kernels (4 D, C, 3, 3), of direct convolutions, that do what those (C, D, 4, 4) of a transposed one of stride
    2 and padding 1 do. Of the 4 D outputs the first half are its even rows, and of each half the first half its even
    columns.

    An even row of the output is made of the row of the input that it lies on by the kernel's row 1, and of the one
    before by its row 3; an odd one of its own by the row 2, and of the next one by the row 0.
    """
    inputs, outputs = kernels.shape[:2]
    made = kernels.new_zeros(2, 2, outputs, inputs, 3, 3)
    taps = ((0, 3), (1, 1)), ((1, 2), (2, 0))  # (row of the direct kernel, of the transposed one)
    for down, rows in enumerate(taps):
        for across, columns in enumerate(taps):
            for row, from_row in rows:
                for column, from_column in columns:
                    made[down, across, :, :, row, column] = kernels[:, :, from_row, from_column].T
    flat: Tensor = made.flatten(0, 2)
    return flat


def in_bytes(x: Tensor, step: float, zero: int) -> Tensor:
    """round(x / step) + zero, from 0 to 255, (B, C, H, W) uint8 with channels last."""
    count, channels, height, width = x.shape
    rows = x.permute(0, 2, 3, 1).contiguous().view(count * height, width * channels).numpy()
    made = torch.empty(count, height, width, channels, dtype=torch.uint8)
    # OpenCV goes through the numbers once; torch, which has no operation for all of it, goes four times.
    cv2.addWeighted(rows, 1 / step, rows, 0, zero, dst=made.view(rows.shape).numpy(), dtype=cv2.CV_8U)
    return made.permute(0, 3, 1, 2)


@contextmanager
def observed(network: nn.Module) -> Iterator[dict[str, tuple[float, float]]]:
    """What the convolutions of a network that can be replaced read meanwhile: empty at first."""
    seen: dict[str, tuple[float, float]] = {}

    def widen(name: str, x: Tensor) -> None:
        least, most = (float(number) for number in torch.aminmax(x.detach()))
        before = seen.get(name, (least, most))
        seen[name] = min(before[0], least), max(before[1], most)

    handles = [
        part.register_forward_pre_hook(lambda _, read, name=name: widen(name, read[0]))
        for name, part in network.named_modules()
        if can_replace(part)
    ]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def with_eight_bits(network: nn.Module, ranges: Ranges) -> nn.Module:
    """The network, with the convolutions replaced whose ranges are known, in place; only to be used, not to be
    trained."""
    for name, part in list(network.named_modules()):
        if name not in ranges or not can_replace(part):
            continue
        if isinstance(part, nn.ConvTranspose2d):
            network.set_submodule(name, EightBitDoubling(part.weight, part.bias, ranges[name]))
        elif isinstance(part, nn.Conv2d) and not isinstance(part.padding, str):
            replaced = EightBitConvolution(
                part.weight,
                part.bias,
                ranges[name],
                stride=part.stride,
                padding=part.padding,
                dilation=part.dilation,
            )
            network.set_submodule(name, replaced)
    return network


def can_replace(module: nn.Module) -> bool:
    """Whether one of the classes here does the same as a module that is wide enough."""
    if isinstance(module, nn.ConvTranspose2d):
        fits = all(getattr(module, name) == sides for name, sides in DOUBLING.items())
    else:
        fits = isinstance(module, nn.Conv2d) and not isinstance(module.padding, str)
    return (
        fits
        and isinstance(module, nn.Conv2d | nn.ConvTranspose2d)
        and module.groups == 1
        and module.padding_mode == "zeros"
        and min(module.in_channels, module.out_channels) >= FEWEST_CHANNELS
    )


def pays(device: torch.device) -> bool:
    """Whether a device computes in 8 bits, and faster so."""
    return device.type == "cpu" and cpu_multiplies_bytes() and computes()


@cache
def computes() -> bool:
    """Whether this torch convolves bytes as it should: nobody promised that its operations stay as they are."""
    random = torch.Generator().manual_seed(0)
    weight = torch.randn(FEWEST_CHANNELS, FEWEST_CHANNELS, 3, 3, generator=random)
    x = torch.randn(1, FEWEST_CHANNELS, 8, 8, generator=random)
    expected = functional.conv2d(x, weight, padding=1)
    try:
        made = EightBitConvolution(weight, None, (float(x.min()), float(x.max())))(x)
    except (AttributeError, RuntimeError, TypeError, ValueError):
        return False
    return bool((made - expected).abs().max() <= TOLERANCE * expected.abs().max())
