"""Files that survive a power cut: written beside, synced, renamed over."""

import contextlib
import errno
import mmap
import os
import secrets
import stat
from pathlib import Path

from archive_restore.errors import DiskFullError, PhotographError, StorageError, printable

TEMPORARY_PREFIX = ".archive-restore-"  # hidden, so that an archive walk never takes one for a photograph

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


def write_durably(path: Path, data: bytes | mmap.mmap, *, like: Path | None = None) -> None:
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


def _make_folders(folder: Path) -> None:
    """mkdir -p whose new entries survive a power cut as well."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)


def _write_synced(path: Path, data: bytes | mmap.mmap, like: Path | None) -> None:
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
