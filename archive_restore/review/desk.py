"""Where a person looks at photographs and says what is to become of them. Threads may share a desk."""

import os
import shlex
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import Final

from archive_restore.by_hand import give_back, take_over
from archive_restore.detection import Policy, Sensitivity
from archive_restore.errors import InputError, PhotographError, printable
from archive_restore.home import Home
from archive_restore.ledger import (
    Job,
    Ledger,
    MaskedPhotograph,
    Pile,
    Reviewed,
    State,
    no_run,
    no_run_or_scan,
)
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

UNSCORED: Final = "What its scan found is gone. Scan its archive again, then look at it again."

NO_LONGER: Final = "It is not any more what you saw. Look at it again."


@dataclass
class Verdicts:
    """What was said since the desk was opened."""

    accepted: int = 0
    reconsidered: int = 0  # accepted ones that are to be looked at again
    reverted: int = 0  # restored ones, now removed
    left_alone: int = 0  # that were not restored yet
    queued: int = 0  # held ones that were released, and rejected ones that are wanted after all
    masks: int = 0  # painted, given back to the detectors, or made more boldly
    settled: int = 0  # with faint specks that are no damage


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
        found = self.ledger.pile(pile, archive=self._only, after=min(max(after, 0), LARGEST), limit=PAGE + 1)
        return {"photographs": [self._facts(one) for one in found[:PAGE]], "more": len(found) > PAGE}

    def photograph(self, number: int) -> dict[str, object]:
        """All that is told of one, with its size and the boxes of its damage as it is shown; `trouble` if it cannot
        be shown."""
        one = self._one(number)
        facts = self._facts(one)
        try:
            pictures = self._pictures(one)
        except PhotographError as error:
            return facts | {"trouble": str(error)}
        width, height = pictures.size
        boxes = [
            (shown_box(region, pictures.size, pictures.turn), region.kind)
            for region in self.ledger.regions(one.photograph_id)
        ]
        return facts | {
            "width": width,
            "height": height,
            "masked": round(100 * float(pictures.mask.mean()), 2),
            "regions": [[box.left, box.top, box.width, box.height, kind] for box, kind in boxes],
        }

    def pictures(self, number: int) -> Pictures:
        """Before, after and mask.

        Raises
        ------
        PhotographError
            They cannot be shown.
        """
        return self._pictures(self._one(number))

    def accept(self, number: int, version: str) -> None:
        """What was restored is good."""
        self._seen(self.ledger.accept(self._job(number, version)))
        self.verdicts.accepted += 1

    def reconsider(self, number: int, version: str) -> None:
        """What was accepted is to be looked at again."""
        self._seen(self.ledger.accept(self._job(number, version), accepted=False))
        self.verdicts.reconsidered += 1

    def reject(self, number: int, version: str) -> None:
        """What was restored is removed; what was not restored yet is left alone."""
        job = self._job(number, version)
        if job.output is None:
            self._seen(self.ledger.leave_alone(job))
            self.verdicts.left_alone += 1
            return
        if not job.path.exists():  # perhaps of a disk that is away, or what was restored is all that is left
            raise InputError(
                f"{printable(job.path)} is not there, so what was restored of it is kept. To remove it all the same: "
                f"archive-restore revert {shlex.quote(printable(job.output))}"
            )
        with no_run(self.home):
            reason = take_back(self._job(number, version), self.ledger, again=False)
        if reason is not None:
            raise InputError(f"{printable(job.output)}: {reason}.")
        self.verdicts.reverted += 1

    def restore(self, number: int, version: str) -> None:
        """What is held may be restored, and what was rejected is wanted after all."""
        job = self._job(number, version)
        if job.state is State.HELD:
            self._seen(self.ledger.allow(job.archive_id, job.relative) > 0)
        else:
            self._seen(job.state is State.REJECTED)
            with no_run(self.home):
                self._seen(self.ledger.revert(job, again=True))
            self.ledger.allow(job.archive_id, job.relative)  # its reviewer has looked at its mask
        self.verdicts.queued += 1

    def settle(self, number: int, version: str) -> None:
        """The faint specks all over a photograph are no damage."""
        self.ledger.settle(self._one(number, version).photograph_id)
        self.verdicts.settled += 1

    def believe(self, number: int, version: str) -> None:
        """They are. LockedError, if a scan or a run is at work."""
        self._by_detectors(number, version, self._bold, decided=True)

    def paint(self, number: int, version: str, strokes: Sequence[Stroke]) -> None:
        """The mask with strokes over it is the one in use from now on. Of what its reviewer saw the mask alone counts:
        a run that ended meanwhile does not cost what he painted.

        Raises
        ------
        LockedError
            A scan or a run is at work.
        """
        with no_run_or_scan(self.home):
            one = self._one(number)
            self._seen(version.rpartition("-")[2] == self._mask_version(one))
            mask = painted_over(self._pictures(one), strokes)
            photograph = self._masked(one)
            painting = painting_of(mask, photograph, self.home)
            if isinstance(painting, Useless):
                raise InputError(f"{painting.reason.capitalize()}.")
            if isinstance(painting, Painted):
                take_over(painting, photograph, self.ledger, self.home)
                self.verdicts.masks += 1

    def reset(self, number: int, version: str) -> None:
        """The detectors' mask is the one in use again. LockedError, if a scan or a run is at work."""
        self._by_detectors(number, version, self._policy)

    def _by_detectors(
        self, number: int, version: str, policy: Callable[[Reviewed], Policy], *, decided: bool = False
    ) -> None:
        with no_run_or_scan(self.home):
            one = self._one(number, version)
            photograph = self._masked(one)
            if give_back(photograph, policy(one), self.ledger, self.home, decided=decided) is None:
                raise InputError(UNSCORED)
            self.verdicts.masks += 1

    def _facts(self, one: Reviewed) -> dict[str, object]:
        """What is told of a photograph that is listed."""
        job = one.job
        return {
            "id": one.file_id,
            "version": self._version(one),
            "name": printable(os.fsdecode(one.relative)),
            "archive": printable(one.archive),
            "pile": one.pile,
            "restored": job is not None and job.output is not None,
            "kinds": [[kind.kind, kind.regions] for kind in self.ledger.kinds_of(one.photograph_id)],
            "by_hand": self.home.edited_mask(one.sha256).exists(),
            "reason": ""
            if job is None
            else job.reason or (f"{job.linked} from a duplicate" if job.linked else ""),
        }

    def _pictures(self, one: Reviewed) -> Pictures:
        key = (one.path, one.size, self._version(one))
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                damaged = bool(self.ledger.kinds_of(one.photograph_id))
                bold = self._bold(one) if one.pile is Pile.UNSURE else None
                found = self._kept[key] = pictures_of(one, self.home, damaged=damaged, bold=bold)
            self._kept.move_to_end(key)
            while len(self._kept) > 1 and sum(each.bytes for each in self._kept.values()) > KEPT_BYTES:
                self._kept.popitem(last=False)
        return found

    def _version(self, one: Reviewed) -> str:
        """What tells whether a photograph, its mask, what was restored of it or the verdict on it is another one."""
        job = one.job
        done = "" if job is None else f"{job.state}-{job.attempts}-{job.output_sha256 or ''}"
        return f"{one.sha256}-{one.pile}-{done}-{self._mask_version(one)}"

    def _mask_version(self, one: Reviewed) -> str:
        bold = "bold." if one.pile is Pile.UNSURE else ""
        try:
            stat = self.home.mask(one.sha256).stat()
        except OSError:
            return f"{bold}none"
        return f"{bold}{stat.st_mtime_ns:x}.{stat.st_size:x}"

    def _one(self, number: int, version: str | None = None) -> Reviewed:
        one = self.ledger.reviewed(number) if number <= LARGEST else None
        if one is None or self._only not in (None, one.archive_id):
            raise InputError("There is no such photograph any more. Load the page again.")
        if version is not None:
            self._seen(version == self._version(one))
        return one

    def _job(self, number: int, version: str) -> Job:
        job = self._one(number, version).job
        if job is None:
            raise InputError(NO_LONGER)
        return job

    def _policy(self, one: Reviewed) -> Policy:
        """What is damage in its archive."""
        archive = next(each for each in self.ledger.archives() if each.id == one.archive_id)
        return Policy() if archive.policy is None else Policy.parsed(archive.policy)

    def _bold(self, one: Reviewed) -> Policy:
        """The same, but so that faint specks are damage as well."""
        return replace(self._policy(one), level=Sensitivity.HIGH)

    def _masked(self, one: Reviewed) -> MaskedPhotograph:
        photograph = self.ledger.masked_content(one.archive_id, one.sha256)
        if photograph is None:
            raise InputError(NO_LONGER)
        return photograph

    @staticmethod
    def _seen(still: bool) -> None:
        if not still:
            raise InputError(NO_LONGER)
