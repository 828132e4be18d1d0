"""The geometric self-ensemble: a network sees each window eight ways, and the mean of what it writes is kept.

What a network writes changes a little when its input is turned or mirrored, though it should turn along; most of
that is error, and averages out (Lim et al., Enhanced deep residual networks, CVPRW 2017, section 3.4, "EDSR+").
"""

import torch
from torch import Tensor, nn

ROWS, COLUMNS = -2, -1

MIRRORINGS: tuple[tuple[int, ...], ...] = ((), (ROWS,), (COLUMNS,), (ROWS, COLUMNS))
"""Axes along which a window is mirrored; with those of the transposed one these are the symmetries of a square."""

WAYS = 2 * len(MIRRORINGS)


class SelfEnsemble(nn.Module):
    """A windowed network (see `architectures.Architecture.windowed`) asked in all eight ways."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor, masks: Tensor, scans: Tensor) -> Tensor:
        """(B, 3, H, W), (B, 1, H, W) and (B, 3, H, W) to (B, 3, H, W), the mean."""
        windows = (pictures, masks, scans)
        # In order in memory: the network takes strewn samples more slowly than they can be put in order.
        transposed = [planes.transpose(ROWS, COLUMNS).contiguous() for planes in windows]
        straight, across = self._mirrored(*windows), self._mirrored(*transposed)
        return (straight + across.transpose(ROWS, COLUMNS)) / WAYS

    def _mirrored(self, *windows: Tensor) -> Tensor:
        """The sum of what the network writes in the four mirrorings."""
        total = torch.zeros_like(windows[0])
        for axes in MIRRORINGS:
            written: Tensor = self.network(*(planes.flip(axes) for planes in windows))
            total += written.flip(axes)
        return total
