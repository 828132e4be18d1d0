"""What each architecture is asked: which batch it gets, what it writes, which losses judge it.

The loop knows nothing of pictures; an objective knows nothing of optimisers.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from archive_restore.errors import InputError
from archive_restore.networks import architectures, context_encoder, losses
from archive_restore.networks.architectures import Settings
from archive_restore.training import crops, region_masks
from archive_restore.training.defects.laying import Shapes
from archive_restore.training.sources import Photographs

Batch = dict[str, Tensor]
"""`truth` (B, 3, S, S) and `context` (B, 3, S, S) in [-1, 1], `mask` (B, 1, S, S) with 1 = hole; for the default
generator also `scan` (B, 3, S, S), the damage in the holes, and what `handed_down` needs of half the resolution."""


@dataclass(frozen=True)
class Verdict:
    """The discriminator's loss and how it judged: mean probability "real" for photographs and for fakes."""

    loss: Tensor
    real: Tensor
    fake: Tensor


class Objective(Protocol):
    """One architecture's task."""

    @property
    def architecture(self) -> str: ...

    @property
    def settings(self) -> Settings: ...

    @property
    def adversary_from(self) -> float:
        """Share of the training after which the adversary takes part."""

    def batch(self, photographs: Photographs, seed: Sequence[int]) -> Batch:
        """A batch on the CPU, a pure function of `seed`."""

    def write(self, generator: nn.Module, batch: Batch) -> Tensor:
        """What the generator writes, before any compositing."""

    def verdict(self, discriminator: nn.Module, written: Tensor, batch: Batch) -> Verdict:
        """The discriminator's step; `written` is detached."""

    def reconstruction(self, written: Tensor, batch: Batch) -> Tensor:
        """The reconstruction loss alone."""

    def losses(self, discriminator: nn.Module, written: Tensor, batch: Batch) -> dict[str, Tensor]:
        """The generator's named losses with the adversary; `total` is the one to descend."""

    def composite(self, written: Tensor, batch: Batch) -> Tensor:
        """The restored picture: what was written inside the hole, the truth outside."""


def published_settings() -> Settings:
    """The bottleneck of the paper."""
    return {"bottleneck": context_encoder.PAPER_BOTTLENECK}


def to_tensor(pictures: Sequence[NDArray[np.uint8]]) -> Tensor:
    """(S, S, 3) uint8 pictures to (B, 3, S, S) float32 in [-1, 1]."""
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1


def plane_tensor(planes: Sequence[NDArray[np.bool_ | np.float32]]) -> Tensor:
    """(S, S) masks or weights to (B, 1, S, S) float32."""
    return torch.from_numpy(np.stack(planes))[:, None].float()


