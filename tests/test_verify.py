import errno
import io
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from archive_restore.cli import app
from archive_restore.errors import ExitCode
from archive_restore.home import HOME_VARIABLE
from archive_restore.ledger import open_ledger
from archive_restore.photos.codecs import decode, encode, file_sha256
from archive_restore.progress import NullProgress
from archive_restore.records import read_record, record_path
from archive_restore.revert import revert
from archive_restore.verify import VerifySummary, verify
from tests.formats import mask, palette_png
from tests.restored_archive import RestoredArchive, add, restored_archive


@pytest.fixture
def archive(tmp_path: Path) -> RestoredArchive:
    return restored_archive(tmp_path)


def verified(archive: RestoredArchive) -> VerifySummary:
    with archive.ledger() as ledger:
        return verify(ledger.archives(), ledger=ledger, home=archive.home, progress=NullProgress())


def faults(archive: RestoredArchive) -> dict[str, str]:
    return {fault.path.name: fault.reason for fault in verified(archive).faults}


def test_an_archive_that_nobody_touched_has_no_faults(archive: RestoredArchive) -> None:
    summary = verified(archive)
    assert (summary.originals, summary.outputs, summary.faults) == (4, 3, [])


def test_without_records_and_recompressed_it_is_verified_as_far_as_it_goes(tmp_path: Path) -> None:
    archive = restored_archive(tmp_path, recompress=True, records=True)
    assert faults(archive) == {}
    before, after = (decode(folder / "a.jpg").pixels for folder in (archive.root, archive.output))
    assert (before != after)[~mask()].mean() > 0.1


def test_no_records_leaves_none(tmp_path: Path) -> None:
    archive = restored_archive(tmp_path, records=False)
    assert not list(archive.output.rglob("*.json"))
    assert faults(archive) == {}


def test_what_waits_to_be_restored_by_another_mask_is_looked_at_as_far_as_it_can_be(
    archive: RestoredArchive,
) -> None:
    archive.remask(b"a.jpg")
    summary = verified(archive)
    assert (summary.outputs, summary.waiting, summary.faults) == (3, 1, [])
    with (archive.output / "a.jpg").open("ab") as file:
        file.write(b"\0")
    assert "changed after it was restored" in faults(archive)["a.jpg"]
    (archive.output / "a.jpg").unlink()
    summary = verified(archive)
    assert (summary.outputs, summary.waiting, summary.faults) == (2, 0, [])


def test_what_a_killed_run_had_written_anew_is_not_called_changed(archive: RestoredArchive) -> None:
    archive.remask(b"a.jpg")
    output = archive.output / "a.jpg"
    with archive.ledger() as ledger:
        [job] = ledger.claim("killed", 1)
        output.write_bytes(output.read_bytes() + b"anew")
        assert ledger.write_intent(job, file_sha256(output), output, "small")
    summary = verified(archive)
    assert (summary.outputs, summary.waiting, summary.faults) == (3, 1, [])


def test_a_changed_original_is_named(archive: RestoredArchive) -> None:
    with (archive.root / "a.jpg").open("ab") as file:
        file.write(b"\0")
    (archive.root / "undamaged.png").unlink()
    found = faults(archive)
    assert "changed since the scan" in found["a.jpg"]
    assert "the original is gone" in found["undamaged.png"]
    assert len(found) == 2


def test_an_output_that_is_gone_or_was_edited_is_named(archive: RestoredArchive) -> None:
    (archive.output / "a.jpg").unlink()
    with (archive.output / "a.tif").open("ab") as file:
        file.write(b"\0")
    found = faults(archive)
    assert "it is gone" in found["a.jpg"]
    assert "changed after it was restored" in found["a.tif"]
    assert len(found) == 2


def missing(archive: RestoredArchive, *relatives: bytes) -> None:
    """Originals are removed, and a scan sees it."""
    for relative in relatives:
        (archive.root / os.fsdecode(relative)).unlink()
    with archive.ledger() as ledger:
        ledger.mark_missing(1, relatives)


