"""Palettes of PNG, and what becomes of the chunks that speak of them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archive_restore.photos import palettes

Samples = NDArray[np.uint8]


@dataclass(frozen=True)
class Held:
    """Samples in the least colour type that holds them.

    `samples` is (H, W) indices, or (H, W, 3) RGB or (H, W, 4) RGBA; `chunks` has new contents of chunks by
    kind, None where one must go.
    """

    samples: Samples
    depth: int  # bits
    chunks: Mapping[bytes, bytes | None]


def table(plte: bytes | None, transparent: bytes | None, *, alpha: bool) -> Samples:
    """PLTE and tRNS as (colours, 3) uint8 RGB, or with `alpha` (colours, 4) RGBA."""
    colours = np.frombuffer(plte or b"", np.uint8)
    colours = colours[: len(colours) // 3 * 3].reshape(-1, 3)
    if not alpha:
        return colours
    opacity = np.full((len(colours), 1), 255, np.uint8)
    given = np.frombuffer(transparent or b"", np.uint8)[: len(colours)]
    opacity[: len(given), 0] = given
    return np.concatenate([colours, opacity], axis=1)


def hold(samples: Samples, indices: Samples, chunks: Mapping[bytes, bytes], depth: int) -> Held:
    """A palette picture's new samples, as indices if no more than 256 colours are needed, else without palette.

    Parameters
    ----------
    samples : (H, W, 3) or (H, W, 4) uint8, the new picture
    indices : (H, W) uint8, the old one
    chunks : of the PNG, by kind
    depth : bits of an index in the old one
    """
    alpha = samples.shape[2] == 4
    old = table(chunks[b"PLTE"], chunks.get(b"tRNS"), alpha=alpha)
    held = palettes.indexed(samples, indices, old, depth)
    if held is None:
        return Held(samples, 8, _without_palette(chunks, old, alpha))
    result, colours = held
    opacity = colours[:, 3].tobytes() if alpha else chunks.get(b"tRNS")
    new_chunks: dict[bytes, bytes | None] = {b"PLTE": colours[:, :3].tobytes(), b"hIST": None}
    if b"tRNS" in chunks:
        new_chunks[b"tRNS"] = opacity
    return Held(result, palettes.bits_for(len(colours), depth), new_chunks)


def _without_palette(chunks: Mapping[bytes, bytes], old: Samples, alpha: bool) -> dict[bytes, bytes | None]:
    """What the chunks that speak of the palette become in RGB or RGBA (PNG, 3rd edition, 11.3)."""
    new: dict[bytes, bytes | None] = {b"PLTE": None, b"tRNS": None, b"hIST": None}
    background = chunks.get(b"bKGD")
    if background is not None:
        inside = len(background) == 1 and background[0] < len(old)
        colour = old[background[0], :3].tolist() if inside else None
        new[b"bKGD"] = None if colour is None else b"".join(bytes([0, sample]) for sample in colour)
    significant = chunks.get(b"sBIT")
    if alpha and significant is not None:
        new[b"sBIT"] = significant + b"\x08"
    return new
