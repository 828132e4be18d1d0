"""What a HEIF file says of its primary picture: size, depth, colours, and how it is turned and cropped.

Properties are those of ISO/IEC 23008-12 and 14496-12, as their boxes hold them.
"""

import struct
from dataclasses import dataclass, field
from fractions import Fraction


@dataclass
class Item:
    """One item of a file: a picture, a piece of one, or metadata."""

    kind: bytes = b""
    content_type: bytes = b""
    properties: list[tuple[bytes, bytes]] = field(default_factory=list)  # (kind, content), in order
    extents: list[tuple[int, int]] = field(default_factory=list)  # (start, length), bytes of the file

    def one(self, kind: bytes) -> bytes | None:
        """The first property of a kind."""
        return next((body for name, body in self.properties if name == kind), None)


@dataclass(frozen=True)
class Picture:
    """The primary picture."""

    item: Item
    alpha: bool  # another picture says how opaque it is
    exif: bytes | None  # a TIFF structure
    xmp: bytes | None

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in px before it is turned."""
        width, height = struct.unpack_from(">II", self.item.one(b"ispe") or b"", 4)
        return width, height

    @property
    def depths(self) -> tuple[int, ...]:
        """Bits of each channel; empty where the file leaves it to the coded picture."""
        body = self.item.one(b"pixi")
        return tuple(body[5 : 5 + body[4]]) if body and len(body) > 5 else ()

    @property
    def profile(self) -> bytes | None:
        """The ICC profile."""
        return next((body[4:] for body in self._colours() if body[:4] in (b"prof", b"rICC")), None)

    @property
    def code_points(self) -> bytes | None:
        """Primaries and transfer function, a byte each, after ITU-T H.273."""
        coded = next((body for body in self._colours() if body[:4] == b"nclx" and len(body) >= 11), None)
        return None if coded is None else bytes([coded[5], coded[7]])

    @property
    def changes(self) -> list[tuple[bytes, tuple[int, ...]]]:
        """What is done to the picture before it is shown, in its order: (b"irot", (quarters to the left,)),
        (b"imir", (axis,)), or (b"clap", (left, top, width, height) of what is left of it, px)."""
        return self._changed()[0]

    @property
    def shown_size(self) -> tuple[int, int]:
        """(width, height) in px after all that."""
        return self._changed()[1]

    def _changed(self) -> tuple[list[tuple[bytes, tuple[int, ...]]], tuple[int, int]]:
        """`changes` and `shown_size`."""
        width, height = self.size
        changes: list[tuple[bytes, tuple[int, ...]]] = []
        for kind, body in self.item.properties:
            if kind in (b"irot", b"imir"):
                changes.append((kind, (body[0],)))
                if kind == b"irot" and body[0] & 1:
                    width, height = height, width
            elif kind == b"clap":
                place = _cropped(body, width, height)
                changes.append((kind, place))
                width, height = place[2:]
        return changes, (width, height)

    def _colours(self) -> list[bytes]:
        return [body for kind, body in self.item.properties if kind == b"colr"]


def _cropped(clap: bytes, width: int, height: int) -> tuple[int, ...]:
    """(left, top, width, height) of a clean aperture (ISO/IEC 14496-12, 12.1.4): its middle is told from the
    picture's."""
    values = struct.unpack_from(">IIIIiIiI", clap)
    across, down, right, below = (Fraction(*values[at : at + 2]) for at in (0, 2, 4, 6))
    left = right + Fraction(width - across, 2)
    top = below + Fraction(height - down, 2)
    place = tuple(int(value) for value in (left, top, across, down))
    if min(left, top) < 0 or min(across, down) < 1 or left + across > width or top + down > height:
        raise ValueError("a crop beyond the picture")
    return place