def test_a_restored_photograph_whose_original_is_gone_is_named_and_its_hash_still_looked_at(
    archive: RestoredArchive,
) -> None:
    missing(archive, b"a.jpg", b"a.tif")
    with (archive.output / "a.jpg").open("ab") as file:
        file.write(b"junk")
    summary = verified(archive)
    assert [(fault.path, fault.reason.partition(",")[0].partition(".")[0]) for fault in summary.faults] == [
        (archive.root / "a.jpg", "the original is gone"),
        (archive.output / "a.jpg", "it was changed after it was restored"),
        (archive.root / "a.tif", "the original is gone"),
    ]
    assert (summary.originals, summary.outputs, summary.proven) == (2, 3, False)
    with archive.ledger() as ledger:  # the advice where it is not wanted any more
        revert([archive.output / "a.tif"], ledger=ledger, home=archive.home)
    assert archive.root / "a.tif" not in [fault.path for fault in verified(archive).faults]


def test_what_its_owner_removed_before_it_was_restored_is_only_counted(archive: RestoredArchive) -> None:
    missing(archive, b"undamaged.png")
    summary = verified(archive)
    assert (summary.originals, summary.gone, summary.faults, summary.proven) == (3, 1, [], True)


def test_what_cannot_be_opened_is_not_taken_for_removed(archive: RestoredArchive) -> None:
    missing(archive, b"undamaged.png")
    (archive.root / "undamaged.png").symlink_to(
        archive.root / "undamaged.png"
    )  # as if permission were denied
    assert "the original cannot be read" in faults(archive)["undamaged.png"]


def test_a_missing_photograph_that_came_back_is_read(archive: RestoredArchive) -> None:
    data = (archive.root / "a.tif").read_bytes()
    missing(archive, b"a.tif")
    (archive.root / "a.tif").write_bytes(data)
    summary = verified(archive)
    assert (summary.originals, summary.outputs, summary.faults) == (4, 3, [])


@pytest.mark.parametrize("scanned", [False, True])
def test_an_archive_whose_disk_is_not_there_proves_nothing(archive: RestoredArchive, scanned: bool) -> None:
    shutil.rmtree(archive.root)
    archive.root.mkdir()  # the mount point
    if scanned:
        with archive.ledger() as ledger:
            ledger.mark_missing(1, [b"a.jpg", b"a.tif", b"sub/a.png", b"undamaged.png"])
    with (archive.output / "a.jpg").open("ab") as file:
        file.write(b"junk")
    summary = verified(archive)
    assert [fault.path for fault in summary.faults] == [archive.root, archive.output / "a.jpg"]
    assert "not one of its 4 photographs is there" in summary.faults[0].reason
    assert (summary.originals, summary.outputs, summary.proven) == (0, 3, False)


def test_what_was_made_of_an_original_that_changed_since_is_named(archive: RestoredArchive) -> None:
    palette_png(archive.root / "a.jpg", 30, 8)
    with archive.ledger() as ledger:
        ledger.mark_missing(1, [b"a.jpg"])
        add(ledger, archive, b"a.jpg", damaged=False)
    [fault] = verified(archive).faults
    assert fault.path == archive.output / "a.jpg"
    assert "made of an original that has changed since" in fault.reason
    assert "archive-restore revert" in fault.reason
    with archive.ledger() as ledger:
        revert([fault.path], ledger=ledger, home=archive.home)
    assert verified(archive).faults == []


def test_following_its_advice_leaves_no_fault(archive: RestoredArchive) -> None:
    """A result that is gone, one that was changed, one whose mask was changed: none of them is queued."""
    (archive.output / "a.jpg").unlink()
    with (archive.output / "a.tif").open("ab") as file:
        file.write(b"\0")
    mask_file = archive.home.mask(str(archive.job(b"sub/a.png").sha256))
    mask_file.write_bytes(mask_file.read_bytes() + b"\0")
    found = verified(archive).faults
    assert len(found) == 3
    assert all("archive-restore revert --again on it, then run" in fault.reason for fault in found)
    assert "remove it by hand, then archive-restore revert" in faults(archive)["a.tif"]
    (archive.output / "a.tif").unlink()
    with archive.ledger() as ledger:
        revert([fault.path for fault in found], ledger=ledger, home=archive.home, again=True)
    assert archive.run().restored == 3
    assert verified(archive).proven


