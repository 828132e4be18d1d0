"""The marker segments of a JPEG file (ITU-T T.81, annex B)."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archive_restore.errors import UnreadablePhotographError
from archive_restore.photos.huffman import ZIGZAG

DHT, EOI, SOS, DQT, DRI, APP0, APP14, COM = 0xC4, 0xD9, 0xDA, 0xDB, 0xDD, 0xE0, 0xEE, 0xFE  # table B.1
BASELINE, EXTENDED, PROGRESSIVE = 0xC0, 0xC1, 0xC2
HUFFMAN_FRAMES = frozenset({BASELINE, EXTENDED, PROGRESSIVE})
ARITHMETIC = frozenset(range(0xC9, 0xD0))  # frames

_LOST = bytes(64)  # of the 512 or more of a sector
_SEQUENTIAL = bytes((0, 63, 0))  # Ss, Se, Ah and Al, table B.3
_FRAMES = frozenset(range(0xC0, 0xD0)) - {DHT, 0xC8, 0xCC}
_STANDALONE = frozenset({0x01, *range(0xD0, 0xDA)})  # markers without a length
# The next marker after entropy-coded data: FF, neither stuffed (00), nor a restart, nor fill (FF).
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)


class ColourTransform(StrEnum):
    """Between decoded samples and the components of a frame."""

    NONE = "none"
    YCBCR = "YCbCr"  # of RGB
    YCCK = "YCCK"  # of CMYK: 255 - CMY as YCbCr, and K


_ADOBE_CODES = {ColourTransform.NONE: 0, ColourTransform.YCBCR: 1, ColourTransform.YCCK: 2}


@dataclass(frozen=True)
class Segment:
    """One marker segment, `data[start:end]`; a scan includes its entropy-coded data."""

    marker: int
    start: int
    body: int  # first byte after the length field
    end: int


@dataclass(frozen=True)
class Component:
    """One colour component of the frame."""

    identifier: int
    horizontal: int  # sampling factors, 1..4
    vertical: int
    table: int  # of quantisation


@dataclass(frozen=True)
class Frame:
    """The frame header (SOFn)."""

    marker: int
    precision: int  # bits a sample
    height: int  # px
    width: int  # px
    components: tuple[Component, ...]

    @property
    def sampling(self) -> tuple[int, int]:
        """The largest (vertical, horizontal) sampling factors: blocks a MCU."""
        return (
            max(component.vertical for component in self.components),
            max(component.horizontal for component in self.components),
        )


def iterate_segments(data: bytes) -> Iterator[Segment]:
    """Marker segments from SOI up to and with EOI; stops silently where the file is cut off."""
    at = 0
    while match := _NEXT_MARKER.search(data, at):
        start = match.start()
        marker = data[start + 1]
        if marker in _STANDALONE:
            yield Segment(marker, start, start + 2, start + 2)
            if marker == EOI:
                return
            at = start + 2
            continue
        if start + 4 > len(data):
            return
        end = start + 2 + struct.unpack_from(">H", data, start + 2)[0]
        if end > len(data):
            return
        if marker == SOS:
            following = _NEXT_MARKER.search(data, end)
            end = following.start() if following else len(data)
        yield Segment(marker, start, start + 4, end)
        at = end


def read_frame(path: Path, data: bytes) -> Frame:
    """The first frame header.

    Raises
    ------
    UnreadablePhotographError
        There is none, or it is cut off.
    """
    for segment in iterate_segments(data):
        if segment.marker not in _FRAMES:
            continue
        body = data[segment.body : segment.end]
        if len(body) < 6 or len(body) < 6 + 3 * body[5]:
            break
        precision, height, width, count = struct.unpack_from(">BHHB", body)
        components = []
        for name, factors, table in struct.iter_unpack("BBB", body[6 : 6 + 3 * count]):
            components.append(Component(name, factors >> 4, factors & 15, table))
        return Frame(segment.marker, precision, height, width, tuple(components))
    raise UnreadablePhotographError(path, "a JPEG without a complete header: truncated or damaged")


def quantisation_tables(data: bytes) -> dict[int, NDArray[np.uint16]]:
    """(8, 8) uint16 steps in natural order by table number, from all DQT segments."""
    tables = {}
    for segment in iterate_segments(data):
        at = segment.body
        while segment.marker == DQT and at < segment.end:
            wide, number = data[at] >> 4, data[at] & 15
            size = 128 if wide else 64
            steps = np.frombuffer(data[at + 1 : at + 1 + size], ">u2" if wide else "u1")
            natural = np.zeros(64, np.uint16)
            natural[ZIGZAG] = steps
            tables[number] = natural.reshape(8, 8)
            at += 1 + size
    return tables


def huffman_tables(data: bytes) -> dict[int, bytes]:
    """The Huffman tables by class and number (T.81, B.2.4.2), from all DHT segments: 16 counts of codes, and values."""
    tables = {}
    for segment in iterate_segments(data):
        at = segment.body
        while segment.marker == DHT and at < segment.end:
            end = at + 17 + sum(data[at + 1 : at + 17])
            tables[data[at]] = data[at + 1 : end]
            at = end
    return tables


def has_adobe_marker(data: bytes) -> bool:
    return _adobe_transform(data) is not None


def colour_transform(data: bytes, frame: Frame) -> ColourTransform:
    """How the components stand for colours, by the rules that libjpeg goes by."""
    adobe = _adobe_transform(data)
    if len(frame.components) == 4:
        return ColourTransform.YCCK if adobe else ColourTransform.NONE
    if len(frame.components) != 3:
        return ColourTransform.NONE
    if any(
        segment.marker == APP0 and data.startswith(b"JFIF\0", segment.body)
        for segment in iterate_segments(data)
    ):
        return ColourTransform.YCBCR
    if adobe is not None:
        return ColourTransform.YCBCR if adobe else ColourTransform.NONE
    named_rgb = bytes(component.identifier for component in frame.components) == b"RGB"
    return ColourTransform.NONE if named_rgb else ColourTransform.YCBCR


def lacks_scans(data: bytes, frame: Frame) -> bool:
    """Whether a progressive JPEG has not sent every coefficient of every component to its last bit, as encoders do: it
    was cut between two scans. Decoders say nothing, and smooth what they show of it."""
    if frame.marker != PROGRESSIVE:
        return False
    left = {component.identifier: set(range(64)) for component in frame.components}
    for segment in iterate_segments(data):
        count = data[segment.body] if segment.marker == SOS and segment.body < segment.end else 0
        parameters = data[segment.body + 1 + 2 * count : segment.body + 4 + 2 * count]
        if not count or len(parameters) < 3 or parameters[2] & 15:  # Al: not the last bit
            continue
        for number in range(count):
            sent = left.get(data[segment.body + 1 + 2 * number])
            if sent is not None:
                sent -= set(range(parameters[0], parameters[1] + 1))
    return any(left.values())


def has_lost_sectors(data: bytes, frame: Frame) -> bool:
    """Whether the data of a sequential JPEG with T.81's typical Huffman tables holds a run of zeros: in those of
    luminance, zeros alone say that every coefficient is -1. In those of chroma they say that nothing changes."""
    if frame.marker == PROGRESSIVE:
        return False
    return any(
        data.find(_LOST, segment.body, segment.end) >= 0
        for segment in iterate_segments(data)
        if segment.marker == SOS and segment.body < segment.end and _has_luminance(data, segment)
    )


def _has_luminance(data: bytes, scan: Segment) -> bool:
    """Whether some component of a scan is coded by the tables of number 0."""
    selectors = data[scan.body + 2 : scan.body + 1 + 2 * data[scan.body] : 2]
    return any(selector == 0 for selector in selectors)


def bare(data: bytes) -> bytes:
    """The JPEG without metadata: no application segments, no comments, nothing behind its end marker."""
    kept = [
        data[segment.start : segment.end] for segment in iterate_segments(data) if not _is_metadata(segment)
    ]
    return b"".join(kept)


def _is_metadata(segment: Segment) -> bool:
    return segment.marker == COM or APP0 <= segment.marker < APP0 + 16


def coloured(data: bytes, frame: Frame, transform: ColourTransform) -> bytes:
    """The bare JPEG, ended by its marker, with Adobe's segment saying how its components stand for colours. Of a
    sequential frame the scans' parameters, which say nothing there and are wrong in some telephones' files, are right.
    """
    adobe = struct.pack(">BBH5sHHHB", 0xFF, APP14, 14, b"Adobe", 100, 0, 0, _ADOBE_CODES[transform])
    view = memoryview(data)
    parts: list[bytes | memoryview] = [b"\xff\xd8", adobe]
    for segment in iterate_segments(data):
        if segment.start == 0 or segment.marker == EOI or _is_metadata(segment):  # at 0 lies SOI
            continue
        at = segment.body + 1 + 2 * data[segment.body] if segment.body < segment.end else segment.end
        odd = data[at : at + len(_SEQUENTIAL)] != _SEQUENTIAL
        if segment.marker == SOS and frame.marker != PROGRESSIVE and odd:
            parts += [view[segment.start : at], _SEQUENTIAL, view[at + len(_SEQUENTIAL) : segment.end]]
        else:
            parts.append(view[segment.start : segment.end])
    return b"".join([*parts, b"\xff\xd9"])


def _adobe_transform(data: bytes) -> int | None:
    """The transform byte of Adobe's marker (0 none, 1 YCbCr, 2 YCCK); None without one."""
    transform = None
    for segment in iterate_segments(data):
        if segment.marker == SOS:
            break
        long_enough = segment.end - segment.body >= 12
        if segment.marker == APP14 and long_enough and data.startswith(b"Adobe", segment.body):
            transform = data[segment.body + 11]
    return transform
