"""The shapes of real artefacts (hairs, dirt, stains cut out of scans of film), strewn over a sample."""

import cv2
import numpy as np
from numpy.random import Generator as Random

from archive_restore.training import damage
from archive_restore.training.defects.laying import Floats, Shape, Shapes

REAL_KINDS = {
    "dust": ("dots", "dirt", "spots", "lint"),
    "hairs": ("hair", "hair-short", "lint"),
    "scratches": ("scratches",),
    "spots": ("stain", "smut", "sprinkles", "spots"),
}
"""Folders of real shapes by the kind of damage."""

REAL_SIZES = {"dust": (4, 60), "hairs": (25, 220), "scratches": (100, 380), "spots": (12, 140)}
"""Units that the longer side of a real shape spans."""

REAL_COUNTS = {"dust": (3, 18), "hairs": (1, 5), "scratches": (1, 3), "spots": (1, 4)}
"""How many lie on a sample of 256 px at one px a unit; fewer on one that shows less of the photograph."""


def stamped(random: Random, shape: Shape, unit: float, kind: str, shapes: Shapes) -> Floats:
    """Opacity of real shapes, turned, mirrored, scaled and strewn; in one of three samples they keep together."""
    opacity = np.zeros(shape, np.float32)
    folders = [folder for folder in REAL_KINDS[kind] if folder in shapes]
    low, high = REAL_COUNTS[kind]
    count = max(1, round(int(random.integers(low, high + 1)) / unit**1.2))
    centre, together = np.array(damage.somewhere(random, shape)), random.random() < 0.33
    for _ in range(count):
        chosen = shapes[str(random.choice(folders))]
        form = chosen[int(random.integers(len(chosen)))]
        form = np.rot90(form, int(random.integers(4)))[:, :: int(random.choice([-1, 1]))]
        scale = unit * float(random.uniform(*REAL_SIZES[kind])) / max(form.shape)
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        size = (max(1, round(form.shape[1] * scale)), max(1, round(form.shape[0] * scale)))
        form = np.asarray(cv2.resize(np.ascontiguousarray(form), size, interpolation=how), np.float32)
        at = centre + random.normal(0, 25 * unit, 2) if together else damage.somewhere(random, shape)
        stamp(
            opacity, form, round(float(at[1])) - form.shape[0] // 2, round(float(at[0])) - form.shape[1] // 2
        )
    return opacity


def stamp(opacity: Floats, form: Floats, top: int, left: int) -> None:
    """Lays a shape into `opacity`, in place, cut off at the picture's edges."""
    y, x = max(top, 0), max(left, 0)
    bottom, right = min(top + form.shape[0], opacity.shape[0]), min(left + form.shape[1], opacity.shape[1])
    if bottom > y and right > x:
        inside = opacity[y:bottom, x:right]
        np.maximum(inside, form[y - top : bottom - top, x - left : right - left], out=inside)
