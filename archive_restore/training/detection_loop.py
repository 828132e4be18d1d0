"""Training of the damage segmenter. All that a sample shows is a function of (seed, number of the sample)."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from copy import deepcopy
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from archive_restore.networks.detector import FOLD, DamageSegmenter, folded, laid_out, normalised
from archive_restore.networks.devices import mixed_precision
from archive_restore.training.defects.real_shapes import read_shapes
from archive_restore.training.detection_samples import DetectorSample, sample
from archive_restore.training.sources import Entry, Photographs

CHECKPOINT = "detector.pt"
SHARP = 0.38
"""Share of the samples that come from photographs at their own sharpness, where there are any."""

HARD = 0.2
"""Share of the samples that come from what an earlier segmenter took for damage, where there is any."""

DECAY_FROM = 0.65
"""Share of the training after which the rate falls to zero, straight; constant before."""

WARM_UP = 3_000
"""Samples over which the rate rises."""

VIEWS = 2
"""Times a sample is seen: drawing costs as much as learning, so each comes back once, upside down."""

DELAY = 32
"""Batches after which it comes back."""

AVERAGED = 0.998
"""Decay a step of the averaged weights, which are the ones that are kept."""

FALSE_COST = 0.65
"""Of the Tversky index, what a false pixel costs; a missed one costs the rest (Salehi et al., 2017)."""

CROSS_ENTROPY_WEIGHT = 6.0

Batch = tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.uint8]]
"""Pictures (B, S, S, 3), truths (B, S, S), and weights (B, S, S) in 255ths."""


@dataclass(frozen=True)
class Material:
    """What samples are made of: undamaged photographs, others at their own sharpness, crops of either that an earlier
    segmenter took for damage, a folder of real artefacts."""

    photographs: Sequence[Entry]
    sharp: Sequence[Entry] = ()
    hard: Sequence[Entry] = ()
    shapes: Path | None = None


@dataclass(frozen=True)
class DetectorTraining:
    """One training. Sizes in px, `samples` in all, `rate` of AdamW."""

    samples: int
    size: int = 192
    batch: int = 8
    rate: float = 2e-3
    seed: int = 1839
    workers: int = 1

    @property
    def steps(self) -> int:
        """Of the optimizer, in all."""
        return self.samples // self.batch


@dataclass
class Drawer:
    """Draws sample number `n`, in a process of its own."""

    photographs: Photographs
    sharp: Photographs | None
    hard: Photographs | None
    shapes: Mapping[str, Sequence[NDArray[np.float32]]]
    seed: int

    def __call__(self, n: int, size: int) -> DetectorSample:
        random = np.random.default_rng([self.seed, n])
        chosen = self.sharp if self.sharp is not None and random.random() < SHARP else self.photographs
        if self.hard is not None and random.random() < HARD:
            chosen = self.hard
        photograph = chosen[int(random.integers(len(chosen)))]
        return sample(photograph, size, random, self.shapes, enlarging=True)


_drawer: Drawer | None = None


def _set_up(material: Material, seed: int) -> None:
    global _drawer
    cv2.setNumThreads(1)
    _drawer = Drawer(
        Photographs(material.photographs),
        Photographs(material.sharp) if material.sharp else None,
        Photographs(material.hard) if material.hard else None,
        read_shapes(material.shapes) if material.shapes else {},
        seed,
    )


def _draw_batch(first: int, count: int, size: int) -> Batch:
    assert _drawer is not None
    drawn = [_drawer(first + i, size) for i in range(count)]
    return (
        np.stack([one.picture for one in drawn]),
        np.stack([one.truth for one in drawn]),
        np.stack([np.rint(one.weight * 255).astype(np.uint8) for one in drawn]),
    )


def drawn(material: Material, training: DetectorTraining, first: int) -> Iterator[Batch]:
    """Fresh batches from number `first` on, drawn ahead by other processes."""
    numbers = iter(range(first, training.steps // VIEWS + 1))
    with ProcessPoolExecutor(
        training.workers, get_context("spawn"), _set_up, (material, training.seed)
    ) as pool:
        waiting = [
            pool.submit(_draw_batch, n * training.batch, training.batch, training.size)
            for n in islice(numbers, 4 * training.workers)
        ]
        while waiting:
            batch = waiting.pop(0).result()
            for n in islice(numbers, 1):
                waiting.append(pool.submit(_draw_batch, n * training.batch, training.batch, training.size))
            yield batch


def batches(material: Material, training: DetectorTraining, step: int) -> Iterator[Batch]:
    """The batches of every step from `step` on: by turns a fresh one, and an older one upside down."""
    first = max(step // VIEWS - DELAY, 0)
    fresh = drawn(material, training, first)
    kept = deque(islice(fresh, step // VIEWS - first + step % VIEWS), maxlen=DELAY + 1)
    for n in range(step, training.steps):
        if n % VIEWS == 0:
            kept.append(next(fresh))
            yield kept[-1]
        else:
            yield turned(kept[0])


def turned(batch: Batch) -> Batch:
    """The batch upside down."""
    pictures, truths, weights = batch
    return pictures[:, ::-1], truths[:, ::-1].copy(), weights[:, ::-1].copy()


def loss(logits: Tensor, truths: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Cross-entropy a pixel, and 1 - Tversky index a damaged sample. All (B, 1, S, S) float."""
    entropy = functional.binary_cross_entropy_with_logits(logits, truths, weights)
    sure = torch.sigmoid(logits) * (weights > 0)
    right = (sure * truths * weights).sum(dim=(1, 2, 3))
    false = (sure * (1 - truths)).sum(dim=(1, 2, 3))
    missed = ((1 - sure) * truths * weights).sum(dim=(1, 2, 3))
    index = (right + 20) / (right + FALSE_COST * false + (1 - FALSE_COST) * missed + 20)
    damaged = truths.amax(dim=(1, 2, 3))
    return entropy, ((1 - index) * damaged).sum() / damaged.sum().clamp(min=1)


