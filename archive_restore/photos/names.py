"""Names on disks that take "A.JPG" and "a.jpg", or two spellings of "ä", for one."""

import os
import secrets
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from pathlib import Path

from archive_restore.durable import TEMPORARY_PREFIX
from archive_restore.photos.codecs import added_suffix

LONGEST_NAME = 255
"""Bytes; what most file systems take for one name."""

_COMPOSED, _DECOMPOSED = "\u00e4", "a\u0308"


def folds(folder: Path) -> bool:
    """Whether names that differ only in case or Unicode normal form are one name in `folder`.

    Told by trying: a hidden file is made and removed in it, or in its nearest parent that exists. False where
    nothing can be written, the first photograph will say so, or where names have no "ä".
    """
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    probe = folder / f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}-a{_COMPOSED}"
    others = [probe.with_name(probe.name.upper()), probe.with_name(unicodedata.normalize("NFD", probe.name))]
    try:
        probe.touch()
        try:
            return any(other.exists() for other in others)
        finally:
            probe.unlink()
    except (OSError, UnicodeError):
        return False


def folded(relative: bytes) -> str:
    """What names have in common that a folding disk takes for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", os.fsdecode(relative)).casefold())


def the_one_like(relative: bytes, like: Mapping[str, Sequence[bytes]]) -> bytes | None:
    """Of paths by what they fold to, the only one that folds as `relative` does; None if none or several do."""
    alike = like.get(folded(relative), ())
    return alike[0] if len(alike) == 1 else None


def by_fold(relatives: Iterable[bytes]) -> dict[str, list[bytes]]:
    """Paths by what they fold to."""
    like: dict[str, list[bytes]] = {}
    for relative in relatives:
        like.setdefault(folded(relative), []).append(relative)
    return like


def apart(relatives: Iterable[bytes]) -> dict[bytes, bytes]:
    """New names for those paths that a folding disk would take for an earlier one: a~2.jpg for a.jpg.

    Parameters
    ----------
    relatives : paths in the order of their right to the name, '/' between folders

    Returns
    -------
    New path by path, of those alone that need one. No two paths fold to one, also among the new ones.
    """
    given = list(relatives)
    taken = {folded(relative) for relative in given}
    seen: set[str] = set()
    renamed: dict[bytes, bytes] = {}
    for relative in given:
        if folded(relative) not in seen:
            seen.add(folded(relative))
            continue
        folder, slash, name = relative.rpartition(b"/")
        stem, dot, extension = name.rpartition(b".")
        number = 2
        while True:
            tail = b"~%d" % number + dot + extension
            other = folder + slash + _cut(stem, LONGEST_NAME - len(tail)) + tail
            if folded(other) not in taken:
                break
            number += 1
        taken.add(folded(other))
        seen.add(folded(other))
        renamed[relative] = other
    return renamed


def written(relative: bytes, original: Path) -> bytes:
    """The name of what is restored of a photograph: its own, or with the suffix of the format that it is written in.

    Parameters
    ----------
    relative : path in the output, '/' between folders
    original : the photograph; a name that something beside it has is passed over
    """
    suffix = os.fsencode(added_suffix(original))
    if not suffix:
        return relative
    folder, slash, name = relative.rpartition(b"/")
    for number in count(1):
        tail = suffix if number == 1 else b"~%d" % number + suffix
        other = _cut(name, LONGEST_NAME - len(tail)) + tail
        if not original.with_name(os.fsdecode(other)).exists():
            break
    return folder + slash + other


def earlier(path: Path) -> Path:
    """Where a file goes that has to make room for a later one of its name, and where nothing is: a~earlier.jpg."""
    stem, dot, extension = os.fsencode(path.name).rpartition(b".")
    if not stem:
        stem, dot, extension = extension, b"", b""
    for number in count(1):
        tail = b"~earlier" + (b"" if number == 1 else b"%d" % number) + dot + extension
        other = path.with_name(os.fsdecode(_cut(stem, LONGEST_NAME - len(tail)) + tail))
        if not os.path.lexists(other):
            return other
    raise AssertionError  # there are always more numbers


def _cut(stem: bytes, length: int) -> bytes:
    """At most `length` bytes, whole characters."""
    if len(stem) <= length:
        return stem
    return os.fsencode(stem[:length].decode("utf-8", "ignore"))
