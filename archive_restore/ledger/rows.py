"""What the ledger's verbs share: the rows of jobs, the fence, the time."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from archive_restore.ledger.connection import Connection, Row
from archive_restore.ledger.jobs import Job, Stage, State

TRIED: Final = """
    CASE
        WHEN jobs.stage = 'scan' THEN jobs.attempts
        WHEN jobs.state IN ('done', 'failed') THEN max(1, jobs.failures + jobs.crashes)
        ELSE jobs.failures + jobs.crashes
    END
"""
"""Attempts. A lease that was given back before anything was begun is none."""

JOB_COLUMNS: Final = f"""
    SELECT jobs.*, {TRIED} AS tried, files.relative, files.photograph_id, files.size, archives.root, photographs.sha256,
           photographs.format, photographs.width, photographs.height, intended.sha256 AS intended_sha256,
           intended.path AS intended_output, written.path AS output, written.sha256 AS output_sha256,
           written.model, written.linked, written.accepted_at
    FROM jobs
    JOIN files ON files.id = jobs.file_id
    JOIN archives ON archives.id = jobs.archive_id
    LEFT JOIN photographs ON photographs.id = files.photograph_id
    LEFT JOIN outputs AS intended ON intended.job_id = jobs.id AND intended.attempt = jobs.attempts
    LEFT JOIN outputs AS written ON written.id = jobs.output_id
"""

HELD_BY_ME: Final = "id = :id AND worker = :worker AND attempts = :attempts AND state = 'leased'"
"""The fence."""


def utc_now() -> datetime:
    """The system's time."""
    return datetime.now(UTC)


class Verbs:
    """Verbs over one connection. `clock` gives the time in UTC."""

    def __init__(self, connection: Connection, clock: Callable[[], datetime] = utc_now) -> None:
        self._connection = connection
        self._clock = clock

    def _now(self) -> str:
        """UTC, ISO 8601."""
        return self._clock().isoformat(timespec="seconds")

    def _jobs(self, where: str, values: Row) -> list[Job]:
        return [job_of(row) for row in self._connection.rows(f"{JOB_COLUMNS} {where}", values)]


def job_of(row: Row) -> Job:
    """A row of `JOB_COLUMNS`."""
    return Job(
        id=row["id"],
        file_id=row["file_id"],
        photograph_id=row["photograph_id"],
        archive_id=row["archive_id"],
        archive=Path(os.fsdecode(row["root"])),
        relative=row["relative"],
        size=row["size"],
        sha256=row["sha256"],
        format=row["format"],
        width=row["width"],
        height=row["height"],
        state=State(row["state"]),
        stage=Stage(row["stage"]) if row["stage"] else None,
        attempts=row["attempts"],
        failures=row["failures"],
        crashes=row["crashes"],
        tried=row["tried"],
        worker=row["worker"],
        reason=row["reason"],
        intended_sha256=row["intended_sha256"],
        intended_output=Path(os.fsdecode(row["intended_output"])) if row["intended_output"] else None,
        output=Path(os.fsdecode(row["output"])) if row["output"] else None,
        output_sha256=row["output_sha256"],
        model=row["model"],
        linked=row["linked"],
        finished_at=row["finished_at"],
        accepted_at=row["accepted_at"],
        missing=bool(row["missing"]),
    )


def fence(job: Job) -> Row:
    """The values of `HELD_BY_ME`."""
    return {"id": job.id, "worker": job.worker, "attempts": job.attempts}
