"""Strips and tiles of TIFF: from what the file holds to samples and back, in the same compression."""

from pathlib import Path

import numpy as np

from archive_restore.errors import UnreadablePhotographError
from archive_restore.photos.ifd import patch
from archive_restore.photos.large import Data, Patched
from archive_restore.photos.photograph import Samples
from archive_restore.photos.tiff_jpeg import decode_strip, with_blocks
from archive_restore.photos.tiff_layout import Layout, Segment, segments
from archive_restore.photos.tiff_packing import pack, pack_levels, unpack, unpack_levels
from archive_restore.photos.tiff_tags import JPEG, NONE, STRIP_BYTES, STRIP_OFFSETS, TILE_BYTES, TILE_OFFSETS


def packed_segment(path: Path, data: Data, layout: Layout, segment: Segment) -> bytes:
    """The bytes of a strip or tile in the file.

    Raises
    ------
    UnreadablePhotographError
        It is not all there.
    """
    start, length = layout.offsets[segment.index], layout.lengths[segment.index]
    if not length or start + length > len(data):
        raise UnreadablePhotographError(path, f"strip {segment.index} lies beyond the TIFF's end: truncated")
    return data[start : start + length]


def read_segment(path: Path, data: Data, layout: Layout, segment: Segment) -> Samples:
    """The stored samples of one strip or tile, (rows, columns, samples), a copy, padding included.

    Below 8 bits they are 0 .. 2 ** depth - 1, one a byte.

    Raises
    ------
    UnreadablePhotographError
        It is damaged or incomplete.
    """
    packed = packed_segment(path, data, layout, segment)
    if layout.compression == JPEG:
        return decode_strip(path, data, packed, layout, segment)
    rows, columns, samples = segment.stored
    size = rows * layout.row_bytes(columns)
    try:
        plain = unpack(packed, layout, rows, columns, size)
    except Exception as error:  # the decoders' own exception classes differ between versions
        raise UnreadablePhotographError(
            path, f"strip {segment.index} of the TIFF is damaged ({error})"
        ) from None
    if len(plain) != size:
        raise UnreadablePhotographError(
            path, f"strip {segment.index} of the TIFF is incomplete: truncated or damaged"
        )
    if layout.depth < 8:
        levels = unpack_levels(np.frombuffer(plain, np.uint8).reshape(rows, -1), layout.depth, columns)
        return levels[..., None]
    stored = np.frombuffer(plain, layout.stored).reshape(rows, columns, samples)
    stored = stored.astype(layout.stored.newbyteorder("="))
    return np.cumsum(stored, axis=1, dtype=stored.dtype) if layout.predictor else stored


def compress(stored: Samples, layout: Layout) -> bytes:
    """What `read_segment` gives, as the file is to hold it; not of JPEG."""
    if layout.predictor:
        stored = np.diff(stored, axis=1, prepend=stored.dtype.type(0))  # modulo 256 or 65,536
    if layout.depth < 8:
        rows = pack_levels(stored[..., 0], layout.depth)
    else:
        rows = np.ascontiguousarray(stored.astype(layout.stored)).view(np.uint8).reshape(len(stored), -1)
    return pack(rows, layout, stored.shape[1])


def replace_segments(
    path: Path, source: Data, file: Patched, layout: Layout, before: Samples, after: Samples, whole: bool
) -> None:
    """Writes the strips or tiles that differ: in place where nothing is compressed, else at the file's end.

    Parameters
    ----------
    file : a copy of `source`
    before, after : (planes, H, W, samples), as `tiff.decode` has them; of a palette page its indices
    whole : in JPEG strips, all blocks are encoded anew
    """
    offsets, lengths = list(layout.offsets), list(layout.lengths)
    shared = _overlapping(layout)
    for segment in segments(layout):
        old, new = segment.window(before), segment.window(after)
        if np.array_equal(old, new):
            continue
        if layout.inverted:
            old, new = np.invert(old), np.invert(new)
        if layout.compression == JPEG:
            strip = packed_segment(path, source, layout, segment)
            packed = with_blocks(path, source, strip, layout, segment, old, new, whole)
        else:
            stored = read_segment(path, source, layout, segment)
            stored[: segment.height, : segment.width] = new // new.dtype.type(layout.step)
            packed = compress(stored, layout)
        if layout.compression == NONE and segment.index not in shared:
            file.write(offsets[segment.index], packed)
            continue
        offsets[segment.index], lengths[segment.index] = file.append(packed), len(packed)
    if tuple(offsets) != layout.offsets:
        patch(file, layout.directory, TILE_OFFSETS if layout.tiled else STRIP_OFFSETS, offsets)
        patch(file, layout.directory, TILE_BYTES if layout.tiled else STRIP_BYTES, lengths)


def _overlapping(layout: Layout) -> set[int]:
    """The strips or tiles that have bytes in common with others, as writers share empty ones."""
    placed = sorted(zip(layout.offsets, layout.lengths, range(len(layout.offsets)), strict=True))
    found: set[int] = set()
    end, last = 0, -1
    for offset, length, index in placed:
        if offset < end:
            found |= {last, index}
        if offset + length > end:
            end, last = offset + length, index
    return found
