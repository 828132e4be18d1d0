from pathlib import Path

import pytest

from archive_restore.errors import InputError, LockedError
from archive_restore.ledger import State, WorkerLock
from archive_restore.records import record_path
from archive_restore.revert import RevertSummary, revert
from tests.restored_archive import RestoredArchive, restored_archive


@pytest.fixture
def archive(tmp_path: Path) -> RestoredArchive:
    return restored_archive(tmp_path)


def reverted(archive: RestoredArchive, *paths: Path, again: bool = False) -> RevertSummary:
    with archive.ledger() as ledger:
        return revert(paths, ledger=ledger, home=archive.home, again=again)


def test_an_output_goes_with_its_record_and_the_ledger_says_so(archive: RestoredArchive) -> None:
    output = archive.output / "a.jpg"
    original = (archive.root / "a.jpg").read_bytes()
    assert record_path(output).exists()
    assert reverted(archive, output).reverted == [output]
    assert not output.exists()
    assert not record_path(output).exists()
    job = archive.job(b"a.jpg")
    assert (job.state, job.output) == (State.REJECTED, None)
    assert "revert" in str(job.reason)
    assert (archive.root / "a.jpg").read_bytes() == original
    assert archive.run().restored == 0  # it stays away


def test_originals_and_folders_name_their_outputs_too(archive: RestoredArchive) -> None:
    assert reverted(archive, archive.root / "sub").reverted == [archive.output / "sub" / "a.png"]
    assert len(reverted(archive, archive.root, archive.output).reverted) == 2
    assert archive.states() == {State.REJECTED: 3}
    assert not [path for path in archive.output.rglob("*") if path.is_file()]


def test_again_queues_it_for_the_next_run(archive: RestoredArchive) -> None:
    output = archive.output / "a.tif"
    before = output.read_bytes()
    reverted(archive, archive.root / "a.tif", again=True)
    assert archive.states() == {State.QUEUED: 1, State.DONE: 2}
    assert archive.run().restored == 1
    assert output.read_bytes() == before


@pytest.mark.parametrize("named", ["original", "output"])
def test_what_was_reverted_can_be_restored_again(archive: RestoredArchive, named: str) -> None:
    path, output = archive.root / "a.jpg", archive.output / "a.jpg"
    before = output.read_bytes()
    reverted(archive, path)
    place = path if named == "original" else output
    with pytest.raises(InputError, match="--again"):
        reverted(archive, place)
    summary = reverted(archive, place, again=True)
    assert (summary.reverted, summary.again, summary.queued, summary.held) == ([], [path], 1, 0)
    assert archive.states() == {State.QUEUED: 1, State.DONE: 2}
    assert archive.run().restored == 1
    assert output.read_bytes() == before


def test_again_with_a_mask_that_is_large_by_now_is_held(archive: RestoredArchive) -> None:
    with archive.ledger() as ledger:
        ledger.choose(1, policy=None, max_coverage=0.01)
        ledger._connection.execute("UPDATE photographs SET covered = width * height")
    summary = reverted(archive, archive.root / "a.jpg", again=True)
    assert (summary.queued, summary.held) == (0, 1)


@pytest.mark.parametrize("again", [False, True])
def test_what_waits_to_be_restored_by_another_mask_can_be_reverted(
    archive: RestoredArchive, again: bool
) -> None:
    archive.remask(b"a.jpg")
    output = archive.output / "a.jpg"
    summary = reverted(archive, archive.root / "a.jpg", again=again)
    assert (summary.reverted, summary.queued, output.exists()) == ([output], int(again), False)
    assert archive.job(b"a.jpg").state is (State.QUEUED if again else State.REJECTED)
    assert archive.run().restored == int(again)


def test_what_a_killed_run_holds_can_be_reverted(archive: RestoredArchive) -> None:
    archive.remask(b"a.jpg")
    output = archive.output / "a.jpg"
    with archive.ledger() as ledger:
        [job] = ledger.claim("killed", 1)
        assert ledger.write_intent(job, "0" * 64, output, "small")
    assert reverted(archive, output).reverted == [output]
    assert archive.job(b"a.jpg").state is State.REJECTED


def test_what_was_made_of_an_original_that_is_gone_can_be_reverted(archive: RestoredArchive) -> None:
    (archive.root / "a.tif").unlink()
    with archive.ledger() as ledger:
        ledger.mark_missing(1, [b"a.tif"])
    summary = reverted(archive, archive.output / "a.tif", again=True)
    assert (summary.reverted, summary.queued) == ([archive.output / "a.tif"], 0)  # it waits for its original


def test_what_somebody_edited_is_kept(archive: RestoredArchive) -> None:
    output = archive.output / "a.jpg"
    with output.open("ab") as file:
        file.write(b"\0")
    summary = reverted(archive, archive.output)
    assert [(one.path, one.reason[:14]) for one in summary.kept] == [(output, "it was changed")]
    assert len(summary.reverted) == 2
    assert output.exists()
    assert archive.states() == {State.DONE: 1, State.REJECTED: 2}


def test_killed_between_file_and_ledger_the_same_command_goes_on(archive: RestoredArchive) -> None:
    output = archive.output / "a.jpg"
    output.unlink()
    assert reverted(archive, archive.root / "a.jpg").reverted == [output]
    assert not record_path(output).exists()
    assert archive.job(b"a.jpg").state is State.REJECTED


def test_what_was_never_restored_is_an_input_error(archive: RestoredArchive, tmp_path: Path) -> None:
    for path in (archive.root / "undamaged.png", tmp_path / "elsewhere"):
        with pytest.raises(InputError, match=r"Nothing at .* was restored"):
            reverted(archive, path)
    assert archive.states() == {State.DONE: 3}


@pytest.mark.parametrize("lock", ["worker.lock", "alone.lock"])
def test_nothing_is_removed_while_a_run_is_at_work(archive: RestoredArchive, lock: str) -> None:
    with WorkerLock(archive.home.root / lock), pytest.raises(LockedError):
        reverted(archive, archive.output)
    assert archive.states() == {State.DONE: 3}
