"""Measures how fast a folder is scanned, against only decoding it with OpenCV in as many processes.

usage: python -m tests.benchmarks.scanning FOLDER [--jobs N] [--detector learned|heuristic] [--thorough | --no-thorough]

The scan's start-up, most of it torch, is measured by scanning one photograph a process, and taken off.
"""

import argparse
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

import cv2

from archive_restore.home import HOME_VARIABLE
from tests.benchmarks.commands import Finished, parser_of, run_command, thorough_options
from tests.benchmarks.pictures import SUFFIXES


def decode(path: Path) -> int:
    """px of the photograph."""
    cv2.setNumThreads(1)
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    return 0 if picture is None else picture.shape[0] * picture.shape[1]


def decoding(paths: list[Path], jobs: int) -> tuple[float, int]:
    """Seconds by the clock for decoding them all, and their px."""
    with get_context("spawn").Pool(jobs) as pool:
        pool.map(decode, paths[:jobs], chunksize=1)  # starts the processes
        began = time.monotonic()
        pixels = sum(pool.imap_unordered(decode, paths))
        return time.monotonic() - began, pixels


def scanning(paths: list[Path], jobs: int, options: list[str]) -> Finished:
    """`scan` over links to them, start-up included."""
    with tempfile.TemporaryDirectory() as temporary:
        archive = Path(temporary) / "archive"
        archive.mkdir()
        for number, path in enumerate(paths):
            (archive / f"{number:05d}{path.suffix}").hardlink_to(path.resolve())
        command = [sys.executable, "-m", "archive_restore", "scan", str(archive), "--jobs", str(jobs)]
        home = {HOME_VARIABLE: str(Path(temporary) / "home")}
        return run_command([*command, *options], home)


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--detector", default="learned")
    parser.add_argument("--thorough", action=argparse.BooleanOptionalAction)
    arguments = parser.parse_args()
    options = ["--detector", arguments.detector, *thorough_options(arguments.thorough)]
    paths = sorted(path for path in arguments.folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    count, jobs = len(paths), arguments.jobs
    if count <= jobs:
        sys.exit(f"{arguments.folder} has {count} photographs; more than {jobs} are needed")
    start_up = scanning(paths[:jobs], jobs, options)
    whole = scanning(paths, jobs, options)
    floor, pixels = decoding(paths, jobs)
    each, decoded = (whole.seconds - start_up.seconds) / (count - jobs), floor / count
    print(f"{count} photographs, {pixels / 1e6:.0f} megapixels, {jobs} processes, {' '.join(options[1:])}")
    print(
        f"scan: {whole.seconds:.1f} s, start-up {start_up.seconds:.1f} s of them, largest process {whole.peak:.0f} MB"
    )
    print(f"a photograph: {each:.3f} s, decoding it {decoded:.3f} s: {each / decoded:.1f} times")


if __name__ == "__main__":
    main()
