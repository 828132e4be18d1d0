"""Shape tests: how a kind of damage looks, in words that a photograph's size does not change."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archive_restore.detection.candidates import Candidates
from archive_restore.detection.filters import Floats, Grey, at_edge, components, dilated, eroded, square
from archive_restore.detection.traits import Sample, extent, ring_of, sample

# Fainter pixels up to half of this away have the kind of the region.
RIM_PX = 9
# The ring around a region in which the photograph's own tone is taken, as sides of the dilating squares.
INNER_RING_PX = 5
OUTER_RING_PX = 15


@dataclass(frozen=True)
class Form:
    """The form of candidates; each (N,). Lengths are in thousandths of the photograph's long side."""

    light: NDArray[np.bool_]  # lighter than what surrounds it
    length: Floats
    width: Floats
    slenderness: Floats  # length over width
    bend: Floats  # 1 = a straight bar; more: curved or branched
    frame: Floats  # 1 = touches the edge of the picture


def form(found: Candidates) -> Form:
    """The form of each candidate."""
    unit = 1000 / max(found.plane.shape)
    length, width = found.trait("length"), found.trait("width")
    return Form(
        light=np.full(len(found), found.light),
        length=length * unit,
        width=width * unit,
        slenderness=length / width,
        bend=found.trait("bend"),
        frame=found.trait("frame"),
    )


@dataclass(frozen=True)
class Regions:
    """The connected regions of a mask, N of them."""

    labels: NDArray[np.int32]  # (h, w), 0 = none, regions from 1 on
    boxes: NDArray[np.int32]  # (N, 5): left, top, width, height, area
    whole: Sample  # all their pixels
    ring: Sample  # what surrounds them
    form: Form
    unit: float  # thousandths of the photograph's long side a px


def regions_of(mask: Grey, luminance: Grey, whole_shape: tuple[int, ...]) -> Regions:
    """The connected regions of a mask (h, w), and their forms.

    `mask` and `luminance` may be cut out of a photograph of `whole_shape`, with room around the regions.
    """
    labels, boxes = components(mask)
    position = np.flatnonzero(labels > 0).astype(np.int32)
    owner = labels.ravel()[position] - 1
    boxes = boxes[1:]
    whole = sample(position, owner, len(boxes))
    length, breadth = extent(whole, labels.shape[1])
    rim = eroded(mask, square(3)).ravel()[position] == 0
    width = whole.size / np.maximum(length, 0.5 * np.bincount(owner[rim], minlength=len(boxes)))
    ring = ring_of(mask, labels, len(boxes), INNER_RING_PX, OUTER_RING_PX)
    unit = 1000 / max(whole_shape)
    form = Form(
        light=whole.mean(luminance.ravel()[position]) >= ring.mean(luminance.ravel()[ring.position]),
        length=length * unit,
        width=width.astype(np.float32) * unit,
        slenderness=(length / width).astype(np.float32),
        bend=breadth / np.maximum(whole.size / length, 1),
        frame=at_edge(boxes, labels.shape).astype(np.float32),
    )
    return Regions(labels, boxes, whole, ring, form, unit)


def painted(kinds: NDArray[np.uint8], labels: NDArray[np.int32]) -> NDArray[np.uint8]:
    """(h, w) the kind (N,) of the region at each pixel; around it, too, for what is too faint to be a region has the
    kind of the one that it surrounds."""
    inside = np.concatenate([np.zeros(1, np.uint8), kinds])[labels]
    return np.where(labels > 0, inside, dilated(inside, square(RIM_PX)))


def rising(values: Floats, low: float, high: float) -> Floats:
    """0 up to `low`, 1 from `high` on, straight between."""
    return np.asarray(np.clip((values - low) / (high - low), 0, 1), np.float32)


def falling(values: Floats, low: float, high: float) -> Floats:
    """1 up to `low`, 0 from `high` on, straight between."""
    return 1 - rising(values, low, high)
