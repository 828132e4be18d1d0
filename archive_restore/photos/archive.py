"""Walking an archive, and keeping the output out of it."""

import os
import stat
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from archive_restore.errors import InputError, printable
from archive_restore.home import MASKS_LIST, no_photographs
from archive_restore.photos.companions import infrared_beside

PICTURE_EXTENSIONS = frozenset(
    b"jpg jpeg jpe jfif mpo png tif tiff webp heic heif hif avif".split()  # restored
    # Refused by name later, so that the user learns of them.
    + b"gif bmp dib jp2 j2k jpf jpx jxl psd psb".split()
    + b"dng cr2 cr3 crw nef nrw arw srf sr2 raf orf rw2 pef raw rwl 3fr erf kdc dcr mrw x3f".split()
)

SKIPPED_NAMES = frozenset(
    {
        b"thumbs.db",
        b"ehthumbs.db",
        b"desktop.ini",
        b"@eadir",  # Synology thumbnails
        b"#recycle",  # Synology recycle bin
        b"__macosx",
        b"system volume information",
        b"$recycle.bin",
        b"lost+found",
    }
)  # compared in lower case; hidden names (`.DS_Store`, `._x`, our own temporaries) are skipped by their dot

OUTPUT_SUFFIX = "-restored"

OnError = Callable[[Path, OSError], None]
OnMasks = Callable[[Path], None]


@dataclass(frozen=True)
class FoundFile:
    """A file with a picture's name. `relative` is bytes with '/' between folders; `size` in bytes."""

    relative: bytes
    size: int
    modified_ns: int  # since the epoch
    infrared: bytes | None = None  # the name of its infrared file, in the same folder

    def path(self, root: Path) -> Path:
        return root / os.fsdecode(self.relative)


def walk(
    root: Path,
    *,
    exclude: Collection[Path] = (),
    on_error: OnError | None = None,
    on_masks: OnMasks | None = None,
) -> Iterator[FoundFile]:
    """Every file below `root` with a picture's extension, depth first, sorted by name as bytes.

    Links are followed; a folder is entered once whatever links lead to it, so loops end. The infrared picture that a
    film scanner wrote beside a photograph is no file of its own, nor are the masks and score maps of any home, nor
    exported masks, unless `root` is their folder.

    Parameters
    ----------
    root : Path
        The archive.
    exclude : collection of Path
        Folders not entered, e.g. an output.
    on_error : callable, optional
        Told each folder or file that could not be looked at. The walk goes on either way.
    on_masks : callable, optional
        Told each home (see `Home`) whose masks and score maps were passed over, and each folder of exported masks.
    """
    entered = {identity for path in exclude if (identity := _identity_of(path)) is not None}
    # A stack of iterators instead of recursion: archives nest deeper than Python's stack only when made by
    # an attacker or by accident, and then the walk must still end.
    stack = [_listed(os.fsencode(root), b"", entered, on_error, on_masks)]
    while stack:
        for entry in stack[-1]:
            if isinstance(entry, FoundFile):
                yield entry
            else:
                stack.append(_listed(*entry, entered, on_error, on_masks))
                break
        else:
            stack.pop()


def check_archive(root: Path, holds: str = "the photographs") -> Path:
    """The real path of an archive, or of another folder to be read.

    Parameters
    ----------
    root : Path
        The folder.
    holds : str
        What it should hold, for the message.

    Raises
    ------
    InputError
        It is missing, a file, or may not be read.
    """
    try:
        resolved = root.expanduser().resolve(strict=True)
        if not resolved.is_dir():
            raise InputError(f"{printable(root)} is a file. Name the folder that holds {holds}.")
        with os.scandir(resolved) as entries:
            next(entries, None)
    except FileNotFoundError:
        raise InputError(
            f"{printable(root)} does not exist. Check the spelling, or mount the disk."
        ) from None
    except PermissionError:
        raise InputError(
            f"{printable(root)} may not be read. Ask its owner for read permission, or run as that user."
        ) from None
    except (OSError, RuntimeError) as error:  # RuntimeError: a link loop, before Python 3.13
        raise InputError(
            f"{printable(root)} cannot be opened: {error}. Check the path and the disk."
        ) from None
    return resolved


def output_folder(archive: Path) -> Path:
    """Where restored photographs of `archive` go: `<archive>-restored`, beside it.

    Raises
    ------
    InputError
        The archive is the root of a disk, so nothing lies beside it.
    """
    if not archive.name:
        raise InputError(
            f"{printable(archive)} is a whole disk: nothing lies beside it where the restored "
            "photographs could go. Scan a folder on it instead."
        )
    return archive.with_name(archive.name + OUTPUT_SUFFIX)


