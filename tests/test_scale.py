import hashlib
from pathlib import Path

from archive_restore.examine import ScanOptions
from archive_restore.home import Home
from archive_restore.ledger import RegionRow, ScannedPhotograph, State, open_ledger
from archive_restore.progress import NullProgress
from archive_restore.scan import scan
from tests.benchmarks import scale

MOVED = 712
FILES = 800


def test_the_benchmark_measures_a_sound_ledger(tmp_path: Path) -> None:
    archive, home = scale.make(tmp_path, 1_500)
    with open_ledger(home.ledger) as ledger:
        assert ledger.faults() == []
        assert ledger.counts().damaged == 900
    figures = scale.measure(archive, home)
    assert figures.files == 1_500
    assert figures.scan_memory_megabytes < 50


def test_photographs_that_moved_are_recognised_and_none_is_done_again(tmp_path: Path) -> None:
    archive, home = tmp_path / "photos", Home(tmp_path / "home")
    (archive / "old").mkdir(parents=True)
    with open_ledger(home.ledger) as ledger:
        archive_id = ledger.add_archive(archive)
        ledger._connection.execute("PRAGMA synchronous = OFF")
        for number in range(FILES):
            path = archive / "old" / f"{number:04}.png"
            path.write_text(str(number))
            digest, status = hashlib.sha256(path.read_bytes()).hexdigest(), path.stat()
            for made in (home.score_map(digest), home.mask(digest)):
                made.parent.mkdir(parents=True, exist_ok=True)
                made.touch()
            relative = path.relative_to(archive).as_posix().encode()
            photograph = ScannedPhotograph(
                relative, status.st_size, status.st_mtime_ns, digest, "png", 1, 1, "normal"
            )
            ledger.record(archive_id, photograph, [RegionRow("dust", 0, 0, 1, 1, 1, 0.9)])
            for job in ledger.claim("worker", 1):
                ledger.finish(job, output=Path("/out") / path.name, output_sha256=digest, model="m")
        for number in range(MOVED):
            new = archive / f"{number % 10}" / f"renamed {number}.png"
            new.parent.mkdir(exist_ok=True)
            (archive / "old" / f"{number:04}.png").rename(new)
        summary = scan(
            archive, ledger=ledger, home=home, options=ScanOptions(jobs=1), progress=NullProgress()
        )
        assert (summary.recognised, summary.unchanged, summary.examined) == (MOVED, FILES - MOVED, 0)
        assert ledger.counts().states == dict.fromkeys(State, 0) | {State.DONE: FILES}
        assert ledger.counts().missing == 0
        assert ledger.faults() == []
