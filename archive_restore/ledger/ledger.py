"""The ledger's verbs. Each is one statement or one immediate transaction, so a kill leaves a whole state."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import TracebackType

from archive_restore.errors import StorageError, printable
from archive_restore.ledger.care import CareVerbs
from archive_restore.ledger.connection import Connection, Row
from archive_restore.ledger.jobs import Job, Retried, State
from archive_restore.ledger.masking import BELOW, MaskVerbs, below
from archive_restore.ledger.questions import Questions
from archive_restore.ledger.reviewing import ReviewVerbs
from archive_restore.ledger.rows import utc_now
from archive_restore.ledger.running import RunVerbs


def open_ledger(path: Path, *, clock: Callable[[], datetime] = utc_now) -> "Ledger":
    """Opens the ledger at `path`, made or migrated as needed. `clock` gives the time in UTC.

    Raises
    ------
    LedgerError
        It is newer than this version, damaged, or no ledger.
    StorageError
        It cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"{printable(path.parent)}: the folder for the ledger cannot be made ({error.strerror}). Set "
            "ARCHIVE_RESTORE_HOME to a folder that can be written."
        ) from error
    return Ledger(Connection(path), clock)


class Ledger(MaskVerbs, RunVerbs, ReviewVerbs, CareVerbs, Questions):
    """All that is known about the archives. Threads may share it; processes each open their own."""

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()

    def retry(self, *, archive: int | None = None, under: bytes | None = None) -> Retried:
        """Sets failed jobs going again: of one archive, and there at or below the path `under`.

        What failed in a run is queued, or held where its mask has grown large meanwhile. What could not be read is
        read again by the next scan.
        """
        chosen = "state = 'failed' AND (:archive IS NULL OR jobs.archive_id = :archive)"
        values: Row = {"archive": archive, "now": self._now()}
        if under:
            chosen += f" AND file_id IN (SELECT id FROM files WHERE archive_id = :archive AND {BELOW})"
            values |= below(under)
        with self._connection.transaction():
            # A photograph that changed without its size or time changing is only noticed by reading it.
            self._connection.execute(
                f"UPDATE files SET modified_ns = NULL WHERE id IN (SELECT file_id FROM jobs WHERE {chosen})",
                values,
            )
            to_scan = self._connection.rows(
                f"SELECT count(*) AS count FROM jobs WHERE {chosen} AND stage = 'scan'", values
            )
            (held,) = self._connection.rows("SELECT count(*) AS count FROM jobs WHERE state = 'held'")
            changed = self._connection.execute(
                "UPDATE jobs SET state = 'queued', stage = NULL, reason = NULL, queued_at = :now, "
                "failures = 0, crashes = 0, not_before = NULL "
                f"WHERE {chosen} AND stage = 'run'",
                values,
            )
            (now_held,) = self._connection.rows("SELECT count(*) AS count FROM jobs WHERE state = 'held'")
            newly = now_held["count"] - held["count"]
            return Retried(queued=changed - newly, to_scan=to_scan[0]["count"], held=newly)

    def revert(self, job: Job, *, again: bool) -> bool:
        """The output of a job was removed: with `again` it is queued, else it is not wanted any more.

        With `again`, what was not wanted any more is queued as well. The caller holds the worker lock, so what is
        leased is that of a run that was killed. False, changing nothing: the job is not any more what it was.
        """
        return bool(
            self._connection.execute(
                "UPDATE jobs SET state = :state, stage = NULL, worker = NULL, reason = :reason, output_id = NULL, "
                "failures = 0, crashes = 0, not_before = NULL, finished_at = :now WHERE id = :id "
                "AND attempts = :attempts AND (output_id IS NOT NULL OR (:again AND state = 'rejected'))",
                {
                    "id": job.id,
                    "attempts": job.attempts,
                    "again": again,
                    "state": State.QUEUED if again else State.REJECTED,
                    "reason": None if again else "its restored photograph was removed by revert",
                    "now": self._now(),
                },
            )
        )

    def use_model(self, archive_id: int, model: str | None) -> None:
        """Runs over this archive use that generator from now on; None is the shipped default."""
        self._connection.execute("UPDATE archives SET model = ? WHERE id = ?", (model, archive_id))
