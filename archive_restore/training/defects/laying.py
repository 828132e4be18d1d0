"""One damage, and how it is laid over a photograph."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.random import Generator as Random
from numpy.typing import NDArray

from archive_restore.training.scenery.laying import box_of

Floats = NDArray[np.float32]
Shape = tuple[int, int]
Shapes = Mapping[str, Sequence[Floats]]
"""Opacities (h, w) of real artefacts, by the folder of their kind."""

NO_SHAPES: Shapes = MappingProxyType({})


@dataclass(frozen=True)
class Defect:
    """One damage: opacity (H, W) float32 in [0, 1]; tone RGB, 0 to 255; texture, the deviation of its own grain in
    levels; `stains`: multiplies the photograph by the tone instead of covering it."""

    opacity: Floats
    tone: tuple[float, float, float]
    texture: float
    kind: str
    stains: bool = False


def lay(picture: Floats, defect: Defect, random: Random) -> None:
    """Lays a defect over the picture (H, W, 3), in place; only where it has any opacity."""
    box = box_of(defect.opacity)
    if box is None:
        return
    opacity, under = defect.opacity[box][..., None], picture[box]
    texture = random.standard_normal(opacity.shape, np.float32) * np.float32(defect.texture)
    tone = np.array(defect.tone, np.float32)
    over = under * (tone / 255) if defect.stains else tone + texture
    picture[box] = np.clip(under + (over - under) * opacity, 0, 255)
