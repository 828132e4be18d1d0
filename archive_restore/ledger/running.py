"""What a run tells: jobs move between states.

A job is leased by (id, worker, attempts); once somebody else holds it, the former holder's words have no effect.
"""

import json
import os
from dataclasses import asdict
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final

from archive_restore.errors import printable
from archive_restore.ledger.jobs import Job, RunRow
from archive_restore.ledger.rows import HELD_BY_ME, Verbs, fence


class Queue(StrEnum):
    """Which of the queued jobs."""

    READY = "ready"
    DUE = "due"  # that failed for a reason that may have passed
    SUSPECT = "suspect"  # that a run held when it died


LONGEST_WAIT: Final = timedelta(hours=1)
"""Between two attempts. What waits longer was queued by a clock that has jumped back since, and is due."""

NOTHING_LEFT: Final = """
    jobs.state = 'queued' AND NOT EXISTS (
        SELECT 1 FROM files AS place JOIN regions ON regions.photograph_id = place.photograph_id
        WHERE place.id = jobs.file_id)
"""
"""Queued to be restored anew, though there is no damage any more."""

WAITING: Final = "crashes = 0 AND not_before IS NOT NULL"

QUEUES: Final = {
    Queue.READY: "jobs.crashes = 0 AND jobs.not_before IS NULL",
    Queue.DUE: "jobs.crashes = 0 AND jobs.not_before IS NOT NULL "
    "AND (jobs.not_before <= :now OR jobs.not_before > :latest)",
    Queue.SUSPECT: "jobs.crashes > 0",
}


