"""Where restored photographs go, without taking another file's place."""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from archive_restore.durable import mirror_folders, move_durably, remove_file
from archive_restore.errors import PhotographError, StorageError, printable
from archive_restore.ledger import Archive, Job, Ledger
from archive_restore.photos.archive import OUTPUT_SUFFIX, holds_something, output_folder
from archive_restore.photos.codecs import file_sha256
from archive_restore.photos.names import apart, earlier, folded, folds, written
from archive_restore.records import read_record, record_path, recorded, remove_record


def output_path(job: Job, renamed: Mapping[bytes, bytes] | None = None) -> Path:
    """Where the restored photograph goes; `renamed` has the paths that are others in the output."""
    relative = (renamed or {}).get(job.relative, job.relative)
    return output_folder(job.archive) / os.fsdecode(written(relative, job.path))


def reason_to_keep(job: Job) -> str | None:
    """Why an output must not be removed; None if it is ours, or gone already."""
    if job.output is None or job.output == job.path:
        return "the ledger does not say where it is"
    try:
        # The second is that of a run that was killed before it could say so.
        if file_sha256(job.output) not in (job.output_sha256, job.intended_sha256):
            return "it was changed after it was restored; remove it by hand if it is not wanted"
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"it cannot be read: {error.strerror or error}"
    return None


def take_back(job: Job, ledger: Ledger, *, again: bool) -> str | None:
    """Removes what was restored of a job, with its record, and says so in the ledger. The caller holds the worker lock.

    Parameters
    ----------
    again : queue it, to be restored anew; else it is left alone from now on

    Returns
    -------
    Why it was left where it is; None if it was removed, or is gone already.

    Raises
    ------
    StorageError
        A file cannot be removed.
    """
    reason = reason_to_keep(job)
    if reason is None and job.output is not None:
        _remove(job.output)  # first: killed in between, the same command finds the job still done and goes on
        ledger.revert(job, again=again)
    return reason


def _remove(output: Path) -> None:
    """A restored photograph and its record."""
    remove_file(output)
    remove_record(output)


def _made_of(job: Job, output: Path, digest: str) -> bool:
    """Whether the record beside an output of this sha256 says that it was made of the photograph of this job; the
    ledger may have forgotten it, or be another."""
    try:
        record = read_record(output)
    except PhotographError:
        return False
    return record is not None and (record.original.sha256, record.restored.sha256) == (job.sha256, digest)


def _one_name(path: Path, other: Path) -> bool:
    """Whether a disk that folds names takes both for the name of one file."""
    try:
        return folded(os.fsencode(path)) == folded(os.fsencode(other)) and path.samefile(other)
    except OSError:
        return False


