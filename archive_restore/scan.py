"""Finding damage: in an archive, with the ledger (`scan`), or in a few paths, without one (`detect`)."""

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar

from archive_restore.cores import usable_cores
from archive_restore.detection import PAINTED, Policy, Region
from archive_restore.detection.infrared import Verdict
from archive_restore.errors import InputError, printable
from archive_restore.examine import (
    Detector,
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
from archive_restore.ledger import (
    Counts,
    KindCount,
    KnownFile,
    Ledger,
    ScannedPhotograph,
    WorkerLock,
)
from archive_restore.log import Log, NullLog
from archive_restore.masking import row_of
from archive_restore.photos.archive import FoundFile, check_archive, check_output, output_folder, walk
from archive_restore.photos.companions import infrared_of_file
from archive_restore.photos.files import remove_stray_temporaries
from archive_restore.processes import Lost, in_processes
from archive_restore.progress import Progress

__all__ = ["DetectSummary", "Detector", "ScanOptions", "ScanSummary", "SetAside", "detect_paths", "scan"]

NO_LOG: Final = NullLog()

MASK_SUFFIX: Final = b".png"
"""Appended to the whole name, so that a.jpg and a.tif keep two masks."""

TOGETHER: Final = 1_000
"""Files that the ledger is asked about at once."""

Found = TypeVar("Found")


@dataclass(frozen=True)
class SetAside:
    """A photograph or folder that could not be read."""

    path: Path
    reason: str


@dataclass(frozen=True)
class ScanSummary:
    """What one scan did, and what the archive now holds."""

    archive: Path
    unchanged: int  # files left unopened
    examined: int  # files searched for damage
    recognised: int  # files whose content was known: moved, copied, or only touched
    set_aside: list[SetAside]  # in this scan
    unreachable: list[SetAside]  # folders and links
    policy: Policy  # by which this scan made masks
    other_policy: int  # photographs that keep a mask made by another one
    share: float  # of 1 that a mask may cover before its photograph is held
    counts: Counts  # of the whole archive, as are the next two
    kinds: list[KindCount]
    pixels: int
    infrared_used: int = 0  # photographs of this scan whose infrared picture showed the dust
    infrared_opaque: int = 0  # and those whose film stops infrared, so that it was not used

    @property
    def found(self) -> int:
        """Files with a picture's name that this scan met."""
        return self.unchanged + self.examined + self.recognised + len(self.set_aside)


@dataclass(frozen=True)
class DetectSummary:
    """What `detect` found and wrote."""

    photographs: int  # that have a mask now
    damaged: int
    kinds: list[KindCount]
    pixels: int
    set_aside: list[SetAside]
    unreachable: list[SetAside]


def scan(
    archive: Path,
    *,
    ledger: Ledger,
    home: Home,
    options: ScanOptions,
    progress: Progress,
    log: Log = NO_LOG,
) -> ScanSummary:
    """Searches what is new or changed in `archive`, and queues a job for each damaged photograph.

    Raises
    ------
    InputError
        The archive cannot be read, or lies where outputs go.
    LockedError
        Another scan is at work; or a run, and all is to be searched anew.
    StorageError
        Score maps, masks or the ledger cannot be written. What was recorded stays.
    """
    archive = check_archive(archive)
    outputs = _outputs(archive, ledger, options)
    with WorkerLock(home.root / "scan.lock", work="scan"):
        for folder in (home.root / "scores", home.root / "masks", home.root / "edited-masks"):
            remove_stray_temporaries(folder)
        archive_id = ledger.add_archive(archive)
        policy, share = _choose(archive_id, ledger, options)
        compared = _Comparison(archive_id, archive, [*outputs, home.root], ledger, home, options.anew)
        # A run must not meet a mask that is already new while the ledger still has the old one's regions.
        with WorkerLock(home.worker_lock) if options.anew else nullcontext():
            survey = _survey(compared, ledger, progress)
            recorder = _Recorder(archive_id, ledger, home, policy, progress, survey.policies, log)
            _examine_all(compared, survey.to_examine, recorder, options, progress)
        ledger.archive_scanned(archive_id)
    masks = recorder.policies
    return ScanSummary(
        archive=archive,
        unchanged=survey.unchanged,
        examined=recorder.examined,
        recognised=recorder.recognised,
        set_aside=recorder.set_aside,
        unreachable=survey.unreachable,
        policy=policy,
        other_policy=masks.total() - masks[policy.text] - masks[PAINTED],
        share=share,
        counts=ledger.counts(archive_id),
        kinds=ledger.kinds(archive_id),
        pixels=ledger.pixels(archive_id),
        infrared_used=recorder.infrared[Verdict.USED],
        infrared_opaque=recorder.infrared[Verdict.OPAQUE],
    )


def detect_paths(
    paths: Sequence[Path], *, out: Path, options: ScanOptions, progress: Progress
) -> DetectSummary:
    """Writes the mask of each photograph, also an empty one: of sub/a.jpg in a folder, out/sub/a.jpg.png.

    Raises
    ------
    InputError
        A path cannot be read, `out` would mix with the photographs, or two masks would have one name.
    StorageError
        The masks cannot be written.
    """
    unreachable: list[SetAside] = []
    masks = _masks_of(paths, out, _noting(unreachable, progress))
    options = usable(options, progress)
    policy = options.policy(Policy())
    tasks = [
        Examination(root, file, options, mask=mask, policy=policy) for mask, (root, file) in masks.items()
    ]
    photographs = damaged = pixels = 0
    by_kind: dict[str, list[list[Region]]] = defaultdict(list)
    set_aside: list[SetAside] = []
    progress.start("Detecting", len(tasks))
    for task, result in _results(examine, tasks, options):
        match result:
            case Examined(header=header, regions=regions):
                photographs += 1
                pixels += header.pixels
                damaged += bool(regions)
                for kind in {region.kind for region in regions}:
                    by_kind[kind].append([region for region in regions if region.kind == kind])
            case Refused(reason) | Lost(reason):
                set_aside.append(SetAside(task.path, reason))
                _tell(progress, set_aside, result)
        progress.advance()
    kinds = [
        KindCount(
            kind, len(each), sum(map(len, each)), sum(region.area for found in each for region in found)
        )
        for kind, each in by_kind.items()
    ]
    kinds.sort(key=lambda kind: (-kind.photographs, -kind.regions, kind.kind))
    return DetectSummary(photographs, damaged, kinds, pixels, set_aside, unreachable)


def _choose(archive_id: int, ledger: Ledger, options: ScanOptions) -> tuple[Policy, float]:
    """What the user chose now, else earlier, and remembers it: the next scan of the archive follows it."""
    (known,) = [archive for archive in ledger.archives() if archive.id == archive_id]
    before = Policy() if known.policy is None else Policy.parsed(known.policy)
    policy = options.policy(before)
    ledger.choose(
        archive_id,
        policy=None if policy == before else policy.text,
        max_coverage=options.max_coverage,
    )
    return policy, known.max_coverage if options.max_coverage is None else options.max_coverage


def _outputs(archive: Path, ledger: Ledger, options: ScanOptions) -> list[Path]:
    """The folders of restored photographs, which are no originals."""
    output = options.output or output_folder(archive)
    check_output(archive, output)
    others = [output_folder(other.root) for other in ledger.archives() if other.root != archive]
    for other in others:
        if archive == other or other in archive.parents:
            raise InputError(
                f"{printable(archive)} holds photographs that archive-restore restored, not originals. "
                "Scan the folder of the originals."
            )
    return [output, *others]


def _noting(unreachable: list[SetAside], progress: Progress) -> Callable[[Path, OSError], None]:
    def note(path: Path, error: OSError) -> None:
        reason = error.strerror or str(error)
        unreachable.append(SetAside(path, reason))
        progress.note(f"Cannot open {printable(path)}: {reason}")

    return note


def _tell(progress: Progress, set_aside: Sequence[SetAside], result: Refused | Lost) -> None:
    """Refusals are only counted: an archive may hold thousands of one format, and all are listed later."""
    progress.figures(set_aside=len(set_aside))
    if isinstance(result, Lost):
        progress.note(f"Set aside {printable(set_aside[-1].path)}: {result.reason}")


# How an archive compares with the ledger.


@dataclass
class _Survey:
    """What a walk through the archive found, in numbers: an archive may hold millions of files."""

    unchanged: int = 0
    to_examine: int = 0
    unreachable: list[SetAside] = field(default_factory=list)
    policies: Counter[str] = field(default_factory=Counter)  # of the masks that stay


@dataclass(frozen=True)
class _Comparison:
    """The files of an archive beside what the ledger knows of them."""

    archive_id: int
    archive: Path
    exclude: list[Path]
    ledger: Ledger
    home: Home
    anew: bool  # all files are searched

    def files(
        self, on_error: Callable[[Path, OSError], None] | None = None
    ) -> Iterator[tuple[FoundFile, KnownFile | None]]:
        """Each file with what was known of its path, in the order of the walk."""
        files = walk(self.archive, exclude=self.exclude, on_error=on_error)
        for some in iter(lambda: list(islice(files, TOGETHER)), []):
            known = self.ledger.known_at(self.archive_id, [found.relative for found in some])
            for found in some:
                yield found, known.get(found.relative)

    def must_read(self, found: FoundFile, before: KnownFile | None) -> bool:
        return before is None or _must_read(before, found, self.home) or (self.anew and self._open(before))

    def _open(self, before: KnownFile) -> bool:
        """Whether nothing was restored by this photograph's mask yet: else it has to stay, or nobody could verify that
        only what it marks was changed."""
        if before.sha256 is None:
            return True
        photograph = self.ledger.masked_content(self.archive_id, before.sha256)
        return photograph is None or not photograph.restored


class _Ids:
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


def _survey(compared: _Comparison, ledger: Ledger, progress: Progress) -> _Survey:
    """Tells the ledger what is gone, changed or found again, before anything is read: a moved file is known then."""
    survey, stay = _Survey(), _Ids()
    found_again: list[int] = []
    progress.start("Looking for photographs", None)
    for found, before in compared.files(_noting(survey.unreachable, progress)):
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
    ledger.mark_found(found_again)
    return survey


def _must_read(before: KnownFile, found: FoundFile, home: Home) -> bool:
    if (before.size, before.modified_ns) != (found.size, found.modified_ns):
        return True
    # A mask that somebody deleted is made again, or its photograph could never be restored.
    return bool(before.needs_mask) and before.sha256 is not None and not home.mask(before.sha256).exists()


# Reading what is new, and telling the ledger.


def _examine_all(
    compared: _Comparison, count: int, recorder: "_Recorder", options: ScanOptions, progress: Progress
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
    unknown = []
    for task, result in _results(examine if options.anew else examine_new, tasks, options):
        if isinstance(result, SeenBefore) and not recorder.adopt(task.file, result.sha256):
            unknown.append(task)
        elif not isinstance(result, SeenBefore):
            recorder.record(task, result)
    for task, result in _results(examine, unknown, options):
        recorder.record(task, result)


def _results(
    work: Callable[[Examination], Found], tasks: Iterable[Examination], options: ScanOptions
) -> Iterator[tuple[Examination, Found | Lost]]:
    return in_processes(work, tasks, processes=options.jobs or usable_cores())


@dataclass
class _Recorder:
    """Tells the ledger of each file as soon as it is through, and counts."""

    archive_id: int
    ledger: Ledger
    home: Home
    policy: Policy
    progress: Progress
    policies: Counter[str]  # of the masks that were made before this scan
    log: Log
    examined: int = 0
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
                )
                self.ledger.record(self.archive_id, photograph, [row_of(region) for region in regions])
                self.examined += 1
                self.infrared[result.infrared] += 1
                self.log.event(
                    "examined",
                    {"path": self._name(file), "regions": len(regions), "infrared": result.infrared},
                )
            case Refused(reason) | Lost(reason):
                may_pass = isinstance(result, Refused) and result.may_pass
                modified_ns = None if may_pass else file.modified_ns
                self.ledger.record_failure(self.archive_id, file.relative, file.size, modified_ns, reason)
                self.set_aside.append(SetAside(task.path, reason))
                self.log.event("set aside", {"path": self._name(file), "reason": reason})
                _tell(self.progress, self.set_aside, result)
        self.progress.advance()

    def _name(self, file: FoundFile) -> str:
        return printable(os.fsdecode(file.relative))


# Without an archive.


def _masks_of(
    paths: Sequence[Path], out: Path, on_error: Callable[[Path, OSError], None]
) -> dict[Path, tuple[Path, FoundFile]]:
    """Each photograph's folder and file by the path of its mask."""
    masks: dict[Path, tuple[Path, FoundFile]] = {}
    for path in paths:
        for root, file in _photographs(path, out, on_error):
            mask = out / os.fsdecode(file.relative + MASK_SUFFIX)
            other = masks.setdefault(mask, (root, file))
            if not _same_file(other[1].path(other[0]), file.path(root)):
                raise InputError(
                    f"{printable(other[1].path(other[0]))} and {printable(file.path(root))} would have the "
                    f"same mask, {printable(mask)}. Detect them one after the other, into two folders."
                )
    return masks


def _photographs(
    path: Path, out: Path, on_error: Callable[[Path, OSError], None]
) -> Iterator[tuple[Path, FoundFile]]:
    if not path.is_file():
        folder = check_archive(path)
        check_output(folder, out)
        for file in walk(folder, on_error=on_error):
            yield folder, file
        return
    if _same_file(path.parent, out):
        raise InputError(
            f"{printable(out)} is the folder of {printable(path)}; masks there would pass for photographs. "
            "Name another folder with --out."
        )
    status = path.stat()
    infrared = infrared_of_file(path)
    beside = None if infrared is None else os.fsencode(infrared.name)
    yield path.parent, FoundFile(os.fsencode(path.name), status.st_size, status.st_mtime_ns, beside)


def _same_file(first: Path, second: Path) -> bool:
    return first == second or (first.exists() and second.exists() and first.samefile(second))