class RunVerbs(Verbs):
    """Leases, outputs, failures."""

    def claim(
        self, worker: str, limit: int, archive: int | None = None, queue: Queue = Queue.READY
    ) -> list[Job]:
        """Leases up to `limit` queued jobs, oldest first, to `worker`; of one archive if it is given.

        A content that somebody holds in another place waits: what is done there serves here as well.
        """
        within = "" if archive is None else "jobs.archive_id = :archive AND "
        time = self._clock()
        rows = self._connection.rows(
            f"""
            UPDATE jobs SET state = 'leased', worker = :worker, attempts = attempts + 1, leased_at = :now
            WHERE id IN (
                SELECT jobs.id FROM jobs JOIN files ON files.id = jobs.file_id
                WHERE {within}jobs.state = 'queued' AND jobs.missing = 0 AND {QUEUES[queue]}
                    AND files.photograph_id NOT IN (
                        SELECT place.photograph_id FROM jobs AS other INDEXED BY jobs_leased
                        JOIN files AS place ON place.id = other.file_id
                        WHERE other.state = 'leased' AND place.photograph_id IS NOT NULL
                    )
                ORDER BY jobs.id LIMIT :limit
            )
            RETURNING id
            """,
            {
                "worker": worker,
                "now": _iso(time),
                "latest": _iso(time + LONGEST_WAIT),
                "archive": archive,
                "limit": limit,
            },
            flushed=False,  # a power cut may undo a claim: nothing was done yet
        )
        claimed = json.dumps([row["id"] for row in rows])
        return self._jobs(
            "WHERE jobs.id IN (SELECT value FROM json_each(:ids)) ORDER BY jobs.id", {"ids": claimed}
        )

    def next_due(self, archive: int) -> datetime | None:
        """When the next of the jobs that wait for another attempt may be claimed; None if none waits."""
        (row,) = self._connection.rows(
            f"SELECT min(not_before) AS due FROM jobs INDEXED BY jobs_suspect WHERE archive_id = ? "
            f"AND state = 'queued' AND missing = 0 AND {WAITING} AND (crashes > 0 OR not_before IS NOT NULL)",
            (archive,),
        )
        return None if row["due"] is None else datetime.fromisoformat(row["due"])

    def twin(self, job: Job) -> Job | None:
        """A job on the same content that is done, here or in another archive; the latest, if there are several."""
        found = self._jobs(
            "WHERE files.photograph_id = :photograph AND jobs.state = 'done' AND jobs.id <> :id "
            "ORDER BY jobs.finished_at DESC, jobs.output_id DESC LIMIT 1",
            {"photograph": job.photograph_id, "id": job.id},
        )
        return found[0] if found else None

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
                    **fence(job),
                    "sha256": output_sha256,
                    "model": model,
                    "path": None if output is None else os.fsencode(output),
                    "name": None if output is None else printable(output),
                    "now": self._now(),
                },
            )
            != []
        )

    def finish(
        self, job: Job, *, output: Path, output_sha256: str, model: str | None, linked: str | None = None
    ) -> bool:
        """The output lies durably at `output`. False, changing nothing: the lease is lost.

        `model` None leaves the intended one. `linked` says how it came from the output of a duplicate ("linked",
        "copied"), if it did.

        Where the output replaced another job's (the photograph there was edited, or moved on), that job
        is queued again: its work is no longer on the disk.
        """
        with self._connection.transaction():
            held = {**fence(job), "sha256": output_sha256, "now": self._now()}
            rows = self._connection.rows(
                f"""
                INSERT INTO outputs (job_id, attempt, sha256, path, name, model, linked, intended_at, finished_at)
                SELECT id, attempts, :sha256, :path, :name, :model, :linked, :now, :now FROM jobs WHERE {HELD_BY_ME}
                ON CONFLICT (job_id, attempt) DO UPDATE SET
                    sha256 = excluded.sha256, path = excluded.path, name = excluded.name,
                    model = coalesce(excluded.model, model), linked = excluded.linked,
                    finished_at = excluded.finished_at
                RETURNING id
                """,
                {
                    **held,
                    "path": os.fsencode(output),
                    "name": printable(output),
                    "model": model,
                    "linked": linked,
                },
            )
            if not rows:
                return False
            self._connection.execute(
                "UPDATE jobs SET state = 'done', worker = NULL, reason = NULL, output_id = :output, "
                "failures = 0, crashes = 0, not_before = NULL, "
                f"finished_at = :now WHERE {HELD_BY_ME}",
                {**held, "output": rows[0]["id"]},
            )
            self._connection.execute(
                "UPDATE jobs SET state = CASE state WHEN 'done' THEN 'queued' ELSE state END, output_id = NULL "
                "WHERE id <> ? AND output_id IN (SELECT id FROM outputs WHERE path = ?)",
                (job.id, os.fsencode(output)),
            )
            return True

    def fail(self, job: Job, reason: str) -> bool:
        """This photograph could not be restored: set aside until a retry. False: the lease is lost."""
        return bool(
            self._connection.execute(
                "UPDATE jobs SET state = 'failed', stage = 'run', reason = :reason, worker = NULL, "
                f"failures = failures + 1, finished_at = :now WHERE {HELD_BY_ME}",
                {**fence(job), "reason": reason, "now": self._now()},
            )
        )

    def postpone(self, job: Job, reason: str, wait: timedelta) -> bool:
        """An attempt failed for a reason that may pass: queued again, not before `wait` is over.

        It did not kill its process, so it is no suspect any more. False: the lease is lost.
        """
        assert wait < LONGEST_WAIT
        return bool(
            self._connection.execute(
                "UPDATE jobs SET state = 'queued', worker = NULL, reason = :reason, failures = failures + 1, "
                f"crashes = 0, not_before = :due WHERE {HELD_BY_ME}",
                {**fence(job), "reason": reason, "due": _iso(self._clock() + wait)},
            )
        )

    def release(self, job: Job, *, crashed: bool = False) -> bool:
        """Puts a leased job back into the queue, at its old place. False: the lease is lost.

        With `crashed`, the run that held it died; the job waits in the queue of suspects.
        """
        return bool(
            self._connection.execute(
                f"UPDATE jobs SET state = 'queued', worker = NULL, crashes = crashes + :crashed WHERE {HELD_BY_ME}",
                {**fence(job), "crashed": crashed},
            )
        )

    def leased(self) -> list[Job]:
        """All leases. Whoever holds the worker lock may finish or release those of dead workers."""
        return self._jobs("WHERE jobs.state = 'leased' ORDER BY jobs.id", {})

    def wrote(self, sha256: str) -> bool:
        """Whether a file of this content is an output of ours, written or about to be written by any run."""
        return self._connection.rows("SELECT 1 FROM outputs WHERE sha256 = ? LIMIT 1", (sha256,)) != []

    def wrote_for(self, job: Job, sha256: str) -> bool:
        """Whether a file of this content was made of the same photograph as this job's, here or in another place."""
        return (
            self._connection.rows(
                "SELECT 1 FROM outputs WHERE sha256 = :sha256 AND (job_id = :id OR EXISTS (SELECT 1 "
                "FROM jobs JOIN files ON files.id = file_id WHERE jobs.id = job_id "
                "AND photograph_id = :photograph)) LIMIT 1",
                {"sha256": sha256, "id": job.id, "photograph": job.photograph_id},
            )
            != []
        )

    def astray(self, archive_id: int, folder: Path) -> list[Job]:
        """Jobs with an output, whose original is there, and whose output has another path than it below `folder`."""
        return self._jobs(
            "WHERE jobs.archive_id = :archive AND jobs.output_id IS NOT NULL AND jobs.missing = 0 "
            "AND written.path <> CAST(:below || files.relative AS BLOB) ORDER BY jobs.id",
            {"archive": archive_id, "below": os.fsencode(folder) + os.fsencode(os.sep)},
        )

    def emptied(self, archive_id: int) -> list[Job]:
        """Queued jobs of an archive whose original is there, and in whose mask nothing is left."""
        return self._jobs(
            f"WHERE jobs.archive_id = :archive AND jobs.missing = 0 AND {NOTHING_LEFT} ORDER BY jobs.id",
            {"archive": archive_id},
        )

    def drop_emptied(self, job: Job) -> None:
        """Nothing restored of this photograph is there any more, and nothing is to be restored."""
        self._connection.execute(f"DELETE FROM jobs WHERE id = ? AND {NOTHING_LEFT}", (job.id,))

    def relocate(self, path: Path, output_sha256: str, target: Path) -> None:
        """The output of this content that was written to `path` lies at `target` now."""
        self._connection.execute(
            "UPDATE outputs SET path = ?, name = ? WHERE path = ? AND sha256 = ?",
            (os.fsencode(target), printable(target), os.fsencode(path), output_sha256),
        )

    def add_run(self, run: RunRow) -> None:
        """Remembers what a run got done: the pace of the next estimate, the timeline of the report."""
        self._connection.execute(
            "INSERT INTO runs (started_at, seconds, device, model, restored, set_aside, pixels) "
            "VALUES (:started_at, :seconds, :device, :model, :restored, :set_aside, :pixels)",
            asdict(run),
        )


def _iso(time: datetime) -> str:
    return time.isoformat(timespec="seconds")
