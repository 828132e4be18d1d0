"""The geometric self-ensemble: a network sees each window up to eight ways, and the mean of what it writes is kept.

What a network writes changes a little when its input is turned or mirrored, though it should turn along; most of
that is error, and averages out (Lim et al., Enhanced deep residual networks, CVPRW 2017, section 3.4, "EDSR+").
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

ROWS, COLUMNS = -2, -1


class Way(NamedTuple):
    """How a window is shown: first transposed or not, then mirrored along axes."""

    transposed: bool
    mirrored: tuple[int, ...]


WAYS = (
    Way(False, ()),
    Way(True, (ROWS, COLUMNS)),
    Way(False, (ROWS, COLUMNS)),
    Way(True, ()),
    Way(False, (ROWS,)),
    Way(True, (COLUMNS,)),
    Way(False, (COLUMNS,)),
    Way(True, (ROWS,)),
)
"""The symmetries of a square. Of the first two, and of the first four, half are transposed."""


class SelfEnsemble(nn.Module):
    """A windowed network (see `architectures.Architecture.windowed`) asked in several ways."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor, masks: Tensor, scans: Tensor, *, ways: int) -> Tensor:
        """(B, 3, H, W), (B, 1, H, W) and (B, 3, H, W) to (B, 3, H, W), the mean of the first `ways` of WAYS."""
        total = torch.zeros_like(pictures)
        for transposed, axes in WAYS[:ways]:
            shown = [_transposed(planes) if transposed else planes for planes in (pictures, masks, scans)]
            written: Tensor = self.network(*(planes.flip(axes) for planes in shown))
            written = written.flip(axes)
            total += written.transpose(ROWS, COLUMNS) if transposed else written
        return total / ways


def _transposed(planes: Tensor) -> Tensor:
    # In order in memory: the network takes strewn samples more slowly than they can be put in order.
    return planes.transpose(ROWS, COLUMNS).contiguous()
