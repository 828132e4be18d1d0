"""A small part of `python -m tests.benchmarks.crashes`, which kills two hundred times."""

import subprocess
import sys
from pathlib import Path


def test_killed_scans_runs_and_finetunings_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.benchmarks.crashes",
            "--photographs",
            "8",
            "--kills",
            "8",
            "--folder",
            str(tmp_path),
        ],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("lost 0, doubled 0, stray files 0, integrity ok, faults none") == 3, done.stdout
