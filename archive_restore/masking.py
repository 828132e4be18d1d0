"""The mask of one photograph made anew from its score map, in a process of its own; the photograph is not read."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.detection import Policy, Region, ScoreMap, specks_all_over, threshold
from archive_restore.errors import PhotographError
from archive_restore.home import Home
from archive_restore.ledger import MaskedPhotograph, RegionRow
from archive_restore.photos.mask_files import read_mask, write_mask


@dataclass(frozen=True)
class Masking:
    """A task."""

    photograph: MaskedPhotograph
    policy: Policy
    home: Home
    write: bool  # the detected mask, if it is another one than before


@dataclass(frozen=True)
class Masked:
    """What the policy makes of the photograph."""

    regions: list[RegionRow]
    covered: int  # px in the mask
    changed: bool  # the mask differs from the one in use
    lost: bool  # the one in use is gone, or cannot be read
    unsure: bool  # there are faint specks all over it, see `detection.specks_all_over`


@dataclass(frozen=True)
class Unscored:
    """There is no score map, or none that can be read."""

    lost: bool  # nor the mask in use


def masked(task: Masking) -> Masked | Unscored:
    """Makes the detected mask of a photograph by a policy. What somebody painted stays, and stays in use.

    Raises
    ------
    StorageError
        The mask cannot be written; the next one would fare no better.
    """
    cv2.setNumThreads(1)  # the processes share the cores
    photograph, home = task.photograph, task.home
    scores = read_score_map(home.score_map(photograph.sha256))
    shape = (photograph.height, photograph.width)
    detected = home.detected_mask(photograph.sha256)
    in_use = home.mask(photograph.sha256)
    before = _known_mask(in_use, shape)
    lost = before is None or (photograph.covered > 0 and not in_use.exists())
    if scores is None:
        return Unscored(lost)
    mask, regions = threshold(scores, task.policy.level, shape, task.policy.kinds)
    covered = int(mask.sum())
    if lost:  # the same choice makes the same mask
        changed = (task.policy.text, covered) != (photograph.policy, photograph.covered)
    else:
        changed = not _equal(mask, before)
    differs = changed or lost if in_use == detected else not _equal(mask, _known_mask(detected, shape))
    # Empty, too: what was restored once is given back as it was only if there is a mask that says so.
    if task.write and differs:
        write_mask(detected, mask, compact=True)
    unsure = specks_all_over(scores, task.policy.level, task.policy.kinds)
    return Masked([row_of(region) for region in regions], covered, changed, lost, unsure)


def read_score_map(path: Path) -> ScoreMap | None:
    """A stored score map; None if there is none, or none that this version can read."""
    try:
        return ScoreMap.from_png(path.read_bytes())
    except (OSError, ValueError):
        return None


def mask_at(path: Path, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The (H, W) mask there, which is empty if there is none.

    Raises
    ------
    PhotographError
        It cannot be read, or is of another size.
    """
    return read_mask(path, shape) if path.exists() else np.zeros(shape, bool)


def _known_mask(path: Path, shape: tuple[int, int]) -> NDArray[np.bool_] | None:
    """As `mask_at`; None of one that cannot be read."""
    try:
        return mask_at(path, shape)
    except PhotographError:
        return None


def _equal(mask: NDArray[np.bool_], other: NDArray[np.bool_] | None) -> bool:
    return other is not None and np.array_equal(mask, other)


def row_of(region: Region) -> RegionRow:
    """A region as the ledger keeps it."""
    return RegionRow(
        kind=region.kind,
        left=region.left,
        top=region.top,
        width=region.width,
        height=region.height,
        area=region.area,
        score=region.score,
    )
