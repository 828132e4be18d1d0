"""Reading what is new in an archive, and telling the ledger."""

import os
from collections import Counter
from dataclasses import dataclass, field

from archive_restore.detection import PAINTED, Policy
from archive_restore.detection.infrared import Verdict
from archive_restore.errors import SetAside, printable
from archive_restore.examine import (
    Examination,
    Examined,
    Refused,
    ScanOptions,
    SeenBefore,
    examine,
    examine_new,
    usable,
)
from archive_restore.home import Home
from archive_restore.ledger import Ledger, ScannedPhotograph
from archive_restore.log import Log
from archive_restore.masking import row_of
from archive_restore.photos.archive import FoundFile
from archive_restore.processes import Lost, in_processes
from archive_restore.progress import Progress
from archive_restore.set_aside import tell_set_aside
from archive_restore.survey import Comparison


@dataclass
class Recorder:
    """Tells the ledger of each file as soon as it is through, and counts."""

    archive_id: int
    ledger: Ledger
    home: Home
    policy: Policy
    progress: Progress
    policies: Counter[str]  # of the masks that were made before this scan
    log: Log
    examined: int = 0
    reduced: int = 0  # of them, searched at a reduced size
    recognised: int = 0
    set_aside: list[SetAside] = field(default_factory=list)
    infrared: Counter[Verdict | None] = field(default_factory=Counter)  # photographs

    def adopt(self, file: FoundFile, sha256: str) -> bool:
        """Takes over what is known of this content; False if that is not all, and it must be examined."""
        known = self.ledger.known_content(sha256)
        if known is None:
            return False  # a scan was killed between its score map and its row
        if known.damaged and not self.home.mask(sha256).exists():
            return False
        self.ledger.adopt(self.archive_id, file.relative, file.size, file.modified_ns, sha256)
        self.policies[known.policy] += 1
        self.recognised += 1
        self.log.event("recognised", {"path": self._name(file)})
        self.progress.advance()
        return True

    def record(self, task: Examination, result: Examined | Refused | Lost) -> None:
        """A file that was read, or could not be."""
        file = task.file
        match result:
            case Examined(sha256, header, regions, covered, by_hand):
                photograph = ScannedPhotograph(
                    relative=file.relative,
                    size=file.size,
                    modified_ns=file.modified_ns,
                    sha256=sha256,
                    format=header.format,
                    width=header.width,
                    height=header.height,
                    policy=PAINTED if by_hand else self.policy.text,
                    covered=covered,
                    by_hand=by_hand,
                    unsure=result.unsure,
                )
                self.ledger.record(self.archive_id, photograph, [row_of(region) for region in regions])
                self.examined += 1
                self.reduced += result.reduced
                self.infrared[result.infrared] += 1
                self.log.event(
                    "examined",
                    {
                        "path": self._name(file),
                        "regions": len(regions),
                        "infrared": result.infrared,
                        "unsure": result.unsure,
                    },
                )
            case Refused(reason) | Lost(reason):
                may_pass = isinstance(result, Refused) and result.may_pass
                modified_ns = None if may_pass else file.modified_ns
                self.ledger.record_failure(self.archive_id, file.relative, file.size, modified_ns, reason)
                self.set_aside.append(SetAside(task.path, reason))
                self.log.event("set aside", {"path": self._name(file), "reason": reason})
                tell_set_aside(self.progress, self.set_aside, result)
        self.progress.advance()

    def _name(self, file: FoundFile) -> str:
        return printable(os.fsdecode(file.relative))


def examine_all(
    compared: Comparison, count: int, recorder: Recorder, options: ScanOptions, progress: Progress
) -> None:
    """Walks again instead of keeping a list, which in a first scan would name every file there is."""
    progress.start("Scanning", count)
    if not count:
        return
    options = usable(options, progress)
    tasks = (
        Examination(compared.archive, found, options, home=recorder.home, policy=recorder.policy)
        for found, before in compared.files()
        if compared.must_read(found, before)
    )
    work = examine if options.anew else examine_new
    unknown = []
    for task, result in in_processes(work, tasks, processes=options.processes):
        if isinstance(result, SeenBefore) and not recorder.adopt(task.file, result.sha256):
            unknown.append(task)
        elif not isinstance(result, SeenBefore):
            recorder.record(task, result)
    for task, result in in_processes(examine, unknown, processes=options.processes):
        recorder.record(task, result)
