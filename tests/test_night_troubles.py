"""What happens to disks and to the one run at work while a night lasts."""

import errno
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from archive_restore.decoding import Decode, decode_here
from archive_restore.durable import TEMPORARY_PREFIX
from archive_restore.errors import ExitCode, InputError, StorageError
from archive_restore.examine import Detector, ScanOptions
from archive_restore.home import Home
from archive_restore.ledger import State, open_ledger
from archive_restore.log import Fact, Log, NullLog
from archive_restore.photos.codecs import Photograph
from archive_restore.progress import NullProgress
from archive_restore.scan import ScanSummary, scan
from tests.benchmarks.small_archives import to_scan
from tests.test_disks import MEBIBYTE, mounted
from tests.tried_archive import Simulated, Tried, add, prepared

__all__ = ["prepared"]  # a fixture


def at_the_fourth(happens: Callable[[], None]) -> Decode:
    """A decoder before whose fourth photograph something happens."""
    lock, seen = threading.Lock(), 0

    def read(path: Path, max_pixels: int) -> Photograph:
        nonlocal seen
        with lock:
            seen += 1
            if seen == 4:
                happens()
        return decode_here(path, max_pixels)

    return read


@pytest.mark.parametrize("mount_point_stays", [False, True])
def test_an_archive_that_vanishes_in_mid_run_costs_nothing_and_the_same_command_goes_on(
    prepared: Callable[[int], Tried], mount_point_stays: bool
) -> None:
    tried = prepared(8)
    elsewhere = tried.archive.with_name("elsewhere")

    def vanish() -> None:
        tried.archive.rename(elsewhere)
        if mount_point_stays:
            tried.archive.mkdir()

    with pytest.raises(InputError, match="is gone"):
        tried.run(decode=at_the_fourth(vanish))
    states = tried.states()
    assert set(states) <= {State.DONE, State.QUEUED}  # nothing is set aside for it
    assert sum(states.values()) == 8
    assert states[State.QUEUED] >= 4
    assert tried.strays() == []
    with open_ledger(tried.home.ledger) as ledger:
        written = set(tried.output.rglob("*.png"))
        assert written == {job.output for job in ledger.jobs(state=State.DONE)}
    if mount_point_stays:
        tried.archive.rmdir()
    elsewhere.rename(tried.archive)
    assert tried.run().restored == states[State.QUEUED]
    assert tried.states() == {State.DONE: 8}


def test_the_night_goes_on_with_the_other_archives_when_one_is_gone(
    prepared: Callable[[int], Tried], tmp_path: Path
) -> None:
    tried, other = prepared(3), tmp_path / "other"
    other.mkdir()
    (other / "a.png").write_bytes((tried.archive / "000.png").read_bytes())
    with open_ledger(tried.home.ledger) as ledger:
        add(ledger, tried.home, other, "a.png")
    tried.archive.rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="photos is gone"):
        tried.run()
    assert (tmp_path / "other-restored" / "a.png").exists()
    assert tried.states() == {State.QUEUED: 3, State.DONE: 1}


def test_an_archive_that_vanishes_in_mid_scan_is_searched_to_its_end_by_the_next(tmp_path: Path) -> None:
    archive, home = to_scan(tmp_path, 8), Home(tmp_path / "home")
    elsewhere = archive.with_name("elsewhere")

    class Vanishing:
        def event(self, name: str, facts: Mapping[str, Fact]) -> None:
            if archive.exists():
                archive.rename(elsewhere)

    def search(log: Log) -> ScanSummary:
        options = ScanOptions(detector=Detector.HEURISTIC, jobs=1)
        with open_ledger(home.ledger) as ledger:
            return scan(archive, ledger=ledger, home=home, options=options, progress=NullProgress(), log=log)

    assert search(Vanishing()).examined < 8
    elsewhere.rename(archive)
    assert search(NullLog()).set_aside == []
    with open_ledger(home.ledger) as ledger:
        counts = ledger.counts()
        assert (counts.photographs, counts.unreadable, counts.missing) == (8, 0, 0)


def test_an_output_that_becomes_read_only_stops_the_run_in_words_and_keeps_the_queue(
    prepared: Callable[[int], Tried], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried, read_only, opened = prepared(6), threading.Event(), os.open

    def refuse(path: str, flags: int, *mode: int, **place: int) -> int:
        if read_only.is_set() and TEMPORARY_PREFIX in str(path):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return opened(path, flags, *mode, **place)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(StorageError, match="read-only"):
        tried.run(decode=at_the_fourth(read_only.set))
    states = tried.states()
    assert set(states) <= {State.DONE, State.QUEUED}
    assert states[State.QUEUED] >= 1
    assert tried.strays() == []
    read_only.clear()
    assert tried.run().restored == states[State.QUEUED]


def test_an_output_on_a_read_only_disk_stops_the_run_in_words(prepared: Callable[[int], Tried]) -> None:
    tried = prepared(2)
    with (
        mounted(tried.output, "-t", "tmpfs", "-o", "ro", "none"),
        pytest.raises(StorageError, match="read-only"),
    ):
        tried.run()
    assert tried.states() == {State.QUEUED: 2}
    assert tried.run().restored == 2


def test_a_small_disk_that_fills_up_pauses_the_run_until_somebody_makes_room(
    prepared: Callable[[int], Tried],
) -> None:
    tried = prepared(6)
    with mounted(tried.output, "-t", "tmpfs", "-o", "size=12m", "none") as disk:
        film = disk / "film.mov"
        film.write_bytes(bytes(12 * MEBIBYTE - 100_000))  # leaves room for two or three

        def make_room(seconds: float) -> None:
            if seconds >= 3600:
                film.unlink(missing_ok=True)

        clock = Simulated(happens=make_room)
        summary = tried.run(clock=clock)
        assert (summary.restored, summary.queued, summary.set_aside) == (6, 0, [])
        assert 3600 <= clock.awake < 3700
        assert tried.strays() == []
        assert len(list(disk.rglob("*.png"))) == 6
    assert tried.log.read_text().count('"paused"') == 1


def test_of_two_runs_started_at_once_one_works_and_the_other_says_who_does(
    prepared: Callable[[int], Tried],
) -> None:
    tried = prepared(12)
    both = [tried.command(), tried.command()]
    said = [process.communicate(timeout=300)[0] for process in both]
    codes = sorted(process.returncode for process in both)
    assert codes in ([ExitCode.OK, ExitCode.LOCKED], [ExitCode.OK, ExitCode.OK]), said
    if codes[1] == ExitCode.LOCKED:
        assert any("Another run is at work" in one for one in said)
    assert tried.states() == {State.DONE: 12}
    with open_ledger(tried.home.ledger) as ledger:
        assert {job.attempts for job in ledger.jobs()} == {1}  # nobody did what the other had
        assert ledger.faults() == []
    assert len(list(tried.output.rglob("*.png"))) == 12
    assert tried.strays() == []
