from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import nn

from archive_restore.networks.detector import load_detector
from archive_restore.networks.generator import Generator
from archive_restore.networks.winograd import (
    OUTPUTS,
    SIDE,
    TAPS,
    WinogradConvolution,
    pays,
    saves,
    transforms,
    with_fewer_multiplications,
)

CPU = torch.device("cpu")


def convolution(inputs: int = 24, outputs: int = 32, dilation: int = 1, *, bias: bool = True) -> nn.Conv2d:
    torch.manual_seed(1)
    made = nn.Conv2d(inputs, outputs, TAPS, padding=dilation, dilation=dilation, bias=bias)
    return made.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def test_the_transforms_filter_a_line() -> None:
    forward, weigh, back = transforms()
    random = np.random.default_rng(0)
    line, kernel = random.normal(size=SIDE), random.normal(size=TAPS)
    filtered = back @ ((weigh @ kernel) * (forward @ line))
    np.testing.assert_allclose(filtered, np.correlate(line, kernel, "valid"), rtol=1e-12)
    assert filtered.shape == (OUTPUTS,)


@pytest.mark.parametrize(
    ("count", "height", "width", "dilation"),
    [
        (4, 10, 10, 1),  # whole tiles
        (1, 40, 40, 1),  # as many tiles as are transformed at once
        (3, 13, 19, 1),  # tiles that are cut off
        (1, 192, 31, 1),  # one picture in several goes
        (2, 15, 700, 1),  # a row of tiles longer than a go
        (9, 10, 10, 2),
        (4, 19, 21, 2),  # odd sides fall into parts of unlike size
    ],
)
def test_it_does_what_a_direct_convolution_does(count: int, height: int, width: int, dilation: int) -> None:
    direct = convolution(dilation=dilation)
    x = torch.randn(count, 24, height, width).to(memory_format=torch.channels_last)
    assert saves(count, height, width, dilation)
    with torch.inference_mode():
        expected = direct(x)
        made = WinogradConvolution(direct)(x)
    assert made.shape == expected.shape
    torch.testing.assert_close(made, expected, rtol=0, atol=3e-5)
    assert not torch.equal(made, expected), "this was computed directly"


def test_a_convolution_without_bias_gets_none() -> None:
    direct = convolution(bias=False)
    x = torch.randn(1, 24, 20, 20)
    with torch.inference_mode():
        torch.testing.assert_close(WinogradConvolution(direct)(x), direct(x), rtol=0, atol=3e-5)


@pytest.mark.parametrize(
    ("count", "side", "dilation"),
    [(1, 5, 1), (64, 3, 1), (64, 5, 2)],
    ids=["too few tiles", "mostly filling", "mostly zeros around it"],
)
def test_small_maps_are_convolved_directly(count: int, side: int, dilation: int) -> None:
    direct = convolution(dilation=dilation)
    x = torch.randn(count, 24, side, side)
    with torch.inference_mode():
        assert torch.equal(WinogradConvolution(direct)(x), direct(x))


@pytest.mark.parametrize(
    "other",
    [
        nn.Conv2d(24, 24, 3),
        nn.Conv2d(24, 24, 3, padding=1, stride=2),
        nn.Conv2d(24, 24, 5, padding=2),
        nn.Conv2d(24, 24, 3, padding=4, dilation=4),
        nn.Conv2d(24, 24, 3, padding=1, groups=2),
        nn.Conv2d(24, 24, 3, padding=1, padding_mode="reflect"),
    ],
    ids=["no padding", "stride", "wide", "far apart", "groups", "mirrored"],
)
def test_other_convolutions_are_left_alone(other: nn.Conv2d) -> None:
    with pytest.raises(ValueError, match="no 3x3 convolution"):
        WinogradConvolution(other)
    assert with_fewer_multiplications(nn.Sequential(other))[0] is other  # type: ignore[index]


def test_a_generator_writes_the_same_with_fewer_multiplications() -> None:
    generator = Generator(blocks=2, dilations=(1, 2, 4)).eval()
    torch.manual_seed(0)
    for parameter in generator.parameters():
        nn.init.normal_(parameter, std=0.03)
    fewer = with_fewer_multiplications(deepcopy(generator))
    replaced = [name for name, part in fewer.named_modules() if isinstance(part, WinogradConvolution)]
    assert "read" in replaced
    assert {"encode_half.1.gather", "bottleneck.1.spread", "decode_quarter.0.spread"} <= set(replaced)
    assert not {"write", "bottleneck.2.spread", "down_quarter"} & set(replaced)
    picture = torch.rand(4, 3, 80, 80) * 2 - 1
    hole = (torch.rand(4, 1, 80, 80) < 0.3).float()
    with torch.inference_mode():
        written = generator(picture, hole, picture)
        assert float((written - picture).std()) > 0.01, "it writes nothing"
        torch.testing.assert_close(fewer(picture, hole, picture), written, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("capability", "device", "paying"),
    [("AVX2", "cpu", True), ("AVX512", "cpu", False), ("DEFAULT", "cpu", False), ("AVX2", "cuda", False)],
)
def test_it_pays_where_multiplying_is_slow(
    capability: str, device: str, paying: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    assert pays(torch.device(device)) is paying


def test_the_shipped_detector_thinks_the_same_with_fewer_multiplications(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("archive_restore.networks.detector.half_precision", lambda device: None)
    monkeypatch.setattr("archive_restore.networks.eight_bits.pays", lambda device: False)
    monkeypatch.setattr("archive_restore.networks.winograd.pays", lambda device: False)
    direct = load_detector()
    monkeypatch.setattr("archive_restore.networks.winograd.pays", lambda device: True)
    fewer = load_detector()
    assert any(isinstance(part, WinogradConvolution) for part in fewer.network.modules())
    picture = np.random.default_rng(3).integers(0, 256, (500, 700, 3), np.uint8)
    np.testing.assert_allclose(fewer(picture), direct(picture), rtol=0, atol=2e-3)
