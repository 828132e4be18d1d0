"""Another choice of what is damage, from the stored score maps: nothing is read, lost or done twice."""

from dataclasses import replace
from pathlib import Path

import pytest

from archive_restore.detection import Kind, Policy, Sensitivity
from archive_restore.errors import InputError, LockedError
from archive_restore.examine import ScanOptions
from archive_restore.ledger import State, WorkerLock
from archive_restore.masking import Masked, Masking, Unscored, masked
from archive_restore.photos.mask_files import write_mask
from archive_restore.progress import NullProgress
from archive_restore.rescore import RescoreSummary, rescore
from tests.scored_archive import ScoredArchive, block, line

HIGH = ScanOptions(level=Sensitivity.HIGH)


@pytest.fixture
def archive(tmp_path: Path) -> ScoredArchive:
    """Photographs that do not exist: a sure scratch, a faint one, a doubtful stain, nothing."""
    from archive_restore.home import Home

    made = ScoredArchive(tmp_path / "photos", Home(tmp_path / "home"))
    made.add("sure", {Kind.SCRATCH: line(5, 200)})
    made.add("faint", {Kind.SCRATCH: line(5, 120)})
    made.add("stained", {Kind.DUST: line(5, 200), Kind.SPOT: block(120)})
    made.add("clean", {})
    return made


def rescored(
    archive: ScoredArchive,
    options: ScanOptions,
    *,
    under: bytes | None = None,
    again: bool = False,
    dry_run: bool = False,
    progress: NullProgress | None = None,
) -> RescoreSummary:
    with archive.ledger() as ledger:
        return rescore(
            ledger.archives()[0],
            under,
            ledger=ledger,
            home=archive.home,
            options=replace(options, jobs=1),
            again=again,
            dry_run=dry_run,
            progress=progress or NullProgress(),
        )


def test_a_higher_sensitivity_queues_more_and_says_so_before_and_after(archive: ScoredArchive) -> None:
    assert archive.states() == {"sure": State.QUEUED, "stained": State.QUEUED}
    told = rescored(archive, HIGH, dry_run=True)
    assert archive.states() == {"sure": State.QUEUED, "stained": State.QUEUED}
    assert not archive.mask("faint").any()
    assert (told.before.photographs, told.after.photographs) == (2, 3)
    assert (told.before.pixels, told.pixels) == (2 * 122, 4 * 40 * 60)
    assert (told.changed, told.joining, told.leaving, told.held) == (2, 1, 0, 1)
    done = rescored(archive, HIGH)
    assert replace(done, policy_before=told.policy_before) == told
    assert archive.states() == {"sure": State.QUEUED, "faint": State.QUEUED, "stained": State.HELD}
    assert sum(archive.mask(name).sum() for name in ("sure", "faint", "stained")) == told.after.pixels


def test_a_lower_one_lets_photographs_leave_the_queue(archive: ScoredArchive) -> None:
    told = rescored(archive, ScanOptions(level=0.9))
    assert (told.after.photographs, told.leaving, archive.states()) == (0, 2, {})
    assert not archive.mask("sure").any()
    assert archive.kinds() == {}


def test_kinds_that_are_no_damage_leave_the_masks(archive: ScoredArchive) -> None:
    rescored(archive, replace(HIGH, kinds=frozenset({Kind.SPOT, Kind.DUST})))
    assert archive.states() == {"stained": State.HELD}
    rescored(archive, ScanOptions(kinds=frozenset({Kind.DUST})))  # the sensitivity stays high
    assert (archive.states(), archive.kinds()) == ({"stained": State.QUEUED}, {"dust": 1})
    assert archive.mask("stained").sum() == 122


def test_a_choice_is_remembered_for_the_archive_and_its_photographs(archive: ScoredArchive) -> None:
    rescored(archive, replace(HIGH, max_coverage=0.5))
    with archive.ledger() as ledger:
        [known] = ledger.archives()
        assert (known.policy, known.max_coverage) == ("high", 0.5)
        assert {photograph.policy for photograph in ledger.masked(known.id)} == {"high"}
    assert archive.states()["stained"] is State.QUEUED
    told = rescored(archive, ScanOptions())
    assert (told.policy, told.changed) == (Policy(Sensitivity.HIGH), 0)


def test_a_choice_for_a_part_is_made_there_alone_and_once(archive: ScoredArchive) -> None:
    archive.add("worn/faint too", {Kind.SCRATCH: line(5, 120)})
    told = rescored(archive, HIGH, under=b"worn", dry_run=True)
    assert (told.pixels, told.before.photographs, told.after.photographs) == (40 * 60, 0, 1)
    assert (told.under, told.changed, told.joining) == (b"worn", 1, 1)
    rescored(archive, HIGH, under=b"worn")
    assert archive.states() == dict.fromkeys(("sure", "stained", "worn/faint too"), State.QUEUED)
    assert not archive.mask("faint").any()
    with archive.ledger() as ledger:
        [known] = ledger.archives()
        assert known.policy is None
        policies = {one.sha256: one.policy for one in ledger.masked(known.id)}
    assert policies.pop("worn/faint too") == "high"
    assert set(policies.values()) == {"normal"}
    rescored(archive, HIGH, under=b"faint")
    assert archive.states()["faint"] is State.QUEUED
    rescored(archive, ScanOptions())  # all of it again, as the archive's others are
    assert archive.states() == {"sure": State.QUEUED, "stained": State.QUEUED}


