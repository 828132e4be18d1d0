import os
import shutil
from collections.abc import Collection
from pathlib import Path

import cv2
import numpy as np
import pytest

from archive_restore.detect import detect_paths
from archive_restore.detection import Kind, ScoreMap, Sensitivity
from archive_restore.errors import InputError, LockedError
from archive_restore.examine import Detector, ScanOptions
from archive_restore.home import Home
from archive_restore.ledger import Job, Ledger, Stage, State, WorkerLock, open_ledger
from archive_restore.photos.mask_files import read_mask, write_mask
from archive_restore.progress import NullProgress
from archive_restore.scan import ScanSummary, scan
from tests.drawn import PAPER, blank, lay, scene

SHAPE = (360, 480)
ACROSS_A_SCRATCH = (160, slice(380, 391))  # row, columns
NASTY_NAMES = (
    b"with space 'and\" quote.png",
    b"line\nbreak.png",
    "Öma \U0001f475.png".encode(),
    b"latin1-\xe9\xff.png",
)


def drawn(number: int, *, scratched: bool) -> bytes:
    """A PNG of a drawn scene, with or without three white scratches; one pixel tells the numbers apart."""
    picture = scene(*SHAPE, seed=1)
    picture[0, 0] = picture[0, 1] + number
    if scratched:
        scratches = blank(picture)
        for start, end in (((60, 10), (75, 330)), ((20, 200), (300, 120)), ((350, 20), (420, 300))):
            cv2.line(scratches, start, end, 255, 2, cv2.LINE_AA)
        picture = lay(picture, scratches, PAPER)
    done, data = cv2.imencode(".png", picture)
    assert done
    return bytes(data)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    (folder / "damaged.png").write_bytes(drawn(1, scratched=True))
    (folder / "sub" / "clean.png").write_bytes(drawn(2, scratched=False))
    return folder


def scanned(
    archive: Path, *, options: ScanOptions | None = None, progress: NullProgress | None = None
) -> tuple[ScanSummary, list[Job]]:
    """One scan with one process, its summary and the jobs after it."""
    home = home_of(archive)
    with open_ledger(home.ledger) as ledger:
        summary = scan(
            archive,
            ledger=ledger,
            home=home,
            options=options or ScanOptions(detector=Detector.HEURISTIC, jobs=1),
            progress=progress or NullProgress(),
        )
        return summary, ledger.jobs()


def home_of(archive: Path) -> Home:
    return Home(archive.parent / "home")


def everything_below(folder: Path) -> dict[bytes, bytes | None]:
    return {bytes(p): p.read_bytes() if p.is_file() else None for p in folder.rglob("*")}


def finish_all(archive: Path) -> None:
    """What a run would tell the ledger."""
    with open_ledger(home_of(archive).ledger) as ledger:
        for job in ledger.claim("worker", 99):
            assert ledger.finish(job, output=Path("/out") / job.path.name, output_sha256="0", model=None)


def test_a_damaged_photograph_is_queued_with_its_mask_and_score_map(archive: Path) -> None:
    before = everything_below(archive)
    summary, [job] = scanned(archive)
    assert (summary.found, summary.examined, summary.counts.damaged, summary.counts.undamaged) == (2, 2, 1, 1)
    assert (job.relative, job.state, job.width, job.height) == (b"damaged.png", State.QUEUED, 480, 360)
    home = home_of(archive)
    assert job.sha256 is not None
    mask = read_mask(home.mask(job.sha256), SHAPE)
    assert mask[ACROSS_A_SCRATCH].any()
    assert mask.mean() < 0.1
    scores = ScoreMap.from_png(home.score_map(job.sha256).read_bytes())
    assert scores.scores.shape == SHAPE
    assert sum(kind.area for kind in summary.kinds) == mask.sum()
    assert everything_below(archive) == before


