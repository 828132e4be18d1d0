"""Shape tests: how a kind of damage looks, in words that a photograph's size does not change."""

from dataclasses import dataclass

import numpy as np

from archive_restore.detection.candidates import Candidates
from archive_restore.detection.filters import Floats


@dataclass(frozen=True)
class Form:
    """The form of candidates; each (N,). Lengths are in thousandths of the photograph's long side."""

    light: bool
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
        light=found.light,
        length=length * unit,
        width=width * unit,
        slenderness=length / width,
        bend=found.trait("bend"),
        frame=found.trait("frame"),
    )


def rising(values: Floats, low: float, high: float) -> Floats:
    """0 up to `low`, 1 from `high` on, straight between."""
    return np.asarray(np.clip((values - low) / (high - low), 0, 1), np.float32)


def falling(values: Floats, low: float, high: float) -> Floats:
    """1 up to `low`, 0 from `high` on, straight between."""
    return 1 - rising(values, low, high)
