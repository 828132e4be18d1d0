"""The boxes of a HEIF file (HEIC, AVIF), as far as they describe its primary picture (ISO/IEC 23008-12, 14496-12)."""

import struct
from collections.abc import Iterator

from archive_restore.photos.heif_items import Item, Picture

_MOST_ITEMS = 1 << 16
_MOST_PLACES = 1 << 16  # of all items together: a place may be written in no bytes at all
_EXIF, _XMP, _XMP_TYPE = b"Exif", b"mime", b"application/rdf+xml"
_ALPHA = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1")


def brands(data: bytes) -> list[bytes]:
    """The brands of a file, its own first; none if it has no `ftyp`."""
    if data[4:8] != b"ftyp":
        return []
    end = min(len(data), int.from_bytes(data[:4]), 8 + 4 * 64)
    return [data[8:12]] + [data[at : at + 4] for at in range(16, end - 3, 4)]


def primary(data: bytes) -> Picture:
    """The picture that a file is about.

    Raises
    ------
    ValueError, struct.error
        There is none, or its boxes make no sense.
    """
    meta = next((place for kind, *place in _boxes(data, 0, len(data)) if kind == b"meta"), None)
    if meta is None:
        raise ValueError("no meta box")
    inside = {kind: (start, end) for kind, start, end in _boxes(data, meta[0] + 4, meta[1])}
    items = _items(data, *inside[b"iinf"]) if b"iinf" in inside else {}
    if b"iprp" in inside:
        _add_properties(data, *inside[b"iprp"], items)
    if b"iloc" in inside:
        _add_places(data, *inside[b"iloc"], items, inside.get(b"idat", (0, 0))[0])
    start, _ = inside.get(b"pitm", (len(data), 0))
    wide = data[start : start + 1] != b"\0"
    (number,) = struct.unpack_from(">I" if wide else ">H", data, start + 4)
    if number not in items or items[number].one(b"ispe") is None:
        raise ValueError("no primary picture")
    references = list(_references(data, *inside[b"iref"])) if b"iref" in inside else []
    about = {source for kind, source, targets in references if kind == b"cdsc" and number in targets}
    over = [source for kind, source, targets in references if kind == b"auxl" and number in targets]
    told = [item for name, item in items.items() if name in about]
    exif = next((_content(data, item) for item in told if item.kind == _EXIF), None)
    xmp = next((item for item in told if item.kind == _XMP and item.content_type == _XMP_TYPE), None)
    return Picture(
        items[number],
        any((items[name].one(b"auxC") or b"")[4:].startswith(_ALPHA) for name in over if name in items),
        None if exif is None else exif[4 + int.from_bytes(exif[:4]) :],
        None if xmp is None else _content(data, xmp),
    )


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(kind, first byte of the content, end) of each box; stops where one is cut off."""
    while start + 8 <= end:
        size, head = int.from_bytes(data[start : start + 4]), 8
        if size == 1:
            size, head = int.from_bytes(data[start + 8 : start + 16]), 16
        size = size or end - start
        if size < head or start + size > end:
            return
        yield data[start + 4 : start + 8], start + head, start + size
        start += size


def _items(data: bytes, start: int, end: int) -> dict[int, Item]:
    counted = 2 if data[start] == 0 else 4
    items: dict[int, Item] = {}
    for kind, at, stop in _boxes(data, start + 4 + counted, end):
        if kind != b"infe" or data[at] < 2 or len(items) == _MOST_ITEMS:
            continue
        wide = data[at] > 2
        (number,) = struct.unpack_from(">I" if wide else ">H", data, at + 4)
        at += 10 if wide else 8
        _, _, rest = data[at + 4 : stop].partition(b"\0")  # after the name
        items[number] = Item(data[at : at + 4], rest.partition(b"\0")[0])
    return items


def _add_properties(data: bytes, start: int, end: int, items: dict[int, Item]) -> None:
    inside = {kind: place for kind, *place in reversed(list(_boxes(data, start, end)))}
    known = [(kind, data[at:stop]) for kind, at, stop in _boxes(data, *inside[b"ipco"])]
    at, _ = inside[b"ipma"]
    version, wide = data[at], data[at + 3] & 1
    (count,) = struct.unpack_from(">I", data, at + 4)
    at += 8
    for _ in range(min(count, _MOST_ITEMS)):
        (number,) = struct.unpack_from(">H" if version < 1 else ">I", data, at)
        at += 2 if version < 1 else 4
        several, at = data[at], at + 1
        for _ in range(several):
            (place,) = struct.unpack_from(">H" if wide else ">B", data, at)
            at += 2 if wide else 1
            place &= 0x7FFF if wide else 0x7F
            if number in items and 0 < place <= len(known):
                items[number].properties.append(known[place - 1])


def _add_places(data: bytes, start: int, end: int, items: dict[int, Item], idat: int) -> None:
    version, sizes = data[start], struct.unpack_from(">H", data, start + 4)[0]
    offset, length, base, index = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    index = index if version else 0
    at, places = start + 6, 0

    def number(size: int) -> int:
        nonlocal at
        if at + size > end:
            raise ValueError("a list of places that is cut off")
        at += size
        return int.from_bytes(data[at - size : at])

    for _ in range(min(number(2 if version < 2 else 4), _MOST_ITEMS)):
        name = number(2 if version < 2 else 4)
        inside = version > 0 and number(2) & 15 == 1
        number(2)
        first = number(base) + (idat if inside else 0)
        several = number(2)
        places += several
        if places > _MOST_PLACES:
            raise ValueError("a list of too many places")
        for _ in range(several):
            number(index)
            place = first + number(offset), number(length)
            if name in items:
                items[name].extents.append(place)


def _references(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, tuple[int, ...]]]:
    """(kind, from, to) of each reference between items."""
    code, size = ("H", 2) if data[start] == 0 else ("I", 4)
    for kind, at, _ in _boxes(data, start + 4, end):
        source, count = struct.unpack_from(f">{code}H", data, at)
        yield kind, source, struct.unpack_from(f">{count}{code}", data, at + size + 2)


def _content(data: bytes, item: Item) -> bytes:
    if sum(length for _, length in item.extents) > len(data):
        raise ValueError("metadata that is larger than its file")
    return b"".join(data[start : start + length] for start, length in item.extents)
