import errno
import mmap
import os
import stat
from pathlib import Path

import pytest

from archive_restore.durable import (
    TEMPORARY_PREFIX,
    mirror_folders,
    move_durably,
    remove_stray_temporaries,
    write_durably,
)
from archive_restore.errors import PhotographError, StorageError

needs_permissions = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="permissions do not bind root or Windows"
)


def left_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_content_folders_and_nothing_else_are_written(tmp_path: Path) -> None:
    path = tmp_path / "1931" / "summer" / "a.jpg"
    write_durably(path, b"abc")
    assert path.read_bytes() == b"abc"
    assert left_in(path.parent) == ["a.jpg"]


def test_an_existing_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"a longer content than the new one")
    write_durably(path, b"new")
    assert path.read_bytes() == b"new"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permission bits")
def test_permissions_and_times_are_the_originals(tmp_path: Path) -> None:
    original = tmp_path / "original.jpg"
    original.write_bytes(b"")
    original.chmod(0o640)
    os.utime(original, ns=(10**18, 10**18 + 123_456_700))
    write_durably(tmp_path / "out" / "a.jpg", b"abc", like=original)
    status = (tmp_path / "out" / "a.jpg").stat()
    assert stat.S_IMODE(status.st_mode) == 0o640
    assert status.st_mtime_ns == 10**18 + 123_456_700


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permission bits")
def test_without_an_original_permissions_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_durably(tmp_path / "a.json", b"{}")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.json").stat().st_mode) == 0o640


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permission bits")
def test_a_set_user_id_bit_is_not_copied(tmp_path: Path) -> None:
    original = tmp_path / "original.jpg"
    original.write_bytes(b"")
    original.chmod(0o4755)
    write_durably(tmp_path / "a.jpg", b"", like=original)
    assert stat.S_IMODE((tmp_path / "a.jpg").stat().st_mode) == 0o755


def test_a_name_of_255_bytes_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("ä" * 125 + "x.jpg")
    write_durably(path, b"abc")
    assert path.read_bytes() == b"abc"


@pytest.mark.skipif(os.name == "nt", reason="Windows names are Unicode")
def test_a_name_that_is_not_utf_8_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9\n.jpg")
    write_durably(path, b"abc")
    assert [os.fsencode(name) for name in left_in(tmp_path)] == [b"caf\xe9\n.jpg"]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "disk is full"),
        (errno.EDQUOT, "quota"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "no permission"),
        (errno.EIO, "Check the disk"),
    ],
)
def test_a_failing_disk_is_a_storage_error_and_leaves_the_former_file(
    number: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"former")

    def fail(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError, match=words) as caught:
        write_durably(path, b"new")
    assert str(tmp_path) in str(caught.value)
    assert path.read_bytes() == b"former"
    assert left_in(tmp_path) == ["a.jpg"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_disk_without_space_reports_the_kernels_own_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_open = os.open
    monkeypatch.setattr(
        os,
        "open",
        lambda path, flags, mode=0: (
            real_open("/dev/full", os.O_WRONLY) if flags & os.O_CREAT else real_open(path, flags, mode)
        ),
    )
    with pytest.raises(StorageError, match="disk is full"):
        write_durably(tmp_path / "a.jpg", b"abc")


def test_an_interrupt_leaves_no_temporary_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_durably(tmp_path / "a.jpg", b"abc")
    assert left_in(tmp_path) == []


def test_trouble_with_one_name_is_that_photographs_alone(tmp_path: Path) -> None:
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "folder.jpg", tmp_path / "file" / "a.jpg", tmp_path / ("x" * 300 + ".jpg")):
        with pytest.raises(PhotographError, match=r"then (retry|scan again)"):
            write_durably(path, b"abc")
    assert left_in(tmp_path) == ["file", "folder.jpg"]


@needs_permissions
def test_a_folder_without_write_permission_is_a_storage_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StorageError, match="no permission"):
            write_durably(tmp_path / "a.jpg", b"abc")
    finally:
        tmp_path.chmod(0o700)


def test_stray_temporaries_are_removed_and_nothing_else(tmp_path: Path) -> None:
    kept = [tmp_path / "a.jpg", tmp_path / "deep" / ".hidden"]
    stray = [tmp_path / f"{TEMPORARY_PREFIX}1", tmp_path / "deep" / f"{TEMPORARY_PREFIX}2"]
    (tmp_path / "deep").mkdir()
    for path in kept + stray:
        path.write_bytes(b"x")
    assert remove_stray_temporaries(tmp_path) == 2
    assert all(path.exists() for path in kept)
    assert not any(path.exists() for path in stray)
    assert remove_stray_temporaries(tmp_path / "missing") == 0


def permissions(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permission bits")
def test_folders_that_mirror_an_archive_are_as_private_as_its_own(tmp_path: Path) -> None:
    original = tmp_path / "photos" / "private" / "read only" / "a.jpg"
    original.parent.mkdir(parents=True)
    for folder, mode in (
        (original.parent, 0o555),
        (original.parents[1], 0o2750),
        (original.parents[2], 0o700),
    ):
        folder.chmod(mode)
    path = tmp_path / "new" / "restored" / "private" / "read only" / "a.jpg"
    mirror_folders(path, original, depth=2)
    assert [permissions(folder) for folder in path.parents[:3]] == [0o755, 0o750, 0o700]
    (tmp_path / "other").mkdir()
    assert permissions(tmp_path / "new") == permissions(tmp_path / "other")  # above what is mirrored
    original.parent.chmod(0o755)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permission bits")
def test_folders_that_are_there_keep_their_permissions(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir(0o700)
    (tmp_path / "restored").mkdir(0o755)
    mirror_folders(tmp_path / "restored" / "a.jpg", tmp_path / "photos" / "a.jpg", depth=0)
    assert permissions(tmp_path / "restored") == 0o755


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES])
def test_no_advice_names_a_choice_that_there_is_not(
    code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError) as error:
        write_durably(tmp_path / "a.jpg", b"abc")
    assert "output folder" not in str(error.value)
    assert "run the same command again" in str(error.value)


def test_a_drive_that_is_gone_is_told_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "is_dir", lambda self: False)  # as below Z:\\ without Z:
    with pytest.raises(StorageError, match="No such file"):
        write_durably(tmp_path / "sub" / "a.png", b"data")


@pytest.mark.parametrize("content", [b"restored", b""])
def test_a_move_to_another_disk_is_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    path, target = tmp_path / "a.jpg", tmp_path / "other" / "b.jpg"
    path.write_bytes(content)
    os.utime(path, ns=(10**18, 10**18))
    replace = Path.replace

    def other_disk(self: Path, to: Path) -> Path:
        if self == path:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return replace(self, to)

    usual, mapped = mmap.mmap, []

    def kept(*given: int, access: int) -> mmap.mmap:
        mapped.append(usual(*given, access=access))
        return mapped[-1]

    monkeypatch.setattr(Path, "replace", other_disk)
    monkeypatch.setattr(mmap, "mmap", kept)
    move_durably(path, target)
    assert [one.closed for one in mapped] == [True] * bool(content)
    assert target.read_bytes() == content
    assert target.stat().st_mtime_ns == 10**18
    assert not path.exists()
