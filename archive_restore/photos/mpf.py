"""The index of a JPEG that further pictures follow (CIPA DC-007, Multi-Picture Format), kept true to the file."""

import struct

from archive_restore.photos.jpeg_segments import APP0, SOS, iterate_segments

_APP2, _SIGNATURE = APP0 + 2, b"MPF\0"
_ENTRIES = 0xB002  # tag of the list of pictures
_ENTRY_SIZE = 16  # bytes: attributes, size, offset, two dependencies


def moved(picture: bytes, by: int) -> bytes:
    """The first picture of a file, whose own length changed by `by` bytes, with its index corrected.

    Sizes and offsets in the index are the only bytes that change; an index that makes no sense stays.
    """
    for segment in iterate_segments(picture):
        if segment.marker == SOS or not by:
            break
        if segment.marker == _APP2 and picture.startswith(_SIGNATURE, segment.body):
            start = segment.body + len(_SIGNATURE)
            index = bytearray(picture[start : segment.end])
            try:
                _move(index, by)
            except (struct.error, OverflowError):
                return picture
            return picture[:start] + bytes(index) + picture[segment.end :]
    return picture


def _move(index: bytearray, by: int) -> None:
    order = "<" if index[:2] == b"II" else ">"
    (at,) = struct.unpack_from(order + "I", index, 4)
    (count,) = struct.unpack_from(order + "H", index, at)
    for place in range(at + 2, at + 2 + 12 * count, 12):
        tag, _, length, values = struct.unpack_from(order + "HHII", index, place)
        if tag != _ENTRIES:
            continue
        for number in range(length // _ENTRY_SIZE):
            entry = values + number * _ENTRY_SIZE
            size, offset = struct.unpack_from(order + "II", index, entry + 4)
            if number == 0:
                struct.pack_into(order + "I", index, entry + 4, size + by)
            elif offset:  # from this index, which lies before the first picture's end
                struct.pack_into(order + "I", index, entry + 8, offset + by)
