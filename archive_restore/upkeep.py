"""The `ledger` workflow: check it, copy it, make it anew from the restored photographs' records."""

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from archive_restore.durable import move_durably
from archive_restore.errors import InputError, LedgerError, PhotographError, StorageError, printable
from archive_restore.home import Home
from archive_restore.ledger import (
    Ledger,
    RegionRow,
    ScannedPhotograph,
    State,
    fold_wal,
    no_run_or_scan,
    open_ledger,
)
from archive_restore.moved_archive import moved_to, take_over
from archive_restore.photos.archive import check_archive, output_folder, same, walk
from archive_restore.photos.codecs import file_sha256
from archive_restore.progress import Progress
from archive_restore.records import Record, read_record
from archive_restore.scanned import check_apart, scanned_archives, scanned_ledger

UNKNOWN_POLICY: Final = "normal"
"""Records do not say by which one a mask was made; the next scan that asks for another says so."""

MOST_PIXELS: Final = 2**40
"""px of a sheet. Whatever is larger is a mistake, and the sums of many would not fit into the ledger."""

BESIDE: Final = ("-wal", "-shm")
"""What SQLite keeps beside its file."""


@dataclass(frozen=True)
class Skipped:
    """A restored photograph, or a folder of them, that the new ledger does not know, and why."""

    path: Path
    reason: str


@dataclass
class RebuildSummary:
    """What a rebuild took from the records."""

    remembered: int = 0  # photographs that are done
    gone: int = 0  # of them, those whose original is not there
    skipped: list[Skipped] = field(default_factory=list)
    replaced: Path | None = None  # where the former ledger is now


def backup(home: Home, target: Path | None) -> Path:
    """Copies the ledger to `target`, by default into the home's folder of backups. Returns where it is.

    Raises
    ------
    InputError
        There is no ledger, or the copy would lie among the photographs of an archive, or replace a file.
    LedgerError, StorageError
        The ledger cannot be read, or the copy cannot be written.
    """
    if not home.ledger.exists():
        raise InputError("There is no ledger yet. It comes with the first: archive-restore scan ARCHIVE")
    if target is not None:
        check_apart(target.absolute().parent, home)
    else:
        target = home.root / "backups" / f"ledger-{_stamp()}.db"
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"{printable(target.parent)} cannot be made: {error.strerror}.") from error
    with open_ledger(home.ledger) as ledger:
        ledger.backup(target)
    return target


def rebuild(archives: Sequence[Path], *, home: Home, progress: Progress) -> RebuildSummary:
    """Makes a new ledger that knows what was restored, from the records beside the restored photographs.

    Nothing is restored twice for it. What was found in the other photographs is not in the records: a scan
    of each archive reads them again. The former ledger is kept beside the new one, and if it is sound, what it knows
    of other archives, and what was chosen and reverted in these, is known to the new one as well.

    Raises
    ------
    InputError
        An archive cannot be read.
    LockedError
        A scan or a run is at work.
    LedgerError, StorageError
        The new ledger cannot be written.
    """
    roots = [check_archive(archive) for archive in archives]
    summary, time = RebuildSummary(), _Time()
    with no_run_or_scan(home):
        new = home.ledger.with_name(f"{home.ledger.stem}-new.db")
        _remove(new)
        for kept in home.ledger.parent.glob(f"{home.ledger.stem}-replaced-*.db"):
            if same(kept, home.ledger):  # a rebuild was killed before the new one took its place
                _remove(kept)
        _copy_if_sound(home.ledger, new)
        with open_ledger(new, clock=time) as ledger:
            for job in ledger.leased():  # of a run that was killed
                ledger.release(job, crashed=True)
            for root in roots:
                moved = moved_to(root, ledger)
                if moved is not None:
                    take_over(moved, root, ledger, home)
            for archive in ledger.archives():
                if archive.root in roots:
                    ledger.forget_files(archive.id)
            for root in roots:
                _remember(root, ledger, home, time, summary, progress)
                time.now = datetime.now(UTC)
        if home.ledger.exists():
            summary.replaced = home.ledger.with_name(f"{home.ledger.stem}-replaced-{_stamp()}.db")
            _keep_aside(home.ledger, summary.replaced)
        move_durably(new, home.ledger)
    return summary


def forget(archive: Path, *, home: Home) -> int:
    """Removes an archive from the ledger. Nothing on the disk is touched.

    Returns
    -------
    The photographs that were known of it.

    Raises
    ------
    InputError
        It was not scanned.
    LockedError
        A scan or a run is at work.
    """
    with scanned_ledger(home) as ledger:
        [known] = scanned_archives(ledger, archive)
        with no_run_or_scan(home):
            counts = ledger.counts(known.id)
            ledger.forget_archive(known.id)
    return counts.photographs + counts.missing


