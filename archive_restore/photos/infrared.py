"""The infrared pictures of film scanners: a channel, a page or a file beside the visible one.

| writer | where |
|---|---|
| VueScan, "64 bit RGBI" | the fourth sample of each pixel; ExtraSamples is missing or "unspecified" |
| SilverFast, HDRi | a grey page of the photograph's size, as a transparency mask (NewSubfileType 4) or a plain page |
| others | a file beside the photograph, see `companions` |

A fourth sample that a file calls alpha is alpha, unless scanner software wrote the file; and it is no infrared if much
of it is at its upper end, as alpha is, or if it has hardly any levels. Infrared is never written to: extra samples
and hidden pages stay byte for byte, and of plain pages nothing is marked as damaged.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from archive_restore.errors import PhotographError
from archive_restore.photos import tiff
from archive_restore.photos.codecs import DEFAULT_MAX_PIXELS, decode
from archive_restore.photos.ifd import Directory, content, integers, read_directories
from archive_restore.photos.photograph import Colours, Format, Page, Photograph, Samples
from archive_restore.photos.tiff_layout import TRANSPARENCY_MASK, is_picture
from archive_restore.photos.tiff_tags import SUBFILE, one, refusal

_EXTRA_SAMPLES, _SOFTWARE, _XMP = 338, 305, 700  # tags of TIFF 6.0, and of XMP's
_UNSPECIFIED = 0  # of ExtraSamples
_SCANNER_SOFTWARE = (b"vuescan", b"hamrick", b"silverfast", b"lasersoft", b"nikon scan", b"coolscan")
_FEWEST_LEVELS = 24
_MOST_AT_ITS_END = 0.25
"""Share of samples at the highest level, from which a channel is opaque alpha."""
_ALIKE = 0.01
"""How far the proportions of a photograph and its infrared file may differ."""
_PROBES = 512
"""Rows and columns of samples that are looked at."""


@dataclass(frozen=True, eq=False)
class Infrared:
    """An infrared picture of one page."""

    of: int  # the page it shows
    plane: Samples  # (H, W) uint8 or uint16
    marked: bool  # the file says so; else it may be something else
    page: int | None = None  # the page that it is, where it is one
    beside: bool = False  # it has a file of its own


def infrared_of(photograph: Photograph, companion: Path | None = None) -> list[Infrared]:
    """The infrared pictures of a photograph's pages, at most one each.

    Parameters
    ----------
    photograph : decoded
    companion : the infrared file beside it; of the first page. One that cannot be read is none.
    """
    pages = photograph.header.pages
    if companion is not None:
        beside = _read(companion, pages[0])
        if beside is not None:
            return [Infrared(0, beside, marked=True, beside=True)]
    if photograph.header.format is not Format.TIFF:
        return []
    path, data = photograph.path, photograph.source
    directories = read_directories(path, data)
    pictures = [one for one in directories if is_picture(data, one)]
    if len(pictures) != len(pages):
        return []
    scanner = any(_scanner_wrote(photograph, one) for one in directories)
    if len(pages) == 1:
        for directory in directories:
            hidden = _hidden(photograph, directory)
            if hidden is not None:
                return [Infrared(0, hidden, marked=True)]
    if len(pages) == 2 and _is_plane_of(pages[1], pages[0]):
        return [Infrared(0, photograph.pages[1], marked=scanner, page=1)]
    found = []
    for number, (page, directory, samples) in enumerate(zip(pages, pictures, photograph.pages, strict=True)):
        extra = integers(data, directory, _EXTRA_SAMPLES) or (_UNSPECIFIED,)
        unspecified = extra[0] == _UNSPECIFIED
        if page.colours is not Colours.CMYK and page.extra == 1 and (scanner or unspecified):
            plane = samples[..., -1]
            if not _is_alpha(plane):
                found.append(Infrared(number, plane, marked=True))
    return found


def _read(path: Path, page: Page) -> Samples | None:
    """The first page of an infrared file, if it has the proportions of `page`."""
    try:
        samples = decode(path, max_pixels=max(page.pixels, DEFAULT_MAX_PIXELS)).pages[0]
    except PhotographError:
        return None
    plane = samples if samples.ndim == 2 else samples[..., 0]
    alike = plane.shape[1] * page.height / (plane.shape[0] * page.width)
    return plane if abs(alike - 1) <= _ALIKE else None


def _hidden(photograph: Photograph, directory: Directory) -> Samples | None:
    """A page that calls itself a transparency mask and has shades."""
    path, data = photograph.path, photograph.source
    if not one(data, directory, SUBFILE, 0) & TRANSPARENCY_MASK or refusal(data, directory) is not None:
        return None
    page, samples = tiff.hidden_page(path, data, directory)
    return samples if _is_plane_of(page, photograph.header.pages[0]) and not _is_alpha(samples) else None


def _is_plane_of(page: Page, of: Page) -> bool:
    grey = page.colours is Colours.GREY and not page.extra and page.depth >= 8
    return grey and of.colours is not Colours.CMYK and (page.width, page.height) == (of.width, of.height)


def _is_alpha(plane: Samples) -> bool:
    probes = plane[:: 1 + plane.shape[0] // _PROBES, :: 1 + plane.shape[1] // _PROBES]
    end = np.iinfo(plane.dtype).max
    return len(np.unique(probes)) < _FEWEST_LEVELS or bool((probes == end).mean() > _MOST_AT_ITS_END)


def _scanner_wrote(photograph: Photograph, directory: Directory) -> bool:
    named = (content(photograph.source, directory, tag) or b"" for tag in (_SOFTWARE, _XMP))
    words = b" ".join(named).lower()
    return any(name in words for name in _SCANNER_SOFTWARE)
