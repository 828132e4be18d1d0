import errno
import json
import os
import signal
import time as clocks
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Any

import imagecodecs
import pytest

from archive_restore.decoding import Decode, decode_here
from archive_restore.errors import InputError, PhotographError
from archive_restore.ledger import Job, Ledger, RunRow, State, open_ledger
from archive_restore.night import Night, estimate, has_room, next_time, parse_duration, parse_time
from archive_restore.photos.codecs import Photograph, file_sha256
from tests.tried_archive import Simulated, Tried, add, photograph, prepared

__all__ = ["prepared"]  # a fixture


def events(tried: Tried) -> list[str]:
    return [json.loads(line)["event"] for line in tried.log.read_text().splitlines()]


# how long a night is


@pytest.mark.parametrize(
    ("text", "seconds"), [("6h", 21600), ("90min", 5400), ("1h30m", 5400), ("45s", 45), ("0.5h", 1800)]
)
def test_spans_are_read_as_people_write_them(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "6", "h", "6 hours", "six h", "-1h"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="6h"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["24:00", "7", "7:5", "07:60", "morning"])
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="07:00"):
        parse_time(text)


def test_seven_in_the_evening_of_yesterday_is_seven_tomorrow_morning() -> None:
    zone = timezone(timedelta(hours=2))
    evening = datetime(2026, 1, 5, 22, 30, tzinfo=zone)
    assert next_time(time(7, 0), evening) == datetime(2026, 1, 6, 7, 0, tzinfo=zone)
    assert next_time(time(23, 0), evening) == datetime(2026, 1, 5, 23, 0, tzinfo=zone)
    assert next_time(time(22, 30), evening) == datetime(2026, 1, 6, 22, 30, tzinfo=zone)


def test_a_night_ends_at_its_hour_and_after_its_span() -> None:
    clock = Simulated()
    until, lasting = Night(clock, end=clock.time + timedelta(hours=9)), Night(clock, None, timedelta(hours=2))
    assert not Night(clock).over()
    clock.sleep(2 * 3600 - 1)
    assert not lasting.over()
    clock.sleep(1)
    assert lasting.over()
    assert not until.over()
    clock.sleep(7 * 3600)
    assert until.over()


def test_a_clock_that_is_set_back_makes_no_night_longer() -> None:
    clock = Simulated()
    night = Night(clock, end=clock.time + timedelta(hours=9))
    clock.sleep(5 * 3600)
    clock.time -= timedelta(hours=3)
    clock.sleep(4 * 3600)
    assert night.over()


def test_a_laptop_that_slept_wakes_up_to_a_night_that_is_over() -> None:
    clock = Simulated()
    night = Night(clock, end=clock.time + timedelta(hours=9))
    clock.time += timedelta(hours=10)
    assert night.over()
    assert not Night(clock, lasting=timedelta(hours=6)).over()


def test_a_pause_ends_when_nobody_wants_it_any_more() -> None:
    clock = Simulated()
    night = Night(clock)
    assert night.wait(30, lambda: True)
    assert not night.wait(30, lambda: clock.awake < 40)
    assert 40 <= clock.awake <= 41


# a run in such a night


def test_nothing_is_begun_once_the_time_is_up_and_the_next_night_goes_on(
    prepared: Callable[[int], Tried],
) -> None:
    tried, clock = prepared(12), Simulated()

    def an_hour_each(path: Path, max_pixels: int) -> Photograph:
        clock.sleep(3600)
        return decode_here(path, max_pixels)

    first = tried.run(clock=clock, until=clock.time + timedelta(hours=4), decode=an_hour_each)
    assert first.time_up
    assert not first.interrupted
    assert first.queued > 0
    assert tried.states().get(State.LEASED) is None
    clock.time = datetime(2026, 1, 6, 22, 0, tzinfo=UTC)
    assert tried.run(clock=clock, decode=an_hour_each).restored == 12 - first.restored
    assert tried.states() == {State.DONE: 12}
    with open_ledger(tried.home.ledger) as ledger:
        assert [run.restored for run in ledger.runs()] == [first.restored, 12 - first.restored]
        assert len(ledger.runs("2026-01-06")) == 1


def test_a_clock_set_back_in_the_night_loses_nothing(prepared: Callable[[int], Tried]) -> None:
    tried, clock = prepared(6), Simulated()

    def set_back(path: Path, max_pixels: int) -> Photograph:
        clock.time -= timedelta(days=400)
        return decode_here(path, max_pixels)

    assert tried.run(clock=clock, decode=set_back).restored == 6
    assert tried.states() == {State.DONE: 6}


