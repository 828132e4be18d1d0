"""The damage segmenter: a small U-shaped network that reads a photograph and says of every pixel how surely it is
damaged.

It is made for scanning archives on a CPU. OpenCV's top-hats say where anything thin stands out, and the network
judges it. Pixels are folded into channels, so that most of the arithmetic happens at an eighth and a sixteenth of
the resolution, with skip connections that keep thin lines (U-Net, Ronneberger et al., MICCAI 2015; PixelShuffle,
Shi et al., CVPR 2016). It costs about 8,500 multiply-adds a pixel.
"""

from copy import deepcopy
from itertools import product
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from archive_restore.errors import WeightsError, printable
from archive_restore.networks import eight_bits, winograd
from archive_restore.networks.devices import failing_in_words, half_precision, out_of_memory
from archive_restore.networks.weights import ModelCard, read_checked, read_manifest, shipped_models

Value = TypeVar("Value", bound=np.generic)

NAME = "damage-segmenter"
"""Of the weights, and of their architecture."""

FOLDER = "detector"
"""Of the shipped weights; the generators have theirs above it."""

FOLD = 4
"""Side of the blocks of pixels that are folded into channels, px."""

STRIDE = 32
"""Heights and widths are multiples of this, px."""

NARROWEST_PX = 2 * STRIDE
"""Pictures are mirrored until they are so wide and high: on processors with AMX the oneDNN of torch 2.13 reads memory
that nobody wrote where a convolution with a stride makes maps of a single column."""

CHROMA = 2
"""Channels of colour: CIELAB a and b, at a quarter of the resolution."""

HAT_PX = 7
"""Side of the square that lines and specks are narrower than, at full and at half resolution."""

WINDOW, MARGIN = 10, 1
"""Cells of 32 px; the coarsest level is computed in windows of so many, and what lies so near to a window's edge is
taken from the next one. In the small samples of training every coarse cell sees the zeros beyond the edge: where none
does, in the middle of a whole photograph, the network finds less. Smaller windows find a little more, and take whiskers
for hairs."""

ROOTS = np.minimum(16 * np.sqrt(np.arange(256)), 255).astype(np.uint8)
"""Faint responses are spread: a hair of 4 levels is as far from none as one of 16 is from it."""

PLANES = FOLD * FOLD + 2 * 4 + CHROMA


class Block(nn.Module):
    """x + norm(conv(act(norm(conv(x))))), both 3x3 and dilated (He et al., CVPR 2016). (B, C, H, W) to the same."""

    def __init__(self, channels: int, dilation: int = 1) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation, bias=False)
        self.first_norm: nn.Module = nn.BatchNorm2d(channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation, bias=False)
        self.second_norm: nn.Module = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.first_norm(self.first(x)), inplace=True)
        return functional.relu(self.second_norm(self.second(y)).add_(x), inplace=True)


