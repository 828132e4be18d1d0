import os
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import pytest

from archive_restore import outputs as outputs_module
from archive_restore.errors import PhotographError, StorageError
from archive_restore.ledger import Ledger, State, open_ledger
from archive_restore.photos.codecs import file_sha256
from archive_restore.records import read_record, record_path
from tests.restored_archive import add as restored_archive_add
from tests.restored_archive import restored_archive
from tests.tried_archive import Tried, add, photograph, prepared

__all__ = ["prepared"]  # a fixture


def scanned_again(tried: Tried) -> None:
    """As a scan would after files were moved or replaced."""
    with open_ledger(tried.home.ledger) as ledger:
        known = {job.relative: job.sha256 for job in ledger.jobs(also_missing=True)}
        there = {
            os.fsencode(path.relative_to(tried.archive)): path
            for path in tried.archive.rglob("*")
            if path.is_file()
        }
        ledger.mark_missing(
            1, [name for name in known if name not in there or file_sha256(there[name]) != known[name]]
        )
        for name in there:
            add(ledger, tried.home, tried.archive, os.fsdecode(name))


def restored(tried: Tried) -> dict[str, str]:
    """Content of each restored photograph, all of whose records must be theirs."""
    found = {}
    for path in sorted(tried.output.rglob("*.png")):
        record = read_record(path)
        assert record is not None
        found[str(path.relative_to(tried.output))] = record.restored.sha256
        assert file_sha256(path) == record.restored.sha256
    assert len(list(tried.output.rglob("*.json"))) == len(found)
    return found


def outputs(tried: Tried) -> dict[str, str]:
    """The same by the ledger, of the originals that are there, which must all be done."""
    with open_ledger(tried.home.ledger) as ledger:
        jobs = ledger.jobs()
    assert {job.state for job in jobs} == {State.DONE}
    return {str(job.output.relative_to(tried.output)): str(job.output_sha256) for job in jobs if job.output}


def move(folder: Path, name: str, target: str) -> None:
    (folder / target).parent.mkdir(exist_ok=True)
    (folder / name).rename(folder / target)


def test_what_was_restored_follows_an_original_that_was_moved(prepared: Callable[[int], Tried]) -> None:
    tried = prepared(3)
    tried.run()
    before = restored(tried)
    odd = os.fsdecode(b"1950/Gr\xfc\xdfe.png")
    move(tried.archive, "sub/001.png", odd)
    move(tried.archive, "000.png", "sub/000.png")
    scanned_again(tried)
    summary = tried.run()
    assert (summary.followed, summary.restored) == (2, 0)
    after = restored(tried)
    assert after == {
        "002.png": before["002.png"],
        odd: before["sub/001.png"],
        "sub/000.png": before["000.png"],
    }
    assert outputs(tried) == after
    record = read_record(tried.output / "sub/000.png")
    assert record is not None
    assert record.original.name == "sub/000.png"
    assert tried.run().followed == 0


def test_what_waits_to_be_restored_by_another_mask_follows_too(tmp_path: Path) -> None:
    archive = restored_archive(tmp_path)
    archive.remask(b"sub/a.png")
    (archive.root / "sub" / "a.png").rename(archive.root / "b.png")
    with archive.ledger() as ledger:
        ledger.mark_missing(1, [b"sub/a.png"])
        restored_archive_add(ledger, archive, b"b.png")
    archive.remask(b"b.png")
    assert archive.run().restored == 1
    assert not (archive.output / "sub").exists()
    record = read_record(archive.output / "b.png")
    assert record is not None
    assert record.original.name == "b.png"
    assert archive.job(b"b.png").output == archive.output / "b.png"


def test_a_folder_that_is_left_empty_goes(prepared: Callable[[int], Tried]) -> None:
    tried = prepared(2)
    tried.run()
    move(tried.archive, "sub/001.png", "new/001.png")
    scanned_again(tried)
    tried.run()
    assert sorted(path.name for path in tried.output.iterdir()) == ["000.png", "000.png.json", "new"]