def rate_at(seen: int, training: DetectorTraining) -> float:
    """The rate after `seen` samples: rises, stays, falls to zero."""
    left = (training.samples - seen) / (training.samples * (1 - DECAY_FROM))
    return training.rate * min(1.0, (seen + training.batch) / WARM_UP, max(left, 0.0))


@dataclass
class State:
    """All that a training needs to go on, bit for bit on a CPU."""

    network: DamageSegmenter
    average: DamageSegmenter
    optimizer: torch.optim.AdamW
    seen: int = 0

    def save(self, path: Path) -> None:
        """Writes beside, renames over."""
        parts = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "seen": self.seen,
        }
        torch.save(parts, path.with_suffix(".new"))
        path.with_suffix(".new").replace(path)

    def load(self, path: Path) -> None:
        """Takes over what `save` wrote."""
        parts = torch.load(path, weights_only=True)
        self.network.load_state_dict(parts["network"])
        self.average.load_state_dict(parts["average"])
        self.optimizer.load_state_dict(parts["optimizer"])
        self.seen = parts["seen"]


def begun(training: DetectorTraining, start: DamageSegmenter | None = None) -> State:
    """A fresh training, of a copy of `start`, or from scratch."""
    torch.manual_seed(training.seed)
    network = laid_out(deepcopy(start) if start else DamageSegmenter())
    optimizer = torch.optim.AdamW(network.parameters(), lr=training.rate, weight_decay=1e-4, fused=True)
    return State(network.train(), deepcopy(network).eval(), optimizer)


def train_detector(
    material: Material,
    folder: Path,
    training: DetectorTraining,
    *,
    start: DamageSegmenter | None = None,
    every: int = 2_000,
    tell: Callable[[str], None] = print,
) -> DamageSegmenter:
    """Trains, or goes on from the folder's checkpoint; returns the averaged network.

    `start`: what a fresh training begins with instead of nothing. `every`: samples between checkpoints, and between
    what is told.
    """
    state = begun(training, start)
    path = folder / CHECKPOINT
    folder.mkdir(parents=True, exist_ok=True)
    if path.exists():
        state.load(path)
    sums, count, since = np.zeros(2), 0, time.monotonic()
    for batch in batches(material, training, state.seen // training.batch):
        sums += learn(state, batch, rate_at(state.seen, training))
        count += len(batch[0])
        if count >= every or state.seen >= training.samples:
            entropy, index = sums * training.batch / count
            pace = 1000 * (time.monotonic() - since) / count
            tell(f"{state.seen} samples: entropy {entropy:.4f} tversky {index:.3f}, {pace:.0f} ms each")
            state.save(path)
            sums, count, since = np.zeros(2), 0, time.monotonic()
    if count:  # where the samples are no whole number of batches
        state.save(path)
    return state.average


def learn(state: State, batch: Batch, rate: float) -> tuple[float, float]:
    """One step; returns the two losses."""
    pictures, truths, weights = batch
    for group in state.optimizer.param_groups:
        group["lr"] = rate
    with mixed_precision(torch.device("cpu")):
        planes = normalised(folded(pictures), torch.float32)
        logits = functional.pixel_shuffle(state.network(planes), FOLD)
    entropy, index = loss(
        logits.float(),
        torch.from_numpy(truths)[:, None].float(),
        torch.from_numpy(weights)[:, None].float() / 255,
    )
    state.optimizer.zero_grad()
    (CROSS_ENTROPY_WEIGHT * entropy + index).backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(state.network.parameters(), 1.0)
    state.optimizer.step()
    state.seen += len(pictures)
    steps = state.seen / len(pictures)
    # Young averages forget the untrained weights sooner.
    follow(state.average, state.network, min(AVERAGED, steps / (30 + steps)))
    return entropy.item(), index.item()


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Moves the averaged weights and statistics towards the network's, in place."""
    for mean, value in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(value, 1 - decay)
        else:
            mean.copy_(value)
