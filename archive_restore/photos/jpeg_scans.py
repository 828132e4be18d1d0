"""The scans of a JPEG frame written from its coefficients: one sequential scan, or a progressive set."""

import math

import numpy as np
from numpy.typing import NDArray

from archive_restore.photos import huffman
from archive_restore.photos.jpeg_blocks import Blocks
from archive_restore.photos.jpeg_segments import PROGRESSIVE, Component, Frame

_LOW_BAND, _HIGH_BAND, _WHOLE_BAND = (1, 5), (6, 63), (1, 63)  # zigzag positions, as libjpeg splits luminance


def write_scans(frame: Frame, blocks: list[Blocks]) -> bytes:
    """DHT, SOS and entropy-coded data of every scan.

    Progressive frames are sent by bands at full precision (spectral selection alone).
    """
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
