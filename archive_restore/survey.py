"""How the files of an archive compare with what the ledger knows of them, before any is read."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

from archive_restore.errors import SetAside
from archive_restore.home import Home
from archive_restore.ledger import KnownFile, Ledger
from archive_restore.photos.archive import FoundFile, OnError, OnMasks, walk
from archive_restore.progress import Progress
from archive_restore.set_aside import noting_masks, noting_unreachable

TOGETHER: Final = 1_000
"""Files that the ledger is asked, or told, about at once: others may write in between."""


@dataclass
class Survey:
    """What a walk through the archive found, in numbers: an archive may hold millions of files."""

    unchanged: int = 0
    to_examine: int = 0
    unreachable: list[SetAside] = field(default_factory=list)
    policies: Counter[str] = field(default_factory=Counter)  # of the masks that stay


@dataclass(frozen=True)
class Comparison:
    """The files of an archive beside what the ledger knows of them."""

    archive_id: int
    archive: Path
    exclude: list[Path]
    ledger: Ledger
    home: Home
    anew: bool  # all files are searched

    def files(
        self,
        on_error: OnError | None = None,
        on_masks: OnMasks | None = None,
    ) -> Iterator[tuple[FoundFile, KnownFile | None]]:
        """Each file with what was known of its path, in the order of the walk."""
        files = walk(self.archive, exclude=self.exclude, on_error=on_error, on_masks=on_masks)
        for some in iter(lambda: list(islice(files, TOGETHER)), []):
            known = self.ledger.known_at(self.archive_id, [found.relative for found in some])
            for found in some:
                yield found, known.get(found.relative)

    def must_read(self, found: FoundFile, before: KnownFile | None) -> bool:
        """Whether the file is new or changed, or all are searched and nothing speaks against it."""
        return before is None or _must_read(before, found, self.home) or (self.anew and self._open(before))

    def _open(self, before: KnownFile) -> bool:
        """Whether nothing was restored by this photograph's mask yet: else it has to stay, or nobody could verify that
        only what it marks was changed."""
        if before.sha256 is None:
            return True
        photograph = self.ledger.masked_content(self.archive_id, before.sha256)
        return photograph is None or not photograph.restored


class FileIds:
    """A set of file ids, in a bit each."""

    def __init__(self) -> None:
        self._bits = bytearray()

    def add(self, number: int) -> None:
        place = number >> 3
        if place >= len(self._bits):
            self._bits.extend(bytes(place + 1 - len(self._bits) + len(self._bits) // 2))
        self._bits[place] |= 1 << (number & 7)

    def __contains__(self, number: int) -> bool:
        place = number >> 3
        return place < len(self._bits) and bool(self._bits[place] & 1 << (number & 7))


def survey_files(compared: Comparison, ledger: Ledger, progress: Progress) -> Survey:
    """Tells the ledger what is gone, changed or found again, before anything is read: a moved file is known then."""
    survey, stay = Survey(), FileIds()
    found_again: list[int] = []
    progress.start("Looking for photographs", None)
    told = noting_unreachable(survey.unreachable, progress), noting_masks(progress)
    for found, before in compared.files(*told):
        progress.advance()
        if before is None or _must_read(before, found, compared.home):
            survey.to_examine += 1
            continue
        stay.add(before.file_id)
        if before.missing:
            found_again.append(before.file_id)
        if compared.must_read(found, before):
            survey.to_examine += 1
            continue
        survey.unchanged += 1
        if before.policy is not None:
            survey.policies[before.policy] += 1
    there = ledger.present(compared.archive_id)
    gone = (relative for file_id, relative in there if file_id not in stay)
    for some in iter(lambda: list(islice(gone, TOGETHER)), []):
        ledger.mark_missing(compared.archive_id, some)
    for start in range(0, len(found_again), TOGETHER):
        ledger.mark_found(found_again[start : start + TOGETHER])
    return survey


def _must_read(before: KnownFile, found: FoundFile, home: Home) -> bool:
    if (before.size, before.modified_ns) != (found.size, found.modified_ns):
        return True
    # A mask that somebody deleted is made again, or its photograph could never be restored.
    return bool(before.needs_mask) and before.sha256 is not None and not home.mask(before.sha256).exists()
