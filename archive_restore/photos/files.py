"""Writes that survive a power cut, and mask files."""

import contextlib
import errno
import os
import secrets
import stat
from pathlib import Path

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from archive_restore.errors import (
    DiskFullError,
    PhotographError,
    StorageError,
    UnreadablePhotographError,
    printable,
)
from archive_restore.photos import png
from archive_restore.photos.large import Data

TEMPORARY_PREFIX = ".archive-restore-"  # hidden, so that an archive walk never takes one for a photograph

MASK_THRESHOLD = 128  # a sample from here on means damaged; masks drawn by hand have soft edges
MASK_MAX_PIXELS = 1_000_000_000  # for a mask whose photograph was refused anyway

_OF_ONE_FILE = {
    errno.ENAMETOOLONG: "its path is too long for the output disk; choose a shorter folder, then retry",
    errno.EILSEQ: "the output disk does not accept its name; rename it or choose another disk, then retry",
    errno.EINVAL: "the output disk does not accept its name; rename it or choose another disk, then retry",
    errno.EISDIR: "a folder has its name in the output; move that folder away, then retry",
    errno.ENOTDIR: "a file has the name of its folder in the output; move that file away, then retry",
    errno.EEXIST: "a file has the name of its folder in the output; move that file away, then retry",
    errno.ENOTEMPTY: "a folder has its name in the output; move that folder away, then retry",
    errno.EFBIG: "it is larger than the output disk allows for one file; choose another disk, then retry",
}  # errno -> reason; trouble with one name, where the next photograph may well go through

_OF_THE_DISK = {
    errno.ENOSPC: "the disk is full. Free some space",
    errno.EDQUOT: "your disk quota is used up. Free some space or ask for more",
    errno.EROFS: "the disk is read-only. Mount it for writing or choose another output folder",
    errno.EACCES: "no permission to write there. Correct the permissions or choose another output folder",
    errno.EPERM: "no permission to write there. Correct the permissions or choose another output folder",
}


def write_durably(path: Path, data: Data, *, like: Path | None = None) -> None:
    """Writes `data` so that `path` holds either its former content or all of `data`, whatever happens.

    A temporary file in the same folder, fsync, rename, fsync of the folder. Missing folders are made.

    Parameters
    ----------
    path : Path
        The file to make or replace.
    data : bytes
        Its whole content.
    like : Path, optional
        A file whose permissions and times the new one takes (an original).

    Raises
    ------
    StorageError
        The disk is full, read-only or fails; the next file would fare no better.
    PhotographError
        This name cannot be written there; others may.
    """
    temporary = path.with_name(TEMPORARY_PREFIX + secrets.token_hex(8))
    try:
        _make_folders(path.parent)
        try:
            _write_synced(temporary, data, like)
            temporary.replace(path)
            _sync_folder(path.parent)
        except BaseException:  # also Ctrl-C: no temporary stays behind
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
    except OSError as error:
        if error.errno in _OF_ONE_FILE:
            raise PhotographError(path, _OF_ONE_FILE[error.errno]) from error
        reason = _OF_THE_DISK.get(error.errno or 0, f"{error.strerror or error}. Check the disk")
        kind = DiskFullError if error.errno in (errno.ENOSPC, errno.EDQUOT) else StorageError
        raise kind(
            f"Cannot write in {printable(path.parent)}: {reason}, then run the same command again."
        ) from error


def remove_stray_temporaries(folder: Path) -> int:
    """Deletes what writes cut off by a kill left below `folder`; returns how many. Links are not followed."""
    removed = 0
    for parent, _, names in os.walk(os.fsencode(folder)):
        for name in names:
            if name.startswith(TEMPORARY_PREFIX.encode()):
                with contextlib.suppress(OSError):
                    os.unlink(os.path.join(parent, name))  # noqa: PTH108, PTH118 (Path takes no bytes)
                    removed += 1
    return removed


def read_mask(path: Path, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The mask in a PNG, (H, W) bool, True = damaged (a sample of 128 or more in any channel but alpha).

    Parameters
    ----------
    path : Path
        An 8-bit or 1-bit PNG; 255 = damaged.
    shape : tuple
        The photograph's (H, W) or (H, W, 3).

    Raises
    ------
    PhotographError
        It is missing, no PNG, damaged, or of another size than the photograph.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise PhotographError(path, "the mask is missing") from None
    except OSError as error:
        raise UnreadablePhotographError(path, f"the mask cannot be read: {error.strerror}") from None
    height, width = shape[:2]
    stored = png.dimensions(path, data)
    if stored != (width, height):
        raise PhotographError(
            path,
            f"the mask is {stored[0]}x{stored[1]} px, its photograph {width}x{height} px; "
            "make the mask at the photograph's size",
        )
    try:
        samples = imagecodecs.png_decode(data)
    except Exception as error:  # the decoder's own exception classes differ between versions
        raise UnreadablePhotographError(path, f"the mask is a damaged PNG ({error})") from None
    if samples.dtype != np.uint8:
        raise PhotographError(path, "the mask is not 8-bit; save it as an 8-bit PNG, 255 = damaged")
    if samples.ndim == 3:
        colours = samples.shape[2] - 1 if samples.shape[2] in (2, 4) else samples.shape[2]
        samples = samples[..., :colours].max(axis=2)
    return np.asarray(samples >= MASK_THRESHOLD)


def write_mask(path: Path, mask: NDArray[np.bool_], *, compact: bool = False) -> None:
    """Writes a (H, W) bool mask durably as a grey PNG, white = damaged: of 8 bits a sample, which every editor can
    paint on, or `compact`, of one bit and three times as fast."""
    if mask.dtype != np.bool_ or mask.ndim != 2:
        raise ValueError(f"a mask is (H, W) bool, not {mask.shape} {mask.dtype}")
    if compact:
        write_durably(path, png.one_bit(mask))
        return
    # Runs of one value: this is ten times as fast as zlib's usual ways, and as small.
    strategy, unfiltered = imagecodecs.PNG.STRATEGY.RLE, imagecodecs.PNG.FILTER.NO
    samples = mask.view(np.uint8) * np.uint8(255)
    write_durably(path, bytes(imagecodecs.png_encode(samples, level=1, strategy=strategy, filter=unfiltered)))


def _make_folders(folder: Path) -> None:
    """mkdir -p whose new entries survive a power cut as well."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)


def _write_synced(path: Path, data: Data, like: Path | None) -> None:
    # 0o666 less the umask, as any program's new file; mkstemp would leave 0600.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        if like is not None:
            _copy_status(file.fileno(), path, like)
        os.fsync(file.fileno())


def _copy_status(descriptor: int, path: Path, like: Path) -> None:
    """Permissions (without set-user-ID bits) and times of `like`; disks that hold neither are no error."""
    try:
        status = like.stat()
    except OSError:
        return
    with contextlib.suppress(OSError, NotImplementedError):
        if hasattr(os, "fchmod"):
            os.fchmod(descriptor, stat.S_IMODE(status.st_mode) & 0o777)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # folders cannot be opened there; NTFS journals the rename itself
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # network shares that cannot sync a folder
            raise
    finally:
        os.close(descriptor)


def remove_file(path: Path) -> None:
    """Removes a file of ours, if it is there.

    Raises
    ------
    StorageError
        It cannot be removed.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(
            f"Cannot remove {printable(path)}: {error.strerror}. Correct that, then try again."
        ) from error
