import inspect
import os
import sys
from pathlib import Path

import pytest

from archive_restore.errors import InputError
from archive_restore.home import MASKS_LIST
from archive_restore.photos.archive import (
    FoundFile,
    check_archive,
    check_output,
    output_folder,
    walk,
)

posix = pytest.mark.skipif(os.name == "nt", reason="needs POSIX names and links")


def make(root: Path, *names: str | bytes) -> None:
    for name in names:
        path = root / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def found(root: Path) -> list[bytes]:
    return [file.relative for file in walk(root)]


def test_pictures_come_depth_first_in_the_order_of_their_names(tmp_path: Path) -> None:
    make(tmp_path, "b.jpg", "a/2.tif", "a/10.PNG", "a/deep/x.webp", "c/1.JPEG", "B.jfif", "z.jpe", "z.MPO")
    assert found(tmp_path) == [
        b"B.jfif", b"a/10.PNG", b"a/2.tif", b"a/deep/x.webp", b"b.jpg", b"c/1.JPEG", b"z.MPO", b"z.jpe",
    ]  # fmt: skip


def test_size_and_time_are_told_and_the_path_leads_back(tmp_path: Path) -> None:
    make(tmp_path, "sub/a.jpg")
    os.utime(tmp_path / "sub/a.jpg", ns=(5, 1_600_000_000_123_456_700))
    (file,) = walk(tmp_path)
    assert file == FoundFile(b"sub/a.jpg", 1, 1_600_000_000_123_456_700)
    assert file.path(tmp_path) == tmp_path / "sub" / "a.jpg"


def test_other_files_are_passed_over_but_refused_formats_are_found(tmp_path: Path) -> None:
    make(tmp_path, "notes.txt", "a.jpg.txt", "jpg", "film.mp4", "a.heic", "b.CR2", "c.dng", "d.bmp", "e.psd")
    assert found(tmp_path) == [b"a.heic", b"b.CR2", b"c.dng", b"d.bmp", b"e.psd"]


def test_droppings_hidden_folders_and_our_own_temporaries_are_skipped(tmp_path: Path) -> None:
    make(
        tmp_path,
        "._a.jpg", ".DS_Store", "Thumbs.db", ".hidden/a.jpg", "@eaDir/a.jpg", "x/@eaDir/a.jpg",
        "__MACOSX/a.jpg", "System Volume Information/a.jpg", "$RECYCLE.BIN/a.jpg",
        ".archive-restore-0123.jpg", ".jpg", "a.jpg",
    )  # fmt: skip
    assert found(tmp_path) == [b"a.jpg"]


@posix
def test_any_name_that_the_disk_holds_survives(tmp_path: Path) -> None:
    names = [
        b"with space.jpg", b"quote'\".jpg", b"new\nline.jpg", "☀️ sun.jpg".encode(), b"caf\xe9.jpg",
        b"-rf.jpg", b"back\\slash.jpg", b"\x1b[31mred.jpg", b"e\xcc\x81.jpg", b"\xc3\xa9.jpg",
        b"x" * 251 + b".jpg",
    ]  # fmt: skip
    make(tmp_path, *names)
    assert found(tmp_path) == sorted(names)
    assert all(file.path(tmp_path).read_bytes() == b"x" for file in walk(tmp_path))


@posix
def test_link_loops_end_and_linked_folders_are_entered_once(tmp_path: Path) -> None:
    make(tmp_path / "archive", "a/1.jpg", "z/2.jpg")
    make(tmp_path / "elsewhere", "3.jpg")
    archive = tmp_path / "archive"
    (archive / "a" / "loop").symlink_to(archive)
    (archive / "z" / "itself").symlink_to(".")
    (archive / "more").symlink_to(tmp_path / "elsewhere")
    (archive / "again").symlink_to(tmp_path / "elsewhere")
    (archive / "knot").symlink_to("knot")
    assert found(archive) == [b"a/1.jpg", b"again/3.jpg", b"z/2.jpg"]


