"""Palette pages of TIFF: in the file indices and a ColorMap, here RGB."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archive_restore.photos import large, palettes
from archive_restore.photos.ifd import LONG, LONG8, SHORT, Directory, Fields, integers, patch
from archive_restore.photos.large import Data, Patched
from archive_restore.photos.photograph import Samples
from archive_restore.photos.tiff_layout import Layout, segments
from archive_restore.photos.tiff_strips import compress, read_segment, replace_segments
from archive_restore.photos.tiff_tags import (
    BITS,
    COLOUR_MAP,
    PHOTOMETRIC,
    PLANAR,
    RGB,
    SAMPLES,
    STRIP_BYTES,
    STRIP_OFFSETS,
    TILE_BYTES,
    TILE_OFFSETS,
    widening_of,
)

_NO_PALETTE: Fields = {
    BITS: (SHORT, [8, 8, 8]),
    SAMPLES: (SHORT, [3]),
    PHOTOMETRIC: (SHORT, [RGB]),
    PLANAR: (SHORT, [1]),
    COLOUR_MAP: None,
}


def table(data: Data, directory: Directory) -> NDArray[np.uint8]:
    """The colours of a page, (colours, 3) uint8; `tiff_tags.refusal` has nothing against it."""
    colour_map = integers(data, directory, COLOUR_MAP) or ()
    return (np.array(colour_map) // (widening_of(colour_map) or 1)).astype(np.uint8).reshape(3, -1).T


def encode_page(path: Path, source: Data, file: Patched, layout: Layout, after: Samples) -> Fields:
    """Writes the changed strips or tiles of a page, or all of them where its palette does not hold the new
    colours; `after` is (H, W, 3). Gives the fields that the directory needs then; none if it can stay."""
    colours = table(source, layout.directory)
    indices = large.empty(after.shape[:2], np.uint8)
    for segment in segments(layout):
        stored = read_segment(path, source, layout, segment)
        segment.window(indices[None, ..., None])[...] = stored[: segment.height, : segment.width]
    held = palettes.indexed(after, indices, colours, layout.depth)
    if held is None:
        return _written_anew(file, replace(layout, samples=3, depth=8), after, _NO_PALETTE)
    fresh, wider = held
    depth = palettes.bits_for(len(wider), layout.depth)
    colour_map = _colour_map(source, layout.directory, wider, depth)
    if depth == layout.depth:
        patch(file, layout.directory, COLOUR_MAP, colour_map)
        before, now = indices[None, ..., None], fresh[None, ..., None]
        replace_segments(path, source, file, layout, before, now, whole=False)
        return {}
    fields: Fields = {BITS: (SHORT, [depth]), COLOUR_MAP: (SHORT, colour_map)}
    return _written_anew(file, replace(layout, depth=depth), fresh[..., None], fields)


def _colour_map(source: Data, directory: Directory, colours: NDArray[np.uint8], depth: int) -> list[int]:
    """For indices of `depth` bits, in the page's own widening; what is not used is black."""
    factor = widening_of(integers(source, directory, COLOUR_MAP) or ()) or 1
    filled = np.pad(colours.astype(int), ((0, (1 << depth) - len(colours)), (0, 0)))
    return [int(value) for value in (filled.T * factor).ravel()]


def _written_anew(file: Patched, layout: Layout, samples: Samples, fields: Fields) -> Fields:
    """Appends all strips or tiles of (H, W, samples), and says where they are."""
    offsets, lengths = [], []
    for segment in segments(layout):
        stored = np.zeros(segment.stored, np.uint8)
        stored[: segment.height, : segment.width] = segment.window(samples[None])
        packed = compress(stored, layout)
        offsets.append(file.append(packed))
        lengths.append(len(packed))
    kind = LONG8 if layout.directory.big else LONG
    places = (TILE_OFFSETS, TILE_BYTES) if layout.tiled else (STRIP_OFFSETS, STRIP_BYTES)
    return fields | {places[0]: (kind, offsets), places[1]: (kind, lengths)}