class Convolution(nn.Sequential):
    """Convolution, norm, rectifier."""

    def __init__(self, inputs: int, outputs: int, side: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(
                inputs, outputs, side, stride=stride, padding=side // 2 if stride == 1 else 0, bias=False
            ),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


class DamageSegmenter(nn.Module):
    """Luminance and coarse colour to logits of damage.

    Parameters
    ----------
    widths : channels at 1/4, 1/8, 1/16 and 1/32 of the resolution
    """

    def __init__(self, widths: tuple[int, int, int, int] = (48, 64, 80, 128)) -> None:
        super().__init__()
        quarter, eighth, sixteenth, coarsest = widths
        self.read = Convolution(PLANES, quarter, 3)
        self.encode_quarter = Block(quarter)
        self.down_eighth = Convolution(quarter, eighth, 2, stride=2)
        self.encode_eighth = Block(eighth)
        self.down_sixteenth = Convolution(eighth, sixteenth, 2, stride=2)
        self.encode_sixteenth = nn.Sequential(Block(sixteenth), Block(sixteenth))
        self.down_coarsest = Convolution(sixteenth, coarsest, 2, stride=2)
        self.encode_coarsest = nn.Sequential(Block(coarsest), Block(coarsest, dilation=2))
        self.up_sixteenth = nn.Conv2d(coarsest, sixteenth, 1)
        self.decode_sixteenth = Convolution(sixteenth, sixteenth, 3)
        self.up_eighth = nn.Conv2d(sixteenth, eighth, 1)
        self.decode_eighth = Convolution(eighth, eighth, 3)
        self.up_quarter = nn.Conv2d(eighth, quarter, 1)
        self.decode_quarter = Convolution(quarter, quarter, 3)
        self.write = nn.Conv2d(quarter, FOLD * FOLD, 1)
        # One pixel in fifty is damaged: an untrained network says so everywhere.
        nn.init.constant_(self.write.bias, -4.0)  # type: ignore[arg-type]

    def forward(self, folded: Tensor) -> Tensor:
        """Logits.

        Parameters
        ----------
        folded : (B, 26, H/4, W/4) float in [-1, 1], as `folded` makes it of pictures whose H and W are multiples of 32

        Returns
        -------
        (B, 16, H/4, W/4) logarithms of the odds that a pixel is damaged; `unfolded` puts them in their places
        """
        quarter = self.encode_quarter(self.read(folded))
        eighth = self.encode_eighth(self.down_eighth(quarter))
        sixteenth = self.encode_sixteenth(self.down_sixteenth(eighth))
        coarsest = self.down_coarsest(sixteenth)
        # A training on larger samples than a window is to learn to do without.
        coarsest = (
            self.encode_coarsest(coarsest) if self.training else in_windows(self.encode_coarsest, coarsest)
        )
        sixteenth = self.decode_sixteenth(doubled(self.up_sixteenth(coarsest)).add_(sixteenth))
        eighth = self.decode_eighth(doubled(self.up_eighth(sixteenth)).add_(eighth))
        quarter = self.decode_quarter(doubled(self.up_quarter(eighth)).add_(quarter))
        logits: Tensor = self.write(quarter)
        return logits


def in_windows(layers: nn.Module, x: Tensor) -> Tensor:
    """What `layers`, which keep the shape, make of x (B, C, H, W) window by window, (B, C, H, W)."""
    height, width = x.shape[2:]
    places = list(product(_starts(height), _starts(width)))
    if len(places) == 1:
        return layers(x)  # type: ignore[no-any-return]
    windows = torch.cat([x[:, :, top : top + WINDOW, left : left + WINDOW] for top, left in places])
    made = torch.empty_like(x)
    for (top, left), one in zip(places, layers(windows).split(len(x)), strict=True):
        down, across = _served(top, height), _served(left, width)
        here = slice(top + down.start, top + down.stop), slice(left + across.start, left + across.stop)
        made[:, :, *here] = one[:, :, down, across]
    return made


def _starts(length: int) -> list[int]:
    """Where windows begin along a side of so many cells."""
    last = max(0, length - WINDOW)
    return [*range(0, last, WINDOW - 2 * MARGIN), last]


def _served(start: int, length: int) -> slice:
    """The cells of a window, counted from its own first one, that are kept: no margin at the picture's borders."""
    first, end = MARGIN * (start > 0), min(WINDOW, length)
    return slice(first, end - MARGIN * (start + end < length))


def doubled(x: Tensor) -> Tensor:
    """Twice as high and wide, linear between pixels."""
    return functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


def folded(pictures: NDArray[np.uint8]) -> Tensor:
    """What the network reads, (B, 26, H/4, W/4) uint8 in channels-last order, of each 4x4 block of pixels: their
    luminance, row by row; what stands out light, and dark, at two widths, the most and the mean of each; and twice
    their mean CIELAB a and b. 128 is middle grey and neutral.

    Parameters
    ----------
    pictures : (B, H, W, 3) or (B, H, W) uint8, RGB; H and W are multiples of 4
    """
    count, height, width = pictures.shape[:3]
    rows, columns = height // FOLD, width // FOLD
    planes = np.full((count, rows, columns, PLANES), 128, np.uint8)
    for plane, picture in zip(planes, pictures, strict=True):
        luminance = np.ascontiguousarray(picture)
        if picture.ndim == 3:
            small = cv2.resize(luminance, (columns, rows), interpolation=cv2.INTER_AREA)
            chroma = np.ascontiguousarray(cv2.cvtColor(small, cv2.COLOR_RGB2LAB)[..., 1:])
            # Doubled: photographs use half of the range.
            plane[..., -CHROMA:] = cv2.addWeighted(chroma, 2, chroma, 0, -128)
            luminance = np.asarray(cv2.cvtColor(luminance, cv2.COLOR_RGB2GRAY), np.uint8)
        blocks = luminance.reshape(rows, FOLD, columns, FOLD).transpose(0, 2, 1, 3)
        plane[..., : FOLD * FOLD] = blocks.reshape(rows, columns, FOLD * FOLD)
        half = cv2.resize(luminance, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        plane[..., FOLD * FOLD : -CHROMA] = np.concatenate(
            [standing_out(luminance, FOLD), standing_out(np.asarray(half, np.uint8), FOLD // 2)], axis=2
        )
    return torch.from_numpy(planes).permute(0, 3, 1, 2)


def standing_out(luminance: NDArray[np.uint8], block: int) -> NDArray[np.uint8]:
    """What is lighter and what is darker than its surroundings and narrower than `HAT_PX`, (H/block, W/block, 4)
    uint8: the most and the mean of the white top-hat in each block, and of the black one, 16 times the roots.

    Lines thinner than a block are nowhere in particular among its pixels; these numbers say that there is one.
    """
    element = np.ones((HAT_PX, HAT_PX), np.uint8)
    size = (luminance.shape[1] // block, luminance.shape[0] // block)
    found = []
    for operation in (cv2.MORPH_TOPHAT, cv2.MORPH_BLACKHAT):
        hat = cv2.LUT(cv2.morphologyEx(luminance, operation, element), ROOTS)
        most = cv2.dilate(hat, np.ones((block, block), np.uint8), anchor=(0, 0))[::block, ::block]
        found += [most, cv2.resize(hat, size, interpolation=cv2.INTER_AREA)]
    return np.stack(found, axis=2).astype(np.uint8)


def normalised(planes: Tensor, precision: torch.dtype) -> Tensor:
    """`folded` planes as numbers in [-1, 1]."""
    return planes.to(precision).sub_(128).div_(128)


def unfolded(values: NDArray[Value]) -> NDArray[Value]:
    """(16, H/4, W/4) values of blocks to (H, W) values of pixels."""
    _, rows, columns = values.shape
    blocks = values.reshape(FOLD, FOLD, rows, columns).transpose(2, 0, 3, 1)
    return np.ascontiguousarray(blocks).reshape(FOLD * rows, FOLD * columns)


class Detector:
    """The segmenter on a device: photographs in, odds out.

    Parameters
    ----------
    network : trained; it is copied
    device : where it computes
    ranges : what its convolutions read, so that it can compute in 8 bits where that is faster
    """

    def __init__(
        self,
        network: DamageSegmenter,
        device: torch.device | None = None,
        ranges: eight_bits.Ranges = eight_bits.UNKNOWN,
    ) -> None:
        self.device = device or torch.device("cpu")
        in_bytes = bool(ranges) and eight_bits.pays(self.device)
        # In 16 bits on a CPU only: no GPU has been asked what its sums do to the odds.
        in_half = self.device.type == "cpu" and not in_bytes
        self.precision = (half_precision(self.device) if in_half else None) or torch.float32
        fused_network = fuse(deepcopy(network).eval())
        with failing_in_words(self.device):
            self.network = laid_out(fused_network.to(self.device, self.precision))
        if in_bytes:
            eight_bits.with_eight_bits(self.network, ranges)
        elif winograd.pays(self.device):
            winograd.with_fewer_multiplications(self.network)

    @torch.inference_mode()
    def __call__(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The logarithms of the odds of damage, (H, W) float32, of a picture (H, W, 3) or (H, W) uint8, RGB.

        Raises
        ------
        DeviceError
            The GPU fails, or has no room for the picture.
        MemoryError
            The CPU has none.
        """
        height, width = picture.shape[:2]
        bottom, right = (max(NARROWEST_PX, side + -side % STRIDE) - side for side in (height, width))
        padded = cv2.copyMakeBorder(picture, 0, bottom, 0, right, cv2.BORDER_REFLECT_101)
        odds = self._odds(folded(np.asarray(padded, np.uint8)[None]))
        return np.ascontiguousarray(unfolded(odds)[:height, :width])

    def _odds(self, planes: Tensor) -> NDArray[np.float32]:
        """`folded` planes of one picture to the network's logits, (16, H/4, W/4)."""
        with failing_in_words(self.device):
            try:
                logits = self.network(normalised(planes.to(self.device), self.precision))[0]
                return np.asarray(logits.float().cpu().numpy())
            except RuntimeError as error:
                if self.device.type == "cpu" and out_of_memory(error):
                    raise MemoryError(str(error)) from error
                raise


def fuse(network: DamageSegmenter) -> DamageSegmenter:
    """Puts every norm into the convolution before it, in place; the outputs stay the same."""
    for module in list(network.modules()):
        if isinstance(module, Convolution):
            module[0], module[1] = fused(module[0], module[1]), nn.Identity()
        elif isinstance(module, Block):
            module.first = fused(module.first, module.first_norm)
            module.second = fused(module.second, module.second_norm)
            module.first_norm = module.second_norm = nn.Identity()
    return network


def fused(convolution: nn.Module, norm: nn.Module) -> nn.Conv2d:
    """One convolution that does what both do."""
    if not (isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)):
        raise TypeError(f"expected a convolution and its norm, got {type(convolution)} and {type(norm)}")
    return fuse_conv_bn_eval(convolution, norm)


def laid_out(network: DamageSegmenter) -> DamageSegmenter:
    """The network with its weights in channels-last order, which is the fast one, in place."""
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def load_detector(device: torch.device | None = None, folder: Path | None = None) -> Detector:
    """The shipped segmenter, or that of a folder, on a device; see `load_segmenter`."""
    folder = folder or shipped_models() / FOLDER
    return Detector(load_segmenter(folder), device, segmenter_card(folder).ranges)


def load_segmenter(folder: Path) -> DamageSegmenter:
    """The segmenter of a folder of weights, checked against its hash.

    Raises
    ------
    WeightsError
        There is none, or it is not the manifest's.
    """
    card = segmenter_card(folder)
    data = read_checked(folder / card.file, card.sha256)
    network = DamageSegmenter()
    try:
        network.load_state_dict({key: value.float() for key, value in safetensors.torch.load(data).items()})
    except (RuntimeError, SafetensorError) as error:
        raise WeightsError(f"{printable(folder / card.file)} does not hold a {NAME}: {error}") from error
    return network


def segmenter_card(folder: Path) -> ModelCard:
    """The card of the segmenter in a folder of weights; WeightsError if there is none."""
    card = next((card for card in read_manifest(folder)[1] if card.name == NAME), None)
    if card is None:
        raise WeightsError(
            f"there are no weights named {NAME} in {printable(folder)}; install archive-restore again"
        )
    return card
