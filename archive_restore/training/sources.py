"""Photographs to train on: a folder, or tar shards of photographs. Each has a name, by which it is held out."""

import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.errors import InputError, printable

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"})

CACHE_BYTES = 3 << 30
"""Decoded photographs kept in memory; beyond it they are decoded again each time."""


@dataclass(frozen=True)
class Entry:
    """Where one photograph's bytes lie: `length` bytes from `offset` of `container` (-1: the whole file)."""

    name: str
    container: Path
    offset: int
    length: int

    def read(self) -> bytes:
        with self.container.open("rb") as file:
            file.seek(self.offset)
            return file.read(self.length)


def find_entries(data: Path) -> list[Entry]:
    """All photographs in a folder (with its subfolders and the tar shards in it) or in one tar file, by name."""
    if data.is_dir():
        found = [entry for path in sorted(data.rglob("*")) for entry in entries_of(path)]
    elif data.is_file() and data.suffix == ".tar":
        found = list(entries_of(data))
    else:
        raise InputError(f"{printable(data)} is neither a folder nor a .tar file of photographs")
    if not found:
        raise InputError(f"{printable(data)} holds no photographs ({', '.join(sorted(PICTURE_SUFFIXES))})")
    return found


def entries_of(path: Path) -> Iterator[Entry]:
    """The photograph that a file is, or those in it if it is a shard."""
    if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file():
        yield Entry(str(path), path, 0, -1)
    elif path.suffix == ".tar" and path.is_file():
        try:
            with tarfile.open(path) as shard:
                for member in shard:
                    if member.isfile() and Path(member.name).suffix.lower() in PICTURE_SUFFIXES:
                        yield Entry(f"{path}/{member.name}", path, member.offset_data, member.size)
        except tarfile.TarError as error:
            raise InputError(
                f"{printable(path)} is not a readable tar file ({error}); fetch it again"
            ) from error


class Photographs:
    """Decodes photographs on demand and keeps what fits in memory. Safe to use from several threads."""

    def __init__(self, entries: Sequence[Entry], cache_bytes: int = CACHE_BYTES) -> None:
        self.entries = list(entries)
        self._cache: dict[int, NDArray[np.uint8]] = {}
        self._free = cache_bytes

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        """The photograph as (H, W, 3) uint8 RGB. Raises InputError naming the file if it cannot be decoded."""
        kept = self._cache.get(index)
        if kept is not None:
            return kept
        entry = self.entries[index]
        decoded, reason = None, ""
        try:
            data = np.frombuffer(entry.read(), np.uint8)
            if data.size:
                decoded = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
        except OSError as error:
            reason = f" ({error.strerror})"
        except cv2.error:
            reason = " (it is too large)"
        if decoded is None:
            raise InputError(f"{printable(entry.name)} cannot be decoded{reason}; remove it and start again")
        photograph = np.ascontiguousarray(np.asarray(decoded, np.uint8)[..., ::-1])
        if photograph.nbytes <= self._free:
            self._free -= photograph.nbytes
            self._cache[index] = photograph
        return photograph


def split(entries: Sequence[Entry], every: int = 100) -> tuple[list[Entry], list[Entry]]:
    """Training and held-out photographs: one in `every`, by name order, is held out (at least one of two)."""
    ordered = sorted(entries, key=lambda entry: entry.name)
    held_out = ordered[:: min(every, max(2, len(ordered)))]
    chosen = {entry.name for entry in held_out}
    return [entry for entry in ordered if entry.name not in chosen], held_out
