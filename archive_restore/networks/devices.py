"""Which device computes, and in which precision."""

from contextlib import AbstractContextManager, nullcontext

import torch

from archive_restore.errors import DeviceError


def choose_device(name: str | None) -> torch.device:
    """The device of that name, or the best there is: the first CUDA GPU, else Apple's, else the CPU.

    Parameters
    ----------
    name : `cpu`, `cuda`, `cuda:N`, `mps`, or None

    Raises
    ------
    DeviceError
        If it is no device's name, or there is no such device here; the message says what there is.
    """
    if name is None:
        if torch.cuda.is_available():
            return torch.device("cuda:0")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in {"cpu", "cuda", "mps"}:
        raise DeviceError(f"{name!r} is not a device; use cpu, cuda:N or mps")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise DeviceError(f"this machine has no mps device; {available()}")
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise DeviceError(f"no CUDA GPU can be used here ({why_no_cuda()}); {available()}")
        if (device.index or 0) >= torch.cuda.device_count():
            raise DeviceError(f"there is no GPU number {device.index}; {available()}")
        return torch.device("cuda", device.index or 0)
    return device


def available() -> str:
    """The devices there are, in words that say which option takes each."""
    gpus = [f"--gpu {n} ({torch.cuda.get_device_name(n)})" for n in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        gpus.append("--device mps")
    return f"use {', '.join([*gpus, '--device cpu'])}"


def why_no_cuda() -> str:
    """The reason, as far as torch knows it."""
    if torch.version.cuda is None:
        return "this torch was built without CUDA"
    return "torch finds no GPU; is the driver installed?"


NATIVE_BFLOAT16 = ("amx_bf16", "avx512_bf16", "bf16")
"""Features of a CPU that make bfloat16 faster than float32; without them it is emulated, and several times slower."""


def cpu_has_only_avx2() -> bool:
    """Whether torch computes with eight float32 numbers at a time: on most computers at home, and on any x86 with
    `ATEN_CPU_CAPABILITY=avx2` in its environment (for oneDNN: `ONEDNN_MAX_CPU_ISA=AVX2`)."""
    return torch.backends.cpu.get_cpu_capability() == "AVX2"


def cpu_computes_in_bfloat16() -> bool:
    """Whether this CPU has instructions for bfloat16, and uses them; False from a torch that cannot say."""
    if cpu_has_only_avx2():
        return False
    features: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(features.get(name) for name in NATIVE_BFLOAT16)


def gpu_computes_in_bfloat16(device: torch.device) -> bool:
    """Whether this GPU has instructions for bfloat16: NVIDIA's from Ampere on, and AMD's that torch knows. Torch's own
    `is_bf16_supported` says so, too, of those that emulate it, and asks the current device."""
    return torch.version.hip is not None or torch.cuda.get_device_capability(device) >= (8, 0)


def half_precision(device: torch.device) -> torch.dtype | None:
    """The 16-bit type that is faster than float32 on `device`; None to stay with float32."""
    if device.type == "cuda":
        return torch.bfloat16 if gpu_computes_in_bfloat16(device) else torch.float16
    if device.type == "cpu":
        return torch.bfloat16 if cpu_computes_in_bfloat16() else None
    return None


def mixed_precision(device: torch.device) -> AbstractContextManager[object]:
    """What networks are trained in: bfloat16 autocast, but float32 on a device that would emulate it."""
    if device.type in ("cpu", "cuda") and half_precision(device) is not torch.bfloat16:
        return nullcontext()
    # Not float16, whose gradients vanish without a scaler.
    return torch.autocast(device.type, torch.bfloat16)
