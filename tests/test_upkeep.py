import errno
import json
import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from archive_restore import upkeep
from archive_restore.errors import InputError, StorageError
from archive_restore.examine import ScanOptions
from archive_restore.home import Home
from archive_restore.ledger import State, fold_wal, open_ledger
from archive_restore.progress import NullProgress
from archive_restore.scan import scan
from archive_restore.upkeep import backup, rebuild
from tests.restored_archive import RestoredArchive, restored_archive


@pytest.fixture
def archive(tmp_path: Path) -> RestoredArchive:
    return restored_archive(tmp_path)


def test_a_backup_is_a_ledger_and_replaces_nothing(archive: RestoredArchive, tmp_path: Path) -> None:
    copy = backup(archive.home, tmp_path / "copy.db")
    with open_ledger(copy) as ledger:
        assert ledger.counts().states[State.DONE] == 3
        assert ledger.faults() == []
    with pytest.raises(InputError, match="exists already"):
        backup(archive.home, tmp_path / "copy.db")
    assert backup(archive.home, None).parent == archive.home.root / "backups"


def test_a_backup_never_lies_among_the_originals(archive: RestoredArchive) -> None:
    with pytest.raises(InputError, match="lies among the photographs"):
        backup(archive.home, archive.root / "sub" / "copy.db")


def test_without_a_ledger_there_is_nothing_to_copy(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="archive-restore scan"):
        backup(Home(tmp_path), None)


def test_a_damaged_ledger_is_named(archive: RestoredArchive) -> None:
    with open_ledger(archive.home.ledger) as ledger:
        ledger._connection.execute("PRAGMA foreign_keys = OFF")
        ledger._connection.execute("DELETE FROM photographs WHERE id = 1")
        assert any("is not there" in fault for fault in ledger.faults())


def test_a_lost_ledger_comes_back_from_the_records_and_nothing_is_restored_twice(
    archive: RestoredArchive,
) -> None:
    with archive.ledger() as ledger:
        before = {(job.relative, job.output, job.output_sha256, job.model) for job in ledger.jobs()}
        kinds = ledger.kinds()
    written = {path: path.stat().st_ino for path in archive.output.rglob("*") if path.is_file()}
    for path in archive.home.root.glob("ledger.db*"):
        path.unlink()
    summary = rebuild([archive.root], home=archive.home, progress=NullProgress())
    assert (summary.remembered, summary.gone, summary.skipped, summary.replaced) == (3, 0, [], None)
    with archive.ledger() as ledger:
        jobs = ledger.jobs(state=State.DONE)
        assert {(job.relative, job.output, job.output_sha256, job.model) for job in jobs} == before
        assert ledger.kinds() == kinds
        assert ledger.faults() == []
        found = scan(
            archive.root,
            ledger=ledger,
            home=archive.home,
            options=ScanOptions(jobs=1),
            progress=NullProgress(),
        )
        assert (found.unchanged, found.examined + found.recognised) == (0, 4)
        assert ledger.counts().states[State.DONE] == 3
    assert archive.run().restored == 0
    assert {path: path.stat().st_ino for path in archive.output.rglob("*") if path.is_file()} == written


def test_what_the_records_do_not_vouch_for_is_left_out_and_named(archive: RestoredArchive) -> None:
    (archive.output / "a.jpg").write_bytes(b"changed since")
    (archive.output / "a.tif.json").unlink()
    (archive.root / "sub" / "a.png").unlink()
    summary = rebuild([archive.root], home=archive.home, progress=NullProgress())
    assert {skipped.path.name: skipped.reason for skipped in summary.skipped} == {
        "a.jpg": "it is not what its record says",
        "a.tif": "it has no record",
    }
    assert (summary.remembered, summary.gone) == (1, 1)
    assert summary.replaced is not None
    with open_ledger(summary.replaced) as former, archive.ledger() as ledger:
        assert former.counts().states[State.DONE] == 3
        assert (ledger.counts().photographs, ledger.counts().missing) == (0, 1)


