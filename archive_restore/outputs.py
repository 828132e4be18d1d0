"""Where restored photographs go, without taking another file's place."""

import os
from collections.abc import Mapping
from pathlib import Path

from archive_restore.errors import PhotographError, printable
from archive_restore.ledger import Archive, Job, Ledger
from archive_restore.photos.archive import output_folder
from archive_restore.photos.codecs import file_sha256
from archive_restore.photos.names import apart, folds, written


def output_path(job: Job, renamed: Mapping[bytes, bytes] | None = None) -> Path:
    """Where the restored photograph goes; `renamed` has the paths that are others in the output."""
    relative = (renamed or {}).get(job.relative, job.relative)
    return output_folder(job.archive) / os.fsdecode(written(relative, job.path))


class Outputs:
    """The places of one archive's restored photographs."""

    def __init__(self, ledger: Ledger, archive: Archive) -> None:
        self._ledger = ledger
        self._renamed = self._renames(archive)

    def place(self, job: Job) -> Path:
        """Where its restored photograph goes."""
        return output_path(job, self._renamed)

    def free_place(self, job: Job) -> Path:
        """The same; PhotographError unless it is free, or holds what an earlier run wrote there."""
        output = self.place(job)
        try:
            if self._ledger.wrote(file_sha256(output)):
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

    def _renames(self, archive: Archive) -> Mapping[bytes, bytes]:
        """Names that the output's disk would take for another file's, by path."""
        if not folds(output_folder(archive.root)):
            return {}
        known = self._ledger.known_files(archive.id)
        return apart(sorted(known, key=lambda relative: known[relative].file_id))