@posix
def test_linked_files_are_found_and_dangling_ones_reported(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg")
    (tmp_path / "b.jpg").symlink_to("a.jpg")
    (tmp_path / "c.jpg").symlink_to("gone.jpg")
    reported: list[Path] = []
    relatives = [f.relative for f in walk(tmp_path, on_error=lambda path, error: reported.append(path))]
    assert relatives == [b"a.jpg", b"b.jpg"]
    assert reported == [tmp_path / "c.jpg"]


@posix
def test_what_is_no_regular_file_is_passed_over(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    make(tmp_path, "folder.jpg/a.jpg")
    assert found(tmp_path) == [b"folder.jpg/a.jpg"]


def test_an_excluded_folder_is_not_entered(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "out/a.jpg")
    files = walk(tmp_path, exclude=[tmp_path / "out", tmp_path / "missing"])
    assert [file.relative for file in files] == [b"a.jpg"]


def test_pictures_of_a_home_are_no_photographs_but_those_beside_them_are(tmp_path: Path) -> None:
    pictures = ("scores/aa/1.png", "masks/aa/1.png", "edited-masks/aa/1.png", "finetune/0/train/1.png")
    make(tmp_path / "old", "ledger.db", "scan.lock", "album/a.jpg", *pictures)
    make(tmp_path / "album", "ledger.db", "masks/1.png")
    homes: list[Path] = []
    relatives = [file.relative for file in walk(tmp_path, on_masks=homes.append)]
    assert relatives == [b"album/masks/1.png", b"old/album/a.jpg"]
    assert homes == [tmp_path / "old"]
    assert [file.relative for file in walk(tmp_path / "old")] == [b"album/a.jpg"]


def test_exported_masks_are_no_photographs_unless_they_are_what_is_walked_through(tmp_path: Path) -> None:
    make(tmp_path, "album/a.jpg", f"album/masks/{MASKS_LIST}", "album/masks/sub/a.jpg.png")
    passed_over: list[Path] = []
    relatives = [file.relative for file in walk(tmp_path, on_masks=passed_over.append)]
    assert relatives == [b"album/a.jpg"]
    assert passed_over == [tmp_path / "album" / "masks"]
    assert found(tmp_path / "album" / "masks") == [b"sub/a.jpg.png"]


@posix
def test_an_unreadable_folder_is_reported_and_the_walk_goes_on(tmp_path: Path) -> None:
    make(tmp_path, "a/1.jpg", "b/2.jpg", "c/3.jpg")
    reported: list[Path] = []
    files = walk(tmp_path, on_error=lambda path, error: reported.append(path))
    relatives = [next(files).relative]
    # A folder that goes away during the walk fails like one without permission, for root as well.
    (tmp_path / "b" / "2.jpg").unlink()
    (tmp_path / "b").rmdir()
    relatives += [file.relative for file in files]
    assert relatives == [b"a/1.jpg", b"c/3.jpg"]
    assert reported == [tmp_path / "b"]


@posix
def test_folders_nested_deeper_than_pythons_stack_are_walked(tmp_path: Path) -> None:
    make(tmp_path, "d/" * 200 + "a.jpg")
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 150)
    try:
        assert found(tmp_path) == [b"d/" * 200 + b"a.jpg"]
    finally:
        sys.setrecursionlimit(limit)


def test_an_archive_is_resolved(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    assert check_archive(tmp_path / "a" / ".." / "a") == (tmp_path / "a").resolve()


def test_an_archive_that_cannot_be_used_says_why(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg")
    with pytest.raises(InputError, match=r"does not exist\. Check the spelling"):
        check_archive(tmp_path / "missing")
    with pytest.raises(InputError, match=r"is a file\. Name the folder"):
        check_archive(tmp_path / "a.jpg")


@posix
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="permissions do not bind root")
def test_an_archive_without_permission_says_so(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0)
    with pytest.raises(InputError, match="may not be read"):
        check_archive(tmp_path / "locked")


def test_the_output_lies_beside_the_archive() -> None:
    assert output_folder(Path("/data/old_photos")) == Path("/data/old_photos-restored")
    assert output_folder(Path("/data/v1.0")) == Path("/data/v1.0-restored")
    with pytest.raises(InputError, match="whole disk"):
        output_folder(Path("/"))


def test_an_output_apart_from_the_archive_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    check_output(tmp_path / "old", tmp_path / "old-restored")
    check_output(tmp_path / "old", tmp_path / "elsewhere" / "deep")


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("old", "archive itself"),
        ("old/.", "archive itself"),
        ("old/restored", "inside the archive"),
        ("old/not/there/yet", "inside the archive"),
        (".", "inside the output"),
        ("elsewhere/../old/x", "inside the archive"),
        ("a.jpg", "is a file"),
    ],
)
def test_an_output_that_would_mix_with_originals_is_refused(output: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    make(tmp_path, "a.jpg")
    with pytest.raises(InputError, match=words):
        check_output(tmp_path / "old", tmp_path / output)


def test_advice_names_only_choices_that_there_are(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    with pytest.raises(InputError, match=r"Name another folder with --out\.$"):
        check_output(tmp_path / "old", tmp_path / "old" / "out")
    make(tmp_path, "old-restored")  # where `run` writes, which takes no --out
    with pytest.raises(InputError, match=r"old-restored is a file\..*old-restored: move that away\.$"):
        check_output(tmp_path / "old", output_folder(tmp_path / "old"))
    with pytest.raises(InputError, match=r"Scan a folder on it instead\.$"):
        output_folder(Path("/"))


@posix
def test_links_do_not_smuggle_the_output_into_the_archive(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "alias").symlink_to(tmp_path / "old")
    for output in ("alias", "alias/x"):
        with pytest.raises(InputError):
            check_output(tmp_path / "old", tmp_path / output)
    with pytest.raises(InputError):
        check_output(tmp_path / "alias", tmp_path / "old" / "x")
