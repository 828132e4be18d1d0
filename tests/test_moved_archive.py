"""Archives whose folders were renamed, moved, copied, forgotten."""

import errno
import os
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from archive_restore.cli import app
from archive_restore.errors import LockedError
from archive_restore.examine import ScanOptions
from archive_restore.hand_masks import MasksSummary, export_masks, import_masks
from archive_restore.home import HOME_VARIABLE
from archive_restore.ledger import State, WorkerLock
from archive_restore.moved_archive import moved_to
from archive_restore.networks.generator import Generator
from archive_restore.networks.weights import ModelCard, save_model
from archive_restore.photos.archive import walk
from archive_restore.progress import NullProgress
from archive_restore.revert import revert
from archive_restore.scan import ScanSummary, scan
from archive_restore.upkeep import forget, rebuild
from archive_restore.verify import verify
from tests.restored_archive import RestoredArchive, add, restored_archive

CARD = ModelCard("small", "", "", "context-encoder-convolutional", {"blocks": 0})


@pytest.fixture
def archive(tmp_path: Path) -> RestoredArchive:
    """One photograph of it was reverted, and its owner chose a sensitivity."""
    made = restored_archive(tmp_path)
    with made.ledger() as ledger:
        revert([made.root / "a.tif"], ledger=ledger, home=made.home)
        ledger.choose(1, policy="low", max_coverage=0.3)
    return made


def scanned(archive: RestoredArchive, root: Path) -> ScanSummary:
    with archive.ledger() as ledger:
        return scan(
            root, ledger=ledger, home=archive.home, options=ScanOptions(jobs=1), progress=NullProgress()
        )


def known_copy(archive: RestoredArchive, root: Path) -> None:
    """A copy of the archive's photographs at `root`, as a scan that recognises them leaves it."""
    if not root.exists():
        shutil.copytree(archive.root, root)
    with archive.ledger() as ledger:
        copy = ledger.add_archive(root)
        for relative, file in ledger.known_files(1).items():
            status = (root / os.fsdecode(relative)).stat()
            assert file.sha256 is not None
            ledger.adopt(copy, relative, status.st_size, status.st_mtime_ns, file.sha256)


def faults(archive: RestoredArchive) -> list[str]:
    with archive.ledger() as ledger:
        summary = verify(ledger.archives(), ledger=ledger, home=archive.home, progress=NullProgress())
    return [fault.reason for fault in summary.faults]