def test_faint_specks_all_over_are_asked_about_until_somebody_chooses(archive: ScoredArchive) -> None:
    archive.add("specks", {Kind.DUST: (slice(2, 40, 10), slice(2, 60, 10), 120)})

    def unsure() -> list[Path]:
        with archive.ledger() as ledger:
            return ledger.unsure(1)

    told = rescored(archive, ScanOptions(), dry_run=True)
    assert (told.changed, unsure()) == (0, [])
    rescored(archive, ScanOptions())
    assert unsure() == [archive.root / "specks"]
    rescored(archive, ScanOptions(), under=b"specks")  # they are snow
    assert unsure() == []
    assert "specks" not in archive.states()
    rescored(archive, ScanOptions())
    rescored(archive, HIGH, under=b"specks")  # they are dust
    assert unsure() == []
    assert archive.states()["specks"] is State.QUEUED


def test_who_leaves_a_restored_photograph_as_it_is_is_not_asked_again(archive: ScoredArchive) -> None:
    specks = (slice(2, 40, 10), slice(2, 60, 10), 120)
    archive.add("specks", {Kind.DUST: specks, Kind.SCRATCH: line(7, 200)})
    archive.restore("specks")
    with archive.ledger() as ledger:
        ledger.choose(1, policy="low", max_coverage=None)  # by which its mask is another one
        [known] = [one for one in ledger.masked(1) if one.sha256 == "specks"]
        ledger._connection.execute("UPDATE photographs SET unsure = 1 WHERE id = ?", (known.id,))

    def unsure() -> list[str]:
        with archive.ledger() as ledger:
            return [path.name for path in ledger.unsure(1)]

    assert rescored(archive, HIGH, under=b"specks").restored == 1  # said, and not done without --again
    assert unsure() == ["specks"]
    rescored(archive, ScanOptions(), under=b"specks", dry_run=True)
    assert unsure() == ["specks"]
    assert rescored(archive, ScanOptions(), under=b"specks").restored == 1
    assert unsure() == []
    assert archive.states()["specks"] is State.DONE


def test_a_part_without_photographs_is_refused(archive: ScoredArchive) -> None:
    with pytest.raises(InputError, match=r"no photograph at .*photos/nowhere"):
        rescored(archive, HIGH, under=b"nowhere")


def test_what_is_restored_keeps_its_mask_and_is_counted(archive: ScoredArchive) -> None:
    archive.restore("stained")
    before = archive.mask("stained")
    told = rescored(archive, HIGH)
    assert (told.restored, told.requeued) == (1, 0)
    assert archive.states() == {"sure": State.QUEUED, "faint": State.QUEUED, "stained": State.DONE}
    assert (archive.mask("stained") == before).all()


def test_what_is_restored_is_restored_anew_only_if_its_mask_changes_and_it_is_wanted(
    archive: ScoredArchive,
) -> None:
    archive.restore("sure", "stained")
    told = rescored(archive, replace(HIGH, max_coverage=0.5), again=True)
    assert (told.restored, told.requeued, told.joining) == (1, 1, 2)
    assert archive.states() == {"sure": State.DONE, "faint": State.QUEUED, "stained": State.QUEUED}
    assert archive.mask("stained").mean() > 0.15


def test_what_is_queued_again_outside_of_the_part_is_told(archive: ScoredArchive) -> None:
    with archive.ledger() as ledger:
        ledger.adopt(1, b"sub/copy", 1, 1, "stained")
        ledger.adopt(ledger.add_archive(archive.root.with_name("other")), b"third", 1, 1, "stained")
    for _ in range(3):  # one after the other: they are the same content
        archive.restore("sure", "stained", "sub/copy", "third")
    told = rescored(archive, HIGH, under=b"sub", dry_run=True)
    assert (told.restored, told.elsewhere) == (1, 2)
    told = rescored(archive, HIGH, under=b"sub", again=True)
    assert (told.requeued, told.elsewhere) == (1, 2)
    with archive.ledger() as ledger:
        assert [job.state for job in ledger.jobs() if job.sha256 == "stained"] == [State.HELD] * 3


def test_a_dry_run_holds_what_the_command_would_hold_also_beside_restored_duplicates(
    archive: ScoredArchive,
) -> None:
    with archive.ledger() as ledger:
        ledger.adopt(1, b"sub/copy", 1, 1, "stained")
    archive.restore("stained")
    options = ScanOptions(level=0.9, max_coverage=0.01)
    assert rescored(archive, options, dry_run=True) == rescored(archive, options)
    assert archive.states() == {"stained": State.DONE, "sub/copy": State.HELD}


