"""What trains: networks, optimisers, averaged weights and counters in one object, which holds everything resumable; a
discriminator step, then a generator step.
"""

import io
import math
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from archive_restore.durable import write_durably
from archive_restore.errors import TrainingError, printable
from archive_restore.networks.architectures import architecture, build_generator
from archive_restore.networks.devices import mixed_precision
from archive_restore.training.objectives import Batch, Objective
from archive_restore.training.world import World

COLLAPSED_LOSS = 1e-3
"""A discriminator that stays below this loss tells fakes from photographs without fail and teaches nothing."""

COLLAPSED_STEPS = 500
"""For so many steps in a row before training stops."""


@dataclass(frozen=True)
class TrainingOptions:
    """How to train. Rates are Adam's; `samples` is the whole training's length, over which rates decay."""

    samples: int
    seed: int = 0
    generator_rate: float = 1e-3
    discriminator_rate: float = 2e-4
    generator_moment: float = 0.9  # decay of Adam's first moment; 0.5 as published lets a network without
    # normalisation layers diverge
    discriminator_moment: float = 0.5
    warm_up: int = 4_000  # samples over which the rates rise from 0
    floor: float = 0.02  # of the rates, reached by a cosine at the end; 1 keeps them constant
    average: float = 0.999  # decay of the averaged weights, a step
    clip: float = 1.0  # largest gradient norm of the generator
    precision: str = "bf16"  # where the device computes in it, else fp32; or fp16 (CUDA only), fp32
    checkpoint_seconds: float = 120.0
    report_samples: int = 15_000  # between sample grids and figures on held-out photographs


PUBLISHED = TrainingOptions(
    samples=6_400_000, generator_rate=2e-3, generator_moment=0.5, warm_up=0, clip=10.0
)
"""The paper's: the generator at ten times the discriminator's rate, betas (0.5, 0.999), 100,000 steps of 64. Ours are
the cosine decay, with which a training shorter than the paper's ends better, the averaged weights, bfloat16 where the
device has it, and a bound on gradients that none came near."""


@dataclass(frozen=True)
class Step:
    """What one step measured. `real` and `fake` are the mean probabilities "real" that the discriminator gave,
    None before the adversary takes part."""

    samples: int
    losses: dict[str, float]
    real: float | None
    fake: float | None