def test_originals_that_exchanged_their_names_have_what_was_restored_of_them(
    prepared: Callable[[int], Tried],
) -> None:
    tried = prepared(4)
    tried.run()
    before = restored(tried)
    for name, target in (
        ("000.png", "t"),
        ("sub/001.png", "000.png"),
        ("002.png", "sub/001.png"),
        ("t", "002.png"),
    ):
        move(tried.archive, name, target)
    scanned_again(tried)
    assert tried.run().restored == 0
    after = {
        "000.png": before["sub/001.png"],
        "sub/001.png": before["002.png"],
        "002.png": before["000.png"],
        "sub/003.png": before["sub/003.png"],
    }
    assert restored(tried) == outputs(tried) == after


@pytest.mark.parametrize("after", [False, True])
def test_a_kill_between_the_move_and_its_entry_loses_nothing(
    prepared: Callable[[int], Tried], monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    tried = prepared(2)
    tried.run()
    before = restored(tried)
    move(tried.archive, "000.png", "sub/000.png")
    scanned_again(tried)
    relocate = Ledger.relocate

    def killed(self: Ledger, path: Path, digest: str, target: Path) -> None:
        if after:
            relocate(self, path, digest, target)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "relocate", killed)
        with pytest.raises(KeyboardInterrupt):
            tried.run()
    assert tried.run().restored == 0
    assert {name: digest for name, digest in restored_files(tried).items() if name != "000.png"} == outputs(
        tried
    )
    assert outputs(tried) == {"sub/000.png": before["000.png"], "sub/001.png": before["sub/001.png"]}


def restored_files(tried: Tried) -> dict[str, str]:
    return {str(path.relative_to(tried.output)): file_sha256(path) for path in tried.output.rglob("*.png")}


def test_a_file_of_somebody_else_is_left_where_it_is(prepared: Callable[[int], Tried]) -> None:
    tried = prepared(2)
    tried.run()
    before = outputs(tried)
    theirs = tried.output / "sub/000.png"
    theirs.write_bytes(b"mine")
    move(tried.archive, "000.png", "sub/000.png")
    scanned_again(tried)
    summary = tried.run()
    assert (summary.followed, summary.restored) == (0, 0)
    assert theirs.read_bytes() == b"mine"
    assert outputs(tried) == before


def replaced(tried: Tried) -> Path:
    """Puts another photograph in the place of 000.png, which is kept here, and scans."""
    kept = tried.archive.with_name("kept.png")
    move(tried.archive, "000.png", str(kept))
    (tried.archive / "000.png").write_bytes(imagecodecs.png_encode(photograph(900)))
    scanned_again(tried)
    return kept


def test_a_photograph_in_another_ones_place_takes_nothing_away(prepared: Callable[[int], Tried]) -> None:
    tried = prepared(2)
    tried.run()
    before = restored(tried)
    kept = replaced(tried)
    assert tried.run().restored == 1
    after = restored(tried)
    assert set(after) == {*before, "000~earlier.png"}
    assert after["000~earlier.png"] == before["000.png"] != after["000.png"]
    # The photograph comes back: so does what was restored of it.
    kept.rename(tried.archive / "sub" / "again.png")
    scanned_again(tried)
    summary = tried.run()
    assert (summary.followed, summary.restored) == (1, 0)
    assert restored(tried) == {**before, "000.png": after["000.png"], "sub/again.png": before["000.png"]}


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", ["move_durably", "remove_record", "relocate"])
def test_a_kill_while_an_earlier_restoration_makes_room_loses_nothing(
    prepared: Callable[[int], Tried], monkeypatch: pytest.MonkeyPatch, step: str, after: bool
) -> None:
    tried = prepared(1)
    tried.run()
    before = restored(tried)
    kept = replaced(tried)
    owner = Ledger if step == "relocate" else outputs_module
    usual = getattr(owner, step)

    def killed(*given: object) -> None:
        if after:
            usual(*given)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(owner, step, killed)
        with pytest.raises(KeyboardInterrupt):
            tried.run()
    assert tried.run().restored == 1
    after_both = restored(tried)
    assert after_both["000~earlier.png"] == before["000.png"]
    kept.rename(tried.archive / "again.png")
    scanned_again(tried)
    summary = tried.run()
    assert (summary.followed, summary.restored) == (1, 0)
    assert restored(tried) == {"000.png": after_both["000.png"], "again.png": before["000.png"]}
    assert outputs(tried) == restored(tried)


