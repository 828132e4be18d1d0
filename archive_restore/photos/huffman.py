"""JPEG entropy coding (ITU-T T.81, annexes F, G and K) of whole scans, vectorised over their blocks."""

import heapq
import struct
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

# Blocks of a scan in coding order: (MCUs, blocks a MCU, 64) int16 in zigzag order.
Sequence = NDArray[np.int16]

# Position in the zigzag -> index in the block row by row (T.81, figure A.6).
ZIGZAG = np.array(
    sorted(
        range(64), key=lambda i: (i // 8 + i % 8, i // 8 if (i // 8 + i % 8) % 2 else i % 8)
    )
)  # fmt: skip

_DHT, _SOS = 0xC4, 0xDA
_ZERO_RUN = 0xF0  # sixteen zeros
_MAX_CODE_LENGTH = 16  # bits
_MAX_END_RUN = 32767  # blocks in one end-of-band run, G.1.2.2
_AT_ONCE = 1 << 20  # coefficients turned to symbols, or symbols to bits, at once

_BIT_LENGTH = np.array(
    [size.bit_length() for size in range(1 << 12)], np.uint8
)  # of |value|, at most 2 * 2047

# A table's slot in a scan: 0 and 1 for DC, 2 and 3 for AC.
_SLOTS = 4


@dataclass(frozen=True)
class Symbols:
    """What a scan says, before Huffman codes are chosen for it."""

    keys: NDArray[np.uint16]  # slot * 256 + symbol
    extra: NDArray[np.uint16]  # appended bits
    widths: NDArray[np.uint8]  # how many


def zigzagged(blocks: NDArray[np.int16]) -> NDArray[np.int16]:
    """(..., 8, 8) in natural order to (..., 64) in zigzag order."""
    return blocks.reshape(*blocks.shape[:-2], 64)[..., ZIGZAG]


def sequential_symbols(sequence: Sequence, components: list[int]) -> Symbols:
    """A whole sequential scan (F.1.2). `components[b]` is the component of block b of a MCU."""
    keys = _dc_slots(components)
    differences = _dc_differences(sequence, components)
    parts = []
    step = max(1, _AT_ONCE // (64 * len(components)))
    for start in range(0, len(sequence), step):
        piece = sequence[start : start + step]
        blocks = piece.reshape(-1, 64)
        slots = np.tile(keys, len(piece))
        parts.append(_block_symbols(blocks[:, 1:], slots, differences[start : start + step].ravel()))
    return _joined(parts)


def dc_symbols(sequence: Sequence, components: list[int]) -> Symbols:
    """The first progressive scan: all DC coefficients at full precision (G.1.2.1)."""
    differences = _dc_differences(sequence, components).ravel()
    slots = np.tile(_dc_slots(components), len(sequence))
    widths, extra = _magnitudes(differences)
    return Symbols(slots.astype(np.uint16) * 256 + widths, extra, widths)


def band_symbols(blocks: NDArray[np.int16]) -> Symbols:
    """A progressive scan of one component's band at full precision (G.1.2.2).

    `blocks` is (n, band) in raster order.
    """
    step = max(1, _AT_ONCE // blocks.shape[1])
    return _joined([_band_symbols(blocks[start : start + step]) for start in range(0, len(blocks), step)])


def scan(symbols: Symbols, selectors: list[tuple[int, int]], band: tuple[int, int]) -> bytes:
    """DHT, SOS and entropy-coded data, with codes fitted to these symbols.

    Parameters
    ----------
    symbols : Symbols
        What to code.
    selectors : list of (component identifier, table 0 or 1)
        The scan's components.
    band : (first, last)
        Zigzag positions.
    """
    counts = np.bincount(symbols.keys, minlength=_SLOTS * 256).reshape(_SLOTS, 256)
    codes, lengths = np.zeros((2, _SLOTS, 256), np.uint64)
    parts = []
    for slot in range(_SLOTS):
        if not counts[slot].any():
            continue
        per_length, order = _optimal_code(counts[slot])
        _assign_codes(per_length, order, codes[slot], lengths[slot])
        body = bytes([slot >> 1 << 4 | slot & 1, *per_length, *order])
        parts.append(struct.pack(">BBH", 0xFF, _DHT, 2 + len(body)) + body)
    chosen = b"".join(bytes([name, table << 4 | table]) for name, table in selectors)
    body = bytes([len(selectors)]) + chosen + bytes([*band, 0])
    parts.append(struct.pack(">BBH", 0xFF, _SOS, 2 + len(body)) + body)
    parts.append(_packed(symbols, codes.ravel(), lengths.ravel()).replace(b"\xff", b"\xff\0"))
    return b"".join(parts)


def _dc_slots(components: list[int]) -> NDArray[np.uint8]:
    return np.array([min(component, 1) for component in components], np.uint8)


def _dc_differences(sequence: Sequence, components: list[int]) -> NDArray[np.int32]:
    """(MCUs, blocks a MCU): each DC less the one before it of the same component (F.1.1.5.1)."""
    constants = sequence[:, :, 0].astype(np.int32)
    for component in set(components):
        own = [index for index, other in enumerate(components) if other == component]
        series = constants[:, own]
        constants[:, own] = np.diff(series.ravel(), prepend=0).reshape(series.shape)
    return constants


def _magnitudes(values: NDArray[np.int32]) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    """Category and appended bits of each value (F.1.2.1.1): negative ones as the complement of their size."""
    widths = _BIT_LENGTH[np.abs(values)]
    extra = np.where(values < 0, values + (1 << widths.astype(np.int32)) - 1, values)
    return widths, extra.astype(np.uint16)


def _runs(blocks: NDArray[np.int16]) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.int32]]:
    """Of each nonzero coefficient in order: its block, its place in the block, the zeros before it."""
    block, place = np.nonzero(blocks)
    before = np.full(len(block), -1, np.intp)
    same = block[1:] == block[:-1]
    before[1:][same] = place[:-1][same]
    return block, place, (place - before - 1).astype(np.int32)


def _block_symbols(
    blocks: NDArray[np.int16], slots: NDArray[np.uint8], differences: NDArray[np.int32]
) -> Symbols:
    """Symbols of consecutive blocks: DC difference, then AC runs, then end of block; blocks (n, 63)."""
    block, place, zeros = _runs(blocks)
    ended = blocks[:, -1] == 0
    counts, positions = _placed(block, zeros, len(blocks), first=1)
    totals = 1 + counts + ended
    starts = np.cumsum(totals) - totals
    # What is not set below is a run of sixteen zeros.
    keys = np.repeat((slots.astype(np.uint16) + 2) * 256, totals) + np.uint16(_ZERO_RUN)
    extra, widths = np.zeros(len(keys), np.uint16), np.zeros(len(keys), np.uint8)
    widths[starts], extra[starts] = _magnitudes(differences)
    keys[starts] = slots.astype(np.uint16) * 256 + widths[starts]
    at = starts[block] + positions
    widths[at], extra[at] = _magnitudes(blocks[block, place].astype(np.int32))
    keys[at] = (slots[block].astype(np.uint16) + 2) * 256 + ((zeros & 15) << 4 | widths[at]).astype(np.uint16)
    keys[(starts + totals - 1)[ended]] -= np.uint16(_ZERO_RUN)
    return Symbols(keys, extra, widths)


def _band_symbols(blocks: NDArray[np.int16]) -> Symbols:
    block, place, zeros = _runs(blocks)
    ended = blocks[:, -1] == 0
    empty: NDArray[np.bool_] = np.logical_not(blocks.any(axis=1))
    run_starts, run_lengths = _end_runs(ended, empty)
    counts, positions = _placed(block, zeros, len(blocks), first=0)
    totals = counts.copy()
    totals[run_starts] += 1
    starts = np.cumsum(totals) - totals
    keys = np.full(totals.sum(), 2 * 256 + _ZERO_RUN, np.uint16)
    extra, widths = np.zeros(len(keys), np.uint16), np.zeros(len(keys), np.uint8)
    at = starts[block] + positions
    widths[at], extra[at] = _magnitudes(blocks[block, place].astype(np.int32))
    keys[at] = 2 * 256 + ((zeros & 15) << 4 | widths[at]).astype(np.uint16)
    at = (starts + totals - 1)[run_starts]
    exponents = np.floor(np.log2(run_lengths)).astype(np.int64)
    keys[at], widths[at] = 2 * 256 + (exponents << 4), exponents
    extra[at] = run_lengths - (1 << exponents)
    return Symbols(keys, extra, widths)


def _end_runs(
    ended: NDArray[np.bool_], empty: NDArray[np.bool_]
) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Where runs of blocks without further coefficients begin, and how many blocks each spans."""
    continues = np.zeros(len(ended), np.bool_)
    continues[1:] = empty[1:] & ended[:-1]
    first = np.flatnonzero(ended & ~continues)
    stops = np.append(np.flatnonzero(~continues), len(ended))
    lengths = stops[np.searchsorted(stops, first, side="right")] - first
    pieces = -(-lengths // _MAX_END_RUN)
    piece = np.arange(pieces.sum()) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    starts = np.repeat(first, pieces) + piece * _MAX_END_RUN
    return starts, np.minimum(np.repeat(first + lengths, pieces) - starts, _MAX_END_RUN)


def _placed(
    block: NDArray[np.intp], zeros: NDArray[np.int32], blocks: int, *, first: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many symbols each block's coefficients take, and the place of each among its block's symbols."""
    needed = 1 + (zeros >> 4).astype(np.int64)
    counts = np.bincount(block, weights=needed, minlength=blocks).astype(np.int64)
    return counts, np.cumsum(needed) - 1 + first - (np.cumsum(counts) - counts)[block]


def _joined(parts: list[Symbols]) -> Symbols:
    return Symbols(
        np.concatenate([part.keys for part in parts]),
        np.concatenate([part.extra for part in parts]),
        np.concatenate([part.widths for part in parts]),
    )


def _optimal_code(counts: NDArray[np.int64]) -> tuple[list[int], list[int]]:
    """Number of codes of each length 1..16, and the symbols in order of their code (K.2).

    One more symbol of least frequency takes the code of all ones, which is not allowed, and is then dropped.
    """
    present = [int(symbol) for symbol in np.flatnonzero(counts)]
    heap = [(int(counts[symbol]), symbol, [symbol]) for symbol in present] + [(0, 256, [256])]
    heapq.heapify(heap)
    lengths = dict.fromkeys([*present, 256], 0)
    while len(heap) > 1:
        (count, _, symbols), (other_count, name, others) = heapq.heappop(heap), heapq.heappop(heap)
        for symbol in symbols + others:
            lengths[symbol] += 1
        heapq.heappush(heap, (count + other_count, name, symbols + others))
    per_length = [0] * (max(_MAX_CODE_LENGTH, *lengths.values()) + 1)
    for length in lengths.values():
        per_length[length] += 1
    # Figure K.3: two of the longest codes move up, one shorter leaf becomes their parent.
    for length in range(len(per_length) - 1, _MAX_CODE_LENGTH, -1):
        while per_length[length]:
            shorter = next(size for size in range(length - 2, 0, -1) if per_length[size])
            per_length[length] -= 2
            per_length[length - 1] += 1
            per_length[shorter + 1] += 2
            per_length[shorter] -= 1
    longest = max(length for length, number in enumerate(per_length) if number)
    per_length[longest] -= 1
    order = sorted(present, key=lambda symbol: (lengths[symbol], symbol))
    return per_length[1 : _MAX_CODE_LENGTH + 1], order


def _assign_codes(
    per_length: list[int], order: list[int], codes: NDArray[np.uint64], lengths: NDArray[np.uint64]
) -> None:
    """Canonical codes (C.2)."""
    code, symbols = 0, iter(order)
    for length, number in enumerate(per_length, start=1):
        for _ in range(number):
            symbol = next(symbols)
            codes[symbol], lengths[symbol] = code, length
            code += 1
        code <<= 1


def _packed(symbols: Symbols, codes: NDArray[np.uint64], lengths: NDArray[np.uint64]) -> bytes:
    """Codes and appended bits, most significant first, the last byte filled up with ones."""
    ends = np.cumsum(lengths[symbols.keys] + symbols.widths, dtype=np.int64)
    bits = int(ends[-1])
    words = np.zeros(bits // 32 + 2, np.uint32)
    cuts = [*range(0, len(ends), _AT_ONCE), len(ends)]
    for start, stop in pairwise(cuts):
        keys, widths = symbols.keys[start:stop], symbols.widths[start:stop].astype(np.uint64)
        values = codes[keys] << widths | symbols.extra[start:stop]
        begins = ends[start:stop] - (lengths[keys] + widths).astype(np.int64)
        # At most 31 bits before it in its word and 31 of its own: two words hold each value.
        shifted = values << (64 - (ends[start:stop] - (begins >> 5 << 5))).astype(np.uint64)
        base = int(begins[0] >> 5)
        word = (begins >> 5) - base
        size = int(word[-1]) + 2
        # The bits are disjoint, so sums are unions, and below 2**32, so float64 is exact.
        high = np.bincount(word, (shifted >> np.uint64(32)).astype(np.float64), minlength=size)
        low = np.bincount(word + 1, (shifted & np.uint64(0xFFFFFFFF)).astype(np.float64), minlength=size)
        words[base : base + size] |= (high + low).astype(np.uint32)
    packed = bytearray(words.astype(">u4").tobytes()[: -(-bits // 8)])
    if bits % 8:
        packed[-1] |= 0xFF >> bits % 8
    return bytes(packed)