def test_a_second_scan_opens_no_file(archive: Path) -> None:
    scanned(archive)
    for path in (archive / "damaged.png", archive / "sub" / "clean.png"):
        status = path.stat()
        path.write_bytes(b"x" * status.st_size)  # would be set aside if it were read
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    summary, [job] = scanned(archive)
    assert (summary.unchanged, summary.examined, summary.set_aside) == (2, 0, [])
    assert job.state is State.QUEUED


def test_every_kind_of_name_is_scanned(tmp_path: Path) -> None:
    archive = tmp_path / "photos"
    archive.mkdir()
    for seed, name in enumerate(NASTY_NAMES):
        try:
            Path(os.fsdecode(bytes(archive) + b"/" + name)).write_bytes(drawn(seed, scratched=True))
        except OSError:  # some file systems take UTF-8 only
            pytest.skip("this file system does not take every name")
    _, jobs = scanned(archive)
    assert {job.relative for job in jobs} == set(NASTY_NAMES)


def test_bad_files_are_set_aside_by_name_and_the_others_go_on(archive: Path) -> None:
    (archive / "empty.jpg").write_bytes(b"")
    (archive / "text.jpg").write_bytes(b"Dear diary, this is no photograph.")
    (archive / "cut.png").write_bytes(drawn(3, scratched=True)[:9000])
    (archive / "loop").symlink_to(archive)
    summary, jobs = scanned(archive)
    assert {item.path.name for item in summary.set_aside} == {"empty.jpg", "text.jpg", "cut.png"}
    assert all(item.reason for item in summary.set_aside)
    assert (summary.examined, summary.counts.unreadable) == (2, 3)
    assert {job.stage for job in jobs if job.state is State.FAILED} == {Stage.SCAN}
    again, _ = scanned(archive)
    assert (again.unchanged, again.set_aside) == (5, [])


def test_a_photograph_beyond_the_limit_is_read_once_the_limit_allows_it(archive: Path) -> None:
    small, _ = scanned(archive, options=ScanOptions(detector=Detector.HEURISTIC, jobs=1, max_pixels=1000))
    assert [item.path.name for item in small.set_aside] == ["damaged.png", "clean.png"]
    assert "--max-pixels" in small.set_aside[0].reason
    summary, _ = scanned(archive)
    assert (summary.examined, summary.counts.unreadable) == (2, 0)


def test_a_moved_photograph_keeps_its_done_job_and_is_not_searched_again(archive: Path) -> None:
    scanned(archive)
    finish_all(archive)
    (archive / "damaged.png").rename(archive / "sub" / "renamed.png")
    summary, [job] = scanned(archive)
    assert (summary.examined, summary.recognised, summary.counts.missing) == (0, 1, 0)
    assert (job.relative, job.state) == (b"sub/renamed.png", State.DONE)


