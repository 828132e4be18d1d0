"""The ledger's verbs. Each is one statement or one immediate transaction, so a kill leaves a whole state.

What `scan` uses moves files between paths and contents; what `run` uses moves jobs between states. A job
is leased by (id, worker, attempts); once somebody else holds it, the former holder's words have no effect.
"""

import json
import os
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final

from archive_restore.errors import StorageError, printable
from archive_restore.ledger.connection import Connection, Row
from archive_restore.ledger.jobs import (
    Archive,
    Counts,
    Failure,
    Job,
    KindCount,
    KnownContent,
    KnownFile,
    RegionRow,
    Retried,
    ScannedPhotograph,
    Stage,
    State,
)

JOB_COLUMNS: Final = """
    SELECT jobs.*, files.relative, files.photograph_id, archives.root, photographs.sha256, photographs.format,
           photographs.width, photographs.height, intended.sha256 AS intended_sha256,
           intended.path AS intended_output,
           written.path AS output, written.sha256 AS output_sha256, written.model
    FROM jobs
    JOIN files ON files.id = jobs.file_id
    JOIN archives ON archives.id = jobs.archive_id
    LEFT JOIN photographs ON photographs.id = files.photograph_id
    LEFT JOIN outputs AS intended ON intended.job_id = jobs.id AND intended.attempt = jobs.attempts
    LEFT JOIN outputs AS written ON written.id = jobs.output_id
"""

HELD_BY_ME: Final = "id = :id AND worker = :worker AND attempts = :attempts AND state = 'leased'"
"""The fence."""


