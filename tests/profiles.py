"""Colour profiles of other spaces than sRGB, made from their definitions (ICC.1:2022, Adobe RGB 1998, ISO 22028-2)."""

import struct

import numpy as np

D65, D50 = (0.3127, 0.3290), (0.3457, 0.3585)
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])

SPACES = {
    "Display P3": (((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)), D65, 2.2),
    "Adobe RGB": (((0.640, 0.330), (0.210, 0.710), (0.150, 0.060)), D65, 2.19921875),
    "ProPhoto": (((0.734699, 0.265301), (0.159597, 0.840403), (0.036598, 0.000105)), D50, 1.8),
    "linear": (((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)), D65, 1.0),
}
"""Chromaticities of red, green, blue; white; gamma."""

GREY = {"grey gamma 2.2": 2.2, "grey linear": 1.0}


def profile(name: str) -> bytes:
    """The ICC profile, version 2.1, of a space in `SPACES` or `GREY`."""
    text = name.encode("ascii")
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", len(text) + 1) + text + bytes(1 + 4 + 4 + 2 + 1 + 67),
        b"cprt": b"text" + bytes(4) + b"none\0",
        b"wtpt": xyz(whitepoint(D50)),
    }
    if name in GREY:
        tags[b"kTRC"] = curve(GREY[name])
        return packed(b"GRAY", tags)
    primaries, white, gamma = SPACES[name]
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in primaries]).T
    columns = columns * np.linalg.solve(columns, whitepoint(white))
    response = BRADFORD @ whitepoint(D50) / (BRADFORD @ whitepoint(white))
    adapted = np.linalg.inv(BRADFORD) @ np.diag(response) @ BRADFORD @ columns
    for place, channel in enumerate((b"r", b"g", b"b")):
        tags[channel + b"XYZ"], tags[channel + b"TRC"] = xyz(adapted[:, place]), curve(gamma)
    return packed(b"RGB ", tags)


def whitepoint(xy: tuple[float, float]) -> np.ndarray:
    x, y = xy
    return np.array([x / y, 1, (1 - x - y) / y])


def xyz(values: np.ndarray) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in values))


def curve(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))


def packed(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    directory, body = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        directory += struct.pack(">4sII", name, start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = start + len(body)
    date = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    head = struct.pack(">I4sI4s4s4s", size, bytes(4), 0x02100000, b"mntr", space, b"XYZ ") + date
    head += b"acsp" + bytes(28) + struct.pack(">3i", *(round(value * 65536) for value in whitepoint(D50)))
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + directory + body
