"""A small part of `python -m tests.benchmarks.night`."""

import subprocess
import sys
from pathlib import Path


def test_an_archive_is_restored_over_two_nights_with_a_full_disk_and_a_deadly_photograph() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.night", "--photographs", "12"],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = ["the time is up", "Paused: there is no room", "going on", "gets another attempt", "all is done"]
    places = [done.stdout.find(text) for text in told]
    assert -1 not in places, done.stdout
    assert places[1] < places[2] < places[0] < places[4]
    assert "12 restored since" in done.stdout
    assert done.stdout.endswith("faults: none\n")