def files(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_ino for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("with_outputs", [True, False])
def test_a_renamed_archive_stays_what_it_was(
    archive: RestoredArchive, tmp_path: Path, with_outputs: bool
) -> None:
    album, before = tmp_path / "album", files(archive.output)
    archive.root.rename(album)
    if with_outputs:
        archive.root.mkdir()  # as the place is where a disk is mounted
    if with_outputs:
        archive.output.rename(tmp_path / "album-restored")
    told = scanned(archive, album)
    assert (told.moved_from, told.unchanged, told.policy.text, told.share) == (archive.root, 4, "low", 0.3)
    summary = archive.run()
    assert (summary.restored, summary.linked, summary.followed) == (0, 0, 0 if with_outputs else 2)
    assert files(tmp_path / "album-restored").keys() == before.keys()
    assert not archive.output.exists()
    assert archive.states() == {State.DONE: 2, State.REJECTED: 1}
    assert faults(archive) == []
    with archive.ledger() as ledger:
        assert [one.root for one in ledger.archives()] == [album]
        assert ledger.faults() == []


def test_a_copy_or_another_archive_is_one_of_its_own(archive: RestoredArchive, tmp_path: Path) -> None:
    shutil.copytree(archive.root, tmp_path / "copy")
    assert scanned(archive, tmp_path / "copy").moved_from is None
    shutil.rmtree(archive.root)
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(tmp_path / "copy" / "a.jpg", other / "a.jpg")  # one of four
    assert scanned(archive, other).moved_from is None
    with archive.ledger() as ledger:
        assert len(ledger.archives()) == 3


def test_what_was_made_of_the_same_photograph_for_another_archive_is_found(
    archive: RestoredArchive, tmp_path: Path
) -> None:
    """As where a disk was copied with its restored photographs, while the first is not mounted."""
    for folder in (archive.root, archive.output):
        shutil.copytree(folder, tmp_path / folder.name.replace("photos", "copy"))
    known_copy(archive, tmp_path / "copy")
    shutil.rmtree(archive.output)
    summary = archive.run()
    assert (summary.found, summary.restored) == (2, 1)  # what was reverted in the other is not there
    assert sorted(files(tmp_path / "copy-restored")) == sorted(
        f"{name}{suffix}" for name in ("a.jpg", "a.tif", "sub/a.png") for suffix in ("", ".json")
    )


def test_while_a_run_is_at_work_no_archive_moves(archive: RestoredArchive, tmp_path: Path) -> None:
    archive.root.rename(tmp_path / "album")
    with WorkerLock(archive.home.worker_lock), pytest.raises(LockedError):
        scanned(archive, tmp_path / "album")
    assert scanned(archive, tmp_path / "album").moved_from == archive.root


def test_an_archive_can_be_forgotten_and_nothing_on_the_disk_is(
    archive: RestoredArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known_copy(archive, tmp_path / "copy")
    before = files(archive.root) | files(archive.output)
    monkeypatch.setenv(HOME_VARIABLE, str(archive.home.root))
    shutil.rmtree(tmp_path / "copy")
    assert "ledger forget" in " ".join(faults(archive))
    told = CliRunner().invoke(app, ["ledger", "forget", str(tmp_path / "copy")])
    assert told.exit_code == 0
    assert "4 photographs" in told.output
    assert faults(archive) == []
    with archive.ledger() as ledger:
        assert ledger.faults() == []
        assert [one.root for one in ledger.archives()] == [archive.root]
    forget(archive.root, home=archive.home)
    assert files(archive.root) | files(archive.output) == before
    with archive.ledger() as ledger:
        assert (ledger.archives(), ledger.kinds(), ledger.counts().photographs) == ([], [], 0)


def test_a_ledger_made_anew_knows_a_moved_archive(archive: RestoredArchive, tmp_path: Path) -> None:
    archive.root.rename(tmp_path / "album")
    archive.output.rename(tmp_path / "album-restored")
    summary = rebuild([tmp_path / "album"], home=archive.home, progress=NullProgress())
    assert summary.remembered == 2
    with archive.ledger() as ledger:
        [known] = ledger.archives()
        assert (known.root, known.policy) == (tmp_path / "album", "low")
        assert ledger.counts().states[State.REJECTED] == 1


def test_a_sound_ledger_that_is_made_anew_keeps_the_other_archives_and_what_was_chosen(
    archive: RestoredArchive, tmp_path: Path
) -> None:
    known_copy(archive, tmp_path / "copy")
    with archive.ledger() as ledger:
        assert ledger.claim("killed", 1, 2)
    summary = rebuild([archive.root], home=archive.home, progress=NullProgress())
    assert (summary.remembered, summary.skipped) == (2, [])
    with archive.ledger() as ledger:
        assert ledger.faults() == []
        assert [one.policy for one in ledger.archives()] == ["low", None]
        assert ledger.counts(1).states[State.REJECTED] == 1
        assert ledger.counts(2).photographs == 4
    told = scanned(archive, archive.root)
    assert (told.counts.states[State.DONE], told.counts.states[State.REJECTED]) == (2, 1)
    assert told.counts.states[State.QUEUED] == 0


def test_what_waits_to_be_restored_anew_still_waits_in_a_ledger_made_anew(archive: RestoredArchive) -> None:
    archive.remask(b"a.jpg")
    before = archive.job(b"a.jpg")
    summary = rebuild([archive.root], home=archive.home, progress=NullProgress())
    assert (summary.remembered, summary.skipped) == (2, [])
    after = archive.job(b"a.jpg")
    assert (after.state, after.output, after.output_sha256) == (
        State.QUEUED,
        before.output,
        before.output_sha256,
    )
    assert archive.job(b"sub/a.png").output == archive.output / "sub" / "a.png"
    assert archive.states() == {State.QUEUED: 1, State.DONE: 1, State.REJECTED: 1}


def test_a_photograph_that_replaced_one_that_waits_is_known_in_a_ledger_made_anew(
    archive: RestoredArchive,
) -> None:
    archive.remask(b"a.jpg")
    waiting = archive.job(b"a.jpg")
    shutil.copy(archive.root / "sub" / "a.png", archive.root / "b.png")
    data = (archive.root / "a.jpg").read_bytes()
    (archive.root / "a.jpg").write_bytes(data + b"edited")
    with archive.ledger() as ledger:
        ledger.mark_missing(1, [b"a.jpg"])
        add(ledger, archive, b"a.jpg")
    archive.run()
    assert archive.job(b"a.jpg").state is State.DONE
    kept = archive.output / "a~earlier.jpg"
    assert kept.exists()
    rebuild([archive.root], home=archive.home, progress=NullProgress())
    with archive.ledger() as ledger:
        jobs = {job.sha256: job for job in ledger.jobs(also_missing=True)}
    assert jobs[waiting.sha256].state is State.QUEUED
    assert jobs[waiting.sha256].output == kept
    assert archive.job(b"a.jpg").state is State.DONE
    assert archive.job(b"a.jpg").output == archive.output / "a.jpg"


def test_while_a_finetuning_is_at_work_its_folder_stays(archive: RestoredArchive, tmp_path: Path) -> None:
    folder = archive.home.finetuning(archive.root)
    folder.mkdir(parents=True)
    archive.root.rename(tmp_path / "album")
    with WorkerLock(archive.home.finetune_lock, work="finetuning"):
        scanned(archive, tmp_path / "album")
    assert folder.exists()
    (tmp_path / "album").rename(archive.root)
    scanned(archive, archive.root)
    archive.root.rename(tmp_path / "album")
    scanned(archive, tmp_path / "album")
    assert archive.home.finetuning(tmp_path / "album").exists()
    assert not folder.exists()


def test_another_album_of_the_same_names_and_sizes_is_none_that_moved(
    archive: RestoredArchive, tmp_path: Path
) -> None:
    """Uncompressed scans of one scanner all are of one size."""
    album = tmp_path / "album"
    shutil.copytree(archive.root, album)
    for path in album.rglob("*.*"):
        if path.is_file():
            data = bytearray(path.read_bytes())
            data[-1] ^= 1
            path.write_bytes(data)
    archive.root.rename(tmp_path / "unplugged")
    with archive.ledger() as ledger:
        assert moved_to(album, ledger) is None
        found = moved_to(tmp_path / "unplugged", ledger)
        assert found is not None
        assert found.root == archive.root


def test_an_archive_where_nobody_may_look_is_not_gone(
    archive: RestoredArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(archive.root, tmp_path / "copy")
    scandir, stat = os.scandir, Path.stat

    def closed(path: Path) -> None:
        if path == archive.root:
            raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "scandir", lambda path: closed(path) or scandir(path))
    monkeypatch.setattr(Path, "stat", lambda self, **options: closed(self) or stat(self, **options))
    with archive.ledger() as ledger:
        assert moved_to(tmp_path / "copy", ledger) is None
    assert list(walk(tmp_path / "copy", exclude=[archive.root]))


def test_what_was_forgotten_and_is_scanned_again_is_replaced(archive: RestoredArchive) -> None:
    before = files(archive.output).keys()
    with archive.ledger() as ledger:
        known = {relative: file.sha256 for relative, file in ledger.known_files(1).items()}
    forget(archive.root, home=archive.home)
    with archive.ledger() as ledger:
        again = ledger.add_archive(archive.root)
        for relative, digest in known.items():
            status = (archive.root / os.fsdecode(relative)).stat()
            assert digest is not None
            ledger.adopt(again, relative, status.st_size, status.st_mtime_ns, digest)
    summary = archive.run()
    assert (summary.found, summary.restored) == (2, 1)
    assert files(archive.output).keys() == before | {"a.tif", "a.tif.json"}


@pytest.mark.parametrize("other_model", [False, True])
def test_what_a_lost_ledger_knew_is_known_again(archive: RestoredArchive, other_model: bool) -> None:
    before = files(archive.output)
    with archive.ledger() as ledger:
        known = {relative: file.sha256 for relative, file in ledger.known_files(1).items()}
    for path in archive.home.root.glob("ledger.db*"):
        path.unlink()
    with archive.ledger() as ledger:
        for relative in known:
            add(ledger, archive, relative, damaged=relative != b"undamaged.png")
    if other_model:
        save_model(Generator(blocks=0), archive.home.models, CARD)
    summary = archive.run()
    assert (summary.found, summary.restored) == ((0, 3) if other_model else (2, 1))
    now = files(archive.output)
    assert now.keys() == before.keys() | {"a.tif", "a.tif.json"}
    assert all(now[name] == before[name] for name in before) != other_model


def test_restored_photographs_that_were_copied_along_are_known_there(
    archive: RestoredArchive, tmp_path: Path
) -> None:
    album = tmp_path / "album"
    archive.root.rename(album)
    shutil.copytree(archive.output, tmp_path / "album-restored")
    before = files(tmp_path / "album-restored")
    scanned(archive, album)
    archive.run()
    assert files(tmp_path / "album-restored") == before
    assert faults(archive) == []


def test_masks_that_were_exported_before_an_archive_moved_are_taken(
    archive: RestoredArchive, tmp_path: Path
) -> None:
    def exported() -> MasksSummary:
        with archive.ledger() as ledger:
            [known] = ledger.archives()
            return export_masks(
                known,
                tmp_path / "masks",
                every=False,
                ledger=ledger,
                home=archive.home,
                progress=NullProgress(),
            )

    with archive.ledger() as ledger:
        ledger._connection.execute("UPDATE photographs SET covered = 9 WHERE id < 4")
    assert exported().masks == 3
    archive.root.rename(tmp_path / "album")
    scanned(archive, tmp_path / "album")
    with archive.ledger() as ledger:
        told = import_masks(
            tmp_path / "masks", archive=None, ledger=ledger, home=archive.home, progress=NullProgress()
        )
    assert (told.unchanged, told.left_alone) == (3, [])
    assert exported().masks == 3
