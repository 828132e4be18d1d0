"""Calibration of a trained segmenter: its probabilities are made to mean what they say, on held-out photographs.

Platt scaling (J. Platt, "Probabilistic outputs for support vector machines", 1999): two numbers, fitted to the
logits of held-out samples, scale and shift them. They go into the last convolution, so that nothing else changes.
"""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from archive_restore.networks.detector import FOLD, DamageSegmenter, folded, normalised
from archive_restore.training.detection_samples import DetectorSample

PIXELS_A_SAMPLE = 4_000
"""Drawn from each sample: neighbours say the same."""

STEPS = 60
"""Of L-BFGS, more than it needs for two numbers."""


@torch.no_grad()
def logits_of(network: DamageSegmenter, sample: DetectorSample) -> Tensor:
    """(S, S) float logits of one sample, in single precision."""
    planes = normalised(folded(sample.picture[None]), torch.float32)
    return functional.pixel_shuffle(network(planes), FOLD)[0, 0]


def fitted(network: DamageSegmenter, samples: Iterable[DetectorSample]) -> tuple[float, float]:
    """Scale and shift of the logits under which the samples' truths are likeliest."""
    random = np.random.default_rng(0)
    logits, truths = [], []
    for one in samples:
        plain = np.flatnonzero(one.weight > 0.5)
        chosen = torch.from_numpy(random.choice(plain, min(PIXELS_A_SAMPLE, len(plain)), replace=False))
        logits.append(logits_of(network, one).flatten()[chosen])
        truths.append(torch.from_numpy(one.truth).flatten()[chosen].float())
    x, y = torch.cat(logits), torch.cat(truths)
    values = torch.tensor([1.0, 0.0], requires_grad=True)
    optimizer = torch.optim.LBFGS([values], max_iter=STEPS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        error = functional.binary_cross_entropy_with_logits(values[0] * x + values[1], y)
        error.backward()  # type: ignore[no-untyped-call]
        return error

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    scale, shift = values.tolist()
    return float(scale), float(shift)


@torch.no_grad()
def rescale(network: DamageSegmenter, scale: float, shift: float) -> None:
    """Scales and shifts the network's logits, in place."""
    network.write.weight.mul_(scale)
    if network.write.bias is not None:
        network.write.bias.mul_(scale).add_(shift)