class Outputs:
    """The places of one archive's restored photographs."""

    def __init__(self, ledger: Ledger, archive: Archive) -> None:
        self._ledger = ledger
        self._archive = archive
        self._renamed = self._renames(archive)

    def place(self, job: Job) -> Path:
        """Where its restored photograph goes."""
        return output_path(job, self._renamed)

    def free_place(self, job: Job) -> Path:
        """The same; PhotographError unless it is free, or holds what an earlier run wrote there."""
        output = self.place(job)
        try:
            digest = file_sha256(output)
            if self._ledger.wrote(digest) or _made_of(job, output, digest):
                return output
            reason = "is not a file that this program wrote"
        except (FileNotFoundError, NotADirectoryError):
            return output
        except OSError as error:
            reason = f"cannot be read ({error.strerror})"
        raise PhotographError(
            output,
            f"{printable(output)} exists already and {reason}; it is left as it is. Move it away, then retry",
        )

    def make_room(self, job: Job) -> Path | None:
        """Keeps what was restored at the place of `job` of another original, which was replaced or moved away.

        Returns
        -------
        Where it is now; None if nothing was kept. What was made of the same photograph may be replaced.

        Raises
        ------
        PhotographError, StorageError
            It cannot be renamed.
        """
        return self._keep(self.place(job), but_of=job)

    def follow(self) -> dict[Path, Path]:
        """Moves restored photographs whose originals were moved to where these lie now.

        What cannot be moved stays where it is, and the ledger knows it there.

        Returns
        -------
        New places by old ones, also of what had to make room.

        Raises
        ------
        StorageError
            The disk is full or cannot be written.
        """
        moved: dict[Path, Path] = {}
        for job in self._ledger.astray(self._archive.id, output_folder(self._archive.root)):
            target = self.place(job)
            there = os.path.exists(job.path)  # noqa: PTH110 (Path's raises where nobody may look)
            if job.output is None or job.output == target or not there:
                continue
            with suppress(PhotographError):
                # Where two exchanged their places, the second one has made room for the first.
                self._follow(job, moved.get(job.output, job.output), target, moved)
        return moved

    def take_back_emptied(self) -> list[Path]:
        """Removes what was restored of photographs in whose masks nothing is left, with its record: they count as
        undamaged from now on.

        What was changed since it was restored stays queued, so that the run says so.

        Returns
        -------
        What was removed.

        Raises
        ------
        StorageError
            A file cannot be removed.
        """
        taken: list[Path] = []
        if not holds_something(self._archive.root):  # what was restored is probably out of reach as well
            return taken
        for job in self._ledger.emptied(self._archive.id):
            output = job.output or job.intended_output
            if output is not None:
                if reason_to_keep(replace(job, output=output)) is not None:
                    continue
                # First: killed in between, the next run finds the job still queued and goes on.
                _remove(output)
                taken.append(output)
            self._ledger.drop_emptied(job)
        return taken

    def _follow(self, job: Job, path: Path, target: Path, moved: dict[Path, Path]) -> None:
        assert job.output is not None
        assert job.output_sha256 is not None
        # A run that was killed had moved it and not said so, or its owner has copied it.
        with suppress(OSError):
            if not _one_name(path, target) and file_sha256(target) == job.output_sha256:
                self._ledger.relocate(job.output, job.output_sha256, target)
                if not os.path.lexists(path):
                    remove_record(path)
                return
        if not os.path.lexists(path):
            return
        if not _one_name(path, target):
            kept = self._keep(target)
            if kept is not None:
                moved[target] = kept
            elif os.path.lexists(target):
                return
        mirror_folders(target, job.path, depth=job.relative.count(b"/"))
        self._rename(path, job.output_sha256, target, of=printable(os.fsdecode(job.relative)))
        moved[job.output] = target
        root = output_folder(job.archive)
        for folder in path.parents:
            if folder == root:
                break
            with suppress(OSError):  # others lie there
                folder.rmdir()
            if folder.name.endswith(OUTPUT_SUFFIX):  # where the archive lay before it was moved
                break

    def _keep(self, path: Path, *, but_of: Job | None = None) -> Path | None:
        """Gives the output at `path` another name beside it; None if there is none, or it was made of the photograph of
        `but_of`."""
        try:
            digest = file_sha256(path)
        except OSError:
            return None
        if not self._ledger.wrote(digest):
            return None
        if but_of is not None and (self._ledger.wrote_for(but_of, digest) or _made_of(but_of, path, digest)):
            return None
        kept = earlier(path)
        # The ledger first: killed in between, the next run finds it still in the way, and gives it the same name. What
        # was moved and not told would be taken for replaced by what comes here.
        self._ledger.relocate(path, digest, kept)
        try:
            self._rename(path, digest, kept)
        except (PhotographError, StorageError):
            if not os.path.lexists(kept):
                self._ledger.relocate(kept, digest, path)
            raise
        return kept

    def _rename(self, path: Path, digest: str, target: Path, *, of: str | None = None) -> None:
        """Moves an output with its record, which says that it is `of` this original, and tells the ledger."""
        record = None
        with suppress(PhotographError):  # what is no record stays where it is
            record = read_record(path)
        if record is not None and of is not None:
            record = replace(record, original=replace(record.original, name=of))
        two_records = record is not None and not _one_name(record_path(path), record_path(target))
        with recorded(target, record):
            move_durably(path, target)
        if two_records:
            remove_record(path)
        self._ledger.relocate(path, digest, target)

    def _renames(self, archive: Archive) -> Mapping[bytes, bytes]:
        """Names that the output's disk would take for another file's, by path."""
        if not folds(output_folder(archive.root)):
            return {}
        known = self._ledger.known_files(archive.id)
        return apart(sorted(known, key=lambda relative: known[relative].file_id))
