"""TIFF of one or more pages in strips or tiles. Only strips whose samples changed are written anew.

Thumbnails, masks, tags and everything else in the file stay where they are.
"""

from pathlib import Path

import numpy as np

from archive_restore.errors import PhotographError, UnsupportedPhotographError
from archive_restore.photos import tiff_palette
from archive_restore.photos.ifd import Directory, Fields, content, is_tiff, read_directories, rewrite
from archive_restore.photos.large import Data, Patched, copy, empty, equal
from archive_restore.photos.photograph import Format, Header, Page, Photograph, Samples
from archive_restore.photos.tiff_layout import Layout, is_picture, layout_of, page_of, segments
from archive_restore.photos.tiff_strips import read_segment, replace_segments
from archive_restore.photos.tiff_tags import PROFILE, refusal

__all__ = ["decode", "encode", "header", "hidden_page", "is_tiff", "profile"]

_CLASSIC_LIMIT = (1 << 32) - 1  # bytes; offsets have 32 bits


def header(path: Path, data: Data) -> Header:
    """Reads all directories; refuses by name what is not restored."""
    pages: list[Page] = []
    for directory in _pictures(path, data):
        reason = refusal(data, directory)
        if reason is not None:
            where = f"page {len(pages) + 1} is " if pages else ""
            raise UnsupportedPhotographError(path, where + reason)
        pages.append(page_of(path, data, directory))
    return Header(Format.TIFF, tuple(pages))


def decode(path: Path, data: Data, header: Header) -> tuple[Samples, ...]:
    """The samples of all strips or tiles; one that is missing or short raises UnreadablePhotographError."""
    layouts = _layouts(path, data, header)
    return tuple(_decoded(path, data, layout) for layout in layouts)


def hidden_page(path: Path, data: Data, directory: Directory) -> tuple[Page, Samples]:
    """One that is no picture, and its samples; `refusal` has nothing against it."""
    page = page_of(path, data, directory)
    return page, _decoded(path, data, layout_of(path, data, directory, page))


def encode(photograph: Photograph, pages: tuple[Samples, ...], *, whole: bool = False) -> Data:
    """The source with the changed strips or tiles compressed as before: in place where nothing is compressed,
    else appended, with their offsets and lengths patched. Every other byte stays.

    In JPEG-compressed ones only the changed blocks are encoded anew, with `whole` all blocks of the strip. A palette
    gets the new colours as far as it has room; a page whose palette cannot hold them becomes RGB.
    """
    path, source = photograph.path, photograph.source
    file = Patched(source)
    layouts = _layouts(path, source, photograph.header)
    changes: list[tuple[Directory, Fields]] = []
    for layout, before, after in zip(layouts, photograph.pages, pages, strict=True):
        if equal(before, after):
            continue
        if layout.page.palette:
            changes.append((layout.directory, tiff_palette.encode_page(path, source, file, layout, after)))
        else:
            planes = _to_planes(before, layout), _to_planes(after, layout)
            replace_segments(path, source, file, layout, *planes, whole)
    rewrite(file, source, [(directory, fields) for directory, fields in changes if fields])
    if len(file) > _CLASSIC_LIMIT and not layouts[0].directory.big:
        raise PhotographError(path, "restored, the TIFF would pass 4 GiB; save it as BigTIFF first")
    return file.content()


def profile(path: Path, data: Data) -> bytes | None:
    """The ICC profile of the first page; None if there is none."""
    return content(data, _pictures(path, data)[0], PROFILE)


def _pictures(path: Path, data: Data) -> list[Directory]:
    """The directories of pages."""
    directories = read_directories(path, data)
    return [one for one in directories if is_picture(data, one)] or directories[:1]


def _layouts(path: Path, data: Data, header: Header) -> list[Layout]:
    directories = _pictures(path, data)
    return [layout_of(path, data, one, page) for one, page in zip(directories, header.pages, strict=True)]


def _decoded(path: Path, data: Data, layout: Layout) -> Samples:
    page = layout.page
    samples = 3 if page.palette else layout.samples
    planes = empty((layout.planes, page.height, page.width, samples), page.dtype)
    colours = tiff_palette.table(data, layout.directory) if page.palette else None
    for segment in segments(layout):
        stored = read_segment(path, data, layout, segment)[: segment.height, : segment.width]
        if layout.step > 1:
            stored *= stored.dtype.type(layout.step)
        segment.window(planes)[...] = stored if colours is None else colours[stored[..., 0]]
    if layout.inverted:
        np.invert(planes, out=planes)
    if planes.shape[0] == 1:
        return planes.reshape(page.shape)
    return copy(np.moveaxis(planes[..., 0], 0, -1))


def _to_planes(samples: Samples, layout: Layout) -> Samples:
    """(H, W) or (H, W, channels) as a view of (planes, H, W, samples)."""
    samples = samples[..., np.newaxis] if samples.ndim == 2 else samples
    return samples[np.newaxis] if layout.planes == 1 else np.moveaxis(samples, -1, 0)[..., np.newaxis]