@pytest.mark.parametrize("records", [True, False])
def test_what_has_no_mask_to_be_read_is_not_called_changed_nor_to_be_removed(
    tmp_path: Path, records: bool
) -> None:
    archive = restored_archive(tmp_path, records=records)
    archive.home.mask(str(archive.job(b"a.tif").sha256)).unlink()
    archive.home.mask(str(archive.job(b"sub/a.png").sha256)).write_bytes(b"junk")
    summary = verified(archive)
    assert {(fault.path.name, fault.unchecked) for fault in summary.faults} == {
        ("a.tif", True),
        ("a.png", True),
    }
    assert not summary.proven
    found = faults(archive)
    assert all(f"archive-restore rescore {archive.root}" in reason for reason in found.values())
    assert not any("revert" in reason or "changed" in reason for reason in found.values())
    by_hand = archive.home.edited_mask(str(archive.job(b"sub/a.png").sha256))
    by_hand.parent.mkdir(parents=True)
    by_hand.write_bytes(b"junk")
    assert "masks import" in faults(archive)["a.png"]


def test_without_a_ledger_or_in_another_home_nothing_is_vouched_for(
    archive: RestoredArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for home in ("nowhere", "empty"):
        monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / home))
        if home == "empty":
            open_ledger(tmp_path / home / "ledger.db").close()
        result = CliRunner().invoke(app, ["verify"])
        assert result.exit_code == ExitCode.INPUT
        assert "Nothing was scanned yet. First run: archive-restore scan ARCHIVE" in result.stderr
    assert not (tmp_path / "nowhere").exists()
    monkeypatch.setenv(HOME_VARIABLE, str(archive.home.root))
    result = CliRunner().invoke(app, ["verify"])
    assert result.exit_code == ExitCode.OK
    assert "Every original is as it was scanned; nothing differs outside the masks." in result.stdout


def test_nothing_read_is_nothing_proven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    with open_ledger(tmp_path / "home" / "ledger.db") as ledger:
        ledger.add_archive(tmp_path)
    result = CliRunner().invoke(app, ["verify"])
    assert result.exit_code == ExitCode.SOME_FAILED
    assert "nothing is proven" in result.stdout
    assert "Every original" not in result.stdout


def test_a_difference_outside_the_mask_is_counted(archive: RestoredArchive) -> None:
    """Also where the ledger's hash is that of the bad file: as if a bug had written it."""
    output = archive.output / "sub" / "a.png"
    photograph = decode(output)
    spoilt = photograph.pixels.copy()
    spoilt[:3, 0, :3] ^= 1
    forge(archive, output, encode(photograph, (spoilt,)))
    assert faults(archive)["a.png"] == "9 samples outside the mask differ"


def test_a_jpeg_that_was_saved_again_is_caught_by_its_coefficients(archive: RestoredArchive) -> None:
    output = archive.output / "a.jpg"
    again = io.BytesIO()
    with Image.open(output) as image:
        image.save(again, "JPEG", quality=88, subsampling=2, icc_profile=image.info["icc_profile"])
    forge(archive, output, again.getvalue())
    assert "coefficients outside the touched blocks differ" in faults(archive)["a.jpg"]


def forge(archive: RestoredArchive, output: Path, data: bytes) -> None:
    """Writes other content, and makes ledger and record agree with it."""
    from archive_restore.photos.codecs import sha256

    before = sha256(output.read_bytes())
    output.write_bytes(data)
    record = record_path(output)
    record.write_text(record.read_text("utf-8").replace(before, sha256(data)), "utf-8")
    with archive.ledger() as ledger:
        ledger._connection.execute("UPDATE outputs SET sha256 = ? WHERE sha256 = ?", (sha256(data), before))


def test_a_record_of_another_photograph_and_a_changed_mask_are_named(archive: RestoredArchive) -> None:
    record_path(archive.output / "a.jpg").write_bytes(record_path(archive.output / "a.tif").read_bytes())
    record_path(archive.output / "a.tif").write_text("{", "utf-8")
    mask_file = archive.home.mask(str(archive.job(b"sub/a.png").sha256))
    mask_file.write_bytes(mask_file.read_bytes() + b"\0")
    summary = verified(archive)
    found = {fault.path.name: [] for fault in summary.faults}
    for fault in summary.faults:
        found[fault.path.name].append(fault.reason)
    assert found["a.jpg"][0].startswith("its record is that of another photograph")
    assert "cannot be read" in found["a.tif.json"][0]
    assert "its mask was changed" in found["a.png"][0]