def test_what_is_found_again_is_told_in_parts_so_that_others_may_write(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanned(archive)
    away = archive.rename(archive.with_name("away"))
    archive.mkdir()
    scanned(archive)
    archive.rmdir()
    away.rename(archive)
    told: list[int] = []
    mark_found = Ledger.mark_found

    def telling(ledger: Ledger, file_ids: Collection[int]) -> None:
        told.append(len(file_ids))
        mark_found(ledger, file_ids)

    monkeypatch.setattr("archive_restore.survey.TOGETHER", 1)
    monkeypatch.setattr(Ledger, "mark_found", telling)
    summary, _ = scanned(archive)
    assert (summary.counts.missing, told) == (0, [1, 1])


def test_an_edited_photograph_is_searched_and_queued_again(archive: Path) -> None:
    scanned(archive)
    finish_all(archive)
    (archive / "damaged.png").write_bytes(drawn(7, scratched=True))
    summary, [job] = scanned(archive)
    assert (summary.examined, job.state) == (1, State.QUEUED)


def test_a_folder_that_vanishes_and_returns_is_neither_forgotten_nor_read_again(archive: Path) -> None:
    scanned(archive)
    finish_all(archive)
    archive.rename(archive.parent / "elsewhere")
    archive.mkdir()
    empty, _ = scanned(archive)
    assert (empty.found, empty.counts.missing) == (0, 2)
    archive.rmdir()
    (archive.parent / "elsewhere").rename(archive)
    summary, [job] = scanned(archive)
    assert (summary.unchanged, summary.counts.missing, job.state) == (2, 0, State.DONE)


def test_a_scan_anew_searches_the_unchanged_too(archive: Path) -> None:
    _, [job] = scanned(archive)
    assert job.sha256 is not None
    home = home_of(archive)
    score_map = home.score_map(job.sha256)
    found = score_map.read_bytes()
    score_map.write_bytes(ScoreMap(*(np.zeros(SHAPE, np.uint8) for _ in range(2))).to_png())
    write_mask(home.detected_mask(job.sha256), np.zeros(SHAPE, bool))
    summary, [again] = scanned(archive, options=ScanOptions(detector=Detector.HEURISTIC, jobs=1, anew=True))
    assert (summary.unchanged, summary.examined, summary.counts.missing) == (0, 2, 0)
    assert (again.id, again.state) == (job.id, State.QUEUED)
    assert score_map.read_bytes() == found
    assert read_mask(home.mask(job.sha256), SHAPE)[ACROSS_A_SCRATCH].any()


def test_a_scan_anew_keeps_the_mask_by_which_a_photograph_was_restored(archive: Path) -> None:
    _, [job] = scanned(archive)
    finish_all(archive)
    assert job.sha256 is not None
    before = home_of(archive).mask(job.sha256).read_bytes()
    options = ScanOptions(level=Sensitivity.LOW, detector=Detector.HEURISTIC, jobs=1, anew=True)
    summary, [again] = scanned(archive, options=options)
    assert (summary.unchanged, summary.examined, summary.counts.damaged) == (1, 1, 1)
    assert again.state is State.DONE
    assert home_of(archive).mask(job.sha256).read_bytes() == before


def test_a_scan_anew_searches_what_a_killed_run_held(archive: Path) -> None:
    scanned(archive)
    with open_ledger(home_of(archive).ledger) as ledger:
        assert len(ledger.claim("a run that was killed", 9)) == 1
    summary, [job] = scanned(archive, options=ScanOptions(detector=Detector.HEURISTIC, jobs=1, anew=True))
    assert (summary.examined, summary.unchanged, job.state) == (2, 0, State.QUEUED)


def test_a_scan_anew_empties_the_mask_of_what_is_no_damage_any_more(archive: Path) -> None:
    _, [job] = scanned(archive)
    assert job.sha256 is not None
    options = ScanOptions(kinds=frozenset({Kind.CORNER}), detector=Detector.HEURISTIC, jobs=1, anew=True)
    summary, jobs = scanned(archive, options=options)
    assert (summary.counts.damaged, jobs) == (0, [])
    assert not read_mask(home_of(archive).mask(job.sha256), SHAPE).any()


@pytest.mark.parametrize("lock", ["worker.lock", "alone.lock"])
def test_a_scan_anew_and_a_run_do_not_meet(archive: Path, lock: str) -> None:
    scanned(archive)
    with WorkerLock(home_of(archive).root / lock), pytest.raises(LockedError):
        scanned(archive, options=ScanOptions(detector=Detector.HEURISTIC, jobs=1, anew=True))


def test_a_deleted_mask_is_made_again(archive: Path) -> None:
    _, [job] = scanned(archive)
    shutil.rmtree(home_of(archive).root / "masks")
    summary, _ = scanned(archive)
    assert (summary.examined, summary.unchanged) == (1, 1)
    assert job.sha256 is not None
    assert home_of(archive).mask(job.sha256).exists()


def test_what_a_killed_scan_had_searched_but_not_recorded_is_searched_again(archive: Path) -> None:
    home = home_of(archive)
    scanned(archive)
    for suffix in ("", "-wal", "-shm"):
        home.ledger.with_name(home.ledger.name + suffix).unlink(missing_ok=True)
    summary, jobs = scanned(archive)
    assert (summary.examined, len(jobs)) == (2, 1)


def test_an_interrupted_scan_keeps_what_it_recorded(archive: Path) -> None:
    for seed in range(3):
        (archive / f"more {seed}.png").write_bytes(drawn(10 + seed, scratched=True))

    class InterruptedAfterTwo(NullProgress):
        """Ctrl-C while the third photograph is being searched."""

        description = ""
        done = 0

        def start(self, description: str, total: int | None, done: int = 0) -> None:
            self.description = description

        def advance(self, items: int = 1) -> None:
            self.done += self.description == "Scanning"
            if self.done == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scanned(archive, progress=InterruptedAfterTwo())
    summary, jobs = scanned(archive)
    assert summary.unchanged == 2
    assert (summary.examined + summary.recognised, len(jobs)) == (3, 4)


def test_masks_of_another_policy_are_kept_and_counted(archive: Path) -> None:
    scanned(archive)
    shutil.copy(archive / "damaged.png", archive / "copy.png")
    summary, jobs = scanned(
        archive, options=ScanOptions(detector=Detector.HEURISTIC, level=Sensitivity.HIGH, jobs=1)
    )
    assert (summary.examined, summary.recognised, summary.other_policy) == (0, 1, 3)
    assert len(jobs) == 2


def test_what_is_damage_is_remembered_for_the_next_scan(archive: Path) -> None:
    scanned(
        archive,
        options=ScanOptions(
            detector=Detector.HEURISTIC, kinds=frozenset({Kind.CORNER}), max_coverage=0.5, jobs=1
        ),
    )
    (archive / "new.png").write_bytes(drawn(5, scratched=True))
    summary, jobs = scanned(archive)
    assert (summary.examined, summary.other_policy, summary.share) == (1, 0, 0.5)
    assert summary.policy.kinds == {Kind.CORNER}
    assert jobs == []


def test_a_photograph_with_a_large_mask_is_held(archive: Path) -> None:
    summary, [job] = scanned(
        archive, options=ScanOptions(detector=Detector.HEURISTIC, max_coverage=0.001, jobs=1)
    )
    assert (job.state, summary.counts.damaged) == (State.HELD, 1)
    _, [job] = scanned(archive, options=ScanOptions(detector=Detector.HEURISTIC, max_coverage=0.9, jobs=1))
    assert job.state is State.QUEUED


def test_a_mask_by_hand_outlives_detected_ones_a_second_scan_and_a_lost_ledger(archive: Path) -> None:
    _, [job] = scanned(archive)
    home, sha256 = home_of(archive), str(job.sha256)
    painted = np.zeros(SHAPE, bool)
    painted[100:140] = True
    write_mask(home.edited_mask(sha256), painted)
    before = home.edited_mask(sha256).read_bytes()
    for gone in (home.root / "masks", home.root / "scores"):
        shutil.rmtree(gone)
    for path in home.root.glob("ledger.db*"):
        path.unlink()
    (archive / "damaged.png").rename(archive / "sub" / "renamed.png")
    summary, [job] = scanned(archive)
    assert (job.relative, job.state, summary.counts.by_hand) == (b"sub/renamed.png", State.QUEUED, 1)
    assert sum(kind.area for kind in summary.kinds) == painted.sum()
    assert home.edited_mask(sha256).read_bytes() == before
    assert (read_mask(home.mask(sha256), SHAPE) == painted).all()


def test_restored_photographs_are_not_scanned_as_originals(archive: Path) -> None:
    scanned(archive)
    restored = archive.parent / "photos-restored"
    restored.mkdir()
    shutil.copy(archive / "damaged.png", restored)
    with pytest.raises(InputError, match="restored, not originals"):
        scanned(restored)
    with open_ledger(home_of(archive).ledger) as ledger:
        home = home_of(archive)
        summary = scan(
            archive.parent,
            ledger=ledger,
            home=home,
            options=ScanOptions(detector=Detector.HEURISTIC, jobs=1),
            progress=NullProgress(),
        )
    assert summary.found == 2


def test_an_empty_archive_is_no_error_and_a_missing_one_is(tmp_path: Path) -> None:
    archive = tmp_path / "photos"
    with pytest.raises(InputError, match="does not exist"):
        scanned(archive)
    archive.mkdir()
    summary, jobs = scanned(archive)
    assert (summary.found, jobs) == (0, [])


def test_a_second_scan_at_the_same_time_is_refused(archive: Path) -> None:
    with WorkerLock(home_of(archive).root / "scan.lock"), pytest.raises(LockedError, match="Another scan"):
        scanned(archive)


def test_detect_writes_a_mask_for_every_photograph_also_an_empty_one(archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "masks"
    summary = detect_paths(
        [archive], out=out, options=ScanOptions(detector=Detector.HEURISTIC, jobs=1), progress=NullProgress()
    )
    assert (summary.photographs, summary.damaged) == (2, 1)
    assert sorted(p.relative_to(out).as_posix() for p in out.rglob("*.png")) == [
        "damaged.png.png",
        "sub/clean.png.png",
    ]
    assert read_mask(out / "damaged.png.png", SHAPE)[ACROSS_A_SCRATCH].any()
    assert not read_mask(out / "sub" / "clean.png.png", SHAPE).any()


def test_detect_keeps_masks_that_are_there_unless_they_are_to_be_overwritten(
    archive: Path, tmp_path: Path
) -> None:
    out, options = tmp_path / "masks", ScanOptions(detector=Detector.HEURISTIC, jobs=1)
    painted = np.zeros(SHAPE, bool)
    painted[10:20, 10:20] = True
    write_mask(out / "damaged.png.png", painted)
    before = (out / "damaged.png.png").read_bytes()
    summary = detect_paths([archive], out=out, options=options, progress=NullProgress())
    assert (summary.photographs, summary.kept) == (1, 1)
    assert (out / "damaged.png.png").read_bytes() == before
    summary = detect_paths([archive], out=out, options=options, overwrite=True, progress=NullProgress())
    assert (summary.photographs, summary.kept) == (2, 0)
    assert read_mask(out / "damaged.png.png", SHAPE)[ACROSS_A_SCRATCH].any()


def test_detect_and_scan_find_the_same_damage(archive: Path, tmp_path: Path) -> None:
    _, [job] = scanned(archive)
    detect_paths(
        [archive / "damaged.png"],
        out=tmp_path,
        options=ScanOptions(detector=Detector.HEURISTIC, jobs=1),
        progress=NullProgress(),
    )
    assert job.sha256 is not None
    detected = read_mask(tmp_path / "damaged.png.png", SHAPE)
    assert np.array_equal(detected, read_mask(home_of(archive).mask(job.sha256), SHAPE))


def test_detect_refuses_two_photographs_with_one_mask_before_it_writes(archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "masks"
    (archive / "clean.png").write_bytes(drawn(4, scratched=False))
    with pytest.raises(InputError, match="the same mask"):
        detect_paths(
            [archive, archive / "sub"],
            out=out,
            options=ScanOptions(detector=Detector.HEURISTIC, jobs=1),
            progress=NullProgress(),
        )
    assert not out.exists()


def test_detect_never_writes_among_the_photographs(archive: Path) -> None:
    for paths, out in (([archive], archive / "masks"), ([archive / "damaged.png"], archive)):
        with pytest.raises(InputError):
            detect_paths(
                paths,
                out=out,
                options=ScanOptions(detector=Detector.HEURISTIC, jobs=1),
                progress=NullProgress(),
            )


def test_ledger_of_a_scan_is_never_in_the_archive(archive: Path) -> None:
    scanned(archive)
    assert {p.name for p in archive.rglob("*")} == {"damaged.png", "sub", "clean.png"}
