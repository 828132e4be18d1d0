"""Commands run to their end, and what they took."""

import argparse
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

USAGE = Path(__file__).with_name("usage.py")


@dataclass(frozen=True)
class Finished:
    """A command that was run to its end: wall seconds, CPU seconds and the peak memory of its largest process, MB."""

    seconds: float
    cpu: float
    peak: float


def parser_of(description: str | None) -> argparse.ArgumentParser:
    """For a benchmark whose help is its description, as that is laid out."""
    return argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def thorough_options(thorough: bool | None) -> list[str]:
    """Of `archive-restore`: what says so, or that it is not; none for None."""
    return {None: [], True: ["--thorough"], False: ["--no-thorough"]}[thorough]


def run_command(command: list[str], variables: Mapping[str, str] | None = None) -> Finished:
    """Runs a command that must succeed, with some variables more; what it said is shown only if it does not."""
    done = subprocess.run(
        [sys.executable, str(USAGE), *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, **(variables or {})},
    )
    if done.returncode:
        sys.exit(f"{shlex.join(command)} failed:\n{done.stdout}")
    return Finished(*map(float, done.stdout.splitlines()[-1].split()))
