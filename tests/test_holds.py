"""Photographs with large masks wait for a person to look at them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from archive_restore.ledger import Job, Ledger, RegionRow, ScannedPhotograph, State, open_ledger
from archive_restore.ledger.running import Queue

PIXELS = 100 * 50


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with open_ledger(tmp_path / "ledger.db") as ledger:
        yield ledger


def regions(covered: int) -> list[RegionRow]:
    return [RegionRow("tears", 0, 0, 100, 50, covered, 0.9)] if covered else []


def scanned(ledger: Ledger, name: str, covered: int, *, content: str = "", root: str = "/photos") -> int:
    """A photograph of 5000 px with a mask of so many; its archive."""
    archive = ledger.add_archive(Path(root))
    photograph = ScannedPhotograph(name.encode(), 1, 1, content or name, "jpeg", 100, 50, "normal", covered)
    ledger.record(archive, photograph, regions(covered))
    return archive


def states(ledger: Ledger) -> dict[str, State]:
    return {job.path.as_posix(): job.state for job in ledger.jobs()}


def restored(ledger: Ledger) -> list[Job]:
    jobs = ledger.claim("worker", 99)
    for job in jobs:
        assert ledger.write_intent(job, f"output {job.id}", Path("/out") / job.path.name)
        assert ledger.finish(
            job, output=Path("/out") / job.path.name, output_sha256=f"output {job.id}", model="m"
        )
    return jobs


def remasked(ledger: Ledger, name: str, covered: int, *, by_hand: bool = False, again: bool = False) -> int:
    known = ledger.masked_content(1, name)
    assert known is not None
    return ledger.remask(
        known.id, policy="0.5", covered=covered, regions=regions(covered), by_hand=by_hand, again=again
    )


def test_a_mask_of_more_than_12_percent_is_held_with_its_reason(ledger: Ledger) -> None:
    scanned(ledger, "large", 601)
    scanned(ledger, "just", 600)
    assert states(ledger) == {"/photos/large": State.HELD, "/photos/just": State.QUEUED}
    [held] = ledger.held()
    assert (held.path, held.reason) == (Path("/photos/large"), "its mask covers 12.0 % of it, more than 12 %")
    assert [job.path.name for job in restored(ledger)] == ["just"]


def test_what_is_held_counts_as_damaged_and_not_as_queued(ledger: Ledger) -> None:
    archive = scanned(ledger, "large", 5000)
    counts = ledger.counts(archive)
    assert (counts.states[State.HELD], counts.states[State.QUEUED], counts.damaged) == (1, 0, 1)


def test_once_released_it_is_restored_also_after_another_scan(ledger: Ledger) -> None:
    archive = scanned(ledger, "large", 1000)
    assert ledger.allow(archive, b"large") == 1
    scanned(ledger, "large", 1000)
    assert [job.path.name for job in restored(ledger)] == ["large"]


def test_a_mask_that_grows_after_its_release_is_held_again_and_one_that_shrinks_is_not(
    ledger: Ledger,
) -> None:
    archive = scanned(ledger, "large", 1000)
    ledger.allow(archive)
    remasked(ledger, "large", 900)
    assert states(ledger)["/photos/large"] is State.QUEUED
    remasked(ledger, "large", 1001)
    assert states(ledger)["/photos/large"] is State.HELD


def test_release_reaches_duplicates_elsewhere_and_nothing_beside_the_path(ledger: Ledger) -> None:
    archive = scanned(ledger, "sub/a", 1000, content="same")
    scanned(ledger, "b", 1000, content="same", root="/elsewhere")
    scanned(ledger, "sub2/a", 1000)
    assert ledger.allow(archive, b"sub") == 2
    assert states(ledger) == {
        "/photos/sub/a": State.QUEUED,
        "/elsewhere/b": State.QUEUED,
        "/photos/sub2/a": State.HELD,
    }
    assert ledger.allow(archive, b"sub") == 0


def test_what_is_missing_is_not_released_unseen(ledger: Ledger) -> None:
    archive = scanned(ledger, "gone", 1000)
    ledger.mark_missing(archive, [b"gone"])
    assert ledger.allow(archive) == 0
    scanned(ledger, "found", 1000, content="gone")
    assert states(ledger) == {"/photos/found": State.HELD}


def test_another_share_for_an_archive_holds_and_frees_what_waits_there_alone(ledger: Ledger) -> None:
    archive = scanned(ledger, "small", 100)
    scanned(ledger, "small", 100, root="/elsewhere")
    ledger.choose(archive, policy=None, max_coverage=0.01)
    assert states(ledger) == {"/photos/small": State.HELD, "/elsewhere/small": State.QUEUED}
    ledger.choose(archive, policy=None, max_coverage=0.5)
    assert states(ledger)["/photos/small"] is State.QUEUED
    assert ledger.jobs()[0].reason is None


def test_what_is_done_is_not_held_but_what_is_to_be_done_anew_is(ledger: Ledger) -> None:
    archive = scanned(ledger, "small", 100)
    [job] = restored(ledger)
    ledger.choose(archive, policy=None, max_coverage=0.01)
    assert states(ledger)["/photos/small"] is State.DONE
    assert ledger.revert(job, again=True)
    assert states(ledger)["/photos/small"] is State.HELD


def test_a_retry_queues_what_failed_or_holds_it_and_says_which(ledger: Ledger) -> None:
    scanned(ledger, "small", 100)
    scanned(ledger, "grown", 100)
    for job in ledger.claim("worker", 9):
        ledger.fail(job, "disk gone")
    remasked(ledger, "grown", 5000)
    retried = ledger.retry()
    assert (retried.queued, retried.held, retried.to_scan) == (1, 1, 0)
    assert states(ledger) == {"/photos/small": State.QUEUED, "/photos/grown": State.HELD}


def test_a_mask_by_hand_is_never_held_and_is_counted(ledger: Ledger) -> None:
    archive = scanned(ledger, "large", 1000)
    remasked(ledger, "large", 5000, by_hand=True)
    assert states(ledger)["/photos/large"] is State.QUEUED
    assert ledger.counts(archive).by_hand == 1
    ledger.mark_missing(archive, [b"large"])
    assert ledger.counts(archive).by_hand == 0


def test_a_new_mask_leaves_what_is_done_unless_it_is_wanted_again(ledger: Ledger) -> None:
    scanned(ledger, "a", 100)
    [done] = restored(ledger)
    assert remasked(ledger, "a", 200) == 0
    assert states(ledger)["/photos/a"] is State.DONE
    assert remasked(ledger, "a", 300, again=True) == 1
    [again] = ledger.claim("worker", 9)
    assert (again.id, again.output) == (done.id, Path("/out/a"))  # until it is restored anew


def test_what_loses_its_last_damage_leaves_the_queue_but_not_if_its_output_lies_about(ledger: Ledger) -> None:
    scanned(ledger, "never", 100)
    remasked(ledger, "never", 0)
    assert states(ledger) == {}
    scanned(ledger, "once", 100)
    restored(ledger)
    remasked(ledger, "once", 0, again=True)
    # The next run removes its output.
    assert states(ledger) == {"/photos/once": State.QUEUED}


def test_a_new_mask_takes_away_what_a_dead_run_holds(ledger: Ledger) -> None:
    scanned(ledger, "a", 100)
    [job] = ledger.claim("worker", 9)
    remasked(ledger, "a", 200, again=True)
    assert states(ledger)["/photos/a"] is State.QUEUED
    assert not ledger.finish(job, output=Path("/out/a"), output_sha256="late", model=None)
    assert ledger.claim("worker", 9) == []
    [again] = ledger.claim("worker", 9, queue=Queue.SUSPECT)  # it may have killed that run
    assert (again.id, again.crashes) == (job.id, 1)


def test_the_number_of_a_job_that_was_deleted_is_never_given_again(ledger: Ledger) -> None:
    archive = scanned(ledger, "a", 100)
    [job] = ledger.claim("worker", 9)
    ledger.release(job)
    remasked(ledger, "a", 0)
    scanned(ledger, "b", 1000)
    remasked(ledger, "a", 100)
    assert job.id not in {one.id for one in ledger.jobs()}
    assert states(ledger) == {"/photos/a": State.QUEUED, "/photos/b": State.HELD}
    [anew] = ledger.claim("worker", 9, archive)
    assert anew.id != job.id
    assert not ledger.fail(job, "late")


def test_photographs_are_told_once_with_what_stands_of_them(ledger: Ledger) -> None:
    archive = scanned(ledger, "a", 100, content="same")
    scanned(ledger, "b/a", 100, content="same")
    scanned(ledger, "clean", 0)
    same, clean = ledger.masked(archive)
    assert (same.sha256, same.files, same.states, same.restored) == ("same", 2, (State.QUEUED,) * 2, False)
    assert (clean.sha256, clean.files, clean.states, clean.covered) == ("clean", 1, (), 0)
    assert [one.relative for one in ledger.masked(archive, b"b")] == [b"b/a"]
    assert ledger.masked_content(archive, "unknown") is None
    restored(ledger)
    assert next(iter(ledger.masked(archive))).restored


def test_what_is_held_is_told_by_the_share_of_its_mask(ledger: Ledger) -> None:
    for name, side, covered in (
        ("b", 100, 3000),
        ("a", 100, 3000),
        ("most", 100, 9000),
        ("wide", 1000, 200_000),
    ):
        photograph = ScannedPhotograph(name.encode(), 1, 1, name, "jpeg", side, side, "normal", covered)
        ledger.record(ledger.add_archive(Path("/photos")), photograph, regions(covered))
    assert [held.path.name for held in ledger.held()] == ["most", "a", "b", "wide"]
    assert [held.path.name for held in ledger.held(limit=1)] == ["most"]
