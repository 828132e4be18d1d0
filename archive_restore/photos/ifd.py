"""The directories of a TIFF file, read and patched in place, so that every other byte stays as it is."""

import struct
from dataclasses import dataclass
from pathlib import Path

from archive_restore.errors import UnreadablePhotographError
from archive_restore.photos.large import Data, Patched

_INTEGER_TYPES = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}  # TIFF field type -> struct code
_BYTE_TYPES = frozenset({1, 2, 7})
SHORT, LONG, LONG8 = 3, 4, 16
_MAX_ENTRIES = 4096  # libtiff's limit for one directory
_MAX_PAGES = 10_000


@dataclass(frozen=True)
class Entry:
    """One field: where its 12 (BigTIFF: 20) bytes lie, and where its values lie, in bytes of the file."""

    type: int
    count: int
    at: int
    values_at: int


@dataclass(frozen=True)
class Directory:
    """One page's fields by tag number."""

    order: str  # "<" or ">", as struct writes them
    big: bool  # BigTIFF
    entries: dict[int, Entry]
    at: int  # bytes
    pointer_at: int  # where its offset lies, bytes
    following: int  # offset of the next directory; 0 = none


def is_tiff(data: Data) -> bool:
    return data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def read_directories(path: Path, data: Data) -> list[Directory]:
    """All directories in their order, classic or BigTIFF, either byte order; each one once.

    Raises
    ------
    UnreadablePhotographError
        The file ends before they do, or they make no sense.
    """
    order = "<" if data[:2] == b"II" else ">"
    directories: list[Directory] = []
    seen: set[int] = set()
    try:
        big = struct.unpack_from(order + "H", data, 2)[0] == 43
        pointer_at = 8 if big else 4
        (at,) = struct.unpack_from(order + ("Q" if big else "I"), data, pointer_at)
        while not directories or (at and at not in seen):
            if len(directories) == _MAX_PAGES:
                raise ValueError(f"more than {_MAX_PAGES} pages")
            seen.add(at)
            entries, end, following = _entries(data, at, order, big)
            directories.append(Directory(order, big, entries, at, pointer_at, following))
            pointer_at, at = end, following
    except (struct.error, OverflowError):
        raise UnreadablePhotographError(path, "the TIFF ends before its directory: truncated") from None
    except ValueError as error:
        raise UnreadablePhotographError(path, f"a damaged TIFF: {error}") from None
    return directories


def integers(data: Data, directory: Directory, tag: int) -> tuple[int, ...] | None:
    """A field's values; None when it is absent, of no integer type, or lies beyond the file's end."""
    entry = directory.entries.get(tag)
    if entry is None or entry.type not in _INTEGER_TYPES:
        return None
    code = _INTEGER_TYPES[entry.type]
    if entry.values_at + entry.count * struct.calcsize("=" + code) > len(data):
        return None
    return struct.unpack_from(f"{directory.order}{entry.count}{code}", data, entry.values_at)


def content(data: Data, directory: Directory, tag: int) -> bytes | None:
    """A field of bytes (types BYTE, ASCII, UNDEFINED) as it is; None when absent, of other type, or cut off."""
    entry = directory.entries.get(tag)
    if entry is None or entry.type not in _BYTE_TYPES or entry.values_at + entry.count > len(data):
        return None
    return data[entry.values_at : entry.values_at + entry.count]


def patch(file: Patched, directory: Directory, tag: int, values: list[int]) -> None:
    """Replaces a field's values by as many others; widened and moved to the file's end where they need it."""
    entry = directory.entries[tag]
    code = _INTEGER_TYPES[entry.type]
    if max(values) < 1 << 8 * struct.calcsize("=" + code):
        file.write(entry.values_at, struct.pack(f"{directory.order}{len(values)}{code}", *values))
        return
    kind, code = (LONG8, "Q") if directory.big else (LONG, "I")
    packed = struct.pack(f"{directory.order}{len(values)}{code}", *values)
    file.write(entry.at + 2, struct.pack(directory.order + "H", kind))
    inline_at = entry.at + (12 if directory.big else 8)
    if len(packed) <= (8 if directory.big else 4):
        file.write(inline_at, packed)
        return
    at = file.append(packed)  # values start on a word boundary (TIFF 6.0, section 2)
    file.write(inline_at, struct.pack(directory.order + ("Q" if directory.big else "I"), at))


Fields = dict[int, tuple[int, list[int]] | None]
"""(field type, values) by tag, of an integer type; None for a field that must go."""


def rewrite(file: Patched, data: Data, changes: list[tuple[Directory, Fields]]) -> None:
    """Puts directories at the file's end with other fields, and points at them. All other fields stay.

    Parameters
    ----------
    file : a copy of `data`
    changes : directories of `data` in their order, each with its new fields
    """
    moved: dict[int, int] = {}
    for directory, fields in reversed(changes):  # the following one first: its new place is in this one
        order, big = directory.order, directory.big
        counter, size, offset = ("Q", 20, "Q") if big else ("H", 12, "I")
        entries = {tag: data[one.at : one.at + size] for tag, one in directory.entries.items()}
        for tag, given in fields.items():
            entries.pop(tag, None)
            if given is not None:
                entries[tag] = _entry(file, directory, tag, *given)
        following = moved.get(directory.following, directory.following)
        at = file.append(
            struct.pack(order + counter, len(entries))
            + b"".join(entries[tag] for tag in sorted(entries))  # ascending (TIFF 6.0, section 2)
            + struct.pack(order + offset, following)
        )
        moved[directory.at] = at
        file.write(directory.pointer_at, struct.pack(order + offset, at))


def _entry(file: Patched, directory: Directory, tag: int, kind: int, values: list[int]) -> bytes:
    """A field as it lies in a directory; values that are too long for that go to the file's end."""
    order, offset = directory.order, "Q" if directory.big else "I"
    packed = struct.pack(f"{order}{len(values)}{_INTEGER_TYPES[kind]}", *values)
    room = struct.calcsize("=" + offset)
    if len(packed) > room:
        packed = struct.pack(order + offset, file.append(packed))
    return struct.pack(f"{order}HH{offset}", tag, kind, len(values)) + packed.ljust(room, b"\0")


def _entries(data: Data, at: int, order: str, big: bool) -> tuple[dict[int, Entry], int, int]:
    """The fields of the directory at byte `at`, where they end, and where the next directory lies (0 = none)."""
    counter, size, offset = ("Q", 20, "Q") if big else ("H", 12, "I")
    (count,) = struct.unpack_from(order + counter, data, at)
    if not 0 < count <= _MAX_ENTRIES:
        raise ValueError(f"a directory with {count} fields")
    start = at + struct.calcsize("=" + counter)
    entries = {}
    for place in range(start, start + count * size, size):
        tag, kind, values = struct.unpack_from(f"{order}HH{offset}", data, place)
        inline_at = place + 4 + struct.calcsize("=" + offset)
        width = struct.calcsize("=" + _INTEGER_TYPES[kind]) if kind in _INTEGER_TYPES else 1
        length = values * width if kind in _INTEGER_TYPES or kind in _BYTE_TYPES else 0
        fits = length <= struct.calcsize("=" + offset)
        values_at = inline_at if fits else struct.unpack_from(order + offset, data, inline_at)[0]
        entries[tag] = Entry(kind, values, place, values_at)
    end = start + count * size
    (following,) = struct.unpack_from(order + offset, data, end)
    return entries, end, following