def check_output(archive: Path, output: Path) -> None:
    """Refuses an output that would mix with the originals.

    Compared by what the folders are, not by their spelling, so that links, bind mounts and case-insensitive
    disks do not deceive.

    Raises
    ------
    InputError
        The output is the archive, lies in it, or contains it; or a file has its name.
    """
    named = output.expanduser()
    archive, output = archive.expanduser().resolve(), named.resolve()
    if archive.name and named.absolute() == output_folder(archive):  # which nobody has chosen
        step = f"Restored photographs go to {printable(named)}: move that away."
    else:
        step = "Name another folder with --out."
    if output.exists() and not output.is_dir():
        raise InputError(f"{printable(output)} is a file. {step}")
    if same(archive, output):
        raise InputError(f"{printable(output)} is the archive itself; originals stay as they are. {step}")
    if lies_in(output, archive):
        raise InputError(
            f"The output {printable(output)} lies inside the archive {printable(archive)}. {step}"
        )
    if lies_in(archive, output):
        raise InputError(
            f"The archive {printable(archive)} lies inside the output {printable(output)}. {step}"
        )


def _listed(
    folder: bytes,
    relative: bytes,
    entered: set[tuple[int, int]],
    on_error: OnError | None,
    on_masks: OnMasks | None,
) -> Iterator[FoundFile | tuple[bytes, bytes]]:
    """Pictures and subfolders (path, relative path) of one folder, in order; nothing if entered before."""
    try:
        identity = _identity(os.stat(folder))  # noqa: PTH116 (Path takes no bytes)
        if identity in entered:
            return
        entered.add(identity)
        with os.scandir(folder) as scanned:
            entries = sorted(scanned, key=lambda entry: entry.name)
    except OSError as error:
        if on_error is not None:
            on_error(Path(os.fsdecode(folder)), error)
        return
    infrared = infrared_beside(entry.name for entry in entries if _is_picture_name(entry.name))
    beside = frozenset(infrared.values())
    names = {entry.name for entry in entries}
    ours = no_photographs(names if relative else names - {os.fsencode(MASKS_LIST)})
    if ours and on_masks is not None:
        on_masks(Path(os.fsdecode(folder)))
    for entry in entries:
        if entry.name.startswith(b".") or entry.name.lower() in SKIPPED_NAMES or entry.name in ours:
            continue
        inside = relative + b"/" + entry.name if relative else entry.name
        try:
            if entry.is_dir():
                yield entry.path, inside
            elif _is_picture_name(entry.name) and entry.name not in beside:
                status = entry.stat()
                if stat.S_ISREG(status.st_mode):
                    yield FoundFile(inside, status.st_size, status.st_mtime_ns, infrared.get(entry.name))
        except OSError as error:  # a dangling link, a file gone since the listing
            if on_error is not None:
                on_error(Path(os.fsdecode(entry.path)), error)


def _is_picture_name(name: bytes) -> bool:
    stem, dot, extension = name.rpartition(b".")
    return bool(stem and dot) and extension.lower() in PICTURE_EXTENSIONS


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _identity_of(path: Path) -> tuple[int, int] | None:
    """None of what is not there, or where nobody may look."""
    try:
        return _identity(path.stat())
    except OSError:
        return None


def holds_something(folder: Path) -> bool:
    """Whether a folder can be listed and is not empty, as the place is where a disk is mounted."""
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is not None
    except OSError:
        return False


def is_gone(folder: Path) -> bool:
    """Whether it is certain that nothing is there: no folder, or an empty one. Of one where nobody may look, or whose
    disk does not answer, it is not, though it does not hold anything for us either."""
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is None
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False


def same(first: Path, second: Path) -> bool:
    """Whether two paths lead to one file or folder, however they are spelt; also to one that is not there."""
    try:
        return first == second or first.samefile(second)
    except OSError:
        return False


def lies_in(path: Path, folder: Path) -> bool:
    """Whether a resolved path is a folder, or lies below it, however that is spelt."""
    return any(same(folder, place) for place in (path, *path.parents))


def check_no_photograph(path: Path) -> None:
    """Refuses (InputError) a file that is to be written, if it is called as photographs are, or leads to one."""
    if any(_is_picture_name(os.fsencode(named.name)) for named in (path, path.resolve())):
        raise InputError(f"{printable(path)} is called as photographs are, which are never overwritten.")
