"""Files that survive a power cut: written beside, synced, renamed over."""

import contextlib
import errno
import mmap
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from archive_restore.errors import DiskFullError, PhotographError, StorageError, printable

TEMPORARY_PREFIX = ".archive-restore-"  # hidden, so that an archive walk never takes one for a photograph

_OF_ONE_FILE = {
    errno.ENAMETOOLONG: "its path is too long for the output disk; give it or its folders shorter names, then "
    "scan again",
    errno.EILSEQ: "the output disk does not accept its name; rename it, then scan again",
    errno.EINVAL: "the output disk does not accept its name; rename it, then scan again",
    errno.EISDIR: "a folder has its name in the output; move that folder away, then retry",
    errno.ENOTDIR: "a file has the name of its folder in the output; move that file away, then retry",
    errno.EEXIST: "a file has the name of its folder in the output; move that file away, then retry",
    errno.ENOTEMPTY: "a folder has its name in the output; move that folder away, then retry",
    errno.EFBIG: "it is larger than the output disk allows for one file; put a link to a folder on another disk in the "
    "place of the output, then retry",
}  # errno -> reason; trouble with one name, where the next photograph may well go through

_OF_THE_DISK = {
    errno.ENOSPC: "the disk is full. Free some space",
    errno.EDQUOT: "your disk quota is used up. Free some space or ask for more",
    errno.EROFS: "the disk is read-only. Mount it for writing",
    errno.EACCES: "no permission to write there. Correct the permissions",
    errno.EPERM: "no permission to write there. Correct the permissions",
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
    with writing(path):
        _make_folders(path.parent)
        try:
            _write_synced(temporary, data, like)
            temporary.replace(path)
            _sync_folder(path.parent)
        except BaseException:  # also Ctrl-C: no temporary stays behind
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise


def move_durably(path: Path, target: Path) -> None:
    """Renames a file of ours, in whose new folder nothing else has the name, so that it outlives a power cut. To
    another disk it is copied, then removed.

    Raises
    ------
    StorageError, PhotographError
        As `write_durably`, of `target`.
    """
    with writing(target):
        try:
            path.replace(target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            with path.open("rb") as file:
                empty = not os.fstat(file.fileno()).st_size  # which nothing can map
                data = b"" if empty else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            try:
                write_durably(target, data, like=path)
            finally:
                if not isinstance(data, bytes):
                    data.close()  # a file that is mapped cannot be removed everywhere
            path.unlink()
        for folder in {path.parent, target.parent}:
            _sync_folder(folder)


def mirror_folders(path: Path, original: Path, *, depth: int) -> None:
    """Makes the folders of a file that mirrors an original, so that what was private stays private.

    Parameters
    ----------
    path : Path
        The file to be.
    original : Path
        Those of its folders that are missing take the permissions of this file's: innermost that of innermost, and so
        on. Their set-ID bits are not taken, and the owner may always write in the new ones.
    depth : int
        So many folders above the innermost mirror the original's; what is missing above them is made as any other.

    Raises
    ------
    StorageError, PhotographError
        As `write_durably`.
    """
    with writing(path):
        _make_folders(path.parent, dict(zip(path.parents[: depth + 1], original.parents, strict=False)))


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Around writing `path`: says what an OSError means for this file (PhotographError), or for all (StorageError)."""
    try:
        yield
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


def _make_folders(folder: Path, like: Mapping[Path, Path] | None = None) -> None:
    """mkdir -p whose new entries survive a power cut as well, with the permissions of the folders they are like."""
    missing = []
    while not folder.is_dir():
        if folder == folder.parent:  # a drive that is gone
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), os.fspath(folder))
        missing.append(folder)
        folder = folder.parent
    for folder in reversed(missing):
        mirrored = (like or {}).get(folder)
        # Private until it is as private as it should be.
        folder.mkdir(0o777 if mirrored is None else 0o700, exist_ok=True)
        if mirrored is not None:
            _copy_permissions(folder, mirrored)
        _sync_folder(folder.parent)


def _copy_permissions(folder: Path, like: Path) -> None:
    """Those of another folder, without set-ID bits; disks that hold none are no error."""
    with contextlib.suppress(OSError, NotImplementedError):
        folder.chmod(stat.S_IMODE(like.stat().st_mode) & 0o1777 | 0o700)


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