def test_what_was_restored_and_has_no_damage_any_more_becomes_its_original(archive: ScoredArchive) -> None:
    archive.restore("sure")
    rescored(archive, ScanOptions(level=0.9), again=True)
    assert rescored(archive, ScanOptions(level=0.9), again=True).leaving == 0  # until it is done
    assert archive.states() == {"sure": State.QUEUED}
    assert archive.home.mask("sure").exists()
    assert not archive.mask("sure").any()


class Killed(NullProgress):
    """Ctrl-C after so many photographs."""

    def __init__(self, after: int) -> None:
        self.left = after

    def advance(self, items: int = 1) -> None:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_a_rescore_that_was_killed_goes_on_with_the_same_command(archive: ScoredArchive, after: int) -> None:
    archive.restore("stained")
    with pytest.raises(KeyboardInterrupt):
        rescored(archive, replace(HIGH, max_coverage=1.0), again=True, progress=Killed(after))
    rescored(archive, replace(HIGH, max_coverage=1.0), again=True)
    assert archive.states() == dict.fromkeys(["sure", "stained", "faint"], State.QUEUED)
    assert archive.kinds() == {"scratches": 2, "dust": 1, "spots": 1}
    assert archive.mask("stained").mean() > 0.15


def test_masks_by_hand_stay(archive: ScoredArchive) -> None:
    write_mask(archive.home.edited_mask("sure"), archive.mask("clean"))
    with archive.ledger() as ledger:
        known = ledger.masked_content(1, "sure")
        assert known is not None
        ledger.remask(known.id, policy="by hand", covered=0, regions=[], by_hand=True, again=True)
    told = rescored(archive, HIGH)
    assert (told.by_hand, told.after.photographs) == (1, 2)
    assert not archive.mask("sure").any()
    assert "sure" not in archive.states()


def test_without_its_score_map_a_photograph_keeps_its_mask_and_is_read_by_the_next_scan(
    archive: ScoredArchive,
) -> None:
    archive.home.score_map("sure").unlink()
    archive.home.score_map("faint").write_bytes(b"cut")
    told = rescored(archive, ScanOptions(level=0.9))
    assert (told.unscored, archive.states()) == (2, {"sure": State.QUEUED})
    with archive.ledger() as ledger:
        unread = {path for path, file in ledger.known_files(1).items() if file.modified_ns is None}
    assert unread == {b"sure", b"faint"}


@pytest.mark.parametrize("restored", [True, False])
def test_a_mask_that_cannot_be_read_is_made_again_as_it_was(archive: ScoredArchive, restored: bool) -> None:
    before, file = archive.mask("sure"), archive.home.detected_mask("sure")
    if restored:
        archive.restore("sure")
    state = archive.states()["sure"]
    for spoil in (lambda: file.write_bytes(b"junk"), file.unlink):
        spoil()
        assert rescored(archive, ScanOptions(), dry_run=True).mended == 1
        told = rescored(archive, ScanOptions(), again=True)
        assert (told.mended, told.changed, told.requeued) == (1, 0, 0)
        assert (archive.mask("sure") == before).all()
        assert archive.states()["sure"] is state


def test_without_mask_and_score_map_also_what_is_restored_is_read_by_the_next_scan(
    archive: ScoredArchive,
) -> None:
    archive.restore("sure", "stained")
    for name in ("sure", "stained"):
        archive.home.score_map(name).unlink()
    archive.home.detected_mask("sure").write_bytes(b"junk")
    rescored(archive, ScanOptions())
    with archive.ledger() as ledger:
        unread = {path for path, file in ledger.known_files(1).items() if file.modified_ns is None}
    assert unread == {b"sure"}


def test_a_photograph_is_masked_at_its_own_size(archive: ScoredArchive) -> None:
    with archive.ledger() as ledger:
        known = ledger.masked_content(1, "sure")
    assert known is not None
    twice = replace(known, width=2 * known.width, height=2 * known.height)
    result = masked(Masking(twice, Policy(), archive.home, write=False))
    assert isinstance(result, Masked)
    assert result.changed
    assert 2 * 122 < result.covered < 4 * 122
    assert isinstance(
        masked(Masking(replace(known, sha256="x"), Policy(), archive.home, write=False)), Unscored
    )


@pytest.mark.parametrize("lock", ["worker.lock", "alone.lock", "scan.lock"])
def test_a_rescore_is_refused_while_a_scan_or_a_run_is_at_work(archive: ScoredArchive, lock: str) -> None:
    with WorkerLock(archive.home.root / lock), pytest.raises(LockedError):
        rescored(archive, HIGH)
    assert set(archive.states()) == {"sure", "stained"}


def test_what_a_killed_run_held_is_not_taken_for_restored(archive: ScoredArchive) -> None:
    with archive.ledger() as ledger:
        assert len(ledger.claim("a run that was killed", 99)) == 2
    for dry_run in (True, False):
        told = rescored(archive, HIGH, dry_run=dry_run)
        assert (told.restored, told.changed, told.joining, told.held) == (0, 2, 1, 1)
    assert archive.states() == {"sure": State.QUEUED, "faint": State.QUEUED, "stained": State.HELD}
