"""The geometric self-ensemble."""

import pytest
import torch
from torch import Tensor, nn

from archive_restore.networks.ensemble import WAYS, SelfEnsemble

PICTURE = torch.arange(18.0).reshape(1, 3, 2, 3)


class Leaning(nn.Module):
    """Adds to each sample the number of its row and column: it errs by where a sample lies."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, pictures: Tensor, masks: Tensor, scans: Tensor) -> Tensor:
        self.shapes.append(tuple(pictures.shape[2:]))
        rows, columns = (torch.arange(float(side)) for side in pictures.shape[2:])
        return pictures + rows[:, None] + columns


class FirstOfScan(nn.Module):
    """Writes everywhere what the scan has in its first sample, if the mask is set there."""

    def forward(self, pictures: Tensor, masks: Tensor, scans: Tensor) -> Tensor:
        return (scans * masks)[..., :1, :1].expand_as(pictures)


class Listening(nn.Module):
    """Keeps what it is shown, and writes nothing new."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []

    def forward(self, pictures: Tensor, masks: Tensor, scans: Tensor) -> Tensor:
        self.seen.append(pictures)
        return pictures


def test_the_network_sees_eight_different_ways_and_each_is_undone() -> None:
    listening = Listening()
    assert torch.equal(SelfEnsemble(listening)(PICTURE, PICTURE[:, :1], PICTURE, ways=8), PICTURE)
    assert (
        len({(tuple(one.shape), tuple(one.flatten().tolist())) for one in listening.seen}) == len(WAYS) == 8
    )


def test_one_way_is_as_the_window_is() -> None:
    leaning = Leaning()
    written = SelfEnsemble(leaning)(PICTURE, PICTURE[:, :1], PICTURE, ways=1)
    assert torch.equal(written, Leaning()(PICTURE, PICTURE, PICTURE))
    assert leaning.shapes == [(2, 3)]


@pytest.mark.parametrize("ways", [2, 4, 8])
def test_an_error_that_depends_on_the_place_averages_out(ways: int) -> None:
    leaning = Leaning()
    written = SelfEnsemble(leaning)(PICTURE, PICTURE[:, :1], PICTURE, ways=ways)
    # Rows err by 0 and 1, columns by 0, 1 and 2: 0.5 + 1 on average, the same for every sample.
    assert torch.allclose(written, PICTURE + 1.5)
    assert sorted(leaning.shapes) == [(2, 3)] * (ways // 2) + [(3, 2)] * (ways // 2)


def test_mask_and_scan_are_turned_with_the_picture() -> None:
    mask = torch.zeros(1, 1, 2, 3)
    mask[..., 1, 2] = 1  # the last sample is the first one in two of the eight ways
    written = SelfEnsemble(FirstOfScan())(torch.zeros_like(PICTURE), mask, PICTURE, ways=8)
    assert torch.allclose(written, (2 / 8 * PICTURE[..., 1:, 2:]).expand_as(PICTURE))


@pytest.mark.parametrize(("ways", "passes"), [(1, [1]), (2, [1, 1]), (4, [2, 2]), (8, [4, 4])])
def test_ways_that_share_passes_give_what_they_give_alone(ways: int, passes: list[int]) -> None:
    random = torch.Generator().manual_seed(0)
    pictures, masks, scans = (torch.rand(2, planes, 6, 8, generator=random) for planes in (3, 1, 3))
    network = nn.Conv2d(7, 3, 3, padding=1)
    seen = []

    class Joining(nn.Module):
        def forward(self, *planes: Tensor) -> Tensor:
            seen.append(len(planes[0]) // 2)
            return network(torch.cat(planes, dim=1))

    with torch.no_grad():
        alone = SelfEnsemble(Joining())(pictures, masks, scans, ways=ways)
        seen.clear()
        together = SelfEnsemble(Joining(), together=True)(pictures, masks, scans, ways=ways)
    assert seen == passes
    assert torch.allclose(together, alone, atol=1e-6)
