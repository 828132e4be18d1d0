import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive_restore.photos.names import LONGEST_NAME, apart, earlier, folded, folds, written
from tests.formats import png
from tests.restored_archive import add, restored_archive


def test_names_that_differ_in_case_or_normal_form_are_kept_apart() -> None:
    composed, decomposed = "ä.png".encode(), "a\u0308.png".encode()
    names = [b"a.jpg", b"A.JPG", b"a.tif", b"A.jpg", composed, decomposed, b"sub/a.jpg"]
    assert apart(names) == {
        b"A.JPG": b"A~2.JPG",
        b"A.jpg": b"A~3.jpg",
        decomposed: "a\u0308~2.png".encode(),
    }


def test_folders_that_fold_together_keep_their_photographs() -> None:
    assert apart([b"Box/a.jpg", b"box/a.jpg", b"box/b.jpg"]) == {b"box/a.jpg": b"box/a~2.jpg"}


def test_a_new_name_is_never_one_that_is_there() -> None:
    assert apart([b"a.jpg", b"A.jpg", b"a~2.jpg"]) == {b"A.jpg": b"A~3.jpg"}


def test_long_names_stay_within_what_a_disk_takes() -> None:
    long = ("ä" * 125 + ".jpeg").encode()  # 255 bytes

    upper = ("Ä" * 125 + ".jpeg").encode()
    assert apart([long, upper]).keys() == {upper}
    renamed = apart([long, upper])[upper]
    assert len(renamed) <= LONGEST_NAME
    assert renamed.endswith(b"~2.jpeg")
    renamed.decode()  # no character was cut in two


def test_what_makes_room_gets_a_name_that_nothing_has(tmp_path: Path) -> None:
    assert earlier(tmp_path / "a.b.jpg").name == "a.b~earlier.jpg"
    (tmp_path / "a~earlier.jpg").symlink_to("nowhere")
    assert earlier(tmp_path / "a.jpg").name == "a~earlier2.jpg"
    assert earlier(tmp_path / "a").name == "a~earlier"
    long = earlier(tmp_path / ("ä" * 125 + ".jpeg"))
    assert len(os.fsencode(long.name)) <= LONGEST_NAME
    assert long.name.endswith("ä~earlier.jpeg")


@given(st.lists(st.text("aAbB~2.\u00e4\u0308/", min_size=1, max_size=6), unique=True, max_size=12))
def test_no_two_names_fold_to_one(texts: list[str]) -> None:
    names = [os.fsencode(text) for text in texts]
    renamed = apart(names)
    final = [folded(renamed.get(name, name)) for name in names]
    assert len(set(final)) == len(final)
    firsts = {folded(name): name for name in reversed(names)}
    assert all(name not in renamed for name in firsts.values())


def test_a_disk_that_tells_names_apart_does_not_fold_and_nothing_is_left_on_it(tmp_path: Path) -> None:
    assert not folds(tmp_path / "not" / "yet" / "there")
    assert list(tmp_path.iterdir()) == []


def test_where_names_have_no_umlauts_a_disk_does_not_fold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def touch(path: Path) -> None:
        path.name.encode("ascii")

    monkeypatch.setattr(Path, "touch", touch)
    assert not folds(tmp_path)


def test_on_a_disk_that_folds_every_photograph_is_restored_under_a_name_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = restored_archive(tmp_path)
    png(archive.root / "A.JPG")
    png(archive.root / "A.tif", 1)  # another content: of equal ones one is restored
    with archive.ledger() as ledger:
        add(ledger, archive, b"A.JPG")
        add(ledger, archive, b"A.tif")
    before = {path: path.read_bytes() for path in archive.output.iterdir() if path.is_file()}
    monkeypatch.setattr("archive_restore.outputs.folds", lambda folder: True)
    assert archive.run().restored == 2
    names = {path.name for path in archive.output.iterdir() if path.suffix != ".json"}
    assert names == {"a.jpg", "a.tif", "sub", "A~2.JPG", "A~2.tif"}
    assert archive.job(b"A.JPG").output == archive.output / "A~2.JPG"
    assert all(path.read_bytes() == content for path, content in before.items())


def heif(path: Path) -> Path:
    path.write_bytes(b"\0\0\0\x18ftypavif" + bytes(16))
    return path


def test_what_is_written_in_another_format_says_so_in_its_name(tmp_path: Path) -> None:
    path = heif(tmp_path / "a.AVIF")
    assert written(b"sub/a.AVIF", path) == b"sub/a.AVIF.png"
    png(tmp_path / "a.AVIF.png")  # a photograph of its own
    assert written(b"sub/a.AVIF", path) == b"sub/a.AVIF~2.png"
    assert written(b"a.png", png(tmp_path / "a.png")) == b"a.png"
    assert written(b"gone.heic", tmp_path / "gone.heic") == b"gone.heic"
    long = heif(tmp_path / ("ä" * 125 + ".heic"))
    assert len(written(os.fsencode(long.name), long)) == LONGEST_NAME


def test_odd_names_are_mirrored_byte_for_byte(tmp_path: Path) -> None:
    archive = restored_archive(tmp_path)
    names = [b"\xff\xfe latin.png", ("ä" * 125 + ".jpeg").encode(), b"line\nbreak.png", b"-rf.png"]
    for channels, name in enumerate(names, start=1):  # all different
        png(archive.root / os.fsdecode(name), channels)
    with archive.ledger() as ledger:
        for name in names:
            add(ledger, archive, name)
    assert archive.run().restored == 4
    assert {os.fsencode(path.name) for path in archive.output.iterdir()} >= set(names)
