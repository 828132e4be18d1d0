"""Where the time of a run goes: functions of the package timed while it works, and the network beside them."""

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

Place = tuple[str, ModuleType | type, str]
"""A stage's name, and the function that is it: owner and attribute."""


@dataclass
class Stage:
    """What one stage took, summed over its calls. CPU seconds are those of its own thread alone."""

    calls: int = 0
    wall: float = 0.0  # s
    cpu: float = 0.0  # s


@contextmanager
def timed_stages(places: Sequence[Place]) -> Iterator[dict[str, Stage]]:
    """Times every call of these functions while the context lasts. They must not call each other."""
    stages = {name: Stage() for name, _, _ in places}
    lock = threading.Lock()

    def watched(stage: Stage, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            wall, cpu = time.perf_counter(), time.thread_time()
            try:
                return function(*args, **named)
            finally:
                with lock:
                    stage.calls += 1
                    stage.wall += time.perf_counter() - wall
                    stage.cpu += time.thread_time() - cpu

        return call

    with ExitStack() as replaced:
        for name, owner, attribute in places:
            function = watched(stages[name], getattr(owner, attribute))
            replaced.enter_context(patch.object(owner, attribute, function))
        yield stages


@dataclass
class NetworkMeter:
    """What went through the generator, in how many lanes, and how long those were busy with it."""

    batches: Counter[tuple[int, ...]] = field(default_factory=Counter)  # by shape (B, 3, S, S)
    hole_pixels: float = 0.0  # of windows; a pixel in two windows counts twice
    seconds: float = (
        0.0  # summed over the lanes; of a GPU, which they share, those in which any of them was busy
    )
    cpu: float = 0.0  # s of the lanes' threads; of no use on a GPU
    lanes: set[int] = field(default_factory=set)  # threads
    module: nn.Module | None = None
    precision: torch.dtype | None = None  # of autocast; None where the module computes without
    inputs: dict[tuple[int, ...], tuple[Tensor, ...]] = field(default_factory=dict)  # one batch of each shape
    events: list[tuple[Any, Any]] = field(default_factory=list)  # of a GPU, which works on by itself

    @property
    def windows(self) -> int:
        return sum(shape[0] * count for shape, count in self.batches.items())

    @property
    def pixels(self) -> int:
        """px of all windows."""
        return sum(shape[0] * shape[2] * shape[3] * count for shape, count in self.batches.items())

    def settle(self) -> None:
        """Waits for the GPU and adds up what it took."""
        spans = []
        for began, ended in self.events:
            ended.synchronize()
            spans.append([self.events[0][0].elapsed_time(event) / 1000 for event in (began, ended)])
        until = -math.inf
        for began, ended in sorted(spans):
            self.seconds += max(0.0, ended - max(began, until))
            until = max(until, ended)
        self.events.clear()


@contextmanager
def metered_network() -> Iterator[NetworkMeter]:
    """Meters the module that takes windows (the one with a `window`) while the context lasts."""
    meter = NetworkMeter()
    lane = threading.local()
    lock = threading.Lock()

    def before(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if hasattr(module, "window"):
            lane.began = _now(inputs[0].device), time.thread_time()

    def after(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if not hasattr(module, "window"):
            return
        kind = inputs[0].device.type
        ended, cpu = _now(inputs[0].device), time.thread_time()
        began, cpu_before = lane.began
        shape = tuple(inputs[0].shape)
        with lock:
            if kind == "cuda":
                meter.events.append((began, ended))
            else:
                meter.seconds += ended - began
            meter.cpu += cpu - cpu_before
            meter.lanes.add(threading.get_ident())
            meter.module = module
            meter.precision = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else None
            meter.batches[shape] += 1
            meter.hole_pixels += float(inputs[1].sum())
            meter.inputs.setdefault(shape, inputs)

    hooks = register_module_forward_pre_hook(before), register_module_forward_hook(after)
    try:
        yield meter
    finally:
        for hook in hooks:
            hook.remove()
        meter.settle()


def wait_for(device: torch.device) -> None:
    """Until a GPU, which works on by itself, has done all it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def _now(device: torch.device) -> Any:
    if device.type != "cuda":
        wait_for(device)
        return time.perf_counter()
    event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    event.record(torch.cuda.current_stream(device))  # else that of the first GPU
    return event


@dataclass(frozen=True)
class Taken:
    """Seconds by the clock, and of all threads' work: on a computer that does other things besides, only these hold."""

    wall: float
    cpu: float


class Clock:
    """Measures from when it is made."""

    def __init__(self) -> None:
        self._began = time.perf_counter(), time.process_time()

    def read(self) -> Taken:
        return Taken(time.perf_counter() - self._began[0], time.process_time() - self._began[1])


def floor(meter: NetworkMeter) -> Taken:
    """What the network alone takes for the same batches in as many lanes, whose tensors lie ready on the device.

    One batch of each shape stands for all of that shape: the time does not depend on what is in them.
    """
    device = next(iter(meter.inputs.values()))[0].device
    precision = meter.precision

    def enter() -> None:
        if device.type == "cpu":
            torch.set_num_threads(1)

    def write(shape: tuple[int, ...]) -> None:
        assert meter.module is not None
        with torch.inference_mode(), torch.autocast(device.type, precision, enabled=precision is not None):
            meter.module(*meter.inputs[shape])

    with ThreadPoolExecutor(len(meter.lanes), initializer=enter) as lanes:
        for warm in (True, False):
            clock = Clock()
            list(lanes.map(write, meter.inputs if warm else meter.batches.elements()))
            wait_for(device)
        return clock.read()
