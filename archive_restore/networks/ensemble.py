"""The geometric self-ensemble: a network sees each window eight ways, and the mean of what it writes is kept.

What a network writes changes a little when its input is turned or mirrored, though it should turn along; most of
that is error, and averages out (Lim et al., Enhanced deep residual networks, CVPRW 2017, section 3.4, "EDSR+").
"""

from collections.abc import Iterator
from itertools import product

import torch
from torch import Tensor, nn

WAYS = 8
"""The symmetries of a square: as it is or transposed, and either way mirrored along each of its axes."""

ROWS, COLUMNS = -2, -1


class SelfEnsemble(nn.Module):
    """A windowed network (see `architectures.Architecture.windowed`) asked in all eight ways."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor, masks: Tensor, scans: Tensor) -> Tensor:
        """(B, 3, H, W), (B, 1, H, W) and (B, 3, H, W) to (B, 3, H, W) float32, the mean."""
        total = torch.zeros_like(pictures, dtype=torch.float32)
        for transposed, mirrored in ways():
            written = self.network(
                *(turned(planes, transposed, mirrored) for planes in (pictures, masks, scans))
            )
            total += turned_back(written, transposed, mirrored)
        return total / WAYS


def ways() -> Iterator[tuple[bool, tuple[int, ...]]]:
    """Whether transposed, and which axes are mirrored after that."""
    return product((False, True), ((), (ROWS,), (COLUMNS,), (ROWS, COLUMNS)))


def turned(planes: Tensor, transposed: bool, mirrored: tuple[int, ...]) -> Tensor:
    """(..., H, W) in one of the `ways`; (..., W, H) if transposed."""
    return (planes.transpose(ROWS, COLUMNS) if transposed else planes).flip(mirrored)


def turned_back(planes: Tensor, transposed: bool, mirrored: tuple[int, ...]) -> Tensor:
    """The inverse of `turned`."""
    straight = planes.flip(mirrored)
    return straight.transpose(ROWS, COLUMNS) if transposed else straight
