"""A small part of `python -m tests.benchmarks.crashes`, which kills two hundred times."""

import subprocess
import sys
from pathlib import Path


def test_killed_scans_and_runs_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    command = ["--photographs", "8", "--kills", "3", "--scan-kills", "1", "--folder", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.crashes", *command],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("lost 0, doubled 0, stray files 0, faults none") == 2
