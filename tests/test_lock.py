import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from archive_restore.errors import ExitCode, LockedError, StorageError
from archive_restore.home import Home
from archive_restore.ledger import WorkerLock, is_held, lone_lock, no_run, no_run_or_scan

HOLDER = """
import sys, time
from pathlib import Path
from archive_restore.ledger.lock import WorkerLock
with WorkerLock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_holder_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "home" / "worker.lock"
    with (
        WorkerLock(path),
        pytest.raises(LockedError, match=f"process {os.getpid()} on .*, since 20") as error,
    ):
        WorkerLock(path).__enter__()
    assert error.value.exit_code == ExitCode.LOCKED


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="Windows knows one time zone")
def test_the_holder_is_told_in_the_time_of_who_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "worker.lock"
    with WorkerLock(path):
        path.write_text(json.dumps({"pid": 1, "host": "attic", "since": "2026-12-01T04:08:04+00:00"}))
        monkeypatch.setenv("TZ", "Europe/Berlin")
        time.tzset()
        try:
            with pytest.raises(LockedError, match=r"since 2026-12-01 05:08:04\. Wait"):
                WorkerLock(path).__enter__()
        finally:
            monkeypatch.undo()
            time.tzset()


def test_the_message_names_the_work(tmp_path: Path) -> None:
    path = tmp_path / "scan.lock"
    with WorkerLock(path, work="scan"), pytest.raises(LockedError, match="Another scan is at work"):
        WorkerLock(path, work="scan").__enter__()


def test_what_a_killed_run_left_at_work_is_told_from_a_run(tmp_path: Path) -> None:
    home = Home(tmp_path)
    told = "process of a run that was killed is at work .* It ends with the photograph"
    with lone_lock(home), pytest.raises(LockedError, match=told), no_run(home):
        pass
    assert not is_held(home.worker_lock)
    with no_run_or_scan(home):
        assert all(is_held(lock) for lock in (home.worker_lock, home.alone_lock, home.scan_lock))


def test_the_lock_can_be_taken_again_once_it_is_let_go(tmp_path: Path) -> None:
    path = tmp_path / "worker.lock"
    with WorkerLock(path):
        pass
    with WorkerLock(path):
        pass


def test_looking_whether_it_is_held_tells_the_living_from_the_dead_and_stops_nobody(tmp_path: Path) -> None:
    path = tmp_path / "worker.lock"
    assert not is_held(path)
    assert not path.exists()
    with WorkerLock(path):
        assert is_held(path)
    assert not is_held(path)
    path.write_text('{"pid": 1}')  # of a process that was killed
    assert not is_held(path)
    looking, taken = threading.Event(), 0

    def look() -> None:
        while not looking.is_set():
            is_held(path)
            time.sleep(0.001)

    looker = threading.Thread(target=look)
    looker.start()
    try:
        for _ in range(50):
            with WorkerLock(path):
                taken += 1
    finally:
        looking.set()
        looker.join()
    assert taken == 50


def test_a_killed_process_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "worker.lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(LockedError, match=f"process {process.pid} "):
            WorkerLock(path).__enter__()
        process.send_signal(signal.SIGKILL)
        process.wait()
    with WorkerLock(path):
        pass


def test_a_lock_file_that_was_deleted_while_held_still_excludes_later_holders(tmp_path: Path) -> None:
    path = tmp_path / "worker.lock"
    with WorkerLock(path):
        path.unlink()
        with WorkerLock(path), pytest.raises(LockedError):
            WorkerLock(path).__enter__()


def test_a_lock_file_that_cannot_be_made_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match=r"worker\.lock.*ARCHIVE_RESTORE_HOME"):
        WorkerLock(tmp_path / "file" / "worker.lock").__enter__()


def test_a_lock_file_that_is_deleted_before_it_is_locked_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, usual = tmp_path / "worker.lock", WorkerLock._open
    opened = 0

    def deleted(lock: WorkerLock) -> int:
        nonlocal opened
        opened += 1
        descriptor = usual(lock)
        if opened == 1:
            path.unlink()
        return descriptor

    monkeypatch.setattr(WorkerLock, "_open", deleted)
    with WorkerLock(path):
        assert is_held(path)
    assert opened == 2
