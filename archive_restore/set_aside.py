"""What could not be read or is no photograph, noted as it is met."""

from collections.abc import Sequence
from pathlib import Path

from archive_restore.errors import SetAside, printable
from archive_restore.examine import Refused
from archive_restore.photos.archive import OnError, OnMasks
from archive_restore.processes import Lost
from archive_restore.progress import Progress


def noting_unreachable(unreachable: list[SetAside], progress: Progress) -> OnError:
    """What a walk calls for each folder or link that it cannot open."""

    def note(path: Path, error: OSError) -> None:
        reason = error.strerror or str(error)
        unreachable.append(SetAside(path, reason))
        progress.note(f"Cannot open {printable(path)}: {reason}")

    return note


def noting_masks(progress: Progress) -> OnMasks:
    """What a walk calls for each folder of exported masks, and each home other than the present one, whose masks and
    score maps it passes over."""

    def note(folder: Path) -> None:
        progress.note(
            f"{printable(folder)} was written by archive-restore: its masks and score maps are no photographs."
        )

    return note


def tell_set_aside(progress: Progress, set_aside: Sequence[SetAside], result: Refused | Lost) -> None:
    """Refusals are only counted: an archive may hold thousands of one format, and all are listed later."""
    progress.figures(set_aside=len(set_aside))
    if isinstance(result, Lost):
        progress.note(f"Set aside {printable(set_aside[-1].path)}: {result.reason}")
