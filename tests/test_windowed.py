import numpy as np
import torch
from torch import Tensor, nn

from archive_restore.networks.architectures import ARCHITECTURES, RANDOM_REGION
from archive_restore.networks.context_encoder import MEAN_COLOUR, ContextEncoder
from archive_restore.networks.weights import LoadedModel, ModelCard
from archive_restore.networks.windowed import CentreWindows, RegionWindows
from archive_restore.restoring.restorer import Restorer
from archive_restore.restoring.windows import cover


class Spy(nn.Module):
    """Remembers what it was given and writes ones."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side
        self.given = torch.empty(0)

    def forward(self, pictures: Tensor) -> Tensor:
        self.given = pictures
        return torch.ones(len(pictures), 3, self.side, self.side)


def test_the_centre_form_sees_56_by_56_hidden_and_writes_only_the_64_by_64():
    spy = Spy(64)
    pictures = torch.zeros(2, 3, 128, 128)
    whole = CentreWindows(spy)(pictures, torch.zeros(2, 1, 128, 128), pictures)
    assert torch.allclose(spy.given[0, :, 36, 36], torch.tensor(MEAN_COLOUR) * 2 - 1)
    assert (spy.given != 0).all(dim=1)[0].sum().item() == 56 * 56
    assert whole.sum(dim=(1, 2, 3)).tolist() == [3 * 64 * 64] * 2
    assert whole[0, :, 31, 64].sum() == 0
    assert whole[0, :, 32, 64].sum() == 3


def test_the_centre_form_asks_for_holes_where_it_can_write():
    window = CentreWindows(ContextEncoder(bottleneck=4))
    assert window.window - 2 * window.context == 56


def test_the_random_region_form_sees_the_holes_hidden_and_writes_everything():
    spy = Spy(128)
    mask = torch.zeros(1, 1, 128, 128)
    mask[..., 10:20, 10:20] = 1
    whole = RegionWindows(spy)(torch.zeros(1, 3, 128, 128), mask, torch.zeros(1, 3, 128, 128))
    assert (spy.given[0, 0] != 0).sum().item() == 100
    assert whole.min() == 1


def test_every_architecture_can_be_used_by_run():
    for architecture in ARCHITECTURES.values():
        settings = {"bottleneck": 8, "width": 8} if "bottleneck" in architecture.settings else {}
        module = architecture.windowed(architecture.generator(settings)).eval()
        side = module.window
        assert 0 < module.context < side // 2
        written = module(
            torch.zeros(1, 3, side, side), torch.zeros(1, 1, side, side), torch.zeros(1, 3, side, side)
        )
        assert written.shape == (1, 3, side, side)


def test_the_random_region_form_is_never_shown_half_a_window():
    region = ARCHITECTURES[RANDOM_REGION]
    module = region.windowed(region.generator({"bottleneck": 8, "width": 8})).eval()
    mask = np.zeros((200, 300), bool)
    mask[20:180, 150:153] = True
    pixels = np.full((200, 300, 3), 90, np.uint8)
    card = ModelCard(name="test", file="", sha256="", architecture="test")
    restored = Restorer(LoadedModel(module, card), torch.device("cpu"), grain=False).restore(pixels, mask)
    assert (restored[~mask] == 90).all()
    assert {window.shape for window in cover(mask, size=128, context=24, halves=False)} == {(128, 128)}
    assert (128, 64) in {window.shape for window in cover(mask, size=128, context=24)}
