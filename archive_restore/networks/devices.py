"""Which device computes, in which precision, and what its failures mean."""

import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from pathlib import Path

import torch
from torch.nn import functional

from archive_restore.errors import DeviceError

NO_MEMORY = (
    "out of memory",  # CUDA, MPS
    "ALLOC_FAILED",  # cuBLAS, cuDNN
    "ALLOCATION_FAILED",  # cuDNN
    "unable to find an engine",  # cuDNN, where each of its ways wants more than there is
    "Invalid buffer size",  # MPS
    "can't allocate memory",  # CPU
    "not enough memory",  # CPU, Windows
)
"""Of the errors by which they say so."""


def choose_device(name: str | None, note: Callable[[str], None] = lambda message: None) -> torch.device:
    """The device of that name, or the best there is that computes: a CUDA GPU, else Apple's, else the CPU.

    Parameters
    ----------
    name : `cpu`, `cuda`, `cuda:N`, `mps`, or None
    note : told, in a sentence, why a GPU that seems to be there is not taken, if no name was given

    Raises
    ------
    DeviceError
        If it is no device's name, there is no such device here, or it does not compute; the message says what there is.
    """
    if name is None:
        return _best(note)
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in {"cpu", "cuda", "mps"}:
        raise DeviceError(f"{name!r} is not a device; use cpu, cuda:N or mps")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise DeviceError(f"this machine has no mps device; {available()}")
    if device.type == "cuda":
        if not cuda_gpus():
            raise DeviceError(f"no CUDA GPU can be used here ({why_no_cuda()}); {available()}")
        if (device.index or 0) >= cuda_gpus():
            raise DeviceError(f"there is no GPU number {device.index}; {available()}")
        device = torch.device("cuda", device.index or 0)
    fault = fault_of(device)
    if fault is not None:
        raise DeviceError(
            f"{device} does not compute ({fault}). Install the PyTorch for this GPU and its driver, or use "
            "--device cpu."
        )
    return device


def _best(note: Callable[[str], None]) -> torch.device:
    """The first GPU that computes, else the CPU."""
    gpus = [torch.device("cuda", number) for number in range(cuda_gpus())]
    if torch.backends.mps.is_available():
        gpus.append(torch.device("mps"))
    for gpu in gpus:
        fault = fault_of(gpu)
        if fault is None:
            return gpu
        note(f"{gpu} does not compute and is left alone: {fault}.")
    if not gpus and nvidia_driver_seen():
        note(f"The processor computes, though there seems to be an NVIDIA GPU: {why_no_cuda()}.")
    return torch.device("cpu")


@cache
def fault_of(device: torch.device) -> str | None:
    """Why a GPU does not compute, as its driver says; None if it does. A torch that was built for other GPUs, or that
    does not fit the driver, says so only now."""
    if device.type == "cpu":
        return None
    try:
        picture = torch.ones(1, 8, 8, 8, device=device, dtype=half_precision(device))
        functional.conv2d(picture, picture, padding=1).sum().item()
    except (RuntimeError, AssertionError) as error:
        return first_line(error)
    return None


def available() -> str:
    """The devices there are, in words that say which option takes each."""
    gpus = [f"--gpu {n} ({torch.cuda.get_device_name(n)})" for n in range(cuda_gpus())]
    if torch.backends.mps.is_available():
        gpus.append("--device mps")
    return f"use {', '.join([*gpus, '--device cpu'])}"


def cuda_gpus() -> int:
    """How many CUDA GPUs torch knows; that it can compute with them is not said."""
    return torch.cuda.device_count() if _cuda()[0] else 0


@cache
def _cuda() -> tuple[bool, str]:
    """Whether torch can use a CUDA GPU, and what it says where it cannot. It says so once a process, as a warning."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            usable = torch.cuda.is_available()
        except RuntimeError as error:
            return False, first_line(error)
    return usable, " ".join(str(warning.message) for warning in said)


def why_no_cuda() -> str:
    """The reason, as far as torch knows it."""
    if torch.version.cuda is None and torch.version.hip is None:
        return "this torch was built without CUDA"
    said = _cuda()[1]
    if "too old" in said:
        return f"the driver is too old for the CUDA {torch.version.cuda} of this torch; update it"
    return said.splitlines()[0] if said else "torch finds no GPU; is the driver installed?"


def nvidia_driver_seen() -> bool:
    """Whether NVIDIA's driver is installed, used by torch or not."""
    return Path("/proc/driver/nvidia").exists() or shutil.which("nvidia-smi") is not None


