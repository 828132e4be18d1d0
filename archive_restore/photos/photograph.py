"""What a photograph is here: header, samples, and the bytes from which its container is carried over."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


class Format(StrEnum):
    """The containers that are read and written."""

    JPEG = "jpeg"
    PNG = "png"
    TIFF = "tiff"
    WEBP = "webp"


@dataclass(frozen=True)
class Header:
    """What a file says of itself before anything is decoded.

    `width` and `height` are px as stored: an EXIF orientation is not applied.
    """

    format: Format
    width: int
    height: int
    channels: int  # 1 = grey, 3 = RGB

    @property
    def pixels(self) -> int:
        return self.width * self.height

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the decoded samples: (H, W) when grey, (H, W, 3) when RGB."""
        return (self.height, self.width) if self.channels == 1 else (self.height, self.width, self.channels)


@dataclass(frozen=True)
class Photograph:
    """A decoded file. `pixels` is (H, W) or (H, W, 3) uint8 RGB as stored; `source` is the whole file."""

    path: Path
    header: Header
    pixels: NDArray[np.uint8]
    source: bytes
