"""How long a run may work, and what it has before it."""

import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Final

from archive_restore.clock import Clock
from archive_restore.durable import TEMPORARY_PREFIX, write_durably
from archive_restore.errors import ArchiveRestoreError, InputError
from archive_restore.ledger import Archive, Ledger
from archive_restore.photos.archive import output_folder

GLANCE_SECONDS: Final = 1.0
"""s between two looks at whether a pause is over, or somebody wants to stop."""

ROOM: Final = 8 * 1024**2
"""bytes that must be free before a run goes on; a photograph that still does not fit pauses it again."""

PROBE: Final = 64 * 1024
"""bytes written to see whether it can be."""

_UNITS: Final = {"s": 1, "m": 60, "min": 60, "h": 3600}  # s


def parse_time(text: str) -> time:
    """A time of day, "07:00" or "7:30".

    Raises
    ------
    InputError
        It is none.
    """
    found = re.fullmatch(r"(\d{1,2}):(\d{2})", text)
    if found is None or int(found[1]) > 23 or int(found[2]) > 59:
        raise InputError(f"{text!r} is no time of day. Give hours and minutes, as in 07:00.")
    return time(int(found[1]), int(found[2]))


def parse_duration(text: str) -> timedelta:
    """A span, "6h", "90min", "1h30m".

    Raises
    ------
    InputError
        It is none.
    """
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*(h|min|m|s)", text)
    if not parts or re.sub(r"(\d+(?:\.\d+)?)\s*(h|min|m|s)|\s", "", text):
        raise InputError(f"{text!r} is no span of time. Write it as 6h, 90min or 1h30m.")
    try:
        return timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in parts))
    except OverflowError:
        raise InputError(f"{text!r} is longer than any night.") from None


def next_time(wanted: time, now: datetime) -> datetime:
    """The next moment at which clocks show `wanted` where `now` is: in its time zone, or, if it has none, here, also
    after a night in which clocks are changed."""
    then = now.replace(hour=wanted.hour, minute=wanted.minute, second=0, microsecond=0)
    then = then if then > now else then + timedelta(days=1)
    return then.astimezone() if then.tzinfo is None else then


@dataclass
class Night:
    """Until when a run may begin something new. Made when the run begins.

    `end` is a time of day, but a clock that is set back must not make the night longer: it is over as well
    once as much time has gone by as there was to be.
    """

    clock: Clock
    end: datetime | None = None
    lasting: timedelta | None = None  # of time awake
    _began: float = field(init=False)
    _planned: float | None = field(init=False)  # s

    def __post_init__(self) -> None:
        self._began = self.clock.monotonic()
        spans = [self.lasting] if self.lasting is not None else []
        if self.end is not None:
            spans.append(self.end - self.clock.now())
        self._planned = min(spans).total_seconds() if spans else None

    def over(self) -> bool:
        """Whether the time is up."""
        if self._planned is None:
            return False
        if self.clock.monotonic() - self._began >= self._planned:
            return True
        return self.end is not None and self.clock.now() >= self.end

    def wait(self, seconds: float, wanted: Callable[[], bool]) -> bool:
        """Sleeps as long as it is wanted; False if that was less than `seconds`."""
        until = self.clock.monotonic() + seconds
        while wanted():
            left = until - self.clock.monotonic()
            if left <= 0:
                return True
            self.clock.sleep(min(left, GLANCE_SECONDS))
        return False


@dataclass(frozen=True)
class Disk:
    """The disk of an output folder."""

    folder: Path
    needed: int  # bytes, about
    free: int  # bytes


@dataclass(frozen=True)
class Estimate:
    """What lies before a run."""

    photographs: int
    megapixels: float
    damaged_megapixels: float
    seconds: float | None  # at the pace of the last runs on this device; None before there were any
    disks: tuple[Disk, ...]

    @property
    def too_full(self) -> list[Disk]:
        """Disks that will not hold it all."""
        return [disk for disk in self.disks if disk.needed > disk.free]


def estimate(
    ledger: Ledger, archives: Sequence[Archive], device: str, *, abandoned: bool = False
) -> Estimate:
    """What is queued, how long it takes and what it needs; restored files are about as large as originals.

    With `abandoned`, no worker lives: what one that died held is to do as well.
    """
    backlogs = [(archive, ledger.backlog(archive.id, abandoned=abandoned)) for archive in archives]
    pixels = sum(backlog.pixels for _, backlog in backlogs)
    pace = ledger.pace(device)
    return Estimate(
        photographs=sum(backlog.photographs for _, backlog in backlogs),
        megapixels=pixels / 1e6,
        damaged_megapixels=sum(backlog.damage for _, backlog in backlogs) / 1e6,
        seconds=pixels * pace.seconds / pace.pixels if pace is not None else None,
        disks=tuple(
            Disk(output_folder(archive.root), backlog.size, free_space(output_folder(archive.root)))
            for archive, backlog in backlogs
            if backlog.photographs
        ),
    )


def free_space(folder: Path) -> int:
    """Bytes that may still be written in a folder, which need not be there yet."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def has_room(folder: Path) -> bool:
    """Whether more than a crumb can be written there; a quota tells only by trying."""
    if free_space(folder) < ROOM:
        return False
    while not folder.exists() and folder != folder.parent:  # who makes it knows how private it is to be
        folder = folder.parent
    probe = folder / (TEMPORARY_PREFIX + "room")
    try:
        write_durably(probe, bytes(PROBE))
        probe.unlink()
    except (ArchiveRestoreError, OSError):
        return False
    return True
