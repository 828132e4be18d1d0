import pytest
import torch
from torch import nn

from archive_restore.networks.context_encoder import ContextDiscriminator, ContextEncoder
from archive_restore.networks.discriminator import PatchDiscriminator
from archive_restore.networks.generator import Generator


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_the_published_centre_form_has_71_million_parameters():
    assert parameters(ContextEncoder()) == 71_124_611


def test_a_bottleneck_of_512_gives_14_million():
    assert parameters(ContextEncoder(bottleneck=512)) == 13_970_243


def test_the_random_region_form_has_one_more_up():
    more = parameters(ContextEncoder(whole=True, bottleneck=512)) - parameters(ContextEncoder(bottleneck=512))
    assert more == 64 * 64 * 16 + 2 * 64


def test_layers_channels_and_strides_are_the_tables():
    network = ContextEncoder()
    convolutions = [m for m in network.encoder if isinstance(m, nn.Conv2d)]
    assert [(m.in_channels, m.out_channels) for m in convolutions] == [
        (3, 64),
        (64, 64),
        (64, 128),
        (128, 256),
        (256, 512),
        (512, 4000),
    ]
    assert [m.stride[0] for m in convolutions] == [2, 2, 2, 2, 2, 1]
    ups = [m for m in network.decoder if isinstance(m, nn.ConvTranspose2d)]
    assert [(m.in_channels, m.out_channels) for m in ups] == [
        (4000, 512),
        (512, 256),
        (256, 128),
        (128, 64),
        (64, 3),
    ]
    assert all(m.kernel_size == (4, 4) for m in convolutions + ups)
    assert not isinstance(network.encoder[1], nn.BatchNorm2d)
    assert sum(isinstance(m, nn.BatchNorm2d) for m in network.modules()) == 5 + 4
    assert isinstance(network.decoder[-1], nn.Tanh)


def test_the_maps_halve_from_64_to_1():
    network, sizes = ContextEncoder(bottleneck=8).eval(), []
    x = torch.zeros(1, 3, 128, 128)
    for layer in network.encoder:
        x = layer(x)
        if isinstance(layer, nn.Conv2d):
            sizes.append(x.shape[-1])
    assert sizes == [64, 32, 16, 8, 4, 1]


@pytest.mark.parametrize(("whole", "side"), [(False, 64), (True, 128)])
def test_what_is_written_and_judged(whole: bool, side: int):
    written = ContextEncoder(whole=whole, bottleneck=16)(torch.zeros(2, 3, 128, 128))
    assert written.shape == (2, 3, side, side)
    assert written.abs().max() <= 1
    assert ContextDiscriminator(whole=whole)(written).shape == (2,)


def test_the_discriminator_never_normalises_its_first_layer_and_ends_in_a_logit():
    network = ContextDiscriminator(whole=False)
    channels = [(m.in_channels, m.out_channels) for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert channels == [(3, 64), (64, 128), (128, 256), (256, 512), (512, 1)]
    assert sum(isinstance(m, nn.BatchNorm2d) for m in network.modules()) == 3
    assert isinstance(network.layers[-1], nn.Conv2d)


def test_weights_start_at_a_deviation_of_002():
    torch.manual_seed(0)
    network = ContextEncoder(bottleneck=64)
    assert network.encoder[2].weight.std().item() == pytest.approx(0.02, rel=0.05)
    norm = next(m for m in network.modules() if isinstance(m, nn.BatchNorm2d))
    assert norm.weight.mean().item() == pytest.approx(1.0, abs=0.02)
    assert norm.bias.abs().max() == 0


def test_the_untrained_default_generator_returns_its_first_guess():
    pictures = torch.rand(2, 3, 64, 96) * 2 - 1
    written = Generator()(pictures, torch.ones(2, 1, 64, 96), torch.rand(2, 3, 64, 96))
    assert torch.allclose(written, pictures)


def test_the_default_generator_is_fully_convolutional_and_small():
    network = Generator()
    assert parameters(network) < 12_000_000
    for side in (64, 96, 128, 256):
        colours = torch.zeros(1, 3, side, side)
        assert network(colours, torch.zeros(1, 1, side, side), colours).shape[-1] == side


def test_every_weight_of_the_default_generator_learns():
    torch.manual_seed(0)
    network = Generator()
    optimiser = torch.optim.SGD(network.parameters(), 0.1)
    for _ in range(3):  # zero-initialised layers pass gradients on from the second step
        guess, scan = torch.rand(2, 1, 3, 64, 64)
        loss = (network(guess, torch.ones(1, 1, 64, 64), scan) - 1).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_the_patch_discriminator_judges_every_8_pixels():
    logits, features = PatchDiscriminator()(torch.zeros(2, 3, 64, 96))
    assert logits.shape == (2, 1, 8, 12)
    assert [f.shape[-1] for f in features] == [48, 24, 12]
