"""8-bit pictures of photographs of any mode, for eyes, detectors and networks, and back into the samples.

What was restored in a picture goes back into the colour samples under the mask, at the depth of the file. A
pixel whose picture stayed as it was keeps its samples, so 16-bit samples lose nothing where nothing was done.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archive_restore.photos import large
from archive_restore.photos.photograph import Colours, Page, Photograph, Samples

Picture = NDArray[np.uint8]
Mask = NDArray[np.bool_]

_LINEAR_GAMMA = 2.2
"""Exponent that makes linear light look even to the eye, near that of sRGB (IEC 61966-2-1)."""

_LINEAR_MEDIAN = 0.12
"""Median of a photograph's samples, of 1, below which they are taken for linear light: mid-grey, 18 % of the
light, lies at 0.46 where it is encoded for the eye. Only the picture in between depends on it."""

_BLACK, _WHITE = 32, 223
"""Of 255; from here on a restored pixel of a one-bit picture is black or white for sure, so that lines stay clean."""

STRIP_PIXELS = 1 << 22
"""px converted at a time."""

_PROBES = 1 << 16
"""Samples, evenly spread, of which the median is taken."""


@dataclass(frozen=True)
class Tones:
    """How deep samples become 8-bit ones: of 1, to the power of 1 / gamma."""

    white: int  # the largest sample that as many bits as are in use can say: 4095 in a 12-bit scan
    gamma: float

    def picture(self, samples: Samples) -> Picture:
        """uint16 samples as uint8 of the same shape."""
        shares = np.arange(self.white + 1, dtype=np.float64) / self.white
        table = np.rint(255 * shares ** (1 / self.gamma)).astype(np.uint8)
        return np.asarray(table[samples])

    def samples(self, values: NDArray[np.float64]) -> Samples:
        """0..255 back to uint16 of the same shape; anything beyond is clipped."""
        shares = np.clip(values / 255, 0, 1) ** self.gamma
        return np.rint(self.white * shares).astype(np.uint16)


def tones_of(samples: Samples, page: Page) -> Tones:
    """How a page is shown; of 8 bits as it is."""
    if page.depth <= 8:
        return Tones(255, 1.0)
    colours = _colours(samples, page)
    white = max(255, (1 << int(colours.max()).bit_length()) - 1)
    step = max(1, int((colours.size / _PROBES) ** 0.5))
    median = float(np.median(colours[::step, ::step])) / white
    return Tones(white, _LINEAR_GAMMA if median < _LINEAR_MEDIAN else 1.0)


def pictures(samples: Samples, page: Page, tones: Tones | None = None) -> tuple[Picture, ...]:
    """What is to be restored of one page, as (H, W) or (H, W, 3) uint8, light = high.

    One picture of grey and of RGB; of CMYK two, its coloured inks and its black. Alpha is left out. `samples`
    may be a part of the page, if `tones` are those of all of it. Those of large samples lie in files (see `large`)
    where they are not the samples themselves.
    """
    colours = _colours(samples, page)
    if page.depth <= 8 and page.colours is not Colours.CMYK:
        plain: Picture = colours if colours.flags.c_contiguous else large.copy(colours)
        return (plain,)
    deep = page.depth > 8
    tones = tones or tones_of(samples, page)

    def strip(rows: slice) -> tuple[Picture, ...]:
        part = tones.picture(colours[rows]) if deep else colours[rows]
        if page.colours is not Colours.CMYK:
            return (part,)
        paper = np.invert(part)
        return paper[..., :3], paper[..., 3]

    return _by_strips(strip, samples.shape[0], samples.shape[1])


def put_back(
    samples: Samples, page: Page, mask: Mask, restored: Sequence[Picture], tones: Tones | None = None
) -> Samples:
    """One page with its colour samples under the mask from restored pictures.

    Parameters
    ----------
    samples : as `page` says; they stay as they are
    mask : (H, W) bool, True = may change
    restored : (H, W) or (H, W, 3) uint8, or float32 0..255 where the network's own fractions are at hand; as
        many as `pictures` gives
    tones : those of the whole page, where `samples` are a part of it

    Returns
    -------
    Like `samples`, equal to them outside the mask, in alpha, and where the pictures stayed as they were.
    """
    tones = tones or tones_of(samples, page)
    before = pictures(samples, page, tones)
    inside = [(_rows(old[mask]), _rows(new[mask])) for old, new in zip(before, restored, strict=True)]
    moved = [(old != new).any(axis=1) for old, new in inside]
    some = np.logical_or.reduce(moved)
    result = samples.copy()
    if not some.any():
        return result
    where = mask.copy()
    where[mask] = some
    planes = [new[some] for _, new in inside]
    stayed = [
        np.repeat(~one[some][:, None], new.shape[1], axis=1) for one, new in zip(moved, planes, strict=True)
    ]
    values, keep = np.concatenate(planes, axis=1), np.concatenate(stayed, axis=1)
    values = 255 - values if page.colours is Colours.CMYK else values
    old = _colours(samples, page)[where].reshape(len(values), -1)
    new = np.where(keep, old, _stored(values, page, tones))
    if page.key is not None:  # what is transparent stays so, and nothing else becomes it
        key = np.array(page.key, page.dtype)
        kept = (old == key).all(axis=1) | (new == key).all(axis=1)
        new[kept] = old[kept]
    if result.ndim == 2:
        result[where] = new[:, 0]
    else:
        result[where, : page.colours.samples] = new
    return result


def views(photograph: Photograph) -> tuple[Picture, ...]:
    """Each page as it roughly looks, (H, W) or (H, W, 3) uint8; no colour profile is applied."""
    shown = []
    for samples, page in zip(photograph.pages, photograph.header.pages, strict=True):
        picture = pictures(samples, page)
        shown.append(_printed(*picture) if page.colours is Colours.CMYK else picture[0])
    return tuple(shown)


def viewable(photograph: Photograph) -> Picture:
    """The sheet, (H, W) or (H, W, 3) uint8; RGB if any page is in colour, black beside narrower pages."""
    shown = views(photograph)
    if len(shown) == 1:
        return shown[0]
    header = photograph.header
    coloured = any(view.ndim == 3 for view in shown)
    sheet = np.zeros(
        (header.height, header.width, 3) if coloured else (header.height, header.width), np.uint8
    )
    for view, place in zip(shown, header.places, strict=True):
        sheet[place] = view[..., None] if coloured and view.ndim == 2 else view
    return sheet


def _printed(inks: Picture, black: Picture) -> Picture:
    """Light passes the coloured inks and the black."""

    def strip(rows: slice) -> tuple[Picture, ...]:
        return ((inks[rows].astype(np.uint16) * black[rows][..., None] // 255).astype(np.uint8),)

    (shown,) = _by_strips(strip, inks.shape[0], inks.shape[1])
    return shown


def _by_strips(strip: Callable[[slice], tuple[Picture, ...]], height: int, width: int) -> tuple[Picture, ...]:
    """What `strip` makes of some rows, of all rows."""
    rows = max(1, STRIP_PIXELS // max(1, width))
    whole: tuple[Picture, ...] = ()
    for top in range(0, height, rows):
        place = slice(top, min(top + rows, height))
        parts = strip(place)
        whole = whole or tuple(large.empty((height, *part.shape[1:]), np.uint8) for part in parts)
        for picture, part in zip(whole, parts, strict=True):
            picture[place] = part
    return whole


def _colours(samples: Samples, page: Page) -> Samples:
    """The samples without alpha and the like, (H, W) or (H, W, 3 or 4)."""
    if not page.extra:
        return samples
    return np.asarray(
        samples[..., 0] if page.colours is Colours.GREY else samples[..., : page.colours.samples]
    )


def _stored(values: NDArray[np.generic], page: Page, tones: Tones) -> Samples:
    """(n, colours) values of 0..255 as samples of the page."""
    exact = values.astype(np.float64)
    if page.depth > 8:
        if values.dtype == np.uint8:  # grain below a step of 8 bits, so that even shades show no bands
            exact += np.random.default_rng(0).uniform(-0.5, 0.5, exact.shape)
        deep: Samples = tones.samples(exact)
        return deep
    if page.palette:  # its colours are 8-bit ones, however short their indices
        return np.clip(np.rint(exact), 0, 255).astype(np.uint8)
    if page.depth == 1:  # dots, as dense as the shade is light: what has one bit is often a halftone
        dots = np.random.default_rng(0).uniform(_BLACK, _WHITE, exact.shape)
        return np.where(exact > dots, 255, 0).astype(np.uint8)
    step = 255 // ((1 << page.depth) - 1)
    spread: Samples = np.clip(np.rint(exact / step) * step, 0, 255).astype(np.uint8)
    return spread


def _rows(values: NDArray[Any]) -> NDArray[Any]:
    """(N,) or (N, C) as (N, C)."""
    return values[:, None] if values.ndim == 1 else values