def out_of_memory(error: Exception) -> bool:
    """Whether a device failed for want of memory: a smaller batch may fit."""
    return isinstance(error, torch.OutOfMemoryError) or any(words in str(error) for words in NO_MEMORY)


def first_line(error: Exception) -> str:
    """What an error of a driver says; its further lines are advice for programmers."""
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(". ")


@contextmanager
def failing_in_words(device: torch.device) -> Iterator[None]:
    """What fails in here on a GPU is the GPU's failure, not that of the photograph at work: a DeviceError."""
    try:
        yield
    except RuntimeError as error:
        if device.type == "cpu":
            raise
        if out_of_memory(error):
            raise DeviceError(
                f"The memory of {device} is full. Close other programs that use it, let scan and detect use fewer "
                "processes (--jobs 1), or run with --device cpu. What is finished stays finished."
            ) from error
        raise DeviceError(
            f"{device} failed: {first_line(error)}. Run the same command again; what is finished stays finished. If "
            "it fails again, restart the computer or use --device cpu."
        ) from error


def free_unused(device: torch.device) -> None:
    """Gives back to the device what torch keeps of its memory for later."""
    with failing_in_words(device):
        if device.type == "cuda":
            torch.cuda.empty_cache()
        elif device.type == "mps":
            torch.mps.empty_cache()


def cpu_has_only_avx2() -> bool:
    """Whether torch computes with eight float32 numbers at a time: on most computers at home, and on any x86 with
    `ATEN_CPU_CAPABILITY=avx2` in its environment (for oneDNN: `ONEDNN_MAX_CPU_ISA=AVX2`)."""
    return torch.backends.cpu.get_cpu_capability() == "AVX2"


def cpu_computes_in_bfloat16() -> bool:
    """Whether this CPU has instructions for bfloat16, and gains by them; False from a torch that cannot say.

    By what it is and not by timing it: a busy machine would mix the precisions of its processes, and scores and
    repairs would differ by a hair from one run to the next.
    """
    if cpu_has_only_avx2():
        return False
    features = _cpu_features()
    if features.get("amx_bf16") or features.get("bf16"):  # Intel's matrix unit; ARM
        return True
    # AMD's is faster than float32; Intel's without the matrix unit, as clouds lend it, is slower.
    return bool(features.get("avx512_bf16")) and "Intel" not in str(features.get("cpu_name", ""))


def cpu_multiplies_bytes() -> bool:
    """Whether this CPU has instructions for sums of products of bytes (VNNI) and none that are better: Intel's matrix
    unit is, AMD's for bfloat16 are not. False from a torch that cannot say. With AVX2 alone they are worth no more than
    Winograd's transforms."""
    features = _cpu_features()
    return bool(features.get("avx512_vnni")) and not (features.get("amx_bf16") or cpu_has_only_avx2())


def _cpu_features() -> dict[str, object]:
    """What torch knows of the instructions of this CPU, by name."""
    features: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return features


def gpu_computes_in_bfloat16(device: torch.device) -> bool:
    """Whether this GPU has instructions for bfloat16: NVIDIA's from Ampere on, and AMD's that torch knows. Torch's own
    `is_bf16_supported` says so, too, of those that emulate it, and asks the current device."""
    return torch.version.hip is not None or torch.cuda.get_device_capability(device) >= (8, 0)


def half_precision(device: torch.device) -> torch.dtype | None:
    """The 16-bit type that is faster than float32 on `device`; None to stay with float32."""
    if device.type == "cuda":
        if gpu_computes_in_bfloat16(device):
            return torch.bfloat16
        # Before Volta, float16 is slower than float32, but for one card.
        return torch.float16 if torch.cuda.get_device_capability(device) >= (7, 0) else None
    if device.type == "cpu":
        return torch.bfloat16 if cpu_computes_in_bfloat16() else None
    return None


def mixed_precision(device: torch.device) -> AbstractContextManager[object]:
    """What networks are trained in: bfloat16 autocast, but float32 on a device that would emulate it."""
    if device.type in ("cpu", "cuda") and half_precision(device) is not torch.bfloat16:
        return nullcontext()
    # Not float16, whose gradients vanish without a scaler.
    return torch.autocast(device.type, torch.bfloat16)