@dataclass(frozen=True)
class RefineHoles:
    """The default generator's task: damage of every kind and width, at several window sizes.

    `pixels` is the number of pixels a batch has at any of the `sizes` (px), which take turns: a network trained
    at one size only learns where the window's border is. `shapes` are damage shapes of the user's own archive,
    `artefacts` opacities of real ones, by kind.
    """

    sizes: tuple[int, ...] = (64, 96, 128)
    pixels: int = 16 * 80 * 80
    shapes: tuple[NDArray[np.bool_], ...] = ()
    artefacts: Shapes = field(default_factory=dict)
    settings: Settings = field(default_factory=dict)
    adversary_from: float = 0.85
    adversarial_weight: float = 0.004
    matching_weight: float = 0.04
    architecture: str = architectures.DEFAULT

    def batch(self, photographs: Photographs, seed: Sequence[int]) -> Batch:
        size = self.sizes[seed[-1] % len(self.sizes)]
        count = max(2, self.pixels // size**2)
        samples = []
        for position in range(count):
            random = np.random.default_rng([*seed, position])
            photograph = photographs[int(random.integers(len(photographs)))]
            samples.append(crops.sample(photograph, size, random, self.shapes, self.artefacts))
        return {
            "truth": to_tensor([sample.truth for sample in samples]),
            "context": to_tensor([sample.guess for sample in samples]),
            "mask": plane_tensor([sample.mask for sample in samples]),
            "scan": to_tensor([sample.scan for sample in samples]),
            "coarse_context": to_tensor([sample.coarse.guess for sample in samples]),
            "coarse_mask": plane_tensor([sample.coarse.mask for sample in samples]),
            "coarse_scan": to_tensor([sample.coarse.scan for sample in samples]),
            "coarse_weight": plane_tensor([sample.coarse.weight for sample in samples]),
        }

    def write(self, generator: nn.Module, batch: Batch) -> Tensor:
        guess = self.handed_down(generator, batch)
        written: Tensor = generator(guess, batch["mask"], batch["scan"])
        return written

    @torch.no_grad()
    def handed_down(self, generator: nn.Module, batch: Batch) -> Tensor:
        """The first guess with the generator's own work at half the resolution in the deep parts, as `run` has it.
        A network that never sees its own mistakes there makes more of them at every level (corners: 15.8 dB)."""
        coarse = batch["coarse_context"]
        restored = generator(coarse, batch["coarse_mask"], batch["coarse_scan"])
        gain = batch["coarse_mask"] * (restored.float().clamp(-1, 1) - coarse)
        gain = functional.interpolate(gain, scale_factor=2.0, mode="bilinear", align_corners=False)
        return batch["context"] + batch["coarse_weight"] * gain

    def composite(self, written: Tensor, batch: Batch) -> Tensor:
        return batch["mask"] * written + (1 - batch["mask"]) * batch["truth"]

    def verdict(self, discriminator: nn.Module, written: Tensor, batch: Batch) -> Verdict:
        real, _ = discriminator(batch["truth"])
        fake, _ = discriminator(self.composite(written, batch))
        weights = losses.patches_with_holes(batch["mask"], real.shape)
        loss = losses.judged_real(real, weights) + losses.judged_fake(fake, weights)
        return Verdict(
            loss,
            losses.average(real.detach().sigmoid(), weights),
            losses.average(fake.detach().sigmoid(), weights),
        )

    def reconstruction(self, written: Tensor, batch: Batch) -> Tensor:
        return losses.hole_log_error(written, batch["truth"], batch["mask"])

    def losses(self, discriminator: nn.Module, written: Tensor, batch: Batch) -> dict[str, Tensor]:
        reconstruction = self.reconstruction(written, batch)
        with torch.no_grad():
            _, truth_features = discriminator(batch["truth"])
        logits, features = discriminator(self.composite(written, batch))
        adversarial = losses.judged_real(logits, losses.patches_with_holes(batch["mask"], logits.shape))
        matching = losses.feature_matching(features, truth_features)
        total = reconstruction + self.adversarial_weight * adversarial + self.matching_weight * matching
        return {
            "total": total,
            "reconstruction": reconstruction,
            "adversarial": adversarial,
            "matching": matching,
        }


@dataclass(frozen=True)
class PublishedCentre:
    """The paper's centre form: 56x56 hidden, 64x64 written, the ring of 4 weighing ten times."""

    batch_size: int = 64
    size: int = 128
    overlap: int = 4
    scale_to: int = 350  # px; the photographs' short side before a crop is taken, as in the original
    settings: Settings = field(default_factory=published_settings)
    adversary_from: float = 0.0
    architecture: str = architectures.CENTRE

    def batch(self, photographs: Photographs, seed: Sequence[int]) -> Batch:
        truths = []
        for position in range(self.batch_size):
            random = np.random.default_rng([*seed, position])
            photograph = photographs[int(random.integers(len(photographs)))]
            truths.append(crops.cut_scaled(photograph, self.size, self.scale_to, random))
        truth = to_tensor(truths)
        mask = torch.from_numpy(region_masks.centre(self.size, self.overlap))[None, None].float()
        mask = mask.expand(self.batch_size, -1, -1, -1)
        return {"truth": truth, "context": hide(truth, mask), "mask": mask}

    def write(self, generator: nn.Module, batch: Batch) -> Tensor:
        written: Tensor = generator(batch["context"])
        return written

    def target(self, batch: Batch) -> Tensor:
        """The central 64x64 of the truth."""
        return batch["truth"][:, :, *region_masks.written_square(self.size)]

    def composite(self, written: Tensor, batch: Batch) -> Tensor:
        picture = batch["truth"].clone()
        picture[:, :, *region_masks.written_square(self.size)] = written.to(picture.dtype)
        return batch["mask"] * picture + (1 - batch["mask"]) * batch["truth"]

    def verdict(self, discriminator: nn.Module, written: Tensor, batch: Batch) -> Verdict:
        return published_verdict(discriminator(self.target(batch)), discriminator(written))

    def reconstruction(self, written: Tensor, batch: Batch) -> Tensor:
        target = self.target(batch)
        weights = losses.ring_weights(target.shape[-1], self.overlap).to(target.device)
        return losses.weighted_squared_error(written, target, weights)

    def losses(self, discriminator: nn.Module, written: Tensor, batch: Batch) -> dict[str, Tensor]:
        return published_losses(self.reconstruction(written, batch), discriminator(written))


@dataclass(frozen=True)
class PublishedRandomRegion:
    """The paper's random-region form: blocks and arbitrary shapes hidden, the whole picture written, the loss
    over what was hidden (equation 1; the authors' code takes the whole picture).

    The discriminator judges what was written in the place that was hidden, the truth around it: over the whole picture,
    as equation 2 has it, it would judge above all what the loss of equation 1 leaves open.
    """

    batch_size: int = 64
    size: int = 128
    scale_to: int = 350
    settings: Settings = field(default_factory=published_settings)
    adversary_from: float = 0.0
    architecture: str = architectures.RANDOM_REGION

    def draw_mask(self, random: np.random.Generator) -> NDArray[np.bool_]:
        """Blocks or a noise region, by chance."""
        strategy = region_masks.random_region if random.integers(2) else region_masks.random_blocks
        return strategy(random, self.size)

    def batch(self, photographs: Photographs, seed: Sequence[int]) -> Batch:
        truths, masks = [], []
        for position in range(self.batch_size):
            random = np.random.default_rng([*seed, position])
            photograph = photographs[int(random.integers(len(photographs)))]
            truths.append(crops.cut_scaled(photograph, self.size, self.scale_to, random))
            masks.append(self.draw_mask(random))
        truth, mask = to_tensor(truths), plane_tensor(masks)
        return {"truth": truth, "context": hide(truth, mask), "mask": mask}

    def write(self, generator: nn.Module, batch: Batch) -> Tensor:
        written: Tensor = generator(batch["context"])
        return written

    def composite(self, written: Tensor, batch: Batch) -> Tensor:
        return batch["mask"] * written + (1 - batch["mask"]) * batch["truth"]

    def verdict(self, discriminator: nn.Module, written: Tensor, batch: Batch) -> Verdict:
        return published_verdict(discriminator(batch["truth"]), discriminator(self.composite(written, batch)))

    def reconstruction(self, written: Tensor, batch: Batch) -> Tensor:
        return losses.weighted_squared_error(written, batch["truth"], batch["mask"])

    def losses(self, discriminator: nn.Module, written: Tensor, batch: Batch) -> dict[str, Tensor]:
        logits = discriminator(self.composite(written, batch))
        return published_losses(self.reconstruction(written, batch), logits)


def published_verdict(real: Tensor, fake: Tensor) -> Verdict:
    """From the logits of photographs and of fakes, one each."""
    loss = losses.judged_real(real) + losses.judged_fake(fake)
    return Verdict(loss, real.detach().sigmoid().mean(), fake.detach().sigmoid().mean())


def published_losses(reconstruction: Tensor, logits: Tensor) -> dict[str, Tensor]:
    """From the reconstruction loss, and the discriminator's logits of what was written."""
    adversarial = losses.judged_real(logits)
    total = losses.joint(reconstruction, adversarial)
    return {"total": total, "reconstruction": reconstruction, "adversarial": adversarial}


def hide(truth: Tensor, mask: Tensor) -> Tensor:
    """The picture with its hole filled by the constant mean colour (the authors' code), in [-1, 1]."""
    mean = torch.tensor(context_encoder.MEAN_COLOUR).view(1, 3, 1, 1) * 2 - 1
    return mask * mean.to(truth.device) + (1 - mask) * truth


def hole_psnr(composite: Tensor, batch: Batch) -> list[float]:
    """PSNR over the hole of each sample, dB, values in [0, 1]."""
    error = ((composite.clamp(-1, 1) - batch["truth"]) / 2).square() * batch["mask"]
    mean = error.sum(dim=(1, 2, 3)) / (3 * batch["mask"].sum(dim=(1, 2, 3)))
    return [-10 * math.log10(max(float(value), 1e-10)) for value in mean]


def objective_for(architecture: str, settings: Settings, artefacts: Shapes) -> Objective:
    """The task of that architecture, with the given settings over its defaults. `artefacts` as in `RefineHoles`.

    Raises
    ------
    InputError
        The architecture is a published one, which is not trained with damage, and there are artefacts.
    """
    architectures.architecture(architecture)
    if architecture == architectures.DEFAULT:
        return RefineHoles(settings=settings, artefacts=artefacts)
    if artefacts:
        raise InputError(f"{architecture} is trained with the paper's masks; leave --artefacts out")
    published = PublishedCentre if architecture == architectures.CENTRE else PublishedRandomRegion
    return published(settings=published_settings() | settings)
