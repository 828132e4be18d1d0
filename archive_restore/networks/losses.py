"""The losses. Pictures are (B, C, H, W) in [-1, 1], masks (B, 1, H, W) with 1 = hole; each returns a scalar."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

RECONSTRUCTION_WEIGHT = 0.999
"""Of the joint loss (Pathak et al., CVPR 2016, equation 3)."""

ADVERSARIAL_WEIGHT = 0.001
"""Of the joint loss."""

NEGLIGIBLE = 2e-3
"""Mean squared difference that is as good as none: 33 dB, or 6 levels of 255, which grain makes by itself."""

LOG_WEIGHT = 0.1
"""Of the logarithm of the squared error: at 20 dB it then pulls at a sample as the absolute error would."""

RING_WEIGHT = 10.0
"""How much more the ring of written pixels that the encoder could see weighs (section 4, "overlap")."""


def ring_weights(size: int, overlap: int) -> Tensor:
    """Weights of the written square: `RING_WEIGHT` in the outer `overlap` px, 1 inside. (1, 1, size, size)."""
    weights = torch.full((1, 1, size, size), RING_WEIGHT)
    weights[..., overlap : size - overlap, overlap : size - overlap] = 1.0
    return weights


def weighted_squared_error(written: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
    """Mean of weight times squared difference, over all samples (equation 1, and the authors' code for the
    weights, which are not normalised to a mean of 1)."""
    return (weights * (written - truth).square()).mean()


def hole_log_error(written: Tensor, truth: Tensor, masks: Tensor) -> Tensor:
    """Logarithm of the mean squared difference over each picture's hole, as PSNR has it (Chen et al., HINet, CVPR
    Workshops 2021, "PSNR loss"): where much is unknown, the mean of what may be there is the best answer, not the
    median. A picture counts as the square root of its hole's area: neither do specks drown in corners nor are a few
    pixels of noise worth as much as a tear. 0 for the truth itself."""
    area = masks.sum(dim=(1, 2, 3))
    squared = ((written - truth).square() * masks).sum(dim=(1, 2, 3)) / written.shape[1] / area.clamp(min=1)
    return LOG_WEIGHT * average(torch.log1p(squared / NEGLIGIBLE), area.sqrt())


def joint(reconstruction: Tensor, adversarial: Tensor) -> Tensor:
    """0.999 reconstruction + 0.001 adversarial (equation 3)."""
    return RECONSTRUCTION_WEIGHT * reconstruction + ADVERSARIAL_WEIGHT * adversarial


def judged_real(logits: Tensor, weights: Tensor | None = None) -> Tensor:
    """Cross-entropy of logits against "real": the discriminator's loss on photographs, and the generator's
    non-saturating loss on what it wrote (Goodfellow et al., 2014, section 3)."""
    return average(functional.softplus(-logits.float()), weights)


def judged_fake(logits: Tensor, weights: Tensor | None = None) -> Tensor:
    """Cross-entropy of logits against "fake"."""
    return average(functional.softplus(logits.float()), weights)


def average(values: Tensor, weights: Tensor | None) -> Tensor:
    """Mean, or weighted mean where some weight is positive."""
    if weights is None:
        return values.mean()
    return (values * weights).sum() / weights.sum().clamp(min=1e-6)


def patches_with_holes(masks: Tensor, shape: Sequence[int]) -> Tensor:
    """The share of hole in each patch that a patch discriminator judges, (B, 1, h, w). A patch without hole
    is the same in both pictures and says nothing."""
    return functional.adaptive_avg_pool2d(masks, (int(shape[-2]), int(shape[-1])))


def feature_matching(written: Sequence[Tensor], truth: Sequence[Tensor]) -> Tensor:
    """Mean absolute difference of the discriminator's features (Wang et al., pix2pixHD, CVPR 2018, equation 4);
    no gradient reaches the truth's."""
    pairs = list(zip(written, truth, strict=True))
    total = sum(((a - b.detach()).abs().mean() for a, b in pairs), torch.zeros((), device=written[0].device))
    return total / len(pairs)
