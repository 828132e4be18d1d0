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
    """A windowed network (see `architectures.Architecture.windowed`) asked in several ways.

    Parameters
    ----------
    together : ways of one shape share a pass, which a GPU is quicker at; a CPU's cache holds one way
    """

    def __init__(self, network: nn.Module, *, together: bool = False) -> None:
        super().__init__()
        self.network = network
        self.together = together

    def forward(self, pictures: Tensor, masks: Tensor, scans: Tensor, *, ways: int) -> Tensor:
        """(B, 3, H, W), (B, 1, H, W) and (B, 3, H, W) to (B, 3, H, W), the mean of the first `ways` of WAYS."""
        total = torch.zeros_like(pictures)
        for transposed, mirrored in self._passes(ways):
            shown = [_transposed(planes) if transposed else planes for planes in (pictures, masks, scans)]
            written: Tensor = self.network(*(_mirrored(planes, mirrored) for planes in shown))
            for axes, way in zip(mirrored, written.chunk(len(mirrored)), strict=True):
                back = way.flip(axes)
                total += back.transpose(ROWS, COLUMNS) if transposed else back
        return total / ways

    def _passes(self, ways: int) -> list[tuple[bool, list[tuple[int, ...]]]]:
        """The first `ways` of WAYS by passes: transposed or not, and mirrored along which axes."""
        if not self.together:
            return [(transposed, [axes]) for transposed, axes in WAYS[:ways]]
        first = WAYS[:ways]
        kinds = dict.fromkeys(way.transposed for way in first)
        return [(kind, [way.mirrored for way in first if way.transposed is kind]) for kind in kinds]


def _mirrored(planes: Tensor, ways: list[tuple[int, ...]]) -> Tensor:
    """(B, C, H, W) mirrored along the axes of each way, one after the other: (B * len(ways), C, H, W)."""
    shown = [planes.flip(axes) for axes in ways]
    return shown[0] if len(shown) == 1 else torch.cat(shown)


def _transposed(planes: Tensor) -> Tensor:
    # In order in memory: the network takes strewn samples more slowly than they can be put in order.
    return planes.transpose(ROWS, COLUMNS).contiguous()