def test_the_record_says_what_was_done(archive: RestoredArchive) -> None:
    record = read_record(archive.output / "a.tif")
    job = archive.job(b"a.tif")
    assert record is not None
    assert record.original.name == "a.tif"
    assert (record.original.sha256, record.restored.sha256) == (job.sha256, job.output_sha256)
    assert record.restored.mode.endswith("3 pages")
    assert record.repainted.pixels == int(np.sum(mask()))
    assert record.repainted.regions[0]["kind"] == "scratches"
    assert record.model.name == "small"
    assert len(record.model.sha256) == 64
    assert record.settings["recompress"] is False


def test_what_is_restored_again_without_records_has_none_of_what_it_was(archive: RestoredArchive) -> None:
    output = archive.output / "a.jpg"
    assert record_path(output).exists()
    with archive.ledger() as ledger:
        revert([output], ledger=ledger, home=archive.home, again=True)
    before = record_path(archive.output / "a.tif")
    shutil.copy(before, record_path(output))  # a record, of something else
    assert archive.run(records=False).restored == 1
    assert output.exists()
    assert not record_path(output).exists()
    assert faults(archive) == {}


@pytest.mark.parametrize("records", [True, False])
def test_what_only_has_the_name_of_a_record_is_kept(tmp_path: Path, records: bool) -> None:
    archive = restored_archive(tmp_path)
    output = archive.output / "a.jpg"
    with archive.ledger() as ledger:
        revert([output], ledger=ledger, home=archive.home, again=True)
    record_path(output).write_text('{"my": "sidecar"}')
    summary = archive.run(records=records)
    assert record_path(output).read_text() == '{"my": "sidecar"}'
    assert summary.restored == (0 if records else 1)
    if records:
        [left] = summary.set_aside
        assert "a.jpg.json is in the way of its record" in left.reason


def test_a_folder_in_the_place_of_a_gone_photograph_that_was_never_restored_is_no_fault(
    archive: RestoredArchive,
) -> None:
    (archive.root / "undamaged.png").unlink()
    (archive.root / "undamaged.png").mkdir()
    assert "the original is gone" in faults(archive)["undamaged.png"]
    with archive.ledger() as ledger:
        ledger.mark_missing(1, [b"undamaged.png"])
    summary = verified(archive)
    assert (summary.gone, summary.faults, summary.proven) == (1, [], True)


def closed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody may enter it from now on; the tests may run as one who always may."""
    usual = Path.stat

    def stat(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        if folder in path.parents:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), os.fspath(path))
        return usual(path, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(Path, "stat", stat)


@pytest.mark.parametrize("waiting", [False, True])
def test_a_folder_of_restored_photographs_that_nobody_may_enter_is_a_fault_of_each(
    archive: RestoredArchive, monkeypatch: pytest.MonkeyPatch, waiting: bool
) -> None:
    if waiting:
        archive.remask(b"sub/a.png")
    closed(archive.output / "sub", monkeypatch)
    assert faults(archive) == {"a.png": "cannot be read: Permission denied. Correct that, then verify again"}


def test_a_mask_that_nobody_may_read_is_named(
    archive: RestoredArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = archive.home.mask(str(archive.job(b"a.jpg").sha256))
    closed(path.parent, monkeypatch)
    reason = (
        f"its mask {path} cannot be used: the mask cannot be read: Permission denied. To have it made again"
    )
    assert faults(archive)["a.jpg"].startswith(reason)


def test_another_photograph_in_the_place_of_one_that_was_restored_is_a_fault(
    archive: RestoredArchive,
) -> None:
    missing(archive, b"a.jpg")
    shutil.copy(archive.root / "undamaged.png", archive.root / "a.jpg")
    summary = verified(archive)
    assert (archive.root / "a.jpg", "the original has changed since the scan; scan again") in [
        (fault.path, fault.reason) for fault in summary.faults
    ]
    assert summary.gone == 0


def changed_in_silence(path: Path) -> None:
    """Another content of the same size and time."""
    status, data = path.stat(), bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_an_original_that_changed_without_its_size_and_time_is_read_by_the_next_scan(
    archive: RestoredArchive,
) -> None:
    original = archive.root / "undamaged.png"
    backup = original.read_bytes()
    changed_in_silence(original)
    for _ in range(2):
        assert "not its size and time: if nobody edited it" in faults(archive)["undamaged.png"]
    original.write_bytes(backup)
    with archive.ledger() as ledger:
        (known,) = [one for path, one in ledger.known_files(1).items() if path == b"undamaged.png"]
    assert known.modified_ns is None
    assert faults(archive) == {}
