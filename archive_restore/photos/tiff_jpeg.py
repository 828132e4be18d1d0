"""JPEG strips and tiles of TIFF (Technical Note 2)."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archive_restore.errors import UnreadablePhotographError, UnsupportedPhotographError
from archive_restore.photos import jpeg
from archive_restore.photos.ifd import content
from archive_restore.photos.jpeg_segments import ColourTransform, read_frame
from archive_restore.photos.large import Data
from archive_restore.photos.photograph import Samples
from archive_restore.photos.tiff_layout import Layout, Segment
from archive_restore.photos.tiff_tags import JPEG_TABLES, YCBCR

_MCU = 32  # px; the most that a JPEG is filled up with, T.81 A.2


def decode_strip(path: Path, data: Data, packed: bytes, layout: Layout, segment: Segment) -> Samples:
    """The samples of a strip or tile, (rows, columns, samples) uint8, as many as it has of the padding.

    Raises
    ------
    PhotographError
        It is damaged, or of a kind of JPEG that is not restored.
    """
    stream = _whole_jpeg(path, packed, layout, source=data)
    samples = jpeg.decode_samples(path, stream, _transform(layout))
    rows, columns, channels = segment.stored
    if samples.shape[0] < segment.height or samples.shape[1] < segment.width:
        raise UnreadablePhotographError(path, f"strip {segment.index} of the TIFF is incomplete: damaged")
    if samples.size != samples.shape[0] * samples.shape[1] * channels:
        raise UnreadablePhotographError(
            path, f"strip {segment.index} of the TIFF has other channels: damaged"
        )
    return samples.reshape(*samples.shape[:2], channels)[:rows, :columns]


def with_blocks(
    path: Path,
    source: Data,
    packed: bytes,
    layout: Layout,
    segment: Segment,
    old: NDArray[np.uint8],
    new: NDArray[np.uint8],
    whole: bool,
) -> bytes:
    """A JPEG strip or tile with its changed blocks replaced; it brings its own tables then.

    Parameters
    ----------
    packed : the strip in the file `source`
    old, new : (height, width, samples) of the segment, without padding
    whole : all blocks are encoded anew
    """
    stream = _whole_jpeg(path, packed, layout, source=source)
    stored = decode_strip(path, source, packed, layout, segment).copy()
    frame = read_frame(path, stream)
    # Of a last strip that some writers fill up to full height, all blocks are needed.
    after = np.pad(
        stored, ((0, frame.height - len(stored)), (0, frame.width - stored.shape[1]), (0, 0)), mode="edge"
    )
    changed = np.full(after.shape[:2], whole)
    after[: segment.height, : segment.width] = new
    changed[: segment.height, : segment.width] |= (old != new).any(axis=2)
    samples = after[..., 0] if after.shape[2] == 1 else after
    return jpeg.replace_blocks(path, stream, samples, changed, _transform(layout))


def _whole_jpeg(path: Path, packed: bytes, layout: Layout, *, source: Data) -> bytes:
    """A strip with the tables that the page keeps for all of them."""
    tables = content(source, layout.directory, JPEG_TABLES)
    stream = packed if tables is None else tables[:-2] + packed[2:]  # less EOI and SOI
    frame = read_frame(path, stream)
    reason = jpeg.refusal(frame)
    if reason is not None:
        raise UnsupportedPhotographError(
            path, f"a TIFF that holds {reason}; save it with LZW, Deflate or no compression first"
        )
    if frame.height > layout.segment_height + _MCU or frame.width > layout.segment_width + _MCU:
        raise UnreadablePhotographError(
            path, f"a TIFF with a strip of {frame.width}x{frame.height} px: damaged"
        )
    return stream


def _transform(layout: Layout) -> ColourTransform:
    return ColourTransform.YCBCR if layout.photometric == YCBCR else ColourTransform.NONE
