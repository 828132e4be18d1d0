import warnings
from collections.abc import Iterator
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from archive_restore.cli import doctor
from archive_restore.errors import DeviceError
from archive_restore.networks import devices
from archive_restore.training.detection_loop import DetectorTraining, begun, learn
from archive_restore.training.objectives import RefineHoles
from archive_restore.training.trainer import Trainer, TrainingOptions
from archive_restore.training.world import own_gpu

CPU = torch.device("cpu")


def on_a_cpu_with(
    features: dict[str, object], monkeypatch: pytest.MonkeyPatch, capability: str = "AVX512"
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


@pytest.mark.parametrize(
    ("features", "capability", "multiplies"),
    [
        ({"avx512_vnni": True}, "AVX512", True),
        ({"avx512_vnni": True, "avx512_bf16": True, "cpu_name": "Intel Xeon"}, "AVX512", True),
        ({"avx512_vnni": True, "amx_bf16": True}, "AVX512", False),
        ({"avx512_vnni": True, "avx512_bf16": True, "cpu_name": "AMD EPYC"}, "AVX512", True),
        ({"avx512_vnni": True}, "AVX2", False),
        ({"avx512_vnni": False}, "AVX512", False),
        ({}, "DEFAULT", False),
    ],
)
def test_bytes_are_multiplied_where_that_is_the_fastest(
    features: dict[str, object], capability: str, multiplies: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_a_cpu_with(features, monkeypatch, capability)
    assert devices.cpu_multiplies_bytes() is multiplies


def test_a_cpu_held_to_avx2_does_not_compute_in_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    on_a_cpu_with({"avx512_bf16": True, "amx_bf16": True}, monkeypatch, "AVX2")
    assert devices.half_precision(CPU) is None
    on_a_cpu_with({"bf16": True}, monkeypatch, "DEFAULT")  # of ARM
    assert devices.half_precision(CPU) is torch.bfloat16


@pytest.mark.parametrize(
    ("features", "precision"),
    [
        ({"avx512_bf16": True, "cpu_name": "Intel Xeon"}, None),
        ({"avx512_bf16": True, "amx_bf16": True, "cpu_name": "Intel Xeon"}, torch.bfloat16),
        ({"avx512_bf16": True, "cpu_name": "AMD EPYC"}, torch.bfloat16),
        ({}, None),
    ],
)
def test_a_cpu_that_is_slower_in_bfloat16_computes_in_float32(
    features: dict[str, object], precision: torch.dtype | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_a_cpu_with(features, monkeypatch)
    assert devices.half_precision(CPU) is precision


@pytest.mark.parametrize(
    ("capability", "hip", "precision"),
    [
        ((6, 1), None, None),
        ((7, 5), None, torch.float16),
        ((8, 0), None, torch.bfloat16),
        ((7, 0), "6.4", torch.bfloat16),
    ],
)
def test_a_gpu_that_would_emulate_bfloat16_computes_in_float16_or_float32_and_learns_in_float32(
    capability: tuple[int, int],
    hip: str | None,
    precision: torch.dtype | None,
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
    if precision is not torch.bfloat16:
        assert isinstance(devices.mixed_precision(gpu), nullcontext)


@pytest.fixture
def asked_anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """CUDA is asked for again, and no NVIDIA driver nor GPU of Apple's is there unless a test says so."""
    monkeypatch.setattr(devices, "nvidia_driver_seen", lambda: False)
    monkeypatch.setattr(devices.torch.backends.mps, "is_available", lambda: False)
    devices._cuda.cache_clear()
    yield monkeypatch
    devices._cuda.cache_clear()


def with_gpus(monkeypatch: pytest.MonkeyPatch, *faults: str | None) -> None:
    """CUDA GPUs as many as faults are given; None for one that computes."""
    monkeypatch.setattr(devices.torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(devices.torch.cuda, "device_count", lambda: len(faults))
    known = {torch.device("cuda", number): fault for number, fault in enumerate(faults)}
    monkeypatch.setattr(devices, "fault_of", known.get)


def test_a_device_that_computes_nothing_is_found_out_by_a_small_convolution() -> None:
    assert devices.fault_of(CPU) is None
    assert devices.fault_of(torch.device("meta")) is not None


def test_a_gpu_that_does_not_compute_is_left_alone_unless_it_was_named(
    asked_anew: pytest.MonkeyPatch,
) -> None:
    notes: list[str] = []
    with_gpus(asked_anew, "no kernel image is available", None)
    assert devices.choose_device(None, notes.append) == torch.device("cuda:1")
    assert notes == ["cuda:0 does not compute and is left alone: no kernel image is available."]
    assert devices.choose_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(DeviceError, match=r"cuda:0 does not compute \(no kernel image.*--device cpu"):
        devices.choose_device("cuda:0")
    with_gpus(asked_anew, "no kernel image is available")
    assert devices.choose_device(None) == CPU


@pytest.mark.parametrize(
    ("built_for", "said", "reason"),
    [
        (None, "", "this torch was built without CUDA"),
        ("13.0", "", "torch finds no GPU; is the driver installed?"),
        (
            "13.0",
            "CUDA initialization: The NVIDIA driver on your system is too old (found version 11040).",
            "the driver is too old for the CUDA 13.0 of this torch; update it",
        ),
    ],
)
def test_it_is_said_why_the_processor_computes_beside_a_gpu(
    built_for: str | None, said: str, reason: str, asked_anew: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    def look() -> bool:
        if said and not told:  # once a process
            told.append(said)
            warnings.warn(said, stacklevel=1)
        return False

    asked_anew.setenv("LOCAL_RANK", "1")
    asked_anew.setattr(devices.torch.cuda, "is_available", look)
    asked_anew.setattr(devices.torch.version, "cuda", built_for)
    notes: list[str] = []
    assert own_gpu(None) is None
    assert devices.choose_device(None, notes.append) == CPU
    assert notes == []
    asked_anew.setattr(devices, "nvidia_driver_seen", lambda: True)
    assert devices.choose_device(None, notes.append) == CPU
    assert notes == [f"The processor computes, though there seems to be an NVIDIA GPU: {reason}."]


def test_a_torch_that_raises_when_it_is_asked_for_gpus_has_none(asked_anew: pytest.MonkeyPatch) -> None:
    def look() -> bool:
        raise RuntimeError("Unexpected error from cudaGetDeviceCount()\nadvice")

    asked_anew.setattr(devices.torch.cuda, "is_available", look)
    asked_anew.setattr(devices.torch.version, "cuda", "13.0")
    assert devices.choose_device(None) == CPU
    with pytest.raises(DeviceError, match=r"\(Unexpected error from cudaGetDeviceCount\(\)\); use"):
        devices.choose_device("cuda:0")


@pytest.mark.parametrize(
    "words",
    [
        "CUDA out of memory. Tried to allocate 2.00 GiB.",
        "MPS backend out of memory (MPS allocated: 5 GB)",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
        "FIND was unable to find an engine to execute this computation",
        "[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory: you tried to",
        "[enforce fail at alloc_cpu.cpp:117] data. DefaultCPUAllocator: not enough memory: you tried to",
    ],
)
def test_want_of_memory_is_told_by_its_words(words: str) -> None:
    assert devices.out_of_memory(RuntimeError(words))
    assert not devices.out_of_memory(RuntimeError("CUDA error: unspecified launch failure"))
    with (
        pytest.raises(DeviceError, match="memory of cuda:0 is full"),
        devices.failing_in_words(torch.device("cuda:0")),
    ):
        raise RuntimeError(words)


def test_only_a_gpu_is_blamed_for_what_fails_on_it() -> None:
    with (
        pytest.raises(DeviceError, match=r"cuda:0 failed: CUDA error: launch failure\. Run the same command"),
        devices.failing_in_words(torch.device("cuda:0")),
    ):
        raise RuntimeError("CUDA error: launch failure\nCompile with TORCH_USE_CUDA_DSA")
    with pytest.raises(RuntimeError, match="odd"), devices.failing_in_words(CPU):
        raise RuntimeError("odd")


def test_doctor_names_the_gpu_that_does_not_compute(asked_anew: pytest.MonkeyPatch) -> None:
    with_gpus(asked_anew, None, "no kernel image is available")
    card = SimpleNamespace(name="Old", total_memory=2 << 30)
    asked_anew.setattr(devices.torch.cuda, "get_device_properties", lambda number: card)
    check = doctor._devices()
    assert check.health is doctor.Health.WARNING
    assert check.found == (
        "cpu, cuda:0 Old 2 GiB, cuda:1 Old 2 GiB; cuda:1 does not compute: no kernel image is available"
    )


def test_batches_are_not_copied_to_a_gpu_while_they_may_change(monkeypatch: pytest.MonkeyPatch) -> None:
    task = RefineHoles(sizes=(32,), pixels=2 * 32 * 32, adversary_from=0.0)
    trainer = Trainer(task, TrainingOptions(samples=10), CPU)
    blocking = []

    def to(self: torch.Tensor, device: torch.device, *, non_blocking: bool = False) -> torch.Tensor:
        blocking.append(not non_blocking)
        return self

    monkeypatch.setattr(torch.Tensor, "to", to)
    trainer._move(torch.zeros(1, 1, 4, 4))
    assert blocking == [True]
