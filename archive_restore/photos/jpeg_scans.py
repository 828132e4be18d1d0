"""The scans of a JPEG frame written from its coefficients: one sequential scan, or a progressive set.

libjpeg writes most of them, six times as fast as the numpy coder of `huffman.py`, which does what `jpeglib` cannot:
progressive frames, four components, and coefficients at which libjpeg would end the whole process.
"""

import math
import shutil
import zlib
from tempfile import gettempdir

import jpeglib
import numpy as np
from numpy.typing import NDArray

from archive_restore.photos import huffman
from archive_restore.photos.jpeg_blocks import AC_LIMIT, DC_RANGE, LIBRARY, Blocks, temporary_folder
from archive_restore.photos.jpeg_segments import (
    DHT,
    PROGRESSIVE,
    SOS,
    Component,
    Frame,
    huffman_tables,
    iterate_segments,
)

_LOW_BAND, _HIGH_BAND, _WHOLE_BAND = (1, 5), (6, 63), (1, 63)  # zigzag positions, as libjpeg splits luminance

_ROOM_A_COEFFICIENT = 7  # bytes: a code of 16 bits, 10 of its own, each byte stuffed
_TYPICAL = {
    0x00: 0x9898900E,
    0x10: 0x06F8F02E,
    0x01: 0x57A406EB,
    0x11: 0xA1415F28,
}  # CRC of T.81's, K.3 to K.6


def write_scans(frame: Frame, blocks: list[Blocks], *, typical: bool) -> bytes:
    """DHT, SOS and entropy-coded data of every scan.

    Progressive frames are sent by bands at full precision (spectral selection alone).

    Parameters
    ----------
    typical : libjpeg may take T.81's typical Huffman tables instead of fitting some: half as fast again, and a file 1 %
        longer
    """
    if frame.marker != PROGRESSIVE and len(blocks) <= 3 and _writable(blocks):
        return _sequential_scan(frame, blocks, typical=typical)
    zigzags = [huffman.zigzagged(component) for component in blocks]
    selectors = [(component.identifier, min(index, 1)) for index, component in enumerate(frame.components)]
    sequence, components = _interleaved(frame, zigzags)
    if frame.marker != PROGRESSIVE:
        return huffman.scan(huffman.sequential_symbols(sequence, components), selectors, (0, 63))
    constant = sequence[:, :, :1]
    parts = [huffman.scan(huffman.dc_symbols(constant, components), selectors, (0, 0))]
    luminance, *chrominance = range(len(zigzags))
    order = [
        (luminance, _LOW_BAND),
        *((index, _WHOLE_BAND) for index in chrominance),
        (luminance, _HIGH_BAND),
    ]
    for index, (first, last) in order:
        band = zigzags[index].reshape(-1, 64)[:, first : last + 1]
        selector = (frame.components[index].identifier, 0)
        parts.append(huffman.scan(huffman.band_symbols(band), [selector], (first, last)))
    return b"".join(parts)


def has_typical_tables(data: bytes) -> bool:
    """Whether a JPEG has T.81's typical Huffman tables, as most cameras and scanners write them."""
    tables = huffman_tables(data)
    return bool(tables) and all(_TYPICAL.get(number) == zlib.crc32(table) for number, table in tables.items())


def _writable(blocks: list[Blocks]) -> bool:
    """Whether libjpeg can write these coefficients. Where it cannot, or its file finds no room, it calls `exit`."""
    for component in blocks:
        rows = component.reshape(-1, 64)
        constant, others = rows[:, 0], rows[:, 1:]
        if constant.min() < DC_RANGE[0] or constant.max() > DC_RANGE[1]:
            return False
        if others.min() < -AC_LIMIT or others.max() > AC_LIMIT:
            return False
    wanted = _ROOM_A_COEFFICIENT * sum(component.size for component in blocks)
    return shutil.disk_usage(gettempdir()).free > wanted


def _sequential_scan(frame: Frame, blocks: list[Blocks], *, typical: bool) -> bytes:
    """Huffman tables, fitted to the coefficients if not typical, and one scan of one or three components."""
    picture = jpeglib.from_dct(*blocks, qt=100)  # its tables of quantisation are not used
    picture.height, picture.width = frame.height, frame.width
    picture.samp_factor = np.array([[one.vertical, one.horizontal] for one in frame.components])
    with temporary_folder() as folder:
        file = folder / "scan.jpg"
        jpeglib.version.set(LIBRARY)
        picture.write_dct(str(file), flags=[] if typical else ["+OPTIMIZE_CODING"])
        data = file.read_bytes()
    parts = []
    for segment in iterate_segments(data):
        part = bytearray(data[segment.start : segment.end])
        if segment.marker == SOS:
            for index, component in enumerate(frame.components):
                part[5 + 2 * index] = component.identifier  # after marker, length and count
        if segment.marker in (DHT, SOS):
            parts.append(part)
    return b"".join(parts)


def _interleaved(frame: Frame, zigzags: list[NDArray[np.int16]]) -> tuple[huffman.Sequence, list[int]]:
    """All blocks MCU by MCU (T.81, A.2.3), and the component of each block of a MCU."""
    if len(zigzags) == 1:
        return zigzags[0].reshape(-1, 1, 64), [0]
    vertical, horizontal = frame.sampling
    rows, columns = math.ceil(frame.height / (8 * vertical)), math.ceil(frame.width / (8 * horizontal))
    parts, components = [], []
    for index, (component, blocks) in enumerate(zip(frame.components, zigzags, strict=True)):
        parts.append(_by_mcu(_padded(blocks, component, rows, columns), component))
        components += [index] * (component.vertical * component.horizontal)
    return np.concatenate(parts, axis=1), components


def _padded(blocks: NDArray[np.int16], component: Component, rows: int, columns: int) -> NDArray[np.int16]:
    """Fills up the last MCUs with flat blocks that cost next to nothing."""
    missing = rows * component.vertical - blocks.shape[0], columns * component.horizontal - blocks.shape[1]
    if missing == (0, 0):
        return blocks
    padded = np.pad(blocks, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge")
    padded[blocks.shape[0] :, :, 1:] = 0
    padded[:, blocks.shape[1] :, 1:] = 0
    return padded


def _by_mcu(blocks: NDArray[np.int16], component: Component) -> NDArray[np.int16]:
    """(rows, columns, 64) to (MCUs, blocks of this component a MCU, 64)."""
    down, across = component.vertical, component.horizontal
    rows, columns = blocks.shape[0] // down, blocks.shape[1] // across
    grouped = blocks.reshape(rows, down, columns, across, 64).transpose(0, 2, 1, 3, 4)
    return grouped.reshape(rows * columns, down * across, 64)
