"""Palettes: colours added where there is room, and left behind where there is not."""

import numpy as np
from numpy.typing import NDArray

MOST = 256
"""Colours in a palette."""

_ROWS = 512
"""Compared at a time."""

Samples = NDArray[np.uint8]


def indexed(samples: Samples, indices: Samples, table: Samples, depth: int) -> tuple[Samples, Samples] | None:
    """A palette picture's new samples as indices; None if no palette can hold them.

    Parameters
    ----------
    samples : (H, W, C) uint8, the new picture
    indices : (H, W) uint8, the old one
    table : (colours, C) uint8, its palette
    depth : bits of an index; more are used only where no unused colour can give way

    Returns
    -------
    New indices and the palette with the new colours: at its end, then in the place of unused ones. Pixels that
    did not change keep their index.
    """
    changed = np.concatenate(
        [
            (table[indices[top : top + _ROWS]] != samples[top : top + _ROWS]).any(axis=2)
            for top in range(0, len(indices), _ROWS)
        ]
    )
    fresh, which = np.unique(samples[changed], axis=0, return_inverse=True)
    kept = np.unique(indices[~changed])
    colours = _with_room(table, kept, fresh, 1 << depth)
    if colours is None:
        colours = _with_room(table, kept, fresh, MOST)
    if colours is None:
        return None
    places = np.array([int(np.flatnonzero((colours == colour).all(axis=1))[0]) for colour in fresh], np.uint8)
    result = indices.copy()
    result[changed] = places[which.reshape(-1)]
    return result, colours


def bits_for(colours: int, least: int) -> int:
    """Bits of an index into so many colours: 1, 2, 4 or 8, and at least `least`."""
    return max(least, next(bits for bits in (1, 2, 4, 8) if colours <= 1 << bits))


def _with_room(old: Samples, kept: NDArray[np.uint8], fresh: Samples, most: int) -> Samples | None:
    """The palette with the colours of `fresh` as well, `most` of them: indices in `kept` stay. None if there is no
    room."""
    if len(fresh) > most:
        return None
    missing = [colour for colour in fresh if not (old == colour).all(axis=1).any()]
    free = max(0, most - len(old))
    colours = np.concatenate([old, np.array(missing[:free], np.uint8).reshape(-1, old.shape[1])])
    wanted = {tuple(colour) for colour in fresh.tolist()}
    used = set(kept.tolist())
    unused = [
        place for place in range(len(old)) if place not in used and tuple(old[place].tolist()) not in wanted
    ]
    rest = missing[free:]
    if len(rest) > len(unused):
        return None
    for place, colour in zip(unused, rest, strict=False):
        colours[place] = colour
    return colours
