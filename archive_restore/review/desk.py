"""Where a person looks at photographs and says what is to become of them. Threads may share a desk."""

import os
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Final

from archive_restore.by_hand import give_back, take_over
from archive_restore.detection import Policy
from archive_restore.errors import InputError, PhotographError, printable
from archive_restore.home import Home
from archive_restore.ledger import Archive, Job, Ledger, MaskedPhotograph, Pile, State, WorkerLock
from archive_restore.outputs import take_back
from archive_restore.painting import Painted, Useless, painting_of
from archive_restore.review.pictures import Pictures, Stroke, painted_over, pictures_of, shown_box
from archive_restore.scanned import scanned_archives

PAGE: Final = 200
"""Photographs that are listed at once."""

KEPT_BYTES: Final = 600 << 20
"""Of pictures that are kept decoded, so that every part of one is shown at once; the last one is kept in any case."""

LARGEST: Final = 2**63 - 1
"""Number that SQLite holds."""

NO_LONGER: Final = "It is not any more what you saw. Look at it again."


@dataclass
class Verdicts:
    """What was said since the desk was opened."""

    accepted: int = 0
    reverted: int = 0  # restored ones, now removed
    left_alone: int = 0  # that were not restored yet
    queued: int = 0  # held ones that were released, and rejected ones that are wanted after all
    masks: int = 0  # painted, or given back to the detectors

    @property
    def any(self) -> bool:
        return any((self.accepted, self.reverted, self.left_alone, self.queued, self.masks))


