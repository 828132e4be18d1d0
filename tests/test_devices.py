from contextlib import nullcontext

import numpy as np
import pytest
import torch

from archive_restore.networks import devices
from archive_restore.training.detection_loop import DetectorTraining, begun, learn
from archive_restore.training.objectives import RefineHoles
from archive_restore.training.trainer import Trainer, TrainingOptions

CPU = torch.device("cpu")


def on_a_cpu_with(
    features: dict[str, bool], monkeypatch: pytest.MonkeyPatch, capability: str = "AVX512"
) -> None:
    monkeypatch.setattr(devices.torch.cpu, "get_capabilities", lambda: features, raising=False)
    monkeypatch.setattr(devices.torch.backends.cpu, "get_cpu_capability", lambda: capability)


@pytest.mark.parametrize(
    ("precision", "features", "computed_in"),
    [
        ("bf16", {"avx512_bf16": True}, torch.bfloat16),
        ("bf16", {"avx2": True, "avx512_bf16": False}, torch.float32),  # would be emulated
        ("fp32", {"avx512_bf16": True}, torch.float32),
    ],
)
def test_training_computes_in_bfloat16_only_on_a_cpu_that_has_it(
    precision: str, features: dict[str, bool], computed_in: torch.dtype, monkeypatch: pytest.MonkeyPatch
):
    on_a_cpu_with(features, monkeypatch)
    task = RefineHoles(sizes=(32,), pixels=2 * 32 * 32, adversary_from=0.0)
    trainer = Trainer(task, TrainingOptions(samples=10, precision=precision), CPU)
    picture = torch.zeros(1, 1, 4, 4)
    with trainer.autocast():
        assert torch.nn.functional.conv2d(picture, picture).dtype == computed_in


@pytest.mark.parametrize(
    ("features", "computed_in"),
    [({"avx512_bf16": True}, torch.bfloat16), ({"avx2": True, "avx512_bf16": False}, torch.float32)],
)
def test_the_segmenter_learns_in_bfloat16_only_on_a_cpu_that_has_it(
    features: dict[str, bool], computed_in: torch.dtype, monkeypatch: pytest.MonkeyPatch
):
    on_a_cpu_with(features, monkeypatch)
    state = begun(DetectorTraining(samples=2, size=32, batch=2))
    seen = []
    first = next(module for module in state.network.modules() if isinstance(module, torch.nn.Conv2d))
    first.register_forward_hook(lambda module, given, made: seen.append(made.dtype))
    nothing = np.zeros((2, 32, 32), np.uint8)
    learn(state, (np.zeros((2, 32, 32, 3), np.uint8), nothing > 0, nothing + 255), 1e-3)
    assert seen == [computed_in]


def test_a_cpu_held_to_avx2_does_not_compute_in_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    on_a_cpu_with({"avx512_bf16": True, "amx_bf16": True}, monkeypatch, "AVX2")
    assert devices.half_precision(CPU) is None
    on_a_cpu_with({"bf16": True}, monkeypatch, "DEFAULT")  # of ARM
    assert devices.half_precision(CPU) is torch.bfloat16


@pytest.mark.parametrize(
    ("capability", "hip", "precision"),
    [((7, 5), None, torch.float16), ((8, 0), None, torch.bfloat16), ((7, 0), "6.4", torch.bfloat16)],
)
def test_a_gpu_that_would_emulate_bfloat16_computes_in_float16_and_learns_in_float32(
    capability: tuple[int, int],
    hip: str | None,
    precision: torch.dtype,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []
    monkeypatch.setattr(devices.torch.version, "hip", hip)
    monkeypatch.setattr(
        devices.torch.cuda, "get_device_capability", lambda device: asked.append(device) or capability
    )
    gpu = torch.device("cuda:1")
    assert devices.half_precision(gpu) is precision
    assert set(asked) <= {gpu}
    if precision is torch.float16:
        assert isinstance(devices.mixed_precision(gpu), nullcontext)
