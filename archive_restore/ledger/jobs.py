"""What the ledger hands out and takes in: files, photographs, regions, jobs.

A *photograph* is a content (a sha256); a *file* is a place in an archive where that content lies; a *job*
is the decision and the work on one file. A file that moves keeps its job, a file whose content changes
gets a new one.
"""

import os
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path


class State(StrEnum):
    """Where a job stands.

    queued > leased > done | failed; failed > queued by a retry; held waits for a person to look; rejected
    was looked at and is not wanted.
    """

    QUEUED = "queued"
    LEASED = "leased"
    DONE = "done"
    FAILED = "failed"
    HELD = "held"
    REJECTED = "rejected"


class Pile(StrEnum):
    """What a person who looks at photographs has to do with them. What was set aside is in none."""

    NEW = "new"  # restored, and not looked at
    UNSURE = "unsure"  # faint specks all over, and nobody said what they are
    HELD = "held"  # not to be restored before somebody looked
    WAITING = "waiting"  # for a run
    ACCEPTED = "accepted"  # restored, looked at and kept
    REJECTED = "rejected"
    UNDAMAGED = "undamaged"  # nothing was found


class Stage(StrEnum):
    """What was being done to a photograph when it failed."""

    SCAN = "scan"  # it could not be read; the next scan after a retry reads it again
    RUN = "run"  # it could not be restored; the next run after a retry tries again


@dataclass(frozen=True)
class Archive:
    """A folder that was scanned."""

    id: int
    root: Path
    scanned_at: str | None  # UTC, ISO 8601; None while its first scan has not gone through
    model: str | None = None  # name of the generator that was adopted for it; None: the shipped default
    policy: str | None = None  # what of a score map is damage, as somebody chose it; None: the default
    max_coverage: float = 0.12  # of 1; photographs whose masks cover more are held
    thorough: bool | None = None  # its scans look closely at large photographs; None: by their size


@dataclass(frozen=True, slots=True)
class KnownFile:
    """What the ledger remembers of one path, enough to leave an unchanged file unopened."""

    file_id: int
    size: int  # bytes
    modified_ns: int | None  # ns since 1970; None: to be read again whatever its time says
    sha256: str | None  # None: it could not be read
    photograph_id: int | None
    policy: str | None  # by which its mask was made
    missing: int  # 1 if it was not there at the last scan
    needs_mask: int  # 1 if a job still has to read its mask


@dataclass(frozen=True)
class KnownContent:
    """What the ledger remembers of a photograph, wherever it lies."""

    policy: str  # by which its mask was made
    damaged: bool


@dataclass(frozen=True)
class ScannedPhotograph:
    """A file that was read, and what it holds."""

    relative: bytes  # path below the archive, as the file system has it, '/' between folders
    size: int  # bytes
    modified_ns: int  # ns since 1970
    sha256: str  # of the file's bytes, hex
    format: str
    width: int  # px
    height: int  # px
    policy: str  # by which its mask was made
    covered: int = 0  # px in its mask; 0 where that is not known, which holds nothing
    by_hand: bool = False  # somebody painted the mask
    released: bool = False  # somebody has looked at the mask
    unsure: bool = False  # it has faint specks all over, and nobody said what they are


@dataclass(frozen=True, slots=True)
class MaskedPhotograph:
    """What stands of the mask of a photograph that lies in an archive."""

    id: int
    sha256: str
    width: int  # px
    height: int  # px
    policy: str  # by which the mask was made
    covered: int  # px in the mask
    allowed: int  # px in the mask when somebody released it
    by_hand: bool
    unsure: bool  # it has faint specks all over, and nobody said what they are
    relative: bytes  # one of its places in the archive
    files: int  # how many places there are
    states: tuple[State, ...]  # of the jobs there
    anew: int  # of them, those that wait and were restored before
    restored: int  # files, or about to be, in any archive: what was repainted there is what the mask says

    @property
    def pixels(self) -> int:
        return self.width * self.height


@dataclass(frozen=True)
class RegionRow:
    """One connected piece of damage."""

    kind: str
    left: int  # px, of its bounding box
    top: int  # px
    width: int  # px
    height: int  # px
    area: int  # px²
    score: float  # 0..1