class Trainer:
    """Networks, optimisers, averaged weights and counters of one training.

    Parameters
    ----------
    objective : what is trained, and on what
    options : see `TrainingOptions`
    device : where
    world : the processes that train together; each sees its own batches
    """

    def __init__(
        self, objective: Objective, options: TrainingOptions, device: torch.device, world: World | None = None
    ) -> None:
        torch.manual_seed(options.seed)
        self.objective = objective
        self.options = options
        self.device = device
        self.world = world or World()
        self.generator = self._place(build_generator(objective.architecture, objective.settings))
        self.averaged = self._place(build_generator(objective.architecture, objective.settings))
        self.averaged.load_state_dict(self.generator.state_dict())
        self.averaged.requires_grad_(False)
        self.discriminator = self._place(architecture(objective.architecture).discriminator())
        self.generator_optimiser = torch.optim.Adam(
            self.generator.parameters(), options.generator_rate, (options.generator_moment, 0.999)
        )
        self.discriminator_optimiser = torch.optim.Adam(
            self.discriminator.parameters(), options.discriminator_rate, (options.discriminator_moment, 0.999)
        )
        self._parallel_generator = self.world.parallel(self.generator)
        self._parallel_discriminator = self.world.parallel(self.discriminator)
        self.scaler = torch.amp.GradScaler(device.type, enabled=options.precision == "fp16")
        self.step = 0
        self.samples = 0
        self.collapsed_for = 0

    def _place(self, network: nn.Module) -> nn.Module:
        return network.to(self.device, memory_format=torch.channels_last).train()  # type: ignore[call-overload,no-any-return]

    def start_from(self, weights: dict[str, Tensor]) -> None:
        """Takes over trained generator weights before the first step."""
        self.generator.load_state_dict(weights)
        self.averaged.load_state_dict(weights)

    def autocast(self) -> AbstractContextManager[object]:
        """Mixed precision as the options say."""
        if self.options.precision == "fp32":
            return nullcontext()
        if self.options.precision == "fp16":
            return torch.autocast(self.device.type, torch.float16)
        return mixed_precision(self.device)

    def rate_factor(self) -> float:
        """Linear warm-up, then half a cosine down to the floor, in samples seen."""
        options = self.options
        if self.samples < options.warm_up:
            return (self.samples + 1) / options.warm_up
        done = min(1.0, self.samples / max(options.samples, 1))
        return options.floor + (1 - options.floor) * 0.5 * (1 + math.cos(math.pi * done))

    def train_step(self, batch: Batch) -> Step:
        """One discriminator step (once the adversary takes part), then one generator step.

        Raises
        ------
        TrainingError
            On a loss that is not finite, before any weight is changed by it, or a collapsed discriminator.
        """
        batch = {name: self._move(value) for name, value in batch.items()}
        factor = self.rate_factor()
        for group in self.generator_optimiser.param_groups:
            group["lr"] = self.options.generator_rate * factor
        for group in self.discriminator_optimiser.param_groups:
            group["lr"] = self.options.discriminator_rate * factor
        adversary = self.samples >= self.objective.adversary_from * self.options.samples
        with self.autocast():
            written = self.objective.write(self._parallel_generator, batch)
        named: dict[str, float] = {}
        real = fake = None
        if adversary:
            named, real, fake = self._discriminator_step(written.detach(), batch)
        named |= self._generator_step(written, batch, adversary)
        self._average()
        self.step += 1
        self.samples += len(batch["truth"]) * self.world.size
        return Step(self.samples, named, real, fake)

    def _move(self, value: Tensor) -> Tensor:
        # Not without blocking: on MPS that reads memory that is written anew, and CUDA needs pinned memory for it.
        return value.to(self.device).contiguous(memory_format=torch.channels_last)

    def _discriminator_step(self, written: Tensor, batch: Batch) -> tuple[dict[str, float], float, float]:
        with self.autocast():
            verdict = self.objective.verdict(self._parallel_discriminator, written, batch)
        loss = self._finite("discriminator", verdict.loss)
        self.discriminator_optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(self.scaler.scale(verdict.loss))
        self.scaler.step(self.discriminator_optimiser)
        self.collapsed_for = self.collapsed_for + 1 if loss < COLLAPSED_LOSS else 0
        if self.collapsed_for >= COLLAPSED_STEPS:
            raise TrainingError(
                f"the discriminator's loss stayed below {COLLAPSED_LOSS} for {COLLAPSED_STEPS} steps: it has won and "
                "the generator learns nothing from it. The last good checkpoint is kept; go on with a lower "
                "discriminator rate or more photographs"
            )
        return {"discriminator": loss}, float(verdict.real), float(verdict.fake)

    def _generator_step(self, written: Tensor, batch: Batch, adversary: bool) -> dict[str, float]:
        self.discriminator.requires_grad_(False)
        with self.autocast():
            if adversary:
                losses = self.objective.losses(self.discriminator, written, batch)
            else:
                reconstruction = self.objective.reconstruction(written, batch)
                losses = {"total": reconstruction, "reconstruction": reconstruction}
        self.discriminator.requires_grad_(True)
        named = {name: self._finite(name, loss) for name, loss in losses.items()}
        self.generator_optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(self.scaler.scale(losses["total"]))
        self.scaler.unscale_(self.generator_optimiser)
        norm = nn.utils.clip_grad_norm_(self.generator.parameters(), self.options.clip)
        if not self.scaler.is_enabled():
            self._finite("gradient", norm)
        self.scaler.step(self.generator_optimiser)
        self.scaler.update()
        return named

    def _finite(self, name: str, value: Tensor) -> float:
        number = float(value.detach())
        if not math.isfinite(number):
            raise TrainingError(
                f"the {name} loss is {number} at step {self.step}: training has diverged. "
                "The last good checkpoint is kept; resume from it with a lower rate"
            )
        return number

    @torch.no_grad()
    def _average(self) -> None:
        decay = min(self.options.average, (1 + self.step) / (10 + self.step))
        for kept, new in zip(self.averaged.parameters(), self.generator.parameters(), strict=True):
            kept.lerp_(new, 1 - decay)
        for copied, current in zip(self.averaged.buffers(), self.generator.buffers(), strict=True):
            copied.copy_(current)

    def state(self) -> dict[str, Any]:
        """Everything needed to go on, as tensors and plain values."""
        return {
            "architecture": self.objective.architecture,
            "settings": self.objective.settings,
            "options": asdict(self.options),
            "generator": self.generator.state_dict(),
            "averaged": self.averaged.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "generator_optimiser": self.generator_optimiser.state_dict(),
            "discriminator_optimiser": self.discriminator_optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
            "step": self.step,
            "samples": self.samples,
            "collapsed_for": self.collapsed_for,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from `state`; TrainingError if it belongs to another architecture or settings."""
        for what, mine in (
            ("architecture", self.objective.architecture),
            ("settings", self.objective.settings),
        ):
            if state[what] != mine:
                raise TrainingError(
                    f"the checkpoint's {what} is {state[what]!r}, not {mine!r}; resume with that"
                )
        self.generator.load_state_dict(state["generator"])
        self.averaged.load_state_dict(state["averaged"])
        self.discriminator.load_state_dict(state["discriminator"])
        self.generator_optimiser.load_state_dict(state["generator_optimiser"])
        self.discriminator_optimiser.load_state_dict(state["discriminator_optimiser"])
        self.scaler.load_state_dict(state["scaler"])
        self.step, self.samples = state["step"], state["samples"]
        self.collapsed_for = state["collapsed_for"]

    def save(self, path: Path) -> None:
        """Writes a checkpoint durably: the old one stays until the new one is complete."""
        buffer = io.BytesIO()
        torch.save(self.state(), buffer)
        write_durably(path, buffer.getvalue())


def load_state(path: Path) -> dict[str, Any]:
    """Reads a checkpoint without unpickling code; TrainingError naming the file if it cannot be read."""
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        return state
    except Exception as error:
        raise TrainingError(
            f"{printable(path)} is not a readable checkpoint ({type(error).__name__}); delete it to start anew"
        ) from error