def test_what_cannot_make_room_is_known_where_it_stays(
    prepared: Callable[[int], Tried], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = prepared(1)
    tried.run()
    before = tried.output / "000.png"
    (tried.archive / "000.png").write_bytes(imagecodecs.png_encode(photograph(900)))
    scanned_again(tried)

    def refused(path: Path, target: Path) -> None:
        raise PhotographError(target, "its name is not accepted")

    monkeypatch.setattr(outputs_module, "move_durably", refused)
    summary = tried.run()
    assert [one.reason for one in summary.set_aside] == ["its name is not accepted"]
    with open_ledger(tried.home.ledger) as ledger:
        assert [job.output for job in ledger.restored()] == [before]
    assert sorted(tried.output.iterdir()) == [before, record_path(before)]


def test_what_made_room_before_the_disk_failed_is_known_where_it_lies(
    prepared: Callable[[int], Tried], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = prepared(1)
    tried.run()
    before = restored(tried)["000.png"]
    (tried.archive / "000.png").write_bytes(imagecodecs.png_encode(photograph(900)))
    scanned_again(tried)

    def unsynced(path: Path, target: Path) -> None:
        path.replace(target)
        raise StorageError("the folder cannot be synced")

    with monkeypatch.context() as patched:
        patched.setattr(outputs_module, "move_durably", unsynced)
        with pytest.raises(StorageError):
            tried.run()
    kept = tried.output / "000~earlier.png"
    with open_ledger(tried.home.ledger) as ledger:
        assert [job.output for job in ledger.restored()] == [kept]
    assert tried.run().restored == 1
    assert file_sha256(kept) == before
    record = read_record(kept)
    assert record is not None
    assert record.restored.sha256 == before


def test_what_is_restored_anew_of_the_same_photograph_replaces_what_was(
    prepared: Callable[[int], Tried],
) -> None:
    tried = prepared(1)
    tried.run()
    with open_ledger(tried.home.ledger) as ledger:
        (job,) = ledger.jobs()
        ledger.revert(job, again=True)
    record_path(tried.output / "000.png").unlink()  # which would say that it is what is wanted
    assert tried.run().restored == 1
    assert list(restored(tried)) == ["000.png"]


def test_what_was_restored_by_a_mask_that_is_empty_by_now_is_taken_back(tmp_path: Path) -> None:
    archive = restored_archive(tmp_path)
    archive.remask(b"sub/a.png", empty=True)
    summary = archive.run()
    assert (summary.taken_back, summary.restored, summary.queued, summary.set_aside) == (1, 0, 0, [])
    assert list((archive.output / "sub").iterdir()) == []
    with archive.ledger() as ledger:
        counts = ledger.counts()
        assert (counts.undamaged, counts.states[State.DONE], ledger.faults()) == (2, 2, [])
    assert archive.run().taken_back == 0


@pytest.mark.parametrize("there", [True, False])
def test_what_a_killed_run_had_restored_by_a_mask_that_is_empty_by_now_is_taken_back(
    tmp_path: Path, there: bool
) -> None:
    archive = restored_archive(tmp_path)
    output = archive.output / "a.jpg"
    archive.remask(b"a.jpg")
    with archive.ledger() as ledger:
        [job] = ledger.claim("killed", 1)
        output.write_bytes(b"by the new mask")
        assert ledger.write_intent(job, file_sha256(output), output, "small")
    if not there:
        output.unlink()
    archive.remask(b"a.jpg", empty=True)
    assert (archive.run().taken_back, archive.states()) == (1, {State.DONE: 2})
    assert not output.exists()
    assert not record_path(output).exists()


def test_what_was_changed_since_is_not_taken_back_and_named(tmp_path: Path) -> None:
    archive = restored_archive(tmp_path)
    output = archive.output / "a.jpg"
    output.write_bytes(b"retouched")
    archive.remask(b"a.jpg", empty=True)
    summary = archive.run()
    assert (summary.taken_back, output.read_bytes()) == (0, b"retouched")
    assert "is left as it is" in summary.set_aside[0].reason


def test_nothing_is_taken_back_while_the_disk_is_away(tmp_path: Path) -> None:
    archive = restored_archive(tmp_path)
    archive.remask(b"a.jpg", empty=True)
    with archive.ledger() as ledger:
        [known] = ledger.archives()
        archive.root.rename(tmp_path / "away")
        assert outputs_module.Outputs(ledger, known).take_back_emptied() == []
    assert archive.states()[State.QUEUED] == 1
