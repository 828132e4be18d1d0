import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from archive_restore.errors import LedgerError, StorageError
from archive_restore.ledger import (
    Job,
    Ledger,
    RegionRow,
    Retried,
    ScannedPhotograph,
    Stage,
    State,
    open_ledger,
)
from archive_restore.ledger.masking import MASKED

ROOT = Path("/photos")
SCRATCH = RegionRow(kind="scratches", left=1, top=2, width=3, height=40, area=90, score=0.75)
DUST = RegionRow(kind="dust", left=8, top=9, width=2, height=2, area=4, score=0.5)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with open_ledger(tmp_path / "home" / "ledger.db") as ledger:
        yield ledger


def photograph(relative: bytes, content: str, *, size: int = 10, modified_ns: int = 1) -> ScannedPhotograph:
    return ScannedPhotograph(relative, size, modified_ns, content, "jpeg", 100, 50, "normal")


def filled(ledger: Ledger, *names: str) -> int:
    """An archive with one damaged photograph a name, whose content is the name in capitals."""
    archive = ledger.add_archive(ROOT)
    for name in names:
        ledger.record(archive, photograph(f"{name}.jpg".encode(), name.upper()), [SCRATCH])
    return archive


def claimed(ledger: Ledger, worker: str = "worker") -> Job:
    [job] = ledger.claim(worker, 1)
    return job


def finished(ledger: Ledger, job: Job, output: str) -> bool:
    return ledger.finish(job, output=Path(output), output_sha256=f"restored {job.sha256}", model="m")


def states(ledger: Ledger) -> dict[bytes, State]:
    return {job.relative: job.state for job in ledger.jobs()}


# scanning


def test_a_damaged_photograph_is_queued_and_an_undamaged_one_is_not(ledger: Ledger) -> None:
    archive = filled(ledger, "a")
    ledger.record(archive, photograph(b"b.jpg", "B"), [])
    assert states(ledger) == {b"a.jpg": State.QUEUED}
    counts = ledger.counts(archive)
    assert (counts.photographs, counts.damaged, counts.undamaged) == (2, 1, 1)


def test_a_name_comes_back_byte_for_byte(ledger: Ledger) -> None:
    name = "Tante \U0001f475\n'\"; --/ö".encode() + b"\xff\xfe.jpg"
    ledger.record(ledger.add_archive(ROOT), photograph(name, "A"), [SCRATCH])
    job = claimed(ledger)
    assert job.relative == name
    assert bytes(job.path) == b"/photos/" + name


def test_an_archive_is_added_once(ledger: Ledger) -> None:
    assert ledger.add_archive(ROOT) == ledger.add_archive(ROOT)
    assert [archive.root for archive in ledger.archives()] == [ROOT]


def test_regions_come_back_as_they_were_recorded_and_a_second_record_replaces_them(ledger: Ledger) -> None:
    archive = filled(ledger, "a")
    ledger.record(archive, photograph(b"a.jpg", "A"), [DUST, SCRATCH])
    job = claimed(ledger)
    assert job.photograph_id is not None
    assert ledger.regions(job.photograph_id) == [DUST, SCRATCH]


def test_a_done_photograph_is_not_queued_again_by_another_scan(ledger: Ledger) -> None:
    archive = filled(ledger, "a")
    finished(ledger, claimed(ledger), "/out/a.jpg")
    ledger.record(archive, photograph(b"a.jpg", "A"), [SCRATCH])
    assert ledger.adopt(archive, b"a.jpg", 10, 2, "A")
    assert states(ledger) == {b"a.jpg": State.DONE}


def test_an_edited_photograph_gets_a_new_job_and_the_old_one_is_remembered(ledger: Ledger) -> None:
    archive = filled(ledger, "a")
    finished(ledger, claimed(ledger), "/out/a.jpg")
    ledger.mark_missing(archive, [b"a.jpg"])
    ledger.record(archive, photograph(b"a.jpg", "EDITED"), [SCRATCH])
    assert states(ledger) == {b"a.jpg": State.QUEUED}
    ledger.mark_missing(archive, [b"a.jpg"])
    ledger.record(archive, photograph(b"a.jpg", "A"), [SCRATCH])
    assert states(ledger) == {b"a.jpg": State.DONE}


def test_a_moved_photograph_keeps_its_job(ledger: Ledger) -> None:
    archive = filled(ledger, "a")
    finished(ledger, claimed(ledger), "/out/a.jpg")
    ledger.mark_missing(archive, [b"a.jpg"])
    assert ledger.adopt(archive, b"sub/b.jpg", 10, 1, "A")
    assert states(ledger) == {b"sub/b.jpg": State.DONE}
    assert ledger.counts(archive).missing == 0