def test_the_estimate_counts_what_is_queued_and_takes_the_pace_of_earlier_runs(
    prepared: Callable[[int], Tried],
) -> None:
    tried = prepared(4)
    with open_ledger(tried.home.ledger) as ledger:
        before = estimate(ledger, ledger.archives(), "cpu")
        size = sum(path.stat().st_size for path in tried.archive.rglob("*.png"))
        assert (before.photographs, before.seconds) == (4, None)
        assert before.megapixels == pytest.approx(4 * 96 * 96 / 1e6)
        assert before.damaged_megapixels == pytest.approx(4 * 210 / 1e6)
        (disk,) = before.disks
        assert disk.needed == size
        assert disk.free > 0
        assert before.too_full == []
        for pixels, seconds in ((96 * 96, 10.0), (3 * 96 * 96, 50.0)):
            ledger.add_run(RunRow("2026-01-05", seconds, "cpu", "small", 1, 0, pixels))
        after = estimate(ledger, ledger.archives(), "cpu")
        assert after.seconds == pytest.approx(60.0)
        assert estimate(ledger, ledger.archives(), "cuda:0").seconds is None


# attempts


def failing(times: int, number: int) -> Decode:
    """A decoder that fails `times` times at 000.png, as a disk does that answers with `number`."""
    failed = 0

    def read(path: Path, max_pixels: int) -> Photograph:
        nonlocal failed
        if path.name == "000.png" and failed < times:
            failed += 1
            try:
                raise OSError(number, os.strerror(number))
            except OSError as error:
                raise PhotographError(path, f"it cannot be read: {error.strerror}") from None
        return decode_here(path, max_pixels)

    return read


def test_what_may_pass_is_tried_again_later_in_the_same_run(prepared: Callable[[int], Tried]) -> None:
    tried, clock = prepared(3), Simulated()
    summary = tried.run(clock=clock, decode=failing(2, errno.EIO))
    assert (summary.restored, summary.set_aside) == (3, [])
    assert 150 <= clock.awake <= 160  # 30 s and 2 min
    assert events(tried).count("postponed") == 2


def test_attempts_are_bounded_and_what_will_not_pass_gets_one(prepared: Callable[[int], Tried]) -> None:
    tried, clock = prepared(3), Simulated()
    assert len(tried.run(clock=clock, decode=failing(99, errno.EIO)).set_aside) == 1
    with open_ledger(tried.home.ledger) as ledger:
        (failure,) = ledger.failures()
        assert "cannot be read" in failure.reason
        assert failure.attempts == 3
        ledger.retry()
    awake = clock.awake
    assert len(tried.run(clock=clock, decode=failing(99, errno.ENOENT)).set_aside) == 1
    assert clock.awake == awake


DEADLY_TO_DECODE = """
import multiprocessing, signal, sys
def deadly(event, arguments):
    if event != "open" or multiprocessing.parent_process() is None:
        return  # reading bytes kills nobody; decoding happens in a child
    if str(arguments[0]).endswith("003.png") and "photos/" in str(arguments[0]):
        signal.raise_signal(signal.SIGSEGV)
sys.addaudithook(deadly)
"""

DEADLY_TO_WRITE = """
import signal, sys
def deadly(event, arguments):
    if event == "os.rename" and str(arguments[1]).endswith("003.png"):
        signal.raise_signal(signal.SIGSEGV)
sys.addaudithook(deadly)
"""


