"""A photograph beside what will be repainted in it, or what would be, small: a process a photograph."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.detection import KINDS, PAINTED, Kind, Policy, Region, ScoreMap, threshold
from archive_restore.displaying import as_displayed, shrink_mask, upright
from archive_restore.errors import PhotographError
from archive_restore.home import Home
from archive_restore.masking import mask_at, read_score_map
from archive_restore.photos.codecs import decode
from archive_restore.photos.rendering import viewable

Pixels = NDArray[np.uint8]

BOX: Final = (460, 380)
"""px; width and height into which each of the two pictures fits. Smaller ones are not enlarged."""

COLOURS: Final[dict[str, tuple[int, int, int]]] = {
    Kind.DUST: (255, 214, 0),
    Kind.HAIR: (255, 110, 0),
    Kind.SCRATCH: (236, 28, 36),
    Kind.CREASE: (240, 50, 200),
    Kind.CRACK: (140, 80, 255),
    Kind.TEAR: (30, 110, 255),
    Kind.SPOT: (0, 200, 220),
    Kind.CORNER: (20, 180, 60),
    PAINTED: (170, 255, 0),
}
"""RGB, of each kind of damage."""

NEAR_PX: Final = 5
"""px of the small picture: a mask is as wide as blur needs, so its rim has the kind of what is this near."""


@dataclass(frozen=True)
class Overlay:
    """A task: a photograph with its mask, or with the one that a policy would make."""

    path: Path
    sha256: str
    home: Home
    policy: Policy | None = None


@dataclass(frozen=True)
class Pair:
    """The photograph and the same with a mask in colours, (h, w, 3) uint8, both of one size, as viewers turn it."""

    plain: Pixels
    coloured: Pixels
    covered: int  # px in the mask
    regions: tuple[Region, ...] = ()  # what the policy finds, where the task has one


@dataclass(frozen=True)
class Hidden:
    """A photograph that cannot be shown, and why."""

    reason: str


def overlay(task: Overlay) -> Pair | Hidden:
    """Reads a photograph and makes it and the mask small."""
    cv2.setNumThreads(1)  # the processes share the cores
    try:
        photograph = decode(task.path)
        picture = viewable(photograph)
        shape = (picture.shape[0], picture.shape[1])
        mask = mask_at(task.home.mask(task.sha256), shape) if task.policy is None else np.zeros(shape, bool)
    except PhotographError as error:
        return Hidden(error.reason)
    turn, _ = as_displayed(bytes(photograph.source))
    score_map = read_score_map(task.home.score_map(task.sha256))
    regions: list[Region] = []
    if task.policy is not None:
        if score_map is None:
            return Hidden("what its scan found is gone; scan it --anew")
        mask, regions = threshold(score_map, task.policy.level, shape, task.policy.kinds)
    scale = max(shape[1] / BOX[0], shape[0] / BOX[1], 1.0)
    if turn in (5, 6, 7, 8):  # rows are columns
        scale = max(shape[0] / BOX[0], shape[1] / BOX[1], 1.0)
    size = (max(1, round(shape[1] / scale)), max(1, round(shape[0] / scale)))
    small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    if small.ndim == 2:
        small = np.repeat(small[..., None], 3, axis=2)
    painted = coloured(small, shrink_mask(mask, size), score_map)
    return Pair(upright(small, turn), upright(painted, turn), int(mask.sum()), tuple(regions))


def coloured(picture: Pixels, mask: NDArray[np.bool_], score_map: ScoreMap | None) -> Pixels:
    """`picture` (h, w, 3) with its mask (h, w) in the colours of the kinds; a score map of any size says which."""
    names = [*KINDS, PAINTED]
    size = (mask.shape[1], mask.shape[0])
    shares = np.zeros((len(names), *mask.shape), np.float32)
    shares[-1] = np.finfo(np.float32).tiny  # where nothing was detected
    if score_map is not None:
        near = np.ones((NEAR_PX, NEAR_PX), np.uint8)
        for index in np.unique(score_map.kinds[score_map.scores > 0]):
            plane = ((score_map.kinds == index) & (score_map.scores > 0)).astype(np.float32)
            reduced = np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32)
            # What lies under a pixel decides; what lies beside it, only where nothing does.
            shares[index] = reduced + np.asarray(cv2.dilate(reduced, near), np.float32) / 1000
    colours = np.array([COLOURS[name] for name in names], np.uint8)
    return np.where(mask[..., None], colours[shares.argmax(axis=0)], picture).astype(np.uint8)