def test_photographs_that_exchange_their_names_keep_their_jobs(ledger: Ledger) -> None:
    archive = filled(ledger, "a", "b")
    finished(ledger, claimed(ledger), "/out/a.jpg")
    ledger.mark_missing(archive, [b"a.jpg", b"b.jpg"])
    assert ledger.adopt(archive, b"a.jpg", 10, 1, "B")
    assert ledger.adopt(archive, b"b.jpg", 10, 1, "A")
    assert states(ledger) == {b"a.jpg": State.QUEUED, b"b.jpg": State.DONE}


def test_a_copy_gets_a_job_of_its_own(ledger: Ledger) -> None:
    archive = filled(ledger, "a")
    finished(ledger, claimed(ledger), "/out/a.jpg")
    assert ledger.adopt(archive, b"copy.jpg", 10, 1, "A")
    assert states(ledger) == {b"a.jpg": State.DONE, b"copy.jpg": State.QUEUED}


def test_an_unknown_content_is_not_adopted(ledger: Ledger) -> None:
    archive = filled(ledger, "a")
    assert not ledger.adopt(archive, b"b.jpg", 10, 1, "B")
    assert ledger.known_content("B") is None
    assert list(ledger.known_files(archive)) == [b"a.jpg"]


def test_a_missing_photograph_is_not_claimed_and_waits_until_it_is_found(ledger: Ledger) -> None:
    archive = filled(ledger, "a")
    ledger.mark_missing(archive, [b"a.jpg"])
    assert ledger.claim("worker", 5) == []
    counts = ledger.counts(archive)
    assert (counts.photographs, counts.missing, counts.states[State.QUEUED]) == (0, 1, 0)
    ledger.mark_found([ledger.known_files(archive)[b"a.jpg"].file_id])
    assert claimed(ledger).relative == b"a.jpg"


def test_known_files_tell_the_present_content_of_a_path_not_the_former(ledger: Ledger) -> None:
    archive = filled(ledger, "a")
    ledger.record(archive, photograph(b"a.jpg", "EDITED", size=11), [])
    known = ledger.known_files(archive)[b"a.jpg"]
    assert (known.sha256, known.size, known.missing, known.needs_mask) == ("EDITED", 11, False, False)


def test_an_unreadable_photograph_is_set_aside_with_its_reason_and_replaced_once_read(ledger: Ledger) -> None:
    archive = ledger.add_archive(ROOT)
    ledger.record_failure(archive, b"a.jpg", 0, 1, "the file is empty")
    ledger.record_failure(archive, b"a.jpg", 0, 1, "the file is still empty")
    [failure] = ledger.failures(archive)
    assert (failure.stage, failure.reason, failure.attempts) == (Stage.SCAN, "the file is still empty", 2)
    assert ledger.counts(archive).unreadable == 1
    ledger.record(archive, photograph(b"a.jpg", "A"), [])
    assert ledger.failures(archive) == []
    assert ledger.counts(archive).undamaged == 1


def test_a_queued_job_goes_when_a_new_search_finds_no_damage(ledger: Ledger) -> None:
    archive = filled(ledger, "a")
    ledger.record(archive, photograph(b"a.jpg", "A"), [])
    assert states(ledger) == {}


def test_kinds_count_photographs_regions_and_pixels(ledger: Ledger) -> None:
    archive = filled(ledger, "a")
    ledger.record(archive, photograph(b"b.jpg", "B"), [SCRATCH, DUST, DUST])
    assert [(k.kind, k.photographs, k.regions, k.area) for k in ledger.kinds(archive)] == [
        ("scratches", 2, 2, 180),
        ("dust", 1, 2, 8),
    ]
    assert ledger.pixels(archive) == 2 * 100 * 50


# running


def test_claims_come_in_order_and_never_twice(ledger: Ledger) -> None:
    filled(ledger, "a", "b", "c")
    first, second = ledger.claim("one", 2), ledger.claim("two", 2)
    assert [job.relative for job in first] == [b"a.jpg", b"b.jpg"]
    assert [job.relative for job in second] == [b"c.jpg"]
    assert ledger.claim("three", 2) == []
    assert ledger.leased() == first + second


def test_a_claim_can_be_limited_to_an_archive(ledger: Ledger) -> None:
    filled(ledger, "a")
    other = ledger.add_archive(Path("/other"))
    ledger.record(other, photograph(b"z.jpg", "Z"), [SCRATCH])
    assert [job.relative for job in ledger.claim("worker", 5, other)] == [b"z.jpg"]