def open_ledger(path: Path) -> "Ledger":
    """Opens the ledger at `path`, made or migrated as needed.

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
    return Ledger(Connection(path))


class Ledger:
    """All that is known about the archives. Threads may share it; processes each open their own."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()

    # What a scan tells.

    def add_archive(self, root: Path) -> int:
        """The id of the archive at `root` (resolved), known before or not."""
        rows = self._connection.rows(
            "INSERT INTO archives (root, name, added_at) VALUES (?, ?, ?) "
            "ON CONFLICT (root) DO UPDATE SET name = excluded.name RETURNING id",
            (os.fsencode(root), printable(root), _now()),
        )
        return int(rows[0]["id"])

    def known_files(self, archive_id: int) -> dict[bytes, KnownFile]:
        """Every path at which something was found; of several contents the present one, else the latest."""
        rows = self._connection.each_row(
            """
            SELECT files.*, photographs.sha256, photographs.sensitivity,
                   coalesce(jobs.state IN ('queued', 'leased', 'held')
                            OR (jobs.state = 'failed' AND jobs.stage = 'run'), 0) AS needs_mask
            FROM files
            LEFT JOIN photographs ON photographs.id = files.photograph_id
            LEFT JOIN jobs ON jobs.file_id = files.id
            WHERE files.archive_id = ? ORDER BY files.missing_since IS NULL, files.id
            """,
            (archive_id,),
        )
        return {
            row["relative"]: KnownFile(
                file_id=row["id"],
                size=row["size"],
                modified_ns=row["modified_ns"],
                sha256=row["sha256"],
                photograph_id=row["photograph_id"],
                sensitivity=row["sensitivity"],
                missing=row["missing_since"] is not None,
                needs_mask=bool(row["needs_mask"]),
            )
            for row in rows
        }

    def known_content(self, sha256: str) -> KnownContent | None:
        """What was found in this content, wherever it lay; None if it was never scanned."""
        rows = self._connection.rows(
            "SELECT sensitivity, id IN (SELECT photograph_id FROM regions) AS damaged FROM photographs "
            "WHERE sha256 = ?",
            (sha256,),
        )
        return KnownContent(rows[0]["sensitivity"], bool(rows[0]["damaged"])) if rows else None

    def record(self, archive_id: int, photograph: ScannedPhotograph, regions: Sequence[RegionRow]) -> None:
        """A photograph and what was found in it; queues a job for the file if that is damage.

        A content that was missing elsewhere in this archive has moved: it keeps its job.
        """
        with self._connection.transaction():
            photograph_id = self._upsert_photograph(photograph)
            self._connection.execute("DELETE FROM regions WHERE photograph_id = ?", (photograph_id,))
            self._connection.execute_many(
                'INSERT INTO regions (photograph_id, kind, "left", top, width, height, area, score) '
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [(photograph_id, r.kind, r.left, r.top, r.width, r.height, r.area, r.score) for r in regions],
            )
            self._place(
                archive_id, photograph.relative, photograph.size, photograph.modified_ns, photograph_id
            )
            self._queue(photograph_id)

    def adopt(self, archive_id: int, relative: bytes, size: int, modified_ns: int, sha256: str) -> bool:
        """A file whose content was scanned before, here or elsewhere: moved, copied, or only touched.

        Returns False, changing nothing, if the content is not known.
        """
        with self._connection.transaction():
            rows = self._connection.rows("SELECT id FROM photographs WHERE sha256 = ?", (sha256,))
            if not rows:
                return False
            self._place(archive_id, relative, size, modified_ns, rows[0]["id"])
            self._queue(rows[0]["id"])
            return True

    def record_failure(
        self, archive_id: int, relative: bytes, size: int, modified_ns: int | None, reason: str
    ) -> None:
        """A file that could not be read: set aside with its reason until it changes or is retried.

        `modified_ns` None: until the next scan, which reads it again.
        """
        with self._connection.transaction():
            file_id = self._place(archive_id, relative, size, modified_ns, None)
            self._connection.execute(
                "INSERT INTO jobs "
                "(file_id, archive_id, state, stage, reason, attempts, queued_at, finished_at) "
                "VALUES (:file, :archive, 'failed', 'scan', :reason, 1, :now, :now) "
                "ON CONFLICT (file_id) DO UPDATE SET "
                "reason = excluded.reason, attempts = attempts + 1, finished_at = excluded.finished_at",
                {"file": file_id, "archive": archive_id, "reason": reason, "now": _now()},
            )

    def mark_missing(self, archive_id: int, relatives: Collection[bytes]) -> None:
        """Nothing, or something else, lies at these paths now. Their jobs wait for the content to be found.

        Tell this before anything is recorded, or two files that exchanged their names would be new ones.
        """
        with self._connection.transaction():
            at_path = "archive_id = ? AND relative = ? AND missing_since IS NULL"
            self._connection.execute_many(
                f"DELETE FROM files WHERE {at_path} AND photograph_id IS NULL",
                [(archive_id, relative) for relative in relatives],
            )
            self._connection.execute_many(
                f"UPDATE files SET missing_since = ? WHERE {at_path}",
                [(_now(), archive_id, relative) for relative in relatives],
            )

    def mark_found(self, file_ids: Collection[int]) -> None:
        """Files that were missing lie again where they lay, unchanged."""
        with self._connection.transaction():
            self._connection.execute_many(
                "UPDATE files SET missing_since = NULL WHERE id = ?", [(file_id,) for file_id in file_ids]
            )

    def archive_scanned(self, archive_id: int) -> None:
        """A scan of this archive went through to its end."""
        self._connection.execute("UPDATE archives SET scanned_at = ? WHERE id = ?", (_now(), archive_id))

    # What a run tells.

    def claim(self, worker: str, limit: int, archive: int | None = None) -> list[Job]:
        """Leases up to `limit` queued jobs, oldest first, to `worker`; of one archive if it is given."""
        within = "" if archive is None else "jobs.archive_id = :archive AND "
        rows = self._connection.rows(
            f"""
            UPDATE jobs SET state = 'leased', worker = :worker, attempts = attempts + 1, leased_at = :now
            WHERE id IN (
                SELECT jobs.id FROM jobs JOIN files ON files.id = jobs.file_id
                WHERE {within}jobs.state = 'queued' AND files.missing_since IS NULL
                ORDER BY jobs.id LIMIT :limit
            )
            RETURNING id
            """,
            {"worker": worker, "now": _now(), "archive": archive, "limit": limit},
        )
        claimed = json.dumps([row["id"] for row in rows])
        return self._jobs("WHERE jobs.id IN (SELECT value FROM json_each(:ids))", {"ids": claimed})

    def write_intent(
        self, job: Job, output_sha256: str, output: Path | None = None, model: str | None = None
    ) -> bool:
        """This content, written by `model`, is about to be renamed to `output`. False: the lease is lost, do not."""
        return (
            self._connection.rows(
                "INSERT INTO outputs (job_id, attempt, sha256, path, name, model, intended_at) "
                f"SELECT id, attempts, :sha256, :path, :name, :model, :now FROM jobs WHERE {HELD_BY_ME} "
                "ON CONFLICT (job_id, attempt) DO UPDATE SET sha256 = excluded.sha256, path = excluded.path, "
                "name = excluded.name, model = excluded.model RETURNING id",
                {
                    **_fence(job),
                    "sha256": output_sha256,
                    "model": model,
                    "path": None if output is None else os.fsencode(output),
                    "name": None if output is None else printable(output),
                    "now": _now(),
                },
            )
            != []
        )

    def finish(self, job: Job, *, output: Path, output_sha256: str, model: str | None) -> bool:
        """The output lies durably at `output`. False, changing nothing: the lease is lost.

        Where the output replaced another job's (the photograph there was edited, or moved on), that job
        is queued again: its work is no longer on the disk.
        """
        with self._connection.transaction():
            held = {**_fence(job), "sha256": output_sha256, "now": _now()}
            rows = self._connection.rows(
                f"""
                INSERT INTO outputs (job_id, attempt, sha256, path, name, model, intended_at, finished_at)
                SELECT id, attempts, :sha256, :path, :name, :model, :now, :now FROM jobs WHERE {HELD_BY_ME}
                ON CONFLICT (job_id, attempt) DO UPDATE SET
                    sha256 = excluded.sha256, path = excluded.path, name = excluded.name,
                    model = excluded.model, finished_at = excluded.finished_at
                RETURNING id
                """,
                {**held, "path": os.fsencode(output), "name": printable(output), "model": model},
            )
            if not rows:
                return False
            self._connection.execute(
                "UPDATE jobs SET state = 'done', worker = NULL, reason = NULL, output_id = :output, "
                f"finished_at = :now WHERE {HELD_BY_ME}",
                {**held, "output": rows[0]["id"]},
            )
            self._connection.execute(
                "UPDATE jobs SET state = 'queued', output_id = NULL WHERE state = 'done' AND id <> ? "
                "AND output_id IN (SELECT id FROM outputs WHERE path = ?)",
                (job.id, os.fsencode(output)),
            )
            return True

    def fail(self, job: Job, reason: str) -> bool:
        """This photograph could not be restored. False: the lease is lost."""
        return bool(
            self._connection.execute(
                "UPDATE jobs SET state = 'failed', stage = 'run', reason = :reason, worker = NULL, "
                f"finished_at = :now WHERE {HELD_BY_ME}",
                {**_fence(job), "reason": reason, "now": _now()},
            )
        )

    def release(self, job: Job) -> bool:
        """Puts a leased job back into the queue, at its old place. False: the lease is lost."""
        return bool(
            self._connection.execute(
                f"UPDATE jobs SET state = 'queued', worker = NULL WHERE {HELD_BY_ME}", _fence(job)
            )
        )

    def leased(self) -> list[Job]:
        """All leases. Whoever holds the worker lock may finish or release those of dead workers."""
        return self._jobs("WHERE jobs.state = 'leased'", {})

    def wrote(self, sha256: str) -> bool:
        """Whether a file of this content is an output of ours, written or about to be written by any run."""
        return self._connection.rows("SELECT 1 FROM outputs WHERE sha256 = ? LIMIT 1", (sha256,)) != []

    # What a user asks.

    def retry(self, *, archive: int | None = None, under: bytes | None = None) -> Retried:
        """Sets failed jobs going again: of one archive, and there at or below the path `under`.

        What failed in a run is queued. What could not be read is read again by the next scan.
        """
        chosen = "state = 'failed' AND (:archive IS NULL OR jobs.archive_id = :archive)"
        values: Row = {"archive": archive, "now": _now()}
        if under:
            chosen += (
                " AND file_id IN (SELECT id FROM files WHERE archive_id = :archive "
                "AND (relative = :under OR (relative > :below AND relative < :beyond)))"
            )
            values |= {"under": under, "below": under + b"/", "beyond": under + b"0"}  # 0 follows / in ASCII
        with self._connection.transaction():
            # A photograph that changed without its size or time changing is only noticed by reading it.
            self._connection.execute(
                f"UPDATE files SET modified_ns = NULL WHERE id IN (SELECT file_id FROM jobs WHERE {chosen})",
                values,
            )
            to_scan = self._connection.rows(
                f"SELECT count(*) AS count FROM jobs WHERE {chosen} AND stage = 'scan'", values
            )
            queued = self._connection.execute(
                "UPDATE jobs SET state = 'queued', stage = NULL, reason = NULL, queued_at = :now "
                f"WHERE {chosen} AND stage = 'run'",
                values,
            )
            return Retried(queued=queued, to_scan=to_scan[0]["count"])

    def archives(self) -> list[Archive]:
        """All archives, in the order of their first scan."""
        rows = self._connection.rows("SELECT id, root, scanned_at, model FROM archives ORDER BY id")
        return [
            Archive(row["id"], Path(os.fsdecode(row["root"])), row["scanned_at"], row["model"])
            for row in rows
        ]

    def use_model(self, archive_id: int, model: str | None) -> None:
        """Runs over this archive use that generator from now on; None is the shipped default."""
        self._connection.execute("UPDATE archives SET model = ? WHERE id = ?", (model, archive_id))

    def jobs(self, *, archive: int | None = None, state: State | None = None) -> list[Job]:
        """Jobs of files that are there, oldest first."""
        return self._jobs(
            "WHERE files.missing_since IS NULL AND (:archive IS NULL OR jobs.archive_id = :archive) "
            "AND (:state IS NULL OR jobs.state = :state)",
            {"archive": archive, "state": state},
        )

    def regions(self, photograph_id: int) -> list[RegionRow]:
        """The damage found in one photograph."""
        rows = self._connection.rows(
            'SELECT kind, "left", top, width, height, area, score FROM regions '
            "WHERE photograph_id = ? ORDER BY id",
            (photograph_id,),
        )
        return [RegionRow(**row) for row in rows]

    def counts(self, archive: int | None = None) -> Counts:
        """How many files are in which state."""
        within = {"archive": archive}
        files = self._connection.rows(
            "SELECT missing_since IS NOT NULL AS missing, count(*) AS count FROM files "
            "WHERE :archive IS NULL OR archive_id = :archive GROUP BY 1",
            within,
        )
        states = self._connection.rows(
            "SELECT state, count(*) AS count FROM jobs WHERE :archive IS NULL OR archive_id = :archive "
            "GROUP BY state",
            within,
        )
        missing_states = self._connection.rows(
            "SELECT jobs.state, count(*) AS count FROM files JOIN jobs ON jobs.file_id = files.id "
            "WHERE files.missing_since IS NOT NULL AND (:archive IS NULL OR files.archive_id = :archive) "
            "GROUP BY jobs.state",
            within,
        )
        unreadable = self._connection.rows(
            "SELECT count(*) AS count FROM jobs WHERE state = 'failed' AND stage = 'scan' "
            "AND (:archive IS NULL OR archive_id = :archive)",
            within,
        )
        by_presence = {bool(row["missing"]): row["count"] for row in files}
        by_state = dict.fromkeys(State, 0)
        for row in states:
            by_state[State(row["state"])] += row["count"]
        for row in missing_states:
            by_state[State(row["state"])] -= row["count"]
        return Counts(
            photographs=by_presence.get(False, 0),
            states=by_state,
            unreadable=unreadable[0]["count"],
            missing=by_presence.get(True, 0),
        )

    def failures(self, archive: int | None = None, limit: int | None = None) -> list[Failure]:
        """Photographs that were set aside, by path, at most `limit` of them."""
        rows = self._connection.rows(
            """
            SELECT archives.root, files.relative, jobs.stage, jobs.reason, jobs.attempts
            FROM jobs JOIN files ON files.id = jobs.file_id JOIN archives ON archives.id = jobs.archive_id
            WHERE jobs.state = 'failed' AND files.missing_since IS NULL
              AND (:archive IS NULL OR jobs.archive_id = :archive)
            ORDER BY archives.id, files.relative LIMIT :limit
            """,
            {"archive": archive, "limit": -1 if limit is None else limit},
        )
        return [
            Failure(
                archive=Path(os.fsdecode(row["root"])),
                relative=row["relative"],
                stage=Stage(row["stage"]),
                reason=row["reason"],
                attempts=row["attempts"],
            )
            for row in rows
        ]

    def kinds(self, archive: int | None = None) -> list[KindCount]:
        """The damage in the files that are there, by kind, the most frequent first."""
        rows = self._connection.rows(
            """
            SELECT regions.kind, count(DISTINCT files.id) AS photographs, count(*) AS regions,
                   sum(regions.area) AS area
            FROM files JOIN regions ON regions.photograph_id = files.photograph_id
            WHERE files.missing_since IS NULL AND (:archive IS NULL OR files.archive_id = :archive)
            GROUP BY regions.kind ORDER BY photographs DESC, regions DESC, regions.kind
            """,
            {"archive": archive},
        )
        return [KindCount(**row) for row in rows]

    def pixels(self, archive: int | None = None) -> int:
        """Pixels of all files that are there and could be read."""
        rows = self._connection.rows(
            "SELECT coalesce(sum(width * height), 0) AS pixels FROM files "
            "JOIN photographs ON photographs.id = files.photograph_id "
            "WHERE files.missing_since IS NULL AND (:archive IS NULL OR files.archive_id = :archive)",
            {"archive": archive},
        )
        return int(rows[0]["pixels"])

    # Parts of the verbs, inside their transactions.

    def _upsert_photograph(self, photograph: ScannedPhotograph) -> int:
        rows = self._connection.rows(
            "INSERT INTO photographs (sha256, format, width, height, sensitivity, scanned_at) "
            "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (sha256) DO UPDATE SET format = excluded.format, "
            "width = excluded.width, height = excluded.height, sensitivity = excluded.sensitivity, "
            "scanned_at = excluded.scanned_at RETURNING id",
            (
                photograph.sha256,
                photograph.format,
                photograph.width,
                photograph.height,
                photograph.sensitivity,
                _now(),
            ),
        )
        return int(rows[0]["id"])

    def _place(
        self,
        archive_id: int,
        relative: bytes,
        size: int,
        modified_ns: int | None,
        photograph_id: int | None,
    ) -> int:
        """Makes `relative` the place of this content; a missing file of the same content moves here."""
        values: Row = {
            "archive": archive_id,
            "relative": relative,
            "name": printable(os.fsdecode(relative)),
            "size": size,
            "modified_ns": modified_ns,
            "photograph": photograph_id,
            "now": _now(),
        }
        at_path = "archive_id = :archive AND relative = :relative AND missing_since IS NULL"
        self._connection.execute(
            f"UPDATE files SET missing_since = :now WHERE {at_path} AND photograph_id IS NOT NULL "
            "AND photograph_id IS NOT :photograph",
            values,
        )
        if photograph_id is not None:
            self._connection.execute(f"DELETE FROM files WHERE {at_path} AND photograph_id IS NULL", values)
        here = self._connection.rows(f"SELECT id FROM files WHERE {at_path}", values)
        moved = here or self._connection.rows(
            "SELECT id FROM files WHERE archive_id = :archive AND photograph_id = :photograph "
            "AND missing_since IS NOT NULL ORDER BY relative = :relative DESC, id LIMIT 1",
            values,
        )
        if not moved:
            added = self._connection.rows(
                "INSERT INTO files (archive_id, relative, name, size, modified_ns, photograph_id) "
                "VALUES (:archive, :relative, :name, :size, :modified_ns, :photograph) RETURNING id",
                values,
            )
            return int(added[0]["id"])
        self._connection.execute(
            "UPDATE files SET relative = :relative, name = :name, size = :size, modified_ns = :modified_ns, "
            "missing_since = NULL WHERE id = :id",
            {**values, "id": moved[0]["id"]},
        )
        return int(moved[0]["id"])

    def _queue(self, photograph_id: int) -> None:
        """One job for each damaged file of this content that has none; none waits where no damage is left."""
        damaged = "EXISTS (SELECT 1 FROM regions WHERE photograph_id = :photograph)"
        values = {"photograph": photograph_id, "now": _now()}
        self._connection.execute(
            "INSERT INTO jobs (file_id, archive_id, state, queued_at) "
            "SELECT id, archive_id, 'queued', :now FROM files "
            f"WHERE photograph_id = :photograph AND {damaged} "
            "ON CONFLICT (file_id) DO NOTHING",
            values,
        )
        self._connection.execute(
            "DELETE FROM jobs WHERE state = 'queued' AND file_id IN "
            f"(SELECT id FROM files WHERE photograph_id = :photograph) AND NOT {damaged}",
            values,
        )

    def _jobs(self, where: str, values: Row) -> list[Job]:
        return [_job(row) for row in self._connection.rows(f"{JOB_COLUMNS} {where} ORDER BY jobs.id", values)]


def _job(row: Row) -> Job:
    return Job(
        id=row["id"],
        file_id=row["file_id"],
        photograph_id=row["photograph_id"],
        archive_id=row["archive_id"],
        archive=Path(os.fsdecode(row["root"])),
        relative=row["relative"],
        sha256=row["sha256"],
        format=row["format"],
        width=row["width"],
        height=row["height"],
        state=State(row["state"]),
        stage=Stage(row["stage"]) if row["stage"] else None,
        attempts=row["attempts"],
        worker=row["worker"],
        reason=row["reason"],
        intended_sha256=row["intended_sha256"],
        intended_output=Path(os.fsdecode(row["intended_output"])) if row["intended_output"] else None,
        output=Path(os.fsdecode(row["output"])) if row["output"] else None,
        output_sha256=row["output_sha256"],
        model=row["model"],
        finished_at=row["finished_at"],
    )


def _fence(job: Job) -> Row:
    return {"id": job.id, "worker": job.worker, "attempts": job.attempts}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
