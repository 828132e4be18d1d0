"""How deep samples are shown as 0 to 255, and back: as they are, or linear light as the eye sees it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archive_restore.photos.photograph import Colours, Page, Samples

_LINEAR_GAMMA = 2.2
"""Exponent that makes linear light look even to the eye, near that of sRGB (IEC 61966-2-1)."""

_LINEAR_MEDIAN = 0.12
"""Median of a photograph's samples, of 1, below which they are taken for linear light: mid-grey, 18 % of the
light, lies at 0.46 where it is encoded for the eye. Only the picture in between depends on it."""

_PROBES = 1 << 16
"""Samples, evenly spread, of which the median is taken."""


@dataclass(frozen=True)
class Tones:
    """How deep samples become 0 to 255: of 1, to the power of 1 / gamma."""

    white: int  # the largest sample that as many bits as are in use can say: 4095 in a 12-bit scan
    gamma: float

    def picture(self, samples: Samples) -> NDArray[np.uint8]:
        """uint16 samples as uint8 of the same shape."""
        return np.asarray(np.rint(self._table()).astype(np.uint8)[samples])

    def exact(self, samples: Samples) -> NDArray[np.float32]:
        """uint16 samples as float32 of the same shape."""
        return np.asarray(self._table().astype(np.float32)[samples])

    def samples(self, values: NDArray[np.float64]) -> Samples:
        """0..255 back to uint16 of the same shape; anything beyond is clipped."""
        shares = np.clip(values / 255, 0, 1) ** self.gamma
        return np.rint(self.white * shares).astype(np.uint16)

    def _table(self) -> NDArray[np.float64]:
        """0..255 of every sample."""
        shares = np.arange(self.white + 1, dtype=np.float64) / self.white
        return np.asarray(255 * shares ** (1 / self.gamma))


def tones_of(samples: Samples, page: Page) -> Tones:
    """How a page is shown; of 8 bits as it is."""
    if page.depth <= 8:
        return Tones(255, 1.0)
    colours = colours_of(samples, page)
    white = max(255, (1 << int(colours.max()).bit_length()) - 1)
    step = max(1, int((colours.size / _PROBES) ** 0.5))
    median = float(np.median(colours[::step, ::step])) / white
    return Tones(white, _LINEAR_GAMMA if median < _LINEAR_MEDIAN else 1.0)


def colours_of(samples: Samples, page: Page) -> Samples:
    """The samples without alpha and the like, (H, W) or (H, W, 3 or 4)."""
    if not page.extra:
        return samples
    return np.asarray(
        samples[..., 0] if page.colours is Colours.GREY else samples[..., : page.colours.samples]
    )
