"""The workflow of `scan`: finding the damage in an archive, with the ledger."""

from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from archive_restore.detection import PAINTED, Policy
from archive_restore.detection.infrared import Verdict
from archive_restore.durable import remove_stray_temporaries
from archive_restore.errors import InputError, SetAside, printable
from archive_restore.examine import ScanOptions
from archive_restore.home import HOME_VARIABLE, Home, is_no_archive
from archive_restore.ledger import Archive, Counts, KindCount, Ledger, Unreachable, WorkerLock, no_run
from archive_restore.log import Log, NullLog
from archive_restore.moved_archive import moved_to, take_over
from archive_restore.photos.archive import check_archive, check_output, output_folder, same
from archive_restore.progress import Progress
from archive_restore.recording import Recorder, examine_all
from archive_restore.recovery import recover
from archive_restore.standing import standing
from archive_restore.survey import Comparison, survey_files

NO_LOG: Final = NullLog()


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
    infrared_unfit: int = 0  # and those whose file of that name is none of theirs
    reduced: int = 0  # photographs of this scan that a thorough one would have looked at more closely
    newly_thorough: bool = False  # the scans before it were not
    unsure: tuple[Path, ...] = ()  # photographs of the whole archive with faint specks all over
    results: tuple[Path, ...] = ()  # files of the whole archive that a run made: they are no originals
    moved_from: Path | None = None  # where the archive lay before it was renamed or moved

    @property
    def found(self) -> int:
        """Files with a picture's name that this scan met."""
        return self.unchanged + self.examined + self.recognised + len(self.set_aside)


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
        Another scan is at work; or a run, and all is to be searched anew, or the archive has moved.
    StorageError
        Score maps, masks or the ledger cannot be written. What was recorded stays.
    """
    archive = check_archive(archive)
    outputs = _outputs(archive, ledger)
    if same(home.root, archive):
        raise InputError(
            f"{printable(archive)} is the folder of the ledger and the masks. Set {HOME_VARIABLE} to another one."
        )
    if is_no_archive(archive):
        raise InputError(
            f"{printable(archive)} holds masks or score maps that archive-restore wrote, no photographs. Scan the "
            "folder of the originals."
        )
    with WorkerLock(home.scan_lock, work="scan"):
        for folder in (home.root / "scores", home.root / "masks", home.root / "edited-masks"):
            remove_stray_temporaries(folder)
        moved = moved_to(archive, ledger)
        if moved is not None:
            with no_run(home):
                take_over(moved, archive, ledger, home)
        archive_id = ledger.add_archive(archive)
        (known,) = [one for one in ledger.archives() if one.id == archive_id]
        policy, share = _choose(known, ledger, options)
        if options.thorough is None and not options.by_size:
            options = replace(options, thorough=known.thorough)
        compared = Comparison(archive_id, archive, [*outputs, home.root], ledger, home, options.anew)
        # A run must not meet a mask that is already new while the ledger still has the old one's regions.
        with no_run(home) if options.anew else nullcontext():
            if options.anew:
                recover(ledger)  # what a killed run held is not restored yet
            survey = survey_files(compared, ledger, progress)
            recorder = Recorder(archive_id, ledger, home, policy, progress, survey.policies, log)
            examine_all(compared, survey.to_examine, recorder, options, progress)
            ledger.record_unreachable(
                archive_id, [Unreachable(one.path, one.reason) for one in survey.unreachable]
            )
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
        counts=standing(ledger, home, archive_id),
        kinds=ledger.kinds(archive_id),
        pixels=ledger.pixels(archive_id),
        infrared_used=recorder.infrared[Verdict.USED],
        infrared_opaque=recorder.infrared[Verdict.OPAQUE],
        infrared_unfit=recorder.infrared[Verdict.UNFIT],
        reduced=recorder.reduced,
        newly_thorough=bool(options.thorough and not known.thorough),
        unsure=tuple(ledger.unsure(archive_id)),
        results=tuple(ledger.results_among(archive_id)),
        moved_from=moved.root if moved is not None else None,
    )


def _choose(known: Archive, ledger: Ledger, options: ScanOptions) -> tuple[Policy, float]:
    """What the user chose now, else earlier, and remembers it: the next scan of the archive follows it."""
    before = Policy() if known.policy is None else Policy.parsed(known.policy)
    policy = options.policy(before)
    ledger.choose(
        known.id,
        policy=None if policy == before else policy.text,
        max_coverage=options.max_coverage,
        thorough=options.thorough,
        by_size=options.by_size,
    )
    return policy, known.max_coverage if options.max_coverage is None else options.max_coverage


def _outputs(archive: Path, ledger: Ledger) -> list[Path]:
    """The folders of restored photographs, which are no originals."""
    output = output_folder(archive)
    check_output(archive, output)
    others = [output_folder(other.root) for other in ledger.archives() if other.root != archive]
    for other in others:
        if archive == other or other in archive.parents:
            raise InputError(
                f"{printable(archive)} holds photographs that archive-restore restored, not originals. "
                "Scan the folder of the originals."
            )
    return [output, *others]