def test_threads_that_claim_at_once_share_the_queue_without_overlap(tmp_path: Path) -> None:
    path, claims = tmp_path / "ledger.db", list[int]()
    with open_ledger(path) as ledger:
        filled(ledger, *(f"p{number}" for number in range(60)))

    def work(name: str) -> None:
        with open_ledger(path) as own:
            while jobs := own.claim(name, 2):
                claims.extend(job.id for job in jobs)
                for job in jobs:
                    assert finished(own, job, f"/out/{job.id}")

    threads = [threading.Thread(target=work, args=(f"worker {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claims) == sorted(set(claims))
    assert len(claims) == 60


def test_a_finished_job_tells_its_output(ledger: Ledger) -> None:
    filled(ledger, "a")
    assert finished(ledger, claimed(ledger), "/out/a.jpg")
    [job] = ledger.jobs(state=State.DONE)
    assert (job.output, job.output_sha256, job.model, job.worker) == (
        Path("/out/a.jpg"),
        "restored A",
        "m",
        None,
    )


def test_who_lost_the_lease_changes_nothing(ledger: Ledger) -> None:
    filled(ledger, "a")
    slow = claimed(ledger, "slow")
    assert ledger.release(slow)
    quick = claimed(ledger, "quick")
    assert not ledger.write_intent(slow, "late")
    assert not finished(ledger, slow, "/out/late.jpg")
    assert not ledger.fail(slow, "late")
    assert not ledger.release(slow)
    assert ledger.leased() == [quick]
    assert not ledger.wrote("late")


def test_the_same_worker_cannot_use_an_earlier_lease(ledger: Ledger) -> None:
    filled(ledger, "a")
    first = claimed(ledger)
    ledger.release(first)
    second = claimed(ledger)
    assert not finished(ledger, first, "/out/a.jpg")
    assert finished(ledger, second, "/out/a.jpg")


def test_an_intent_survives_a_kill_and_is_known_as_our_own_output(ledger: Ledger) -> None:
    filled(ledger, "a")
    assert ledger.write_intent(claimed(ledger), "restored")
    [job] = ledger.leased()
    assert job.intended_sha256 == "restored"
    assert ledger.wrote("restored")
    ledger.release(job)
    assert claimed(ledger).intended_sha256 is None
    assert ledger.wrote("restored")


def test_an_output_that_replaces_another_jobs_output_queues_that_job_again(ledger: Ledger) -> None:
    archive = filled(ledger, "a")
    finished(ledger, claimed(ledger), "/out/a.jpg")
    ledger.mark_missing(archive, [b"a.jpg"])
    ledger.record(archive, photograph(b"b.jpg", "A"), [SCRATCH])
    ledger.record(archive, photograph(b"a.jpg", "NEW"), [SCRATCH])
    finished(ledger, claimed(ledger), "/out/a.jpg")
    assert states(ledger) == {b"a.jpg": State.DONE, b"b.jpg": State.QUEUED}


def test_what_failed_in_a_run_is_queued_by_a_retry_and_what_could_not_be_read_waits_for_a_scan(
    ledger: Ledger,
) -> None:
    archive = filled(ledger, "a")
    ledger.fail(claimed(ledger), "no memory")
    ledger.record_failure(archive, b"empty.jpg", 0, 1, "empty")
    assert ledger.retry() == Retried(queued=1, to_scan=1)
    assert claimed(ledger).attempts == 2
    known = ledger.known_files(archive)
    assert known[b"empty.jpg"].modified_ns is None
    assert known[b"a.jpg"].modified_ns is None


def test_a_retry_can_be_limited_to_a_folder_and_not_to_its_namesakes(ledger: Ledger) -> None:
    archive = ledger.add_archive(ROOT)
    for name in (b"sub/a.jpg", b"sub/deep/b.jpg", b"sub.jpg", b"sub2/c.jpg", b"su/d.jpg"):
        ledger.record_failure(archive, name, 0, 1, "empty")
    assert ledger.retry(archive=archive, under=b"sub").to_scan == 2
    assert ledger.retry(archive=archive, under=b"sub.jpg").to_scan == 1


# the file


def test_an_unfinished_transaction_leaves_no_trace(ledger: Ledger) -> None:
    archive = filled(ledger, "a")
    before = ledger.known_files(archive), ledger.jobs()
    broken = RegionRow(kind="dust", left=0, top=0, width=1, height=1, area=1, score=None)  # type: ignore[arg-type]
    with pytest.raises(Exception, match="NOT NULL"):
        ledger.record(archive, photograph(b"a.jpg", "B"), [DUST, broken])
    assert (ledger.known_files(archive), ledger.jobs()) == before


def test_a_file_that_is_no_database_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"my diary, page one. " * 100)
    with pytest.raises(LedgerError, match=r"ledger\.db: the ledger is damaged .*not a database"):
        open_ledger(path)
    assert path.read_bytes().startswith(b"my diary")


def test_a_folder_that_cannot_be_made_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="ARCHIVE_RESTORE_HOME"):
        open_ledger(tmp_path / "file" / "ledger.db")


def test_what_a_killed_run_had_written_keeps_the_model_that_wrote_it(ledger: Ledger) -> None:
    filled(ledger, "a")
    job = claimed(ledger)
    assert ledger.write_intent(job, "restored", Path("/out/a.jpg"), "ours")
    assert ledger.finish(job, output=Path("/out/a.jpg"), output_sha256="restored", model=None)
    assert [job.model for job in ledger.jobs()] == ["ours"]


def test_a_content_is_found_among_many_without_walking_through_them(ledger: Ledger) -> None:
    archive = filled(ledger, *"abcd")
    known = {one.sha256: one for one in ledger.masked(archive)}
    assert len(known) == 4
    assert {sha256: ledger.masked_content(archive, sha256) for sha256 in known} == known
    assert ledger.masked_content(archive, "nothing") is None
    plan = ledger._connection.rows(
        f"EXPLAIN QUERY PLAN {MASKED} AND sha256 = :sha256 GROUP BY photographs.id",
        {"archive": 1, "sha256": "a"},
    )
    steps = [row["detail"] for row in plan]
    assert not [step for step in steps if step.startswith("SCAN")]
    assert any("files" in step and "photograph_id=?" in step for step in steps)


def steps_of(ledger: Ledger, verb: Callable[[], object]) -> int:
    """How many instructions SQLite goes through for it."""
    steps = 0

    def step() -> None:
        nonlocal steps
        steps += 1

    connection = ledger._connection._database.conn
    connection.set_progress_handler(step, 1)
    verb()
    connection.set_progress_handler(None, 1)
    return steps


def test_the_hundredth_copy_takes_no_longer_than_the_tenth(ledger: Ledger) -> None:
    archive = filled(ledger, "a")
    names = iter([b"%03d.jpg" % number for number in range(100)])
    taken = [steps_of(ledger, lambda: ledger.adopt(archive, next(names), 10, 1, "A")) for _ in range(100)]
    assert taken[99] < 1.2 * taken[9]
    assert ledger.counts().states[State.QUEUED] == 101


def test_a_claim_beside_a_copy_at_work_takes_time_as_the_number_of_copies(ledger: Ledger) -> None:
    archive = filled(ledger, "a")
    taken = []
    for first in (0, 100):
        for number in range(first, first + 100):
            assert ledger.adopt(archive, b"%03d.jpg" % number, 10, 1, "A")
        for job in ledger.jobs(state=State.QUEUED)[:50]:
            (mine,) = ledger.claim("worker", 1)
            assert mine.id == job.id
            assert finished(ledger, mine, f"/out/{job.id}")
        (at_work,) = ledger.claim("worker", 1)
        taken.append(steps_of(ledger, lambda: ledger.claim("worker", 1)))
        ledger.release(at_work)
    assert taken[1] < 2.5 * taken[0]  # 50 copies wait, then 100; 51 are done, then 101


def test_what_was_made_of_a_photograph_is_known_in_all_of_its_places(ledger: Ledger) -> None:
    archive = filled(ledger, "a", "b")
    assert ledger.adopt(archive, b"copy.jpg", 10, 1, "A")
    assert finished(ledger, claimed(ledger), "/out/a.jpg")
    made = {job.relative: ledger.wrote_for(job, "restored A") for job in ledger.jobs()}
    assert made == {b"a.jpg": True, b"copy.jpg": True, b"b.jpg": False}


def test_a_job_that_was_taken_up_since_is_not_reverted(ledger: Ledger) -> None:
    filled(ledger, "a")
    assert finished(ledger, claimed(ledger), "/out/a.jpg")
    [before] = ledger.restored()
    assert ledger.revert(before, again=True)
    assert finished(ledger, claimed(ledger), "/out/a.jpg")
    assert not ledger.revert(before, again=False)
    assert states(ledger) == {b"a.jpg": State.DONE}
