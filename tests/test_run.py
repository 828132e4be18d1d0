import errno
import hashlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from datetime import timedelta
from io import BufferedReader
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from archive_restore.errors import DeviceError, InputError, LockedError
from archive_restore.ledger import (
    State,
    WorkerLock,
    is_held,
    lone_lock,
    open_ledger,
)
from archive_restore.photos import large
from archive_restore.photos.codecs import decode, file_sha256
from archive_restore.photos.mask_files import read_mask, write_mask
from archive_restore.run import output_path
from tests.tried_archive import DAMAGE, SIDE, Simulated, Tried, add, photograph, prepared

__all__ = ["prepared"]  # a fixture


def snapshot(folder: Path) -> dict[Path, tuple[str, int, int]]:
    """Content, inode and change time of every file: a file written twice shows."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file():
            status = path.stat()
            found[path] = (file_sha256(path), status.st_ino, status.st_ctime_ns)
    return found


def test_everything_queued_is_restored_inside_its_mask_and_nowhere_else(
    prepared: Callable[[int], Tried],
) -> None:
    tried = prepared(5)
    originals = snapshot(tried.archive)
    summary = tried.run()
    assert (summary.restored, summary.set_aside, summary.queued) == (5, [], 0)
    assert summary.outputs == [tried.output]
    assert tried.states() == {State.DONE: 5}
    assert snapshot(tried.archive) == originals
    for original in originals:
        restored = tried.output / original.relative_to(tried.archive)
        before, after = decode(original).pixels, decode(restored).pixels
        mask = read_mask(tried.home.mask(file_sha256(original)), before.shape)
        np.testing.assert_array_equal(after[~mask], before[~mask])
        assert (after[mask] != before[mask]).mean() > 0.9
        assert restored.stat().st_mtime_ns == original.stat().st_mtime_ns
    assert tried.strays() == []


def test_a_second_run_finds_nothing_to_do_and_touches_nothing(prepared: Callable[[int], Tried]) -> None:
    tried = prepared(3)
    tried.run()
    before = snapshot(tried.output)
    summary = tried.run()
    assert (summary.restored, summary.recovered, summary.queued) == (0, 0, 0)
    assert snapshot(tried.output) == before


def test_a_limit_leaves_the_rest_queued(prepared: Callable[[int], Tried]) -> None:
    tried = prepared(5)
    assert tried.run(limit=2).queued == 3
    assert tried.states() == {State.DONE: 2, State.QUEUED: 3}
    assert tried.run().restored == 3


def test_a_thorough_run_says_so_and_keeps_its_own_pace(prepared: Callable[[int], Tried]) -> None:
    tried = prepared(3)
    devices = [tried.run(limit=1, thorough=wish).device for wish in (None, True, False)]
    assert devices == ["cpu", "cpu, thoroughly", "cpu, quickly"]


def test_only_the_named_archive_is_restored(prepared: Callable[[int], Tried], tmp_path: Path) -> None:
    tried = prepared(2)
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.png").write_bytes(imagecodecs.png_encode(photograph(77)))
    with open_ledger(tried.home.ledger) as ledger:
        add(ledger, tried.home, other, "a.png")
    summary = tried.run(archive=other)
    assert (summary.restored, summary.queued, summary.outputs) == (1, 0, [tmp_path / "other-restored"])
    assert tried.states() == {State.DONE: 1, State.QUEUED: 2}
    never = tmp_path / "never"
    never.mkdir()
    with pytest.raises(InputError, match="archive-restore scan"):
        tried.run(archive=never)


def test_each_photograph_that_cannot_be_restored_is_set_aside_with_its_reason(
    prepared: Callable[[int], Tried],
) -> None:
    tried = prepared(8)
    (tried.archive / "000.png").write_bytes(imagecodecs.png_encode(photograph(900)))
    (tried.archive / "sub/001.png").unlink()
    damaged = tried.archive / "002.png"
    mask_of = [
        tried.home.mask(file_sha256(tried.archive / name))
        for name in ("sub/003.png", "004.png", "sub/005.png")
    ]
    damaged.write_bytes(damaged.read_bytes()[:500])
    mask_of[0].unlink()
    write_mask(mask_of[1], np.ones((SIDE, SIDE), bool))
    write_mask(mask_of[2], np.ones((SIDE, 2), bool))
    theirs = tried.output / "006.png"
    theirs.parent.mkdir()
    theirs.write_bytes(b"somebody else's file")
    summary = tried.run()
    reasons = {one.path.name: one.reason for one in summary.set_aside}
    assert summary.restored == 1
    assert theirs.read_bytes() == b"somebody else's file"
    for name, words in {
        "000.png": "changed since the scan; scan",
        "001.png": "no longer there",
        "002.png": "truncated",
        "003.png": "cannot be used: the mask is missing. To have it made again: archive-restore rescore",
        "004.png": "all of it is marked",
        "005.png": "the mask is 2x96 px",
        "006.png": "Move it away, then retry",
    }.items():
        assert words in reasons.pop(name)
    assert reasons == {}
    with open_ledger(tried.home.ledger) as ledger:
        assert len(ledger.failures()) == 7
        theirs.unlink()
        ledger.retry(under=b"006.png", archive=1)
    assert tried.run().restored == 1


def test_a_photograph_that_changed_is_read_by_the_next_scan_whatever_its_time_says(
    prepared: Callable[[int], Tried],
) -> None:
    tried = prepared(2)
    (tried.archive / "000.png").write_bytes(imagecodecs.png_encode(photograph(900)))
    (aside,) = tried.run().set_aside
    assert "it has changed since the scan" in aside.reason
    with open_ledger(tried.home.ledger) as ledger:
        known = {relative: file.modified_ns is None for relative, file in ledger.known_files(1).items()}
    assert known == {b"000.png": True, b"sub/001.png": False}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_what_has_the_name_of_a_record_costs_its_photograph_alone(prepared: Callable[[int], Tried]) -> None:
    tried = prepared(4)
    (tried.output / "sub").mkdir(parents=True)
    brackets, pipe = tried.output / "000.png.json", tried.output / "sub/001.png.json"
    brackets.write_text("[" * 200_000)
    os.mkfifo(pipe)
    summary = tried.run()
    assert summary.restored == 2
    reasons = {one.path.name: one.reason for one in summary.set_aside}
    assert "000.png.json is in the way of its record; move it elsewhere, then retry" in reasons["000.png"]
    assert "001.png.json is in the way of its record" in reasons["001.png"]
    assert brackets.exists()
    assert pipe.exists()


def test_a_mask_that_cannot_be_read_is_named_with_what_makes_it_anew(
    prepared: Callable[[int], Tried],
) -> None:
    tried = prepared(2)
    detected = tried.home.mask(file_sha256(tried.archive / "000.png"))
    painted = tried.home.edited_mask(file_sha256(tried.archive / "sub/001.png"))
    painted.parent.mkdir(parents=True)
    for path in (detected, painted):
        path.write_bytes(b"no PNG")
    reasons = {one.path.name: one.reason for one in tried.run().set_aside}
    assert f"its mask {detected} cannot be used: not a PNG file" in reasons["000.png"]
    assert reasons["000.png"].endswith(f"archive-restore rescore {tried.archive / '000.png'}; then retry")
    assert f"its mask {painted} cannot be used" in reasons["001.png"]
    assert "painted by hand: import it again" in reasons["001.png"]
    assert reasons["001.png"].endswith(
        f"archive-restore masks reset {tried.archive / 'sub/001.png'}; then retry"
    )


def test_a_mask_on_a_disk_that_does_not_answer_is_tried_again(
    prepared: Callable[[int], Tried], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = prepared(1)
    usual, asked = large.open_file, 0

    def shaky(path: Path) -> BufferedReader:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return usual(path)

    monkeypatch.setattr("archive_restore.photos.mask_files.open_file", shaky)
    summary = tried.run(clock=Simulated())
    assert (summary.restored, summary.set_aside, asked) == (1, [], 2)


def test_a_vanished_archive_stops_the_run_and_keeps_the_queue(prepared: Callable[[int], Tried]) -> None:
    tried = prepared(4)
    tried.archive.rename(tried.archive.with_name("elsewhere"))
    with pytest.raises(InputError, match="Mount its disk"):
        tried.run()
    assert tried.states() == {State.QUEUED: 4}
    tried.archive.with_name("elsewhere").rename(tried.archive)
    assert tried.run().restored == 4


def test_a_full_disk_pauses_the_run_until_there_is_room(
    prepared: Callable[[int], Tried], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = prepared(6)
    synced, full, fsync = 0, True, os.fsync

    def fill_up(descriptor: int) -> None:
        nonlocal synced
        synced += 1
        if full and synced > 6:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(descriptor)

    def make_room(seconds: float) -> None:
        nonlocal full
        assert tried.strays() == []
        full = full and seconds < 3600

    monkeypatch.setattr(os, "fsync", fill_up)
    clock = Simulated(happens=make_room)
    summary = tried.run(clock=clock)
    # Some may have been written when there was no room to say so.
    assert (summary.restored + summary.found, summary.queued, summary.set_aside) == (6, 0, [])
    assert 3600 <= clock.awake < 3700
    assert tried.strays() == []
    assert tried.states() == {State.DONE: 6}
    log = tried.log.read_text()
    assert (log.count('"paused"'), log.count('"resumed"')) == (1, 1)


def test_what_is_given_back_because_of_a_full_disk_does_not_count_against_the_limit(
    prepared: Callable[[int], Tried], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = prepared(6)
    full, fsync = True, os.fsync

    def fill_up(descriptor: int) -> None:
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(descriptor)

    def make_room(seconds: float) -> None:
        nonlocal full
        full = False

    monkeypatch.setattr(os, "fsync", fill_up)
    summary = tried.run(limit=4, clock=Simulated(happens=make_room))
    assert summary.restored + summary.found == 4
    assert tried.states() == {State.DONE: 4, State.QUEUED: 2}


def test_a_disk_that_stays_full_ends_the_night_in_time_and_keeps_the_queue(
    prepared: Callable[[int], Tried], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = prepared(3)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    clock = Simulated()
    summary = tried.run(clock=clock, lasting=timedelta(hours=8))
    assert (summary.restored, summary.queued, summary.time_up) == (0, 3, True)
    assert clock.awake == 8 * 3600
    assert tried.states() == {State.QUEUED: 3}


def test_a_restored_file_that_reads_back_wrong_is_removed_and_set_aside(
    prepared: Callable[[int], Tried], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = prepared(1)
    replace = os.replace

    def flip_a_bit(source: Path, target: Path) -> None:
        data = bytearray(source.read_bytes())
        data[len(data) // 2] ^= 1
        source.write_bytes(data)
        replace(source, target)

    monkeypatch.setattr(os, "replace", flip_a_bit)
    (set_aside,) = tried.run().set_aside
    assert "read back, is wrong" in set_aside.reason
    assert snapshot(tried.output) == {}


def test_a_jpeg_is_the_original_away_from_its_mask(prepared: Callable[[int], Tried]) -> None:
    tried = prepared(1)
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    pixels = np.stack((rows, columns, rows + columns), axis=2).astype(np.uint8)
    photo = tried.archive / "b.jpg"
    photo.write_bytes(imagecodecs.jpeg8_encode(pixels, level=90, subsampling="420"))
    with open_ledger(tried.home.ledger) as ledger:
        add(ledger, tried.home, tried.archive, "b.jpg")
    assert tried.run().restored == 2
    before, after = decode(photo).pixels, decode(tried.output / "b.jpg").pixels
    assert (after != before)[DAMAGE].any()
    np.testing.assert_array_equal(after[:20], before[:20])
    np.testing.assert_array_equal(after[60:], before[60:])


def test_a_second_run_at_the_same_time_says_who_is_at_work(prepared: Callable[[int], Tried]) -> None:
    tried = prepared(1)
    with WorkerLock(tried.home.worker_lock), pytest.raises(LockedError, match=str(os.getpid())):
        tried.run()
    assert tried.states() == {State.QUEUED: 1}


def test_a_device_that_is_not_there_is_refused_before_anything_is_claimed(
    prepared: Callable[[int], Tried],
) -> None:
    tried = prepared(1)
    with pytest.raises(DeviceError):
        tried.run(device="cuda:99")
    assert tried.states() == {State.QUEUED: 1}


KILL_AT = """
import os, signal, sys
from archive_restore.{module} import {owner}
original, calls = {owner}.{name}, 0
def killing(*args, **options):
    global calls
    calls += 1
    if calls > 4:
        if {after}:
            original(*args, **options)
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*args, **options)
{owner}.{name} = killing
from archive_restore.cli import main
main()
"""


@pytest.mark.parametrize(
    ("module", "owner", "name", "after"),
    [
        ("ledger", "Ledger", "claim", True),
        ("ledger", "Ledger", "write_intent", True),
        ("durable", "os", "replace", False),
        ("durable", "os", "replace", True),
        ("ledger", "Ledger", "finish", False),
        ("ledger", "Ledger", "finish", True),
    ],
)
def test_a_kill_at_any_step_loses_nothing_and_doubles_nothing(
    prepared: Callable[[int], Tried], module: str, owner: str, name: str, after: bool
) -> None:
    tried = prepared(10)
    killed = tried.command(KILL_AT.format(module=module, owner=owner, name=name, after=after))
    killed.communicate(timeout=120)
    assert killed.returncode == -signal.SIGKILL
    written = snapshot(tried.output) if tried.output.exists() else {}
    complete = {path: seen for path, seen in written.items() if path.suffix == ".png"}
    done = tried.states().get(State.DONE, 0)
    summary = tried.run()
    assert summary.restored + summary.recovered + done == 10
    assert summary.restored == 10 - len(complete)  # what had been renamed into place is not done again
    assert tried.states() == {State.DONE: 10}
    assert complete.items() <= snapshot(tried.output).items()
    assert tried.strays() == []


def test_kill_9_in_the_middle_of_60_photographs_and_the_same_command_again(
    prepared: Callable[[int], Tried],
) -> None:
    tried = prepared(60)
    originals = snapshot(tried.archive)
    process = tried.command()
    wait_for(lambda: len(list(tried.output.rglob("*.png"))) >= 12, process)
    process.kill()
    process.communicate(timeout=60)
    written = {path: seen for path, seen in snapshot(tried.output).items() if path.suffix == ".png"}
    assert 12 <= len(written) < 60
    again = tried.command()
    said, _ = again.communicate(timeout=120)
    assert again.returncode == 0, said
    assert tried.states() == {State.DONE: 60}
    after = snapshot(tried.output)
    assert len(after) == 120  # each with its record
    assert written.items() <= after.items()  # not one was written twice
    assert snapshot(tried.archive) == originals
    assert tried.strays() == []
    with open_ledger(tried.home.ledger) as ledger:
        for job in ledger.jobs():
            assert job.output == output_path(job)
            assert job.output_sha256 == hashlib.sha256(job.output.read_bytes()).hexdigest()


def test_ctrl_c_finishes_what_is_in_flight_and_says_how_to_go_on(prepared: Callable[[int], Tried]) -> None:
    tried = prepared(40)
    process = tried.command()
    wait_for(lambda: tried.states().get(State.DONE, 0) >= 3, process)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "archive-restore run" in said
    states = tried.states()
    assert set(states) == {State.DONE, State.QUEUED}
    assert sum(states.values()) == 40
    assert tried.run().restored == states[State.QUEUED]


def test_ctrl_c_ends_the_wait_for_what_a_killed_run_left_at_work(prepared: Callable[[int], Tried]) -> None:
    tried = prepared(1)
    with lone_lock(tried.home):
        process = tried.command()
        wait_for(lambda: is_held(tried.home.worker_lock), process)
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 130
    assert tried.states() == {State.QUEUED: 1}


def test_a_second_ctrl_c_stops_at_once(prepared: Callable[[int], Tried]) -> None:
    tried = prepared(40)
    process = tried.command()
    wait_for(lambda: tried.states().get(State.DONE, 0) >= 3, process)
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    for line in process.stdout:
        if "Ctrl-C again stops at once" in line:
            break
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert tried.run().queued == 0
    assert tried.states() == {State.DONE: 40}
    assert tried.strays() == []


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < until
        time.sleep(0.01)