@dataclass
class Desk:
    """The photographs of one archive, or of all, and the verdicts on them.

    Each verdict names what its reviewer saw: where that has changed meanwhile, InputError says so and nothing is done.

    Parameters
    ----------
    archive : None for all that were scanned; InputError if it was not
    """

    ledger: Ledger
    home: Home
    archive: Path | None = None
    verdicts: Verdicts = field(default_factory=Verdicts)
    _kept: OrderedDict[tuple[object, ...], Pictures] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        archives = scanned_archives(self.ledger, self.archive)
        self._only = archives[0].id if self.archive is not None else None

    def piles(self) -> dict[str, int]:
        """How many photographs are in each."""
        return {pile.value: count for pile, count in self.ledger.piles(self._only).items()}

    def photographs(self, pile: Pile, after: int) -> dict[str, object]:
        """The next ones of a pile, those whose ids follow `after`, and whether there are more."""
        jobs = self.ledger.pile(pile, archive=self._only, after=min(after, LARGEST), limit=PAGE + 1)
        return {"photographs": [self._facts(job) for job in jobs[:PAGE]], "more": len(jobs) > PAGE}

    def photograph(self, number: int) -> dict[str, object]:
        """All that is told of one, with its size and the boxes of its damage as it is shown; `trouble` if it cannot
        be shown."""
        job = self._job(number)
        facts = self._facts(job)
        try:
            pictures = self.pictures(number)
        except PhotographError as error:
            return facts | {"trouble": str(error)}
        width, height = pictures.size
        regions = self.ledger.regions(job.photograph_id) if job.photograph_id is not None else []
        boxes = [(shown_box(one, pictures.size, pictures.turn), one.kind) for one in regions]
        return facts | {
            "width": width,
            "height": height,
            "repainted": round(100 * float(pictures.mask.mean()), 2),
            "regions": [[box.left, box.top, box.width, box.height, kind] for box, kind in boxes],
        }

    def pictures(self, number: int) -> Pictures:
        """Before, after and mask.

        Raises
        ------
        PhotographError
            They cannot be shown.
        """
        job = self._job(number)
        key = (job.path, job.size, job.sha256, job.output_sha256, self._mask_version(job))
        with self._lock:
            found = self._kept.get(key) or pictures_of(job, self.home)
            self._kept[key] = found
            self._kept.move_to_end(key)
            while len(self._kept) > 1 and sum(one.bytes for one in self._kept.values()) > KEPT_BYTES:
                self._kept.popitem(last=False)
        return found

    def accept(self, number: int, version: str) -> None:
        """What was restored is good."""
        self._seen(self.ledger.accept(self._job(number, version)))
        self.verdicts.accepted += 1

    def reconsider(self, number: int, version: str) -> None:
        """What was accepted is to be looked at again."""
        self._seen(self.ledger.accept(self._job(number, version), accepted=False))
        self.verdicts.accepted -= 1

    def reject(self, number: int, version: str) -> None:
        """What was restored is removed; what was not restored yet is left alone."""
        job = self._job(number, version)
        if job.output is None:
            self._seen(self.ledger.leave_alone(job))
            self.verdicts.left_alone += 1
            return
        with WorkerLock(self.home.worker_lock):
            reason = take_back(job, self.ledger, again=False)
        if reason is not None:
            raise InputError(f"{printable(job.output)}: {reason}.")
        self.verdicts.reverted += 1

    def restore(self, number: int, version: str) -> None:
        """What is held may be restored, and what was rejected is wanted after all."""
        job = self._job(number, version)
        if job.state is State.HELD:
            self._seen(self.ledger.allow(job.archive_id, job.relative) > 0)
        else:
            with WorkerLock(self.home.worker_lock):
                self._seen(job.state is State.REJECTED and self.ledger.revert(job, again=True))
        self.verdicts.queued += 1

    def paint(self, number: int, version: str, strokes: Sequence[Stroke]) -> None:
        """The mask with strokes over it is the one in use from now on.

        Raises
        ------
        LockedError
            A scan or a run is at work.
        """
        job = self._job(number, version)
        mask = painted_over(self.pictures(number), strokes)
        with WorkerLock(self.home.worker_lock), WorkerLock(self.home.scan_lock, work="scan"):
            photograph = self._masked(job)
            painting = painting_of(mask, photograph, self.home)
            if isinstance(painting, Useless):
                raise InputError(f"{painting.reason.capitalize()}.")
            if isinstance(painting, Painted):
                take_over(painting, photograph, self.ledger, self.home)
                self.verdicts.masks += 1

    def reset(self, number: int, version: str) -> None:
        """The detectors' mask is the one in use again. LockedError, if a scan or a run is at work."""
        job = self._job(number, version)
        with WorkerLock(self.home.worker_lock), WorkerLock(self.home.scan_lock, work="scan"):
            policy = self._archive(job).policy
            chosen = Policy() if policy is None else Policy.parsed(policy)
            if give_back(self._masked(job), chosen, self.ledger, self.home) is None:
                raise InputError(
                    "What its scan found is gone. Scan its archive again, then look at it again."
                )
            self.verdicts.masks += 1

    def _facts(self, job: Job) -> dict[str, object]:
        """What is told of a photograph that is listed."""
        kinds = self.ledger.kinds_of(job.photograph_id) if job.photograph_id is not None else []
        by_hand = job.sha256 is not None and self.home.edited_mask(job.sha256).exists()
        return {
            "id": job.id,
            "version": self._version(job),
            "name": printable(os.fsdecode(job.relative)),
            "archive": printable(job.archive),
            "pile": _pile(job).value,
            "restored": job.output is not None,
            "kinds": [[kind.kind, kind.regions] for kind in kinds],
            "by_hand": by_hand,
            "reason": job.reason or (f"{job.linked} from a duplicate" if job.linked else ""),
        }

    def _version(self, job: Job) -> str:
        """What tells whether a photograph, its mask or what was restored of it is another one."""
        return f"{job.state}-{job.attempts}-{job.output_sha256 or ''}-{self._mask_version(job)}"

    def _mask_version(self, job: Job) -> str:
        try:
            stat = self.home.mask(job.sha256 or "").stat()
        except OSError:
            return "none"
        return f"{stat.st_mtime_ns:x}.{stat.st_size:x}"

    def _job(self, number: int, version: str | None = None) -> Job:
        job = self.ledger.job(number) if number <= LARGEST else None
        if job is None or job.sha256 is None or self._only not in (None, job.archive_id):
            raise InputError("There is no such photograph any more. Load the page again.")
        if version is not None:
            self._seen(version == self._version(job))
        return job

    def _archive(self, job: Job) -> Archive:
        return next(one for one in self.ledger.archives() if one.id == job.archive_id)

    def _masked(self, job: Job) -> MaskedPhotograph:
        photograph = self.ledger.masked_content(job.archive_id, job.sha256 or "")
        if photograph is None:
            raise InputError(NO_LONGER)
        return photograph

    @staticmethod
    def _seen(still: bool) -> None:
        if not still:
            raise InputError(NO_LONGER)


def _pile(job: Job) -> Pile:
    """The one that a photograph is in; NEW for what failed, which is in none."""
    match job.state:
        case State.DONE if job.accepted_at is not None:
            return Pile.ACCEPTED
        case State.HELD:
            return Pile.HELD
        case State.QUEUED | State.LEASED:
            return Pile.WAITING
        case State.REJECTED:
            return Pile.REJECTED
        case _:
            return Pile.NEW
