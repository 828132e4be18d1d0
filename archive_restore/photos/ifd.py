"""The first directory of a TIFF file, read and patched in place, so that every other byte stays as it is."""

import struct
from dataclasses import dataclass
from pathlib import Path

from archive_restore.errors import UnreadablePhotographError

_INTEGER_TYPES = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}  # TIFF field type -> struct code
_LONG, _LONG8 = 4, 16
_MAX_ENTRIES = 4096  # libtiff's limit for one directory
_MAX_PAGES = 100_000  # ends loops of directories


@dataclass(frozen=True)
class Entry:
    """One field: where its 12 (BigTIFF: 20) bytes lie, and where its values lie, in bytes of the file."""

    type: int
    count: int
    at: int
    values_at: int


@dataclass(frozen=True)
class Directory:
    """The first page's fields by tag number."""

    order: str  # "<" or ">", as struct writes them
    big: bool  # BigTIFF
    entries: dict[int, Entry]
    pages: int  # in the whole file


def is_tiff(data: bytes) -> bool:
    return data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def read_directory(path: Path, data: bytes) -> Directory:
    """The first directory, classic or BigTIFF, either byte order.

    Raises
    ------
    UnreadablePhotographError
        The file ends before it does, or it makes no sense.
    """
    order = "<" if data[:2] == b"II" else ">"
    try:
        big = struct.unpack_from(order + "H", data, 2)[0] == 43
        (first,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
        entries, following = _entries(data, first, order, big)
        return Directory(order, big, entries, 1 + _count_pages(data, first, following, order, big))
    except (struct.error, OverflowError):
        raise UnreadablePhotographError(path, "the TIFF ends before its directory: truncated") from None
    except ValueError as error:
        raise UnreadablePhotographError(path, f"a damaged TIFF: {error}") from None


def integers(data: bytes, directory: Directory, tag: int) -> tuple[int, ...] | None:
    """A field's values; None when it is absent, of no integer type, or lies beyond the file's end."""
    entry = directory.entries.get(tag)
    if entry is None or entry.type not in _INTEGER_TYPES:
        return None
    code = _INTEGER_TYPES[entry.type]
    if entry.values_at + entry.count * struct.calcsize("=" + code) > len(data):
        return None
    return struct.unpack_from(f"{directory.order}{entry.count}{code}", data, entry.values_at)


def patch(file: bytearray, directory: Directory, tag: int, values: list[int]) -> None:
    """Replaces a field's values by as many others; widened and moved to the file's end where they need it."""
    entry = directory.entries[tag]
    code = _INTEGER_TYPES[entry.type]
    if max(values) < 1 << 8 * struct.calcsize("=" + code):
        struct.pack_into(f"{directory.order}{len(values)}{code}", file, entry.values_at, *values)
        return
    kind, code = (_LONG8, "Q") if directory.big else (_LONG, "I")
    packed = struct.pack(f"{directory.order}{len(values)}{code}", *values)
    struct.pack_into(directory.order + "H", file, entry.at + 2, kind)
    inline_at = entry.at + (12 if directory.big else 8)
    if len(packed) <= (8 if directory.big else 4):
        file[inline_at : inline_at + len(packed)] = packed
        return
    file += b"\0" * (len(file) % 2)  # values start on a word boundary (TIFF 6.0, section 2)
    struct.pack_into(directory.order + ("Q" if directory.big else "I"), file, inline_at, len(file))
    file += packed


def _entries(data: bytes, at: int, order: str, big: bool) -> tuple[dict[int, Entry], int]:
    """The fields of the directory at byte `at`, and where the next directory lies (0 = none)."""
    counter, size, offset = ("Q", 20, "Q") if big else ("H", 12, "I")
    (count,) = struct.unpack_from(order + counter, data, at)
    if not 0 < count <= _MAX_ENTRIES:
        raise ValueError(f"a directory with {count} fields")
    start = at + struct.calcsize("=" + counter)
    entries = {}
    for place in range(start, start + count * size, size):
        tag, kind, values = struct.unpack_from(f"{order}HH{offset}", data, place)
        inline_at = place + 4 + struct.calcsize("=" + offset)
        length = values * struct.calcsize("=" + _INTEGER_TYPES[kind]) if kind in _INTEGER_TYPES else 0
        fits = length <= struct.calcsize("=" + offset)
        values_at = inline_at if fits else struct.unpack_from(order + offset, data, inline_at)[0]
        entries[tag] = Entry(kind, values, place, values_at)
    (following,) = struct.unpack_from(order + offset, data, start + count * size)
    return entries, following


def _count_pages(data: bytes, first: int, following: int, order: str, big: bool) -> int:
    """How many directories come after the first."""
    seen = {first}
    while following and following not in seen and len(seen) < _MAX_PAGES:
        seen.add(following)
        _, following = _entries(data, following, order, big)
    return len(seen) - 1
