"""`archive-restore doctor`: is this machine fit?"""

import platform
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum

import typer

from archive_restore import __version__
from archive_restore.cli.options import Json
from archive_restore.errors import ArchiveRestoreError, ExitCode, printable
from archive_restore.home import HOME_VARIABLE, Home, default_home
from archive_restore.words import counted

WAL_RESET_BUG = ((3, 7, 0), (3, 51, 2))
"""First and last SQLite version that can lose a commit when two processes reset the write-ahead log."""

LITTLE_SPACE = 2 * 1024**3
"""bytes; score maps and masks of some ten thousand photographs."""


class Health(StrEnum):
    """How a check ended."""

    FINE = "fine"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at, and what to do if it is not fine."""

    name: str
    health: Health
    found: str


def doctor(json: Json = False) -> None:
    """Check whether this machine is fit.

    Looks at PyTorch, the devices, OpenCV, SQLite, the home folder and its space, the ledger, and the weights.
    """
    from archive_restore.console import show_json, show_table

    checks = list(examine(default_home()))
    if json:
        show_json([asdict(check) for check in checks])
    else:
        show_table(("what", "health", "found"), [(c.name, c.health, c.found) for c in checks])
    if any(check.health is Health.PROBLEM for check in checks):
        raise typer.Exit(ExitCode.SOME_FAILED)


def examine(home: Home) -> Iterator[Check]:
    """All checks. One that fails in an unexpected way is a problem of its own, not the end of the others."""
    checks: tuple[tuple[str, Callable[[], Check]], ...] = (
        ("program", _program),
        ("PyTorch", _torch),
        ("devices", _devices),
        ("OpenCV", _opencv),
        ("SQLite", _sqlite),
        ("home", lambda: _home(home)),
        ("ledger", lambda: _ledger(home)),
        ("weights", lambda: _weights(home)),
    )
    for name, check in checks:
        try:
            yield check()
        except ArchiveRestoreError as error:
            yield Check(name, Health.PROBLEM, str(error))
        except (ImportError, OSError, RuntimeError) as error:
            yield Check(name, Health.PROBLEM, f"{type(error).__name__}: {error}")


def _program() -> Check:
    python = platform.python_version()
    return Check(
        "program", Health.FINE, f"archive-restore {__version__}, Python {python}, {platform.platform()}"
    )


def _torch() -> Check:
    import torch

    return Check("PyTorch", Health.FINE, f"{torch.__version__}, {counted(torch.get_num_threads(), 'thread')}")


def _devices() -> Check:
    import torch

    from archive_restore.networks.devices import cuda_gpus, fault_of, nvidia_driver_seen, why_no_cuda

    names, faults = ["cpu"], []
    for number in range(cuda_gpus()):
        card = torch.cuda.get_device_properties(number)
        names.append(f"cuda:{number} {card.name} {card.total_memory / 1024**3:.0f} GiB")
        fault = fault_of(torch.device("cuda", number))
        if fault is not None:
            faults.append(f"cuda:{number} does not compute: {fault}")
    if torch.backends.mps.is_available():
        names.append("mps")
    if faults:
        return Check("devices", Health.WARNING, "; ".join([", ".join(names), *faults]))
    if len(names) > 1:
        return Check("devices", Health.FINE, ", ".join(names))
    if nvidia_driver_seen():
        return Check(
            "devices",
            Health.WARNING,
            f"cpu only, though there is an NVIDIA driver: {why_no_cuda()}. "
            "Install the PyTorch for your driver's CUDA version",
        )
    return Check("devices", Health.FINE, "cpu only: it works, slowly. No GPU was found")


def _opencv() -> Check:
    import cv2  # needs libGL; its ImportError names the library

    return Check("OpenCV", Health.FINE, cv2.__version__)


def _sqlite() -> Check:
    try:  # sqlite_utils, and so the ledger, makes the same choice
        import pysqlite3 as sqlite3
    except ImportError:
        import sqlite3
    return sqlite_check(sqlite3.sqlite_version, sqlite3.__name__)


def sqlite_check(number: str, module: str) -> Check:
    """Judges a SQLite version such as "3.45.1" that came with `module`."""
    first, last = WAL_RESET_BUG
    found = f"{number} ({module})"
    if first <= tuple(int(part) for part in number.split(".")) <= last:
        advice = "" if module == "pysqlite3" else "; pip install pysqlite3-binary may bring a newer one"
        return Check(
            "SQLite",
            Health.WARNING,
            f"{found} has the write-ahead log reset bug (3.7.0 to 3.51.2), which needs two programs that "
            f"write to the ledger at the same moment: let one scan or run end before the next{advice}",
        )
    return Check("SQLite", Health.FINE, found)


def _home(home: Home) -> Check:
    from archive_restore.durable import write_durably

    probe = home.root / "doctor-was-here"
    write_durably(probe, b"")
    probe.unlink()
    free = shutil.disk_usage(home.root).free
    found = f"{printable(home.root)}, {free / 1024**3:.1f} GiB free"
    if free < LITTLE_SPACE:
        return Check("home", Health.WARNING, f"{found}: little. {HOME_VARIABLE} moves it to another disk")
    return Check("home", Health.FINE, found)


def _ledger(home: Home) -> Check:
    from archive_restore.ledger import open_ledger

    if not home.ledger.exists():
        return Check("ledger", Health.FINE, "none yet; it comes with the first scan")
    with open_ledger(home.ledger) as ledger:
        faults = ledger.faults()
    if faults:
        found = f"{printable(home.ledger)} is damaged: {faults[0]}. What to do: archive-restore ledger check"
        return Check("ledger", Health.PROBLEM, found)
    return Check("ledger", Health.FINE, f"{printable(home.ledger)} is sound")


def _weights(home: Home) -> Check:
    from archive_restore.networks.weights import load_model

    card = load_model(None, home=home).card
    return Check(
        "weights",
        Health.FINE,
        f"{card.name} ({card.architecture}), sha256 {card.sha256[:12]} as it should be",
    )