@dataclass(frozen=True, slots=True)
class Job:
    """One file to be restored. (id, worker, attempts) is the fence: only its holder can change a lease."""

    id: int
    file_id: int
    photograph_id: int | None  # None: it could not be read
    archive_id: int
    archive: Path
    relative: bytes
    size: int  # bytes, of the original
    sha256: str | None  # of the content that was scanned; None only where stage is scan
    format: str | None
    width: int | None  # px
    height: int | None  # px
    state: State
    stage: Stage | None  # where it failed
    attempts: int  # leases so far, this one included
    failures: int  # attempts that failed since it was queued, or retried
    crashes: int  # runs that died while they held it, likewise
    tried: int  # attempts in all, likewise; once it is done only the last is remembered
    worker: str | None
    reason: str | None  # why it failed, or failed last, in words
    intended_sha256: str | None  # of the output that this attempt was about to write
    intended_output: Path | None  # where; its photograph may have moved since
    output: Path | None  # the restored photograph; that of before where it is to be restored anew
    output_sha256: str | None
    model: str | None
    linked: str | None  # how the output came from that of a duplicate: "linked", "copied"; None: restored
    finished_at: str | None  # UTC, ISO 8601
    accepted_at: str | None = None  # UTC, ISO 8601; when somebody looked at what was restored and kept it
    missing: bool = False  # the last scan did not find the original

    @property
    def path(self) -> Path:
        """The original."""
        return self.archive / os.fsdecode(self.relative)


@dataclass(frozen=True)
class Reviewed:
    """A photograph as a person looks at it."""

    file_id: int
    photograph_id: int
    archive_id: int
    archive: Path
    relative: bytes
    size: int  # bytes
    sha256: str
    pile: Pile | None
    job: Job | None  # None: nothing is to be done

    @property
    def path(self) -> Path:
        """The original."""
        return self.archive / os.fsdecode(self.relative)


@dataclass(frozen=True)
class Backlog:
    """What is queued of an archive."""

    photographs: int
    pixels: int  # px
    damage: int  # px²
    size: int  # bytes, of the originals


@dataclass(frozen=True)
class Pace:
    """What earlier runs got done on a device."""

    pixels: int  # px of the photographs that they restored
    seconds: float  # that they worked


@dataclass(frozen=True)
class RunRow:
    """One run, as the ledger remembers it."""

    started_at: str  # UTC, ISO 8601
    seconds: float  # that it worked; pauses and waiting left out
    device: str
    model: str
    restored: int
    set_aside: int
    pixels: int  # px of the photographs that were restored


@dataclass(frozen=True)
class Failure:
    """A photograph that was set aside, and why."""

    archive: Path
    relative: bytes
    stage: Stage
    reason: str
    attempts: int

    @property
    def path(self) -> Path:
        """The original."""
        return self.archive / os.fsdecode(self.relative)


@dataclass(frozen=True)
class Unreachable:
    """A folder that the last scan could not open, or a link that leads nowhere."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Held:
    """A photograph that waits for a person to look at its mask."""

    archive: Path
    relative: bytes
    reason: str

    @property
    def path(self) -> Path:
        """The original."""
        return self.archive / os.fsdecode(self.relative)


@dataclass(frozen=True)
class Counts:
    """How many files are in which state. Those that are missing are counted only as missing."""

    photographs: int  # all files that are there
    states: dict[State, int]  # of the damaged and the unreadable; every state is a key
    unreadable: int  # of the failed, those that the scan could not read
    missing: int
    by_hand: int = 0  # files whose masks somebody painted
    unreachable: int = 0  # folders and links; what lies behind them is in no other number

    def abandoned(self) -> "Counts":
        """As they stand where no worker lives: what a run that died holds waits for the next one."""
        states = self.states
        queued = states[State.QUEUED] + states[State.LEASED]
        return replace(self, states={**states, State.QUEUED: queued, State.LEASED: 0})

    @property
    def damaged(self) -> int:
        """Files in which damage was found."""
        return sum(self.states.values()) - self.unreadable

    @property
    def undamaged(self) -> int:
        """Files in which nothing was found."""
        return self.photographs - sum(self.states.values())


@dataclass(frozen=True)
class KindCount:
    """How much of one kind of damage there is."""

    kind: str
    photographs: int
    regions: int
    area: int  # px²


@dataclass(frozen=True)
class Retried:
    """What a retry set going again."""

    queued: int  # for the next run
    to_scan: int  # for the next scan
    held: int = 0  # for a look: their masks are large
