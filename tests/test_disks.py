"""Outputs on disks that are not like those of Linux: really mounted, where that is allowed."""

import errno
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from archive_restore.durable import write_durably
from archive_restore.errors import StorageError
from archive_restore.photos import large
from archive_restore.photos.names import folds
from tests.formats import png
from tests.restored_archive import add, restored_archive

MEBIBYTE = 1 << 20


@contextmanager
def mounted(place: Path, *arguments: str) -> Iterator[Path]:
    """Skips the test where mounting is not allowed."""
    place.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["mount", *arguments, str(place)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"cannot mount: {done.stderr.strip() or done.returncode}")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


@contextmanager
def folding_disk(folder: Path) -> Iterator[Path]:
    """FAT where the kernel has it, else NTFS told to ignore case."""
    image = folder / "disk"
    with image.open("wb") as file:
        file.truncate(16 * MEBIBYTE)
    if shutil.which("mkfs.vfat") and "vfat" in Path("/proc/filesystems").read_text():
        subprocess.run(["mkfs.vfat", str(image)], check=True, capture_output=True)
        arguments = ("-o", "loop,iocharset=utf8")
    elif shutil.which("mkntfs") and shutil.which("lowntfs-3g"):
        subprocess.run(["mkntfs", "-Q", "-F", str(image)], check=True, capture_output=True)
        arguments = ("-t", "lowntfs-3g", "-o", "ignore_case,loop")
    else:
        pytest.skip("neither FAT nor lowntfs-3g is to be had")
    with mounted(folder / "mounted", *arguments, str(image)) as place:
        yield place


def test_on_a_disk_that_ignores_case_no_photograph_takes_another_s_place(tmp_path: Path) -> None:
    with folding_disk(tmp_path) as disk:
        assert folds(disk)
        assert list(disk.glob(".archive*")) == []
        (disk / "restored").mkdir()
        (tmp_path / "here").mkdir()
        (tmp_path / "here" / "photos-restored").symlink_to(disk / "restored")
        archive = restored_archive(tmp_path / "here")
        png(archive.root / "A.JPG")
        (archive.root / "SUB").mkdir()
        png(archive.root / "SUB" / "A.png", 2)
        with archive.ledger() as ledger:
            for name in (b"A.JPG", b"SUB/A.png"):
                add(ledger, archive, name)
        assert archive.run().restored == 2
        names = {path.name.lower() for path in (disk / "restored").rglob("*.*") if path.suffix != ".json"}
        assert names == {"a.jpg", "a.tif", "a.png", "a~2.jpg", "a~2.png"}  # NTFS shows them so
        places = [archive.job(job).output for job in (b"a.jpg", b"A.JPG", b"sub/a.png", b"SUB/A.png")]
        assert len({place.read_bytes() for place in places if place}) == 4


def test_a_read_only_disk_is_told_in_words_and_asked_nothing_more(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "ro", "none") as disk:
        assert not folds(disk)
        with pytest.raises(StorageError, match="read-only"):
            write_durably(disk / "a.png", b"data")


def not_supported(*_: int) -> None:
    raise OSError(errno.EOPNOTSUPP, "Operation not supported")


def test_what_is_large_has_room_on_its_disk_before_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large, "LARGE", 2000)
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", f"size={MEBIBYTE}", "none") as disk:
        monkeypatch.setattr(tempfile, "tempdir", str(disk))
        for reserve in (os.posix_fallocate, not_supported):
            monkeypatch.setattr(os, "posix_fallocate", reserve)
            fits = large.zeros((MEBIBYTE // 2,), np.uint8)
            assert not fits.any()
            with pytest.raises(StorageError, match=r"disk.*No space left.*set TMPDIR"):
                large.empty((MEBIBYTE,), np.uint8)  # else writing into it kills the process
            fits[:] = 1
            del fits
