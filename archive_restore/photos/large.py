"""What is too large for memory: samples and files that lie in temporary files, and look like arrays and bytes.

The system keeps of them in memory what it has room for. They go with the last reference to them. Where the temporary
folder has no room for them, NoScratchError says so.
"""

import errno
import mmap
import os
import stat
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from tempfile import TemporaryFile, gettempdir
from typing import IO

import numpy as np
import numpy.typing as npt

from archive_restore.errors import NoScratchError, printable
from archive_restore.photos.photograph import Samples

LARGE = 192 << 20
"""Bytes from which on a file or the samples of a page are large: 64 megapixels of 8-bit RGB."""

_PIECE = 16 << 20
"""Bytes copied or compared at a time."""

Data = bytes | mmap.mmap
"""The content of a file; a large one mapped, which reads like bytes."""


def open_file(path: Path) -> BufferedReader:
    """A file to be read; OSError also for a pipe or a device, from which nothing may ever come."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "it is a folder, a pipe or a device, not a file")
    return path.open("rb")


def read(path: Path) -> Data:
    """A file's content. OSError as of `open_file`."""
    with open_file(path) as file:
        if os.fstat(file.fileno()).st_size < LARGE:
            return file.read()
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def empty(shape: tuple[int, ...], dtype: npt.DTypeLike) -> Samples:
    """An array of this shape, of no particular content."""
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    if size < LARGE:
        return np.empty(shape, dtype)
    try:
        with TemporaryFile(prefix="archive-restore-") as file:
            _reserve(file, size)
            return np.memmap(file, dtype, "r+", shape=shape)
    except OSError as error:
        raise _no_room(error) from error


def zeros(shape: tuple[int, ...], dtype: npt.DTypeLike) -> Samples:
    """An array of zeros."""
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    return np.zeros(shape, dtype) if size < LARGE else empty(shape, dtype)


def copy(samples: Samples) -> Samples:
    """`samples` in an array of their own."""
    result = empty(samples.shape, samples.dtype)
    result[...] = samples
    return result


def equal(first: Samples, second: Samples) -> bool:
    """`np.array_equal`, without an array of as many truth values."""
    if first.shape != second.shape:
        return False
    rows = max(1, _PIECE // max(1, first[:1].nbytes))
    return all(
        np.array_equal(first[top : top + rows], second[top : top + rows])
        for top in range(0, len(first), rows)
    )


class Patched:
    """A copy of a file's content in which bytes are replaced, and to which bytes are appended."""

    def __init__(self, source: Data) -> None:
        self._bytes: bytearray | None = bytearray(source) if len(source) < LARGE else None
        self._size = len(source)
        if self._bytes is None:
            try:
                self._file = TemporaryFile(prefix="archive-restore-")  # noqa: SIM115 (closed with the object)
                for start in range(0, len(source), _PIECE):
                    self._file.write(source[start : start + _PIECE])
                self._file.flush()
            except OSError as error:
                raise _no_room(error) from error

    def __len__(self) -> int:
        return self._size

    def write(self, at: int, data: bytes) -> None:
        """Replaces the bytes from `at` on; those at the end may be new."""
        self._size = max(self._size, at + len(data))
        if self._bytes is not None:
            self._bytes[at : at + len(data)] = data
            return
        try:
            self._file.seek(at)
            self._file.write(data)
        except OSError as error:
            raise _no_room(error) from error

    def append(self, data: bytes) -> int:
        """Adds bytes at an even place at the end, and says which."""
        at = self._size + self._size % 2
        self.write(self._size, b"\0" * (self._size % 2) + data)
        return at

    def content(self) -> Data:
        """All of it; the last thing to ask for."""
        if self._bytes is not None:
            return bytes(self._bytes)
        try:
            with self._file as file:  # the mapping keeps it
                file.flush()
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise _no_room(error) from error


def tiles(height: int, width: int, side: int) -> Iterator[tuple[slice, slice]]:
    """Squares of `side` px, cut to the picture, that cover it."""
    for top in range(0, height, side):
        for left in range(0, width, side):
            yield slice(top, min(top + side, height)), slice(left, min(left + side, width))


def _reserve(file: IO[bytes], size: int) -> None:
    """Makes an empty file `size` zeros, for which the disk has room: who writes into a mapping of a file for which it
    has none is killed by the system (SIGBUS) and cannot say why."""
    try:
        os.posix_fallocate(file.fileno(), 0, size)
    except AttributeError:  # macOS
        _write_zeros(file, size)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
            raise
        _write_zeros(file, size)


def _write_zeros(file: IO[bytes], size: int) -> None:
    piece = bytes(_PIECE)
    for start in range(0, size, _PIECE):
        file.write(memoryview(piece)[: size - start])
    file.flush()


def _no_room(error: OSError) -> NoScratchError:
    return NoScratchError(
        f"cannot use the temporary folder {printable(gettempdir())}: {error.strerror or error}. Large photographs need "
        "room there, some six times their size uncompressed: free some or set TMPDIR, then try again"
    )