def site_with(code: str, folder: Path) -> Path:
    """A folder whose code every Python runs first that has it on its path."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(code)
    return folder


def test_a_photograph_that_kills_its_decoder_gets_two_attempts_and_the_night_goes_on(
    prepared: Callable[[int], Tried], tmp_path: Path
) -> None:
    tried = prepared(6)
    night = tried.command(path=site_with(DEADLY_TO_DECODE, tmp_path / "site"))
    said, _ = night.communicate(timeout=200)
    assert night.returncode == 1, said
    assert tried.states() == {State.DONE: 5, State.FAILED: 1}
    with open_ledger(tried.home.ledger) as ledger:
        (failure,) = ledger.failures()
    assert failure.relative == b"sub/003.png"
    assert "SIGSEGV" in failure.reason
    assert failure.attempts == 2


def test_a_photograph_that_kills_the_run_is_quarantined_after_two_attempts_and_the_night_goes_on(
    prepared: Callable[[int], Tried], tmp_path: Path
) -> None:
    tried, site = prepared(6), site_with(DEADLY_TO_WRITE, tmp_path / "site")
    first = tried.command(path=site)
    first.communicate(timeout=200)
    assert first.returncode == -signal.SIGSEGV
    with open_ledger(tried.home.ledger) as ledger:
        assert b"sub/003.png" in [job.relative for job in ledger.leased()]  # named before it was decoded
    second = tried.command(path=site)
    said, _ = second.communicate(timeout=200)
    assert second.returncode == 1, said
    assert tried.states() == {State.DONE: 5, State.FAILED: 1}
    with open_ledger(tried.home.ledger) as ledger:
        (failure,) = ledger.failures()
    assert failure.relative == b"sub/003.png"
    assert "a run died while it held it" in failure.reason
    assert "SIGSEGV" in failure.reason
    with open_ledger(tried.home.ledger) as ledger:
        assert ledger.retry().queued == 1
    assert tried.run().restored == 1
    assert tried.states() == {State.DONE: 6}


# duplicates


def duplicated(tried: Tried, *names: str, times: bool = True) -> None:
    """Copies of 000.png, scanned."""
    original = tried.archive / "000.png"
    with open_ledger(tried.home.ledger) as ledger:
        for name in names:
            copy = tried.archive / name
            copy.write_bytes(original.read_bytes())
            if times:
                os.utime(copy, ns=(original.stat().st_atime_ns, original.stat().st_mtime_ns))
            add(ledger, tried.home, tried.archive, name)


def test_duplicates_are_restored_once_and_linked(prepared: Callable[[int], Tried]) -> None:
    tried = prepared(2)
    duplicated(tried, "copy.png", "sub/again.png")
    summary = tried.run()
    assert (summary.restored, summary.linked, summary.queued) == (2, 2, 0)
    outputs = [tried.output / name for name in ("000.png", "copy.png", "sub/again.png")]
    assert len({path.stat().st_ino for path in outputs}) == 1
    assert events(tried).count("linked") == 2
    with open_ledger(tried.home.ledger) as ledger:
        linked = {job.relative: job.linked for job in ledger.jobs() if job.linked}
    assert linked == {b"copy.png": "linked", b"sub/again.png": "linked"}
    assert tried.strays() == []


def test_the_ledger_is_asked_once_for_many_duplicates(
    prepared: Callable[[int], Tried], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = prepared(1)
    duplicated(tried, *(f"copy{number}.png" for number in range(5)))
    asked: list[str] = []
    usual = Ledger.twin

    def twin(ledger: Ledger, job: Job) -> Job | None:
        asked.append(job.path.name)
        return usual(ledger, job)

    monkeypatch.setattr(Ledger, "twin", twin)
    assert tried.run().linked == 5
    assert asked == ["000.png", "copy0.png"]


def test_what_served_a_duplicate_and_was_changed_since_serves_no_other(
    prepared: Callable[[int], Tried], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = prepared(1)
    tried.run()
    duplicated(tried, "copy0.png", "copy1.png", times=False)
    usual = Ledger.finish

    def finish(ledger: Ledger, job: Job, **told: Any) -> bool:
        (tried.output / "000.png").write_bytes(imagecodecs.png_encode(photograph(5)))
        return usual(ledger, job, **told)

    monkeypatch.setattr(Ledger, "finish", finish)
    assert tried.run().linked == 2
    assert file_sha256(tried.output / "copy1.png") == file_sha256(tried.output / "copy0.png")
    assert file_sha256(tried.output / "copy1.png") != file_sha256(tried.output / "000.png")


def test_a_duplicate_with_a_time_of_its_own_gets_a_copy(prepared: Callable[[int], Tried]) -> None:
    tried = prepared(1)
    duplicated(tried, "copy.png", times=False)
    os.utime(tried.archive / "copy.png", (1_000_000_000, 1_000_000_000))
    assert tried.run().linked == 1
    copy = tried.output / "copy.png"
    assert file_sha256(copy) == file_sha256(tried.output / "000.png")
    assert copy.stat().st_nlink == 1
    assert copy.stat().st_mtime == 1_000_000_000


def test_a_duplicate_of_what_somebody_changed_since_is_restored(prepared: Callable[[int], Tried]) -> None:
    tried = prepared(1)
    tried.run()
    (tried.output / "000.png").write_bytes(imagecodecs.png_encode(photograph(5)))
    duplicated(tried, "copy.png")
    summary = tried.run()
    assert (summary.restored, summary.linked) == (1, 0)


def test_duplicates_of_a_photograph_that_failed_are_tried_themselves(
    prepared: Callable[[int], Tried],
) -> None:
    tried = prepared(1)
    duplicated(tried, "copy.png")
    theirs = tried.output / "000.png"
    theirs.parent.mkdir()
    theirs.write_bytes(b"somebody else's file")
    summary = tried.run()
    assert (summary.restored, summary.linked, len(summary.set_aside)) == (1, 0, 1)
    assert tried.states() == {State.DONE: 1, State.FAILED: 1}


def test_every_photograph_has_a_line_in_the_log(prepared: Callable[[int], Tried]) -> None:
    tried = prepared(3)
    (tried.archive / "000.png").unlink()
    tried.run()
    lines = [json.loads(line) for line in tried.log.read_text().splitlines()]
    assert sorted(line["event"] for line in lines) == [
        "restored",
        "restored",
        "run ended",
        "run started",
        "set aside",
    ]
    (aside,) = [line for line in lines if line["event"] == "set aside"]
    assert aside["path"].endswith("000.png")
    assert "no longer there" in aside["reason"]
    assert all(datetime.fromisoformat(line["time"]).tzinfo is not None for line in lines)


def test_a_morning_after_clocks_were_changed_is_that_of_the_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    clocks.tzset()
    try:
        for day, hours in (("2026-03-28", 8), ("2026-03-29", 9), ("2026-10-24", 10)):
            evening = datetime.fromisoformat(f"{day} 22:00")
            assert next_time(time(7, 0), evening) - evening.astimezone() == timedelta(hours=hours)
    finally:
        monkeypatch.undo()
        clocks.tzset()


def test_a_probe_for_room_makes_no_folder(tmp_path: Path) -> None:
    assert has_room(tmp_path / "photos-restored" / "sub")
    assert list(tmp_path.iterdir()) == []
