"""JPEG: only the blocks that changed are encoded anew, in the original's quantisation. All other coefficients
and every marker segment but those of the entropy coding stay as they are."""

from pathlib import Path

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from archive_restore.errors import PhotographError, UnreadablePhotographError, UnsupportedPhotographError
from archive_restore.photos.jpeg_blocks import Blocks, read_blocks, transplant
from archive_restore.photos.jpeg_scans import write_scans
from archive_restore.photos.jpeg_segments import (
    ARITHMETIC,
    DHT,
    DRI,
    EOI,
    HUFFMAN_FRAMES,
    SOS,
    Frame,
    is_ycbcr,
    iterate_segments,
    quantisation_tables,
    read_frame,
)
from archive_restore.photos.photograph import Format, Header, Photograph

_MAX_BLOCKS_A_MCU = 10  # in an interleaved scan, T.81 B.2.3
_MAX_COEFFICIENT = 2047  # of 8-bit samples, T.81 F.1.2; beyond it lies only damage
_ENTROPY_CODING = frozenset({DHT, DRI, SOS})  # written anew


def header(path: Path, data: bytes) -> Header:
    """Reads the frame header; refuses CMYK, 12-bit, lossless and arithmetic coding by name."""
    frame = read_frame(path, data)
    refusal = _refusal(frame)
    if refusal is not None:
        raise UnsupportedPhotographError(
            path, f"{refusal}; only 8-bit grey and colour JPEGs are restored so far"
        )
    if not frame.width or not frame.height:
        raise UnreadablePhotographError(path, f"a JPEG that says it is {frame.width}x{frame.height} px")
    return Header(Format.JPEG, frame.width, frame.height, len(frame.components))


def decode(path: Path, data: bytes, header: Header) -> NDArray[np.uint8]:
    """The samples of a whole JPEG; one that ends before its end marker raises UnreadablePhotographError.

    libjpeg fills what is missing with grey and only warns, hence the look at the markers first.
    """
    markers = [segment.marker for segment in iterate_segments(data)]
    if not markers or markers[-1] != EOI:
        raise UnreadablePhotographError(path, "the JPEG ends before its end marker: truncated")
    if SOS not in markers:
        raise UnreadablePhotographError(path, "a JPEG without picture data: truncated or damaged")
    try:
        samples: NDArray[np.uint8] = imagecodecs.jpeg8_decode(data)
    except Exception as error:  # the decoder's own exception classes differ between versions
        raise UnreadablePhotographError(path, f"damaged JPEG ({error})") from None
    return samples.reshape(header.shape)


def encode(photograph: Photograph, pixels: NDArray[np.uint8]) -> bytes:
    """The source with the changed blocks' coefficients replaced.

    Same frame (so progressive stays progressive), same quantisation, same subsampling. Restart markers are
    left out, Huffman tables are fitted anew.
    """
    path, source = photograph.path, photograph.source
    frame = read_frame(path, source)
    tables = quantisation_tables(source)
    changed = pixels != photograph.pixels
    changed = changed.any(axis=2) if changed.ndim == 3 else changed
    vertical, horizontal = frame.sampling
    blocks: list[Blocks] = []
    for index, stored in enumerate(read_blocks(path, source, len(frame.components))):
        component = frame.components[index]
        table = tables.get(component.table)
        largest = max(int(stored.max()), -int(stored.min()))
        if table is None or not table.all() or largest > _MAX_COEFFICIENT:
            raise PhotographError(path, "a damaged JPEG: its coefficients or tables are out of range")
        blocks.append(
            transplant(
                stored,
                table,
                steps=(vertical // component.vertical, horizontal // component.horizontal),
                component=index,
                ycbcr=is_ycbcr(source, frame),
                after=pixels,
                changed=changed,
            )
        )
    return _spliced(source, write_scans(frame, blocks))


def _spliced(source: bytes, scans: bytes) -> bytes:
    """All segments of the source in their order, with its scans and what belongs to them replaced."""
    parts, written, end = [], False, 0
    for segment in iterate_segments(source):
        end = segment.end
        if segment.marker == SOS and not written:
            parts.append(scans)
            written = True
        elif segment.marker not in _ENTROPY_CODING:
            parts.append(source[segment.start : segment.end])
    return b"".join(parts) + source[end:]  # what follows the end marker (a phone's second picture) stays


def _refusal(frame: Frame) -> str | None:
    """What keeps this JPEG from being restored, in words; None when nothing does."""
    if frame.marker not in HUFFMAN_FRAMES:
        return "an arithmetic-coded JPEG" if frame.marker in ARITHMETIC else "a lossless or hierarchical JPEG"
    if frame.precision != 8:
        return f"a {frame.precision}-bit JPEG"
    if len(frame.components) == 4:
        return "a CMYK JPEG"
    if len(frame.components) not in (1, 3):
        return f"a JPEG of {len(frame.components)} channels"
    factors = [(component.vertical, component.horizontal) for component in frame.components]
    vertical, horizontal = frame.sampling
    if any(not down or not across or vertical % down or horizontal % across for down, across in factors):
        return "a JPEG with fractional subsampling"
    if len(factors) > 1 and sum(down * across for down, across in factors) > _MAX_BLOCKS_A_MCU:
        return "a JPEG with more blocks than an interleaved scan may have"
    return None
