from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from archive_restore.detection.odds import scores_of
from archive_restore.home import Home
from archive_restore.networks import eight_bits
from archive_restore.networks.detector import FOLDER, Detector, load_detector, load_segmenter
from archive_restore.networks.eight_bits import (
    EightBitConvolution,
    EightBitDoubling,
    by_four,
    can_replace,
    in_bytes,
    observed,
    pays,
    with_eight_bits,
)
from archive_restore.networks.weights import LoadedModel, load_model, shipped_models
from archive_restore.restoring.restorer import Restorer

CPU = torch.device("cpu")
SCRATCHED = Path(__file__).parent.parent / "examples/album/portraits/astronaut.jpg"
computing = pytest.mark.skipif(
    not eight_bits.computes(), reason="this torch or processor does not convolve bytes"
)


@pytest.fixture
def in_eight_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor that computes in 8 bits, and in nothing better."""
    monkeypatch.setattr("archive_restore.networks.detector.half_precision", lambda device: None)
    monkeypatch.setattr("archive_restore.restoring.restorer.half_precision", lambda device: None)
    monkeypatch.setattr(eight_bits, "pays", lambda device: True)


@pytest.fixture
def model(tmp_path: Path) -> LoadedModel:
    """The shipped generator."""
    return load_model(None, home=Home(tmp_path))


def drawn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(5)).to(
        memory_format=torch.channels_last
    )


def test_numbers_become_bytes_rounded_and_cut_off() -> None:
    x = torch.tensor([-1.0, -0.25, 0.0, 0.1, 0.3, 63.0, 64.0]).view(1, 7, 1, 1)
    made = in_bytes(x, step=0.25, zero=2)
    assert made.dtype == torch.uint8
    assert made.flatten().tolist() == [0, 1, 2, 2, 3, 254, 255]
    many = drawn(2, 5, 3, 4)
    expected = (many / 0.05).round().add(128).clamp(0, 255)
    assert torch.equal(in_bytes(many, 0.05, 128).float(), expected)
    assert in_bytes(many, 0.05, 128).is_contiguous(memory_format=torch.channels_last)


@computing
@pytest.mark.parametrize(
    "convolution",
    [
        nn.Conv2d(24, 32, 3, padding=1),
        nn.Conv2d(24, 32, 3, padding=4, dilation=4),
        nn.Conv2d(24, 32, 4, stride=2, padding=1),
        nn.Conv2d(24, 32, 2, stride=2, bias=False),
        nn.Conv2d(24, 32, 1),
        nn.ConvTranspose2d(24, 32, 4, stride=2, padding=1),
        nn.ConvTranspose2d(24, 32, 4, stride=2, padding=1, bias=False),
    ],
)
def test_it_does_what_the_convolution_does(convolution: nn.Module) -> None:
    network = nn.Sequential(convolution)
    x = drawn(2, 24, 10, 14)
    with torch.inference_mode():
        with observed(network) as ranges:
            expected = network(x)
        made = with_eight_bits(network, ranges)(x)
    assert isinstance(network[0], EightBitConvolution | EightBitDoubling)
    assert made.shape == expected.shape
    assert made.is_contiguous(memory_format=torch.channels_last)
    assert float((made - expected).abs().max()) < 0.03 * float(expected.abs().max())
    assert float((made - expected).mean().abs()) < 0.002 * float(expected.abs().max())


@computing
def test_what_it_computes_of_whole_numbers_is_exact() -> None:
    """Weights of -127 to 127 and readings that are whole steps lose nothing, zeros around the map included."""
    random = torch.Generator().manual_seed(3)
    weight = torch.randint(-127, 128, (24, 24, 3, 3), generator=random).float()
    weight[:, 0, 0, 0] = 127
    x = torch.randint(-100, 156, (1, 24, 6, 6), generator=random).float()
    expected = nn.functional.conv2d(x, weight, padding=1)
    assert torch.equal(EightBitConvolution(weight, None, (-100.0, 155.0))(x), expected)


def test_a_transposed_convolution_is_four_direct_ones() -> None:
    kernels, x = drawn(3, 5, 4, 4), drawn(1, 3, 4, 6)
    four = nn.functional.conv2d(x, by_four(kernels), padding=1).view(2, 2, 5, 4, 6)
    expected = nn.functional.conv_transpose2d(x, kernels, stride=2, padding=1)[0]
    for down in range(2):
        for across in range(2):
            torch.testing.assert_close(four[down, across], expected[:, down::2, across::2])


def test_the_ranges_are_those_of_all_that_was_read() -> None:
    network = nn.Sequential(nn.Conv2d(24, 24, 1), nn.Conv2d(24, 3, 1))
    with observed(network) as ranges:
        assert ranges == {}
        network(torch.full((1, 24, 2, 2), 0.5))
        network(torch.full((1, 24, 2, 2), -3.0))
    assert ranges == {"0": (-3.0, 0.5)}, "the last one is too narrow to be replaced"
    network(torch.full((1, 24, 2, 2), 9.0))
    assert ranges == {"0": (-3.0, 0.5)}, "it was still looked at"


@pytest.mark.parametrize(
    "module",
    [
        nn.Conv2d(24, 23, 3),
        nn.Conv2d(24, 24, 3, groups=2),
        nn.Conv2d(24, 24, 3, padding=1, padding_mode="reflect"),
        nn.Conv2d(24, 24, 3, padding="same"),
        nn.ConvTranspose2d(24, 24, 2, stride=2),
        nn.Linear(24, 24),
    ],
)
def test_what_is_unlike_stays_as_it_is(module: nn.Module) -> None:
    assert not can_replace(module)


def test_a_torch_without_these_operations_is_not_asked_to_compute(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*arguments: object) -> None:
        raise RuntimeError("this operation was removed")

    monkeypatch.setattr(eight_bits, "cpu_multiplies_bytes", lambda: True)
    monkeypatch.setattr(eight_bits, "EightBitConvolution", gone)
    monkeypatch.setattr(eight_bits, "computes", eight_bits.computes.__wrapped__)
    assert not pays(CPU)
    monkeypatch.setattr(eight_bits, "computes", lambda: True)
    assert pays(CPU)
    assert not pays(torch.device("cuda"))


@computing
@pytest.mark.usefixtures("in_eight_bits")
def test_the_shipped_detector_believes_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    bytewise = load_detector()
    monkeypatch.setattr(eight_bits, "pays", lambda device: False)
    full = load_detector()
    assert sum(isinstance(part, EightBitConvolution) for part in bytewise.network.modules()) == 22
    assert not any(isinstance(part, EightBitConvolution) for part in full.network.modules())
    picture = np.asarray(Image.open(SCRATCHED).convert("RGB"))
    expected, made = (scores_of(detector(picture)) for detector in (full, bytewise))
    believed = expected >= 150
    assert believed.mean() > 0.005
    assert (made[believed] >= 100).mean() > 0.99
    assert (made[expected < 50] < 100).mean() > 0.9995
    assert np.abs(made.astype(int) - expected).mean() < 0.5


def test_a_detector_without_ranges_computes_in_full_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eight_bits, "pays", lambda device: True)
    network = Detector(load_segmenter(shipped_models() / FOLDER)).network
    assert not any(isinstance(part, EightBitConvolution) for part in network.modules())


@computing
@pytest.mark.usefixtures("in_eight_bits")
def test_the_shipped_generator_restores_nearly_the_same(
    model: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    across, down = np.meshgrid(np.arange(120), np.arange(96))
    picture = (128 + 60 * np.sin(across / 7) + 40 * np.cos(down / 5)).astype(np.uint8)
    hole = np.zeros(picture.shape, bool)
    hole[40:52, 20:100] = True
    damaged = np.where(hole, 255, picture).astype(np.uint8)
    full_model = LoadedModel(deepcopy(model.module), model.card)
    bytewise = Restorer(model, CPU, grain=False, thorough=False).restore(damaged, hole)
    assert sum(isinstance(part, EightBitConvolution) for part in model.module.modules()) == 33
    monkeypatch.setattr(eight_bits, "pays", lambda device: False)
    full = Restorer(full_model, CPU, grain=False, thorough=False).restore(damaged, hole)
    difference = np.abs(bytewise.astype(int) - full.astype(int))[hole]
    assert difference.max() <= 8
    assert difference.mean() < 1
    assert np.array_equal(bytewise[~hole], damaged[~hole])
    again = Restorer(model, CPU, grain=False, thorough=False)  # of a network that is replaced already
    monkeypatch.setattr(eight_bits, "pays", lambda device: True)
    assert np.array_equal(again.restore(damaged, hole), bytewise)
