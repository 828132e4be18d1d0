"""Regions made whole: what a segmenter is a little less sure of in the midst of a patch, and has the patch's tone, goes
with it, also where it became a small region of its own. Half of a white patch that is left standing looks worse than
all of it, and a few white pixels of its rim shine into what fills it.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.detection.filters import luminance
from archive_restore.detection.shapes import Regions

WIDE = 8.0
"""Width from which a region is a patch, in thousandths of the long side."""

SLENDER = 30.0
"""Length over width from which it is none: lines and creases end where they end."""

SUSPECTED = 50
"""Least probability, in 255ths, of what goes with a region."""

REACH_PX = 12
"""How far it may lie from the region."""

TONE = 10.0
"""Grey levels that it may differ from the region's mean; more where the region itself is uneven."""

SPREADS = 1.5
"""Of the region's own deviation that it may differ."""


def made_whole(
    scores: NDArray[np.uint8], regions: Regions, picture: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """The scores (h, w), in 255ths, with what belongs to a patch as sure as the patch's mean; and the regions' labels
    (h, w) with it.

    Parameters
    ----------
    scores : (h, w) uint8, of the part of a picture that the regions are of
    picture : (h, w) or (h, w, 3) uint8, RGB, of the same part
    """
    whole, form = regions.whole, regions.form
    patch = (form.width >= WIDE) & (form.slenderness < SLENDER)
    at = whole.position[patch[whole.owner]]
    if not len(at):
        return scores, regions.labels
    place = _box(at, scores.shape)
    labels = regions.labels[place]
    owners = np.where(np.concatenate([[False], patch])[labels], labels, 0)
    rows, columns = np.nonzero((scores[place] >= SUSPECTED) & (owners == 0))
    if not len(rows):
        return scores, regions.labels
    distance, nearest = cv2.distanceTransformWithLabels(
        (owners == 0).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    # OpenCV numbers the patches' pixels in the order of rows.
    owner = owners[owners > 0][nearest[rows, columns] - 1] - 1
    grey = luminance(picture)
    inside = grey.ravel()[whole.position].astype(np.float32)
    tone = whole.mean(inside)
    allowed = np.maximum(TONE, SPREADS * whole.spread(inside, tone))
    alike = np.abs(grey[place][rows, columns] - tone[owner]) <= allowed[owner]
    sure = np.rint(whole.mean(scores.ravel()[whole.position].astype(np.float32))).astype(np.uint8)
    less_sure = scores[place][rows, columns] < sure[owner]
    taken = alike & less_sure & (distance[rows, columns] <= REACH_PX)
    rows, columns, owner = rows[taken], columns[taken], owner[taken]
    surer, larger = scores.copy(), regions.labels.copy()
    surer[place][rows, columns] = sure[owner]
    larger[place][rows, columns] = owner + 1
    return surer, larger


def _box(position: NDArray[np.integer], shape: tuple[int, ...]) -> tuple[slice, slice]:
    """What lies no more than REACH_PX from pixels (N,) of a picture of `shape` (h, w)."""
    rows, columns = np.divmod(position, shape[1])
    return (
        slice(max(int(rows.min()) - REACH_PX, 0), int(rows.max()) + REACH_PX + 1),
        slice(max(int(columns.min()) - REACH_PX, 0), int(columns.max()) + REACH_PX + 1),
    )
