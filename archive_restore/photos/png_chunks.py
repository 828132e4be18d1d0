"""The chunks that a PNG consists of (PNG, 3rd edition, section 5)."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Chunk:
    """One chunk, `data[start:end]` of the file."""

    kind: bytes
    start: int  # of the length field, bytes from the start of the file
    end: int  # after the CRC
    data: bytes


def chunks_of(data: bytes) -> Iterator[Chunk]:
    """Chunks up to and with IEND; stops silently where the file is cut off."""
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        end = at + 12 + length
        if end > len(data):
            return
        kind = data[at + 4 : at + 8]
        yield Chunk(kind, at, end, data[at + 8 : end - 4])
        if kind == b"IEND":
            return
        at = end


def content(data: bytes, kind: bytes) -> bytes | None:
    """The content of the first chunk of that kind."""
    return next((chunk.data for chunk in chunks_of(data) if chunk.kind == kind), None)


def packed_chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk as the file has it: length, kind, content, CRC."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