@dataclass
class _Time:
    """The ledger's clock: photographs are remembered as done when they were done."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.now


def _remember(
    root: Path, ledger: Ledger, home: Home, time: _Time, summary: RebuildSummary, progress: Progress
) -> None:
    archive_id = ledger.add_archive(root)
    output = output_folder(root)
    kept = {(job.relative, job.sha256): job for job in ledger.jobs(archive=archive_id, also_missing=True)}
    elsewhere = {job.sha256 for job in kept.values() if job.missing}
    held = []  # so that what is recorded below is all that can be claimed
    while some := ledger.claim("kept", len(kept) + 1, archive_id):
        held += some

    def unreachable(path: Path, error: OSError) -> None:
        reason = f"cannot be opened: {error.strerror or error}. Correct that, then run the same command again"
        summary.skipped.append(Skipped(path, reason))

    progress.start("Reading records", None)
    try:
        for found in walk(output, on_error=unreachable) if output.is_dir() else ():
            path = found.path(output)
            progress.advance()
            try:
                record = _sound_record(path)
                time.now = _moment(record.time)
                photograph, regions = _scanned(root, _original(found.relative, record), record, home)
            except (PhotographError, OSError) as error:
                reason = error.reason if isinstance(error, PhotographError) else str(error)
                summary.skipped.append(Skipped(path, reason))
                continue
            except (ValueError, KeyError, TypeError, OverflowError) as error:
                summary.skipped.append(Skipped(path, f"its record cannot be used ({error})"))
                continue
            job = kept.get((photograph.relative, photograph.sha256))
            if job is not None and job.state is State.REJECTED:
                anew = "it was rejected before. To have it anew: archive-restore revert --again on it"
                summary.skipped.append(Skipped(path, anew))
                continue
            if job is not None or photograph.sha256 in elsewhere:
                summary.remembered += 1
                continue
            ledger.record(archive_id, photograph, regions)
            for job in ledger.claim("rebuild", 1, archive_id):
                ledger.finish(job, output=path, output_sha256=record.restored.sha256, model=record.model.name)
            summary.remembered += 1
            if photograph.modified_ns == 0:
                summary.gone += 1
                ledger.mark_missing(archive_id, [photograph.relative])
        for job in held:
            ledger.release(job)
    finally:
        progress.stop()


def _sound_record(output: Path) -> Record:
    """The record of an output; PhotographError if there is none, or it is of another file."""
    record = read_record(output)
    if record is None:
        raise PhotographError(output, "it has no record")
    if file_sha256(output) != record.restored.sha256:
        raise PhotographError(output, "it is not what its record says")
    return record


def _scanned(
    root: Path, relative: bytes, record: Record, home: Home
) -> tuple[ScannedPhotograph, list[RegionRow]]:
    """What a scan had found. Its time is one that no file has, so that the next scan reads the original."""
    there = (root / os.fsdecode(relative)).exists()
    restored, pixels = record.restored, record.restored.width * record.restored.height
    if not 0 < pixels <= MOST_PIXELS:
        raise ValueError(f"it tells of {restored.width} x {restored.height} px")
    for text in (record.original.sha256, restored.format, record.model.name):
        text.encode()  # ValueError if it is no text that can be kept
    photograph = ScannedPhotograph(
        relative=relative,
        size=record.original.size,
        modified_ns=1 if there else 0,
        sha256=record.original.sha256,
        format=restored.format,
        width=restored.width,
        height=restored.height,
        policy=UNKNOWN_POLICY,
        covered=record.repainted.pixels,
        by_hand=home.edited_mask(record.original.sha256).exists(),
        released=True,
    )
    regions = [
        RegionRow(
            kind=str(region["kind"]),
            left=int(region["left"]),
            top=int(region["top"]),
            width=int(region["width"]),
            height=int(region["height"]),
            area=int(region["area"]),
            score=float(region["score"]),
        )
        for region in record.repainted.regions
    ]
    for row in regions:
        row.kind.encode()
        numbers = row.left, row.top, row.width, row.height, row.area, row.score
        if not all(0 <= number <= pixels for number in numbers):  # nor is it NaN
            raise ValueError(f"it tells of damage that the photograph cannot hold: {numbers}")
    return photograph, regions


def _moment(text: str) -> datetime:
    """A time of a record; ValueError or OverflowError if it is none, or none that all clocks can show."""
    moment = datetime.fromisoformat(text).astimezone(UTC)
    if not datetime.min.year < moment.year < datetime.max.year:
        raise ValueError(f"it is of the year {moment.year}")
    return moment


def _copy_if_sound(ledger: Path, target: Path) -> None:
    """A copy of a ledger in which nothing is wrong; nothing, if there is none or something is."""
    if not ledger.exists():
        return
    try:
        with open_ledger(ledger) as opened:
            if not opened.faults():
                opened.backup(target)
    except LedgerError:
        return


def _stamp() -> str:
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")


def _keep_aside(ledger: Path, target: Path) -> None:
    """The ledger as `target`, while its file stays: it is replaced in one step, and there is one whenever this ends."""
    fold_wal(ledger)
    with _said_of(ledger):
        # Of a damaged one alone: beside the new one it would be taken for its last commits.
        for suffix in BESIDE:
            part = ledger.with_name(ledger.name + suffix)
            if part.exists():
                part.replace(target.with_name(target.name + suffix))
        try:
            os.link(ledger, target)
        except OSError:  # this disk has no links
            shutil.copyfile(ledger, target)


def _remove(ledger: Path) -> None:
    with _said_of(ledger):
        for suffix in ("", *BESIDE):
            ledger.with_name(ledger.name + suffix).unlink(missing_ok=True)


@contextlib.contextmanager
def _said_of(ledger: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{printable(ledger)} cannot be moved away: {error.strerror}. Close what uses it, then run the same "
            "command again."
        ) from error


def _original(relative: bytes, record: Record) -> bytes:
    """The path of what was restored as `relative`: HEIC and AVIF become PNG, which is appended to the name."""
    shorter = relative.removesuffix(b".png")
    return shorter if printable(os.fsdecode(shorter)) == record.original.name else relative
