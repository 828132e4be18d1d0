"""Exit codes and the exception tree.

A message says what happened, to which file, and what to do next. Only the command line turns an
exception into an exit code. A bad photograph does not end a run: its `PhotographError` becomes the reason
in the ledger.
"""

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path


class ExitCode(IntEnum):
    """What the command line returns to the shell."""

    OK = 0
    SOME_FAILED = 1  # the command went through, but some photographs were set aside
    USAGE = 2  # wrong arguments (also what typer uses)
    INPUT = 3  # the archive, a folder or a file cannot be used
    LOCKED = 4  # another worker is running
    DEVICE = 5  # the named GPU or device cannot be used
    STORAGE = 6  # disk full, read-only output
    LEDGER = 7  # the ledger is damaged, or newer than this version
    WEIGHTS = 8  # missing, tampered or mismatching model weights
    TRAINING = 9  # training could not start or had to stop
    INTERRUPTED = 130  # Ctrl-C; the same command goes on where it stopped


@dataclass(frozen=True)
class SetAside:
    """A photograph or folder that was passed over, and why; the rest went on."""

    path: Path
    reason: str


class ArchiveRestoreError(Exception):
    """Everything this program raises on purpose. `str(error)` is written for the user."""

    exit_code = ExitCode.INPUT


class InputError(ArchiveRestoreError):
    """A path given by the user cannot be used as it is."""


class LockedError(ArchiveRestoreError):
    """Another process holds the worker lock."""

    exit_code = ExitCode.LOCKED


class DeviceError(ArchiveRestoreError):
    """The named device does not exist here or cannot be used."""

    exit_code = ExitCode.DEVICE


class StorageError(ArchiveRestoreError):
    """The disk is full or cannot be written; going on with the next photograph would not help."""

    exit_code = ExitCode.STORAGE


class DiskFullError(StorageError):
    """There is no room on a disk. Going on helps once there is."""


class NoScratchError(StorageError):
    """The temporary folder has no room for a large photograph. Smaller ones go on."""


class LedgerError(ArchiveRestoreError):
    """The ledger cannot be used."""

    exit_code = ExitCode.LEDGER


class WeightsError(ArchiveRestoreError):
    """Weights are missing, do not match their hash, or belong to another architecture."""

    exit_code = ExitCode.WEIGHTS


class TrainingError(ArchiveRestoreError):
    """Training cannot start or had to stop."""

    exit_code = ExitCode.TRAINING


class PhotographError(ArchiveRestoreError):
    """One photograph cannot be read, restored or written. The others go on."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{printable(path)}: {reason}")
        self.path = path
        self.reason = reason


class UnreadablePhotographError(PhotographError):
    """Truncated, empty, no permission, or no picture at all."""


class UnsupportedPhotographError(PhotographError):
    """A picture in a format or mode that this version refuses by name rather than convert silently."""


class TooLargePhotographError(PhotographError):
    """More pixels than `--max-pixels` allows; nothing was decoded."""


def printable(path: Path | str) -> str:
    """A path as one line that any terminal prints: newlines, controls and non-UTF-8 bytes escaped."""
    text = str(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