Place = tuple[str | int, ...]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("original", "size"), 2**63),
        (("original", "sha256"), "\ud800" * 64),
        (("restored", "width"), 2**52),
        (("restored", "height"), 0),
        (("restored", "format"), "\ud800"),
        (("model", "name"), "\udfff"),
        (("time",), "0001-01-01T00:00:00+00:00"),
        (("time",), "9999-12-31T23:59:59-12:00"),
        (("repainted", "regions", 0), []),
        (("repainted", "regions", 0, "area"), 2**63),
        (("repainted", "regions", 0, "left"), -(2**64)),
        (("repainted", "regions", 0, "top"), float("inf")),
        (("repainted", "regions", 0, "score"), float("nan")),
        (("repainted", "regions", 0, "score"), None),
        (("repainted", "regions", 0, "kind"), "\ud800"),
    ],
)
def test_a_garbled_record_is_left_out_and_named_and_the_others_are_not(
    archive: RestoredArchive, place: Place, value: object
) -> None:
    file = archive.output / "a.jpg.json"
    content = part = json.loads(file.read_text())
    for step in place[:-1]:
        part = part[step]
    part[place[-1]] = value
    file.write_text(json.dumps(content))
    summary = rebuild([archive.root], home=archive.home, progress=NullProgress())
    assert [skipped.path for skipped in summary.skipped] in ([archive.output / "a.jpg"], [file])
    assert "record cannot be" in summary.skipped[0].reason
    assert summary.remembered == 2
    with archive.ledger() as ledger:
        assert ledger.faults() == []


def test_a_ledger_that_cannot_be_read_at_all_is_kept_aside(archive: RestoredArchive) -> None:
    archive.home.ledger.write_bytes(b"my diary" * 1000)
    summary = rebuild([archive.root], home=archive.home, progress=NullProgress())
    assert summary.remembered == 3
    assert summary.replaced is not None
    assert summary.replaced.read_bytes().startswith(b"my diary")


