"""Pictures of photographs of any mode, for eyes, detectors and networks, and back into the samples.

Eyes and detectors get 8 bits; a network gets deeper samples with their fractions. What was restored in a picture goes
back into the colour samples under the mask, at the depth of the file. A pixel whose picture stayed as it was keeps its
samples.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archive_restore.errors import NoScratchError, PhotographError
from archive_restore.photos import large
from archive_restore.photos.photograph import Colours, Page, Photograph, Samples
from archive_restore.photos.tones import Tones, colours_of, tones_of

Picture = NDArray[np.uint8]
Exact = NDArray[np.uint8 | np.float32]
Mask = NDArray[np.bool_]

_BLACK, _WHITE = 32, 223
"""Of 255; from here on a restored pixel of a one-bit picture is black or white for sure, so that lines stay clean."""

STRIP_PIXELS = 1 << 22
"""px converted at a time."""


def pictures(samples: Samples, page: Page, tones: Tones | None = None) -> tuple[Exact, ...]:
    """What is to be restored of one page, as (H, W) or (H, W, 3), light = high: uint8, or float32 of 0 to 255 where
    samples are deeper.

    One picture of grey and of RGB; of CMYK two, its coloured inks and its black. Alpha is left out. `samples`
    may be a part of the page, if `tones` are those of all of it. Those of large samples lie in files (see `large`)
    where they are not the samples themselves.
    """
    tones = tones or tones_of(samples, page)
    return _as_light(samples, page, tones.exact if page.depth > 8 else None)


def _as_light(
    samples: Samples, page: Page, shown: Callable[[Samples], Samples] | None
) -> tuple[Samples, ...]:
    """The pictures of a page whose samples are shown through a function; as they are without one."""
    colours = colours_of(samples, page)
    if shown is None and page.colours is not Colours.CMYK:
        return (colours if colours.flags.c_contiguous else large.copy(colours),)

    def strip(rows: slice) -> tuple[Samples, ...]:
        part = colours[rows] if shown is None else shown(colours[rows])
        if page.colours is not Colours.CMYK:
            return (part,)
        paper = 255 - part
        return paper[..., :3], paper[..., 3]

    return _by_strips(strip, samples.shape[0], samples.shape[1])


def put_back(
    samples: Samples, page: Page, mask: Mask, restored: Sequence[Exact], tones: Tones | None = None
) -> Samples:
    """One page with its colour samples under the mask from restored pictures.

    Parameters
    ----------
    samples : as `page` says; they stay as they are
    mask : (H, W) bool, True = may change
    restored : as `pictures` gives
    tones : those of the whole page, where `samples` are a part of it

    Returns
    -------
    Like `samples`, equal to them outside the mask, in alpha, and where the pictures stayed as they were, to half a
    step of 8 bits.
    """
    result = samples.copy()
    places = np.flatnonzero(mask)
    if not places.size:
        return result
    tones = tones or tones_of(samples, page)
    rows = result.reshape(mask.size, -1)
    held = rows.take(places, axis=0)
    before = pictures(held.reshape(-1, 1, *samples.shape[2:]), page, tones)
    inside = [
        (_rows(old[:, 0]), new.reshape(mask.size, -1).take(places, axis=0))
        for old, new in zip(before, restored, strict=True)
    ]
    moved = [np.logical_or.reduce(_moved(old, new).T) for old, new in inside]
    some = np.logical_or.reduce(moved)
    if not some.any():
        return result
    places, held = places[some], held[some, : page.colours.samples]
    planes = [new[some] for _, new in inside]
    stayed = [
        np.repeat(~one[some][:, None], new.shape[1], axis=1) for one, new in zip(moved, planes, strict=True)
    ]
    values, keep = np.concatenate(planes, axis=1), np.concatenate(stayed, axis=1)
    values = 255 - values if page.colours is Colours.CMYK else values
    new = np.where(keep, held, _stored(values, page, tones))
    if page.key is not None:  # what is transparent stays so, and nothing else becomes it
        key = np.array(page.key, page.dtype)
        kept = (held == key).all(axis=1) | (new == key).all(axis=1)
        new[kept] = held[kept]
    if page.extra:
        rows[places, : page.colours.samples] = new
    else:
        rows[places] = new
    return result


def views(photograph: Photograph) -> tuple[Picture, ...]:
    """Each page as it roughly looks, (H, W) or (H, W, 3) uint8; no colour profile is applied.

    Raises
    ------
    PhotographError
        The temporary folder has no room for one of them.
    """
    try:
        return tuple(
            view(samples, page)
            for samples, page in zip(photograph.pages, photograph.header.pages, strict=True)
        )
    except NoScratchError as error:
        raise PhotographError(photograph.path, str(error)) from error


def view(samples: Samples, page: Page) -> Picture:
    """One page as it roughly looks, (H, W) or (H, W, 3) uint8."""
    picture = _as_light(samples, page, tones_of(samples, page).picture if page.depth > 8 else None)
    return _printed(*picture) if page.colours is Colours.CMYK else picture[0]


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


def _by_strips(strip: Callable[[slice], tuple[Samples, ...]], height: int, width: int) -> tuple[Samples, ...]:
    """What `strip` makes of some rows, of all rows."""
    rows = max(1, STRIP_PIXELS // max(1, width))
    whole: tuple[Samples, ...] = ()
    for top in range(0, height, rows):
        place = slice(top, min(top + rows, height))
        parts = strip(place)
        whole = whole or tuple(large.empty((height, *part.shape[1:]), part.dtype) for part in parts)
        for picture, part in zip(whole, parts, strict=True):
            picture[place] = part
    return whole


def _stored(values: NDArray[np.generic], page: Page, tones: Tones) -> Samples:
    """(n, colours) values of 0..255 as samples of the page."""
    exact = values.astype(np.float64)
    if page.depth > 8:
        return tones.samples(exact)
    if page.palette:  # its colours are 8-bit ones, however short their indices
        return np.clip(np.rint(exact), 0, 255).astype(np.uint8)
    if page.depth == 1:  # dots, as dense as the shade is light: what has one bit is often a halftone
        dots = np.random.default_rng(0).uniform(_BLACK, _WHITE, exact.shape)
        return np.where(exact > dots, 255, 0).astype(np.uint8)
    step = 255 // ((1 << page.depth) - 1)
    spread: Samples = np.clip(np.rint(exact / step) * step, 0, 255).astype(np.uint8)
    return spread


def _moved(old: NDArray[Any], new: NDArray[Any]) -> NDArray[np.bool_]:
    """Where samples of a picture became others: with fractions, by half a step of 8 bits or more. Less is the
    network's rounding, and the original's own grain is better."""
    return np.asarray(old != new if old.dtype == np.uint8 else np.abs(new - old) >= 0.5)


def _rows(values: NDArray[Any]) -> NDArray[Any]:
    """(N,) or (N, C) as (N, C)."""
    return values[:, None] if values.ndim == 1 else values
