"""What a person who looks at photographs sees, says, and finds again."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from archive_restore.detection import Kind
from archive_restore.displaying import upright
from archive_restore.errors import InputError, LockedError, PhotographError
from archive_restore.home import Home
from archive_restore.ledger import Pile, RegionRow, State, WorkerLock
from archive_restore.photos.codecs import decode
from archive_restore.photos.mask_files import read_mask
from archive_restore.photos.rendering import viewable
from archive_restore.records import record_path
from archive_restore.report import gather, rows
from archive_restore.review.desk import Desk
from archive_restore.review.pictures import (
    Box,
    Pictures,
    Stroke,
    painted_over,
    part,
    part_of_mask,
    shown_box,
)
from tests.formats import HEIGHT, WIDTH
from tests.restored_archive import RestoredArchive, restored_archive
from tests.scored_archive import SHAPE, ScoredArchive
from tests.scored_archive import line as line_of


@pytest.fixture
def archive(tmp_path: Path) -> RestoredArchive:
    return restored_archive(tmp_path)


@pytest.fixture
def desk(archive: RestoredArchive) -> Iterator[Desk]:
    with archive.ledger() as ledger:
        yield Desk(ledger, archive.home)


def seen(desk: Desk, archive: RestoredArchive, relative: bytes = b"a.jpg") -> tuple[int, str]:
    """Number and version of what a reviewer has before him."""
    number = archive.job(relative).file_id
    return number, str(desk.photograph(number)["version"])


def names(desk: Desk, pile: Pile) -> list[object]:
    listed = desk.photographs(pile, 0)["photographs"]
    assert isinstance(listed, list)
    return [one["name"] for one in listed]


def line(width: float = 3, *, erases: bool = False) -> Stroke:
    """From left to right at half the height of a small photograph."""
    return Stroke(((5.0, 20.5), (30.0, 20.5)), width, erases)


def test_what_was_restored_is_to_be_looked_at(desk: Desk) -> None:
    assert names(desk, Pile.NEW) == ["a.jpg", "sub/a.png", "a.tif"]
    assert desk.piles() == {"new": 3, "undamaged": 1} | dict.fromkeys(
        ("unsure", "held", "waiting", "accepted", "rejected"), 0
    )


def test_long_piles_come_in_pages(
    desk: Desk, archive: RestoredArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archive_restore.review.desk.PAGE", 2)
    first = desk.photographs(Pile.NEW, 0)
    assert first["more"] is True
    rest = desk.photographs(Pile.NEW, archive.job(b"sub/a.png").file_id)
    assert (names(desk, Pile.NEW), rest["more"]) == (["a.jpg", "sub/a.png"], False)


def test_only_the_archive_that_was_named_is_shown(archive: RestoredArchive, tmp_path: Path) -> None:
    with archive.ledger() as ledger:
        other = ledger.add_archive(tmp_path / "other")
        assert other
        assert Desk(ledger, archive.home, tmp_path / "other").piles()["new"] == 0
        with pytest.raises(InputError, match="no such photograph"):
            Desk(ledger, archive.home, tmp_path / "other").photograph(archive.job(b"a.jpg").file_id)
        with pytest.raises(InputError, match="has not been scanned"):
            Desk(ledger, archive.home, tmp_path / "unknown")


def test_before_after_and_mask_are_those_of_the_files_turned_upright(
    desk: Desk, archive: RestoredArchive
) -> None:
    job = archive.job(b"a.jpg")
    assert job.output is not None
    pictures = desk.pictures(job.file_id)
    assert pictures.turn == 6
    stored = viewable(decode(job.path))
    assert np.array_equal(pictures.before, upright(stored, 6))
    assert pictures.after is not None
    assert np.array_equal(pictures.after, upright(viewable(decode(job.output)), 6))
    mask = read_mask(archive.home.mask(job.sha256 or ""), stored.shape)
    assert np.array_equal(pictures.mask, upright(mask, 6))
    assert (pictures.before != pictures.after).any()
    facts = desk.photograph(job.file_id)
    assert (facts["width"], facts["height"]) == pictures.size == (HEIGHT, WIDTH)
    assert facts["regions"] == [[0, 40, 61, 2, "scratches"]]


def test_what_cannot_be_shown_is_told_with_its_reason(desk: Desk, archive: RestoredArchive) -> None:
    job = archive.job(b"a.jpg")
    assert job.output is not None
    job.output.unlink()
    trouble = str(desk.photograph(job.file_id)["trouble"])
    assert "no longer there" in trouble
    assert f"archive-restore revert {job.path} --again" in trouble
    with pytest.raises(PhotographError):
        desk.pictures(job.file_id)


def test_a_mask_that_is_lost_is_not_taken_for_an_empty_one(desk: Desk, archive: RestoredArchive) -> None:
    number, version = seen(desk, archive)
    archive.home.mask(archive.job(b"a.jpg").sha256 or "").unlink()
    assert "rescore" in str(desk.photograph(number)["trouble"])
    with pytest.raises((InputError, PhotographError)):
        desk.paint(*seen(desk, archive), [line()])
    assert not archive.home.edited_mask(archive.job(b"a.jpg").sha256 or "").exists()
    assert version != seen(desk, archive)[1]


def test_what_somebody_else_accepted_meanwhile_is_not_counted_twice(
    desk: Desk, archive: RestoredArchive
) -> None:
    number, version = seen(desk, archive)
    desk.accept(number, version)
    for verdict in (desk.accept, desk.reject):
        with pytest.raises(InputError, match="not any more what you saw"):
            verdict(number, version)
    assert desk.verdicts.accepted == 1


def test_what_is_accepted_stays_so_until_it_is_restored_anew(desk: Desk, archive: RestoredArchive) -> None:
    desk.accept(*seen(desk, archive))
    assert names(desk, Pile.ACCEPTED) == ["a.jpg"]
    assert desk.piles()["new"] == 2
    archive.remask(b"a.jpg")
    assert names(desk, Pile.WAITING) == ["a.jpg"]
    assert archive.run().restored == 1
    assert names(desk, Pile.ACCEPTED) == []
    assert "a.jpg" in names(desk, Pile.NEW)


def test_the_report_tells_what_was_accepted(desk: Desk, archive: RestoredArchive) -> None:
    desk.accept(*seen(desk, archive))
    report = gather(desk.ledger, None)
    assert "3 restored, 1 of them accepted," in report.summary
    accepted = {row.original: bool(row.accepted_at) for row in rows(report, desk.ledger)}
    assert accepted == {str(archive.root / name): name == "a.jpg" for name in ("a.jpg", "sub/a.png", "a.tif")}


def test_what_was_accepted_can_be_looked_at_again(desk: Desk, archive: RestoredArchive) -> None:
    desk.accept(*seen(desk, archive))
    desk.reconsider(*seen(desk, archive))
    assert desk.piles()["new"] == 3
    assert (desk.verdicts.accepted, desk.verdicts.reconsidered) == (1, 1)


def test_what_is_rejected_is_removed_and_left_alone(desk: Desk, archive: RestoredArchive) -> None:
    job = archive.job(b"a.jpg")
    original = job.path.read_bytes()
    assert job.output is not None
    desk.reject(*seen(desk, archive))
    assert not job.output.exists()
    assert not record_path(job.output).exists()
    assert job.path.read_bytes() == original
    assert names(desk, Pile.REJECTED) == ["a.jpg"]
    assert archive.run().restored == 0
    desk.restore(*seen(desk, archive))
    assert archive.run().restored == 1
    assert desk.piles()["new"] == 3
    assert (desk.verdicts.reverted, desk.verdicts.queued) == (1, 1)


def test_a_restored_photograph_that_somebody_changed_is_not_removed(
    desk: Desk, archive: RestoredArchive
) -> None:
    job = archive.job(b"a.jpg")
    assert job.output is not None
    number, version = seen(desk, archive)
    job.output.write_bytes(job.output.read_bytes() + b"retouched")
    with pytest.raises(InputError, match="changed after it was restored"):
        desk.reject(number, version)
    assert job.output.exists()
    assert archive.job(b"a.jpg").state is State.DONE


def test_the_only_copy_of_a_photograph_is_not_removed(desk: Desk, archive: RestoredArchive) -> None:
    job = archive.job(b"a.jpg")
    number, version = seen(desk, archive)
    job.path.unlink()
    with pytest.raises(InputError, match=r"a\.jpg is not there.*archive-restore revert .*-restored/a\.jpg"):
        desk.reject(number, version)
    assert job.output is not None
    assert job.output.exists()


def test_what_waits_can_be_left_alone(desk: Desk, archive: RestoredArchive) -> None:
    desk.reject(*seen(desk, archive))
    desk.restore(*seen(desk, archive))
    assert names(desk, Pile.WAITING) == ["a.jpg"]
    desk.reject(*seen(desk, archive))
    assert names(desk, Pile.REJECTED) == ["a.jpg"]
    assert archive.run().restored == 0
    assert desk.verdicts.left_alone == 1


def test_what_a_run_holds_is_not_taken_from_it(desk: Desk, archive: RestoredArchive) -> None:
    desk.reject(*seen(desk, archive))
    desk.restore(*seen(desk, archive))
    desk.ledger.claim("worker", 1)
    with pytest.raises(InputError, match="not any more what you saw"):
        desk.reject(*seen(desk, archive))
    assert archive.job(b"a.jpg").state is State.LEASED


def test_what_is_held_is_restored_once_somebody_looked(desk: Desk, archive: RestoredArchive) -> None:
    desk.ledger.choose(archive.job(b"a.jpg").archive_id, policy=None, max_coverage=0.001)
    archive.remask(b"a.jpg")
    assert names(desk, Pile.HELD) == ["a.jpg"]
    desk.restore(*seen(desk, archive))
    assert names(desk, Pile.WAITING) == ["a.jpg"]


def test_what_is_wanted_after_all_is_not_held_once_more(desk: Desk, archive: RestoredArchive) -> None:
    desk.ledger.choose(archive.job(b"a.jpg").archive_id, policy=None, max_coverage=0.001)
    archive.remask(b"a.jpg")
    desk.reject(*seen(desk, archive))
    desk.restore(*seen(desk, archive))
    assert names(desk, Pile.WAITING) == ["a.jpg"]


@pytest.mark.parametrize("verdict", ["accept", "reject", "paint"])
def test_a_verdict_on_what_has_changed_meanwhile_does_nothing(
    verdict: str, desk: Desk, archive: RestoredArchive
) -> None:
    number, version = seen(desk, archive)
    archive.remask(b"a.jpg")
    archive.run()
    more = ([line()],) if verdict == "paint" else ()
    with pytest.raises(InputError, match="not any more what you saw"):
        getattr(desk, verdict)(number, version, *more)
    job = archive.job(b"a.jpg")
    assert (job.state, job.accepted_at) == (State.DONE, None)
    assert not archive.home.edited_mask(job.sha256 or "").exists()


def test_what_a_scan_missed_meanwhile_is_not_removed(desk: Desk, archive: RestoredArchive) -> None:
    number, version = seen(desk, archive)
    job = archive.job(b"a.jpg")
    desk.ledger.mark_missing(job.archive_id, {job.relative})
    for verdict in (desk.accept, desk.reject):
        with pytest.raises(InputError, match="no such photograph any more"):
            verdict(number, version)
    assert job.output is not None
    assert job.output.exists()


@pytest.mark.parametrize("lock", ["worker.lock", "alone.lock"])
@pytest.mark.parametrize("verdict", ["reject", "paint", "reset"])
def test_while_a_run_is_at_work_its_files_and_masks_stay(
    verdict: str, lock: str, desk: Desk, archive: RestoredArchive
) -> None:
    number, version = seen(desk, archive)
    more = ([line()],) if verdict == "paint" else ()
    with WorkerLock(archive.home.root / lock), pytest.raises(LockedError):
        getattr(desk, verdict)(number, version, *more)
    assert archive.job(b"a.jpg").state is State.DONE


def test_what_is_painted_is_the_mask_and_is_restored(desk: Desk, archive: RestoredArchive) -> None:
    number, version = seen(desk, archive)
    before = desk.pictures(number)
    desk.paint(number, version, [line()])
    job = archive.job(b"a.jpg")
    mask = upright(read_mask(archive.home.edited_mask(job.sha256 or ""), (HEIGHT, WIDTH)), 6)
    assert mask[20, 5:30].all()
    assert mask[:19].sum() == before.mask[:19].sum()
    assert job.state is State.QUEUED
    assert job.output is not None  # kept until then
    assert desk.photograph(number)["by_hand"] is True
    assert archive.run().restored == 1
    after = desk.pictures(number).after
    assert after is not None
    assert before.after is not None
    assert (after[20, 5:30] != before.after[20, 5:30]).any()


def test_what_was_painted_during_a_run_is_not_lost(desk: Desk, archive: RestoredArchive) -> None:
    desk.reject(*seen(desk, archive))
    desk.restore(*seen(desk, archive))
    number, version = seen(desk, archive)
    assert archive.run().restored == 1
    desk.paint(number, version, [line()])
    assert archive.job(b"a.jpg").state is State.QUEUED
    assert archive.home.edited_mask(archive.job(b"a.jpg").sha256 or "").exists()


def test_the_detectors_mask_comes_back(desk: Desk, archive: RestoredArchive) -> None:
    number, version = seen(desk, archive)
    desk.paint(number, version, [line()])
    sha256 = archive.job(b"a.jpg").sha256 or ""
    with pytest.raises(InputError, match="What its scan found is gone"):  # this archive was scanned by hand
        desk.reset(*seen(desk, archive))
    assert archive.home.edited_mask(sha256).exists()


def test_a_mask_of_everything_is_refused(desk: Desk, archive: RestoredArchive) -> None:
    with pytest.raises(InputError, match="nothing to restore it from"):
        desk.paint(
            *seen(desk, archive),
            [Stroke(((0.0, 20.0), (60.0, 20.0), (60.0, 62.0), (0.0, 62.0)), 5000, False)],
        )
    assert archive.job(b"a.jpg").state is State.DONE


def test_strokes_that_change_nothing_queue_nothing(desk: Desk, archive: RestoredArchive) -> None:
    number, version = seen(desk, archive)
    clean = Stroke(((5.0, 20.5),), 3, erases=True)
    assert not desk.pictures(number).mask[17:24, 2:9].any()
    desk.paint(number, version, [clean])
    assert archive.job(b"a.jpg").state is State.DONE
    assert desk.verdicts.masks == 0


def test_damage_that_no_detector_saw_is_painted_and_erased_again(
    desk: Desk, archive: RestoredArchive
) -> None:
    [clean] = desk.photographs(Pile.UNDAMAGED, 0)["photographs"]  # type: ignore[misc]
    number = clean["id"]
    assert desk.photograph(number)["masked"] == 0
    desk.paint(number, str(clean["version"]), [line()])
    assert names(desk, Pile.UNDAMAGED) == []
    assert names(desk, Pile.WAITING) == ["undamaged.png"]
    whole = Stroke(((0.0, 20.0), (90.0, 20.0), (90.0, 60.0), (0.0, 60.0)), 60, erases=True)
    desk.paint(number, str(desk.photograph(number)["version"]), [whole])
    assert names(desk, Pile.UNDAMAGED) == ["undamaged.png"]
    desk.paint(number, str(desk.photograph(number)["version"]), [line()])
    assert archive.run().restored == 1
    assert "undamaged.png" in names(desk, Pile.NEW)


# ---- specks


@pytest.fixture
def specks(tmp_path: Path) -> Iterator[Desk]:
    """A photograph with a scratch and with faint specks that a high sensitivity alone takes for damage."""
    made = ScoredArchive(tmp_path / "specked", Home(tmp_path / "home of specks"))
    made.root.mkdir()
    Image.fromarray(np.full((*SHAPE, 3), 90, np.uint8)).save(made.root / "a.png")
    made.add("a.png", {Kind.SCRATCH: line_of(5, 255), Kind.DUST: line_of(20, 120)})
    with made.ledger() as ledger:
        [photograph] = ledger.masked(1)
        ledger.remask(
            photograph.id,
            policy=photograph.policy,
            covered=photograph.covered,
            regions=[RegionRow("scratches", 10, 5, 40, 1, 40, 1.0)],
            unsure=True,
            again=False,
        )
        yield Desk(ledger, made.home)


def test_faint_specks_all_over_are_shown_as_they_would_be_masked(specks: Desk) -> None:
    assert names(specks, Pile.UNSURE) == ["a.png"]
    assert specks.piles()["waiting"] == 0
    assert specks.pictures(1).mask[[5, 20], 30].all()


def test_specks_that_are_damage_are_masked(specks: Desk) -> None:
    specks.believe(1, str(specks.photograph(1)["version"]))
    assert names(specks, Pile.WAITING) == ["a.png"]
    assert specks.pictures(1).mask[[5, 20], 30].all()
    [job] = specks.ledger.jobs()
    assert read_mask(specks.home.mask(job.sha256 or ""), SHAPE)[20, 30]


def test_a_photograph_with_specks_that_is_rejected_is_not_asked_about_again(specks: Desk) -> None:
    specks.reject(1, str(specks.photograph(1)["version"]))
    assert names(specks, Pile.REJECTED) == ["a.png"]
    assert names(specks, Pile.UNSURE) == []


def test_specks_that_are_snow_stay(specks: Desk) -> None:
    specks.settle(1, str(specks.photograph(1)["version"]))
    assert names(specks, Pile.WAITING) == ["a.png"]
    assert specks.pictures(1).mask[5, 30]
    assert not specks.pictures(1).mask[20].any()


# ---- pictures


def drawn(turn: int = 1, shape: tuple[int, int] = (40, 60)) -> Pictures:
    stored = np.zeros(shape, bool)
    stored[3, 5] = True
    mask = upright(stored, turn)
    return Pictures(mask.astype(np.uint8), None, mask, None, turn)


@pytest.mark.parametrize("turn", range(1, 9))
def test_strokes_on_a_turned_photograph_land_where_they_were_seen(turn: int) -> None:
    pictures = drawn(turn)
    ((row, column),) = np.argwhere(pictures.mask)
    erased = painted_over(pictures, [Stroke(((column + 0.5, row + 0.5),), 1, erases=True)])
    assert erased.shape == (40, 60)
    assert not erased.any()
    painted = painted_over(pictures, [Stroke(((10.5, 12.5), (20.5, 12.5)), 1, erases=False)])
    expected = pictures.mask.copy()
    expected[12, 10:21] = True
    assert np.array_equal(upright(painted, turn), expected)


@pytest.mark.parametrize("turn", range(1, 9))
def test_damage_is_shown_where_it_lies_in_a_turned_photograph(turn: int) -> None:
    stored = np.zeros((40, 60), bool)
    stored[7:10, 4:16] = True
    shown = upright(stored, turn)
    box = shown_box(RegionRow("dust", 4, 7, 12, 3, 36, 1.0), (shown.shape[1], shown.shape[0]), turn)
    rows, columns = np.nonzero(shown)
    assert (box.left, box.top) == (columns.min(), rows.min())
    assert (box.left + box.width, box.top + box.height) == (columns.max() + 1, rows.max() + 1)


def test_a_wide_brush_is_as_wide_as_it_says() -> None:
    pictures = Pictures(np.zeros((100, 100), np.uint8), None, np.zeros((100, 100), bool), None, 1)
    mask = painted_over(pictures, [Stroke(((50.0, 20.0), (50.0, 80.0)), 11, erases=False)])
    assert abs(int(mask[50].sum()) - 11) <= 1
    dot = painted_over(pictures, [Stroke(((50.0, 50.0),), 21, erases=False)])
    assert abs(int(dot[50].sum()) - 21) <= 2
    assert abs(int(dot[:, 50].sum()) - 21) <= 2


def test_a_part_is_made_small_and_lines_stay_in_its_mask() -> None:
    picture = np.arange(100 * 200, dtype=np.uint32).reshape(100, 200).astype(np.uint8)
    box = Box(150, 50, 500, 500).within((200, 100))
    assert box == Box(150, 50, 50, 50)
    assert np.array_equal(part(picture, box, 50), picture[50:, 150:])
    assert part(picture, box, 10).shape == (10, 10)
    mask = np.zeros((100, 200), bool)
    mask[70] = True
    assert part_of_mask(mask, box, 10).any(axis=0).all()
    with pytest.raises(InputError, match="nothing of the photograph"):
        Box(300, 0, 10, 10).within((200, 100))


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        {"points": [], "width": 3, "erases": False},
        {"points": [[1, 2]], "width": "3", "erases": False},
        {"points": [[1, 2]], "width": 3, "erases": 0},
        {"points": [[1]], "width": 3, "erases": False},
        {"points": [[1, float("nan")]], "width": 3, "erases": False},
        {"points": [[1, True]], "width": 3, "erases": False},
    ],
)
def test_what_is_no_stroke_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"a stroke|a point|no number"):
        Stroke.parsed(value)


def test_far_points_and_wild_widths_harm_nothing() -> None:
    wild = Stroke.parsed({"points": [[1e300, -1e300], [3, 3]], "width": 1e200, "erases": False})
    assert painted_over(drawn(), [wild]).shape == (40, 60)
    with pytest.raises(InputError, match="too much"):
        painted_over(drawn(), [Stroke(((1.0, 1.0),) * 200_001, 1, erases=False)])