@pytest.mark.parametrize("step", ["_keep_aside", "move_durably"])
def test_a_rebuild_that_is_killed_leaves_a_ledger_that_knows_all_archives(
    archive: RestoredArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    with archive.ledger() as ledger:
        ledger.add_archive(tmp_path / "other")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(upkeep, step, killed)
        with pytest.raises(KeyboardInterrupt):
            rebuild([archive.root], home=archive.home, progress=NullProgress())
    with archive.ledger() as ledger:
        assert [known.root for known in ledger.archives()] == [archive.root, tmp_path / "other"]
        ledger.add_archive(tmp_path / "third")
    summary = rebuild([archive.root], home=archive.home, progress=NullProgress())
    assert summary.replaced is not None
    for path in (summary.replaced, archive.home.ledger):
        with open_ledger(path) as ledger:
            assert len(ledger.archives()) == 3
            assert ledger.faults() == []
    assert not summary.replaced.samefile(archive.home.ledger)
    assert len(list(archive.home.root.glob("ledger*.db*"))) == 2


def test_a_former_ledger_is_kept_on_a_disk_without_links(
    archive: RestoredArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr("os.link", refused)
    summary = rebuild([archive.root], home=archive.home, progress=NullProgress())
    assert summary.replaced is not None
    with open_ledger(summary.replaced) as ledger:
        assert ledger.counts().states[State.DONE] == 3


def test_what_another_program_has_open_of_the_former_ledger_goes_with_it(archive: RestoredArchive) -> None:
    with archive.ledger() as living:
        living.add_archive(archive.root.with_name("other"))
        summary = rebuild([archive.root], home=archive.home, progress=NullProgress())
        assert summary.replaced is not None
        assert not list(archive.home.root.glob("ledger.db-*"))
    for path in (summary.replaced, archive.home.ledger):
        with open_ledger(path) as ledger:
            assert len(ledger.archives()) == 2
            assert ledger.faults() == []


def test_a_restored_folder_that_cannot_be_opened_is_named(archive: RestoredArchive) -> None:
    (archive.output / "loop").symlink_to("loop")
    summary = rebuild([archive.root], home=archive.home, progress=NullProgress())
    assert [one.path for one in summary.skipped] == [archive.output / "loop"]
    assert "cannot be opened: " in summary.skipped[0].reason
    assert summary.remembered == 3


def test_a_ledger_made_anew_knows_masks_by_hand_and_that_somebody_allowed_what_was_restored(
    archive: RestoredArchive,
) -> None:
    sha256 = str(archive.job(b"a.jpg").sha256)
    path = archive.home.edited_mask(sha256)
    path.parent.mkdir(parents=True)
    path.write_bytes(archive.home.detected_mask(sha256).read_bytes())
    rebuild([archive.root], home=archive.home, progress=NullProgress())
    with archive.ledger() as ledger:
        assert ledger.counts().by_hand == 1
        ledger.choose(1, policy=None, max_coverage=0.0)
        for job in ledger.jobs(state=State.DONE):
            assert ledger.revert(job, again=True)
        assert ledger.counts().states[State.QUEUED] == 3


def test_two_commands_copy_the_ledger_at_once(archive: RestoredArchive, tmp_path: Path) -> None:
    with archive.ledger() as first, archive.ledger() as second, ThreadPoolExecutor(2) as threads:
        for number in range(5):
            target = tmp_path / f"{number}.db"
            copies = [threads.submit(ledger._connection.copy, target) for ledger in (first, second)]
            assert [copy.result() for copy in copies] == [None, None]
    assert len(list(tmp_path.glob("*.db*"))) == 5


def test_a_copy_that_cannot_be_written_names_its_place(archive: RestoredArchive, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"nowhere.*copy cannot be written"):
        backup(archive.home, tmp_path / "nowhere" / "copy.db")


def test_the_last_commits_of_a_ledger_are_moved_with_it(tmp_path: Path) -> None:
    living = open_ledger(tmp_path / "ledger.db")
    living.add_archive(tmp_path)
    killed = tmp_path / "killed.db"
    for suffix in ("", "-wal"):
        shutil.copy(f"{tmp_path / 'ledger.db'}{suffix}", f"{killed}{suffix}")
    living.close()
    fold_wal(killed)
    killed.with_name("killed.db-wal").unlink(missing_ok=True)
    with open_ledger(killed) as ledger:
        assert len(ledger.archives()) == 1
    (tmp_path / "no ledger.db").write_bytes(b"damaged" * 999)
    fold_wal(tmp_path / "no ledger.db")  # is left as it is
    assert (tmp_path / "no ledger.db").read_bytes() == b"damaged" * 999


def test_what_became_a_png_is_remembered_by_its_original(archive: RestoredArchive) -> None:
    for before, name in (
        (archive.root / "sub" / "a.png", "a.heic"),
        (archive.output / "sub" / "a.png", "a.heic.png"),
    ):
        before.rename(before.with_name(name))
    output = archive.output / "sub" / "a.heic.png"
    record = json.loads((archive.output / "sub" / "a.png.json").read_text())
    record["original"]["name"] = "sub/a.heic"
    (archive.output / "sub" / "a.png.json").unlink()
    output.with_name("a.heic.png.json").write_text(json.dumps(record))
    archive.home.ledger.unlink()
    summary = rebuild([archive.root], home=archive.home, progress=NullProgress())
    assert (summary.remembered, summary.gone, summary.skipped) == (3, 0, [])
    assert archive.job(b"sub/a.heic").output == output


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are Unicode")
def test_a_ledger_in_a_folder_whose_name_is_not_unicode_is_copied(tmp_path: Path) -> None:
    home = Home(tmp_path / os.fsdecode(b"\xe4lbum"))
    with open_ledger(home.ledger) as ledger:
        ledger.add_archive(tmp_path)
    with open_ledger(backup(home, None)) as ledger:
        assert [archive.root for archive in ledger.archives()] == [tmp_path]
