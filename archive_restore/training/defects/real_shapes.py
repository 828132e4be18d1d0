"""The shapes of real artefacts (hairs, dirt, stains cut out of scans of film), strewn over a sample."""

from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator as Random

from archive_restore.errors import InputError, printable
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

LARGEST = 700
"""px of the longer side of a shape as it is kept, so that drawing it is quick."""

FOR_TRAINING, FOR_TESTING = slice(0, None, 2), slice(1, None, 2)
"""Which shapes of a folder, by name, `read_shapes` takes, and which it leaves to be measured with."""


def stampable(kind: str, shapes: Shapes) -> bool:
    """Whether there are real shapes of a kind of damage."""
    return any(folder in shapes for folder in REAL_KINDS.get(kind, ()))


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


def read_shapes(folder: Path) -> dict[str, list[Floats]]:
    """Real artefacts, folder/KIND/NAME.png with the opacity in the alpha channel: every other one by name, since
    the others are for testing. Each (h, w) float32 in [0, 1], cut to what is visible.

    Raises
    ------
    InputError
        There are none of any kind in `REAL_KINDS`, or one of them is something else.
    """
    known = {name for names in REAL_KINDS.values() for name in names}
    paths = {kind: sorted((folder / kind).glob("*.png"))[FOR_TRAINING] for kind in sorted(known)}
    shapes = {
        kind: [form for path in found if (form := _read(path)) is not None] for kind, found in paths.items()
    }
    shapes = {kind: forms for kind, forms in shapes.items() if forms}
    if not shapes:
        raise InputError(
            f"{printable(folder)} holds no artefacts; they lie in folders named {', '.join(sorted(known))}"
        )
    return shapes


def _read(path: Path) -> Floats | None:
    """None, if nothing of it can be seen."""
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.ndim != 3 or pixels.shape[2] != 4:
        raise InputError(f"{printable(path)} is no PNG with an alpha channel; take it out of the folder")
    opacity = pixels[..., 3].astype(np.float32) / 255
    rows, columns = np.nonzero(opacity > 0.03)
    if not len(rows):
        return None
    cut_out = opacity[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    scale = LARGEST / max(cut_out.shape)
    small = (
        cv2.resize(cut_out, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else cut_out
    )
    return np.asarray(small, np.float32)
