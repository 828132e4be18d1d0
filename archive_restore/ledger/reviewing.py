"""What a person who looks at photographs asks and says."""

import json
import os
from pathlib import Path
from typing import Final

from archive_restore.ledger.connection import Row
from archive_restore.ledger.jobs import Job, Pile, Reviewed
from archive_restore.ledger.rows import Verbs

PILE: Final = """
    CASE
        WHEN jobs.state = 'rejected' THEN 'rejected'
        WHEN photographs.unsure THEN 'unsure'
        WHEN jobs.id IS NULL THEN 'undamaged'
        WHEN jobs.state = 'done' THEN CASE WHEN written.accepted_at IS NULL THEN 'new' ELSE 'accepted' END
        WHEN jobs.state IN ('queued', 'leased') THEN 'waiting'
        WHEN jobs.state = 'held' THEN 'held'
    END
"""

REVIEWED: Final = """
    FROM files
    JOIN photographs ON photographs.id = files.photograph_id
    LEFT JOIN jobs ON jobs.file_id = files.id
    LEFT JOIN outputs AS written ON written.id = jobs.output_id
    WHERE files.missing_since IS NULL AND (:archive IS NULL OR files.archive_id = :archive)
"""


class ReviewVerbs(Verbs):
    """Verdicts on what was found and restored."""

    def pile(self, pile: Pile, *, archive: int | None, after: int, limit: int) -> list[Reviewed]:
        """The next photographs of a pile, of one archive if it is given: files that follow the id `after`."""
        return self._reviewed(
            f"AND files.id > :after AND {PILE} = :pile ORDER BY files.id LIMIT :limit",
            {"archive": archive, "after": after, "pile": pile, "limit": limit},
        )

    def piles(self, archive: int | None) -> dict[Pile, int]:
        """How many photographs are in each, of all archives or of one."""
        rows = self._connection.rows(
            f"SELECT {PILE} AS pile, count(*) AS count {REVIEWED} GROUP BY 1", {"archive": archive}
        )
        counts = {row["pile"]: int(row["count"]) for row in rows}
        return {pile: counts.get(pile, 0) for pile in Pile}

    def reviewed(self, file_id: int) -> Reviewed | None:
        """One photograph; None if there is none at this file, or it could not be read."""
        found = self._reviewed("AND files.id = :id", {"archive": None, "id": file_id})
        return found[0] if found else None

    def _reviewed(self, which: str, values: Row) -> list[Reviewed]:
        rows = self._connection.rows(
            "SELECT files.id, files.photograph_id, files.archive_id, files.relative, files.size, photographs.sha256, "
            f"jobs.id AS job, {PILE} AS pile {REVIEWED} {which}",
            values,
        )
        roots = {row["id"]: row["root"] for row in self._connection.rows("SELECT id, root FROM archives")}
        ids = json.dumps([row["job"] for row in rows if row["job"] is not None])
        jobs = {
            job.id: job
            for job in self._jobs("WHERE jobs.id IN (SELECT value FROM json_each(:ids))", {"ids": ids})
        }
        return [
            Reviewed(
                file_id=row["id"],
                photograph_id=row["photograph_id"],
                archive_id=row["archive_id"],
                archive=Path(os.fsdecode(roots[row["archive_id"]])),
                relative=row["relative"],
                size=row["size"],
                sha256=row["sha256"],
                pile=Pile(row["pile"]) if row["pile"] else None,
                job=jobs.get(row["job"]),
            )
            for row in rows
        ]

    def accept(self, job: Job, *, accepted: bool = True) -> bool:
        """Somebody looked at what was restored and keeps it, or takes that back. False, changing nothing: it is not
        any more what he saw."""
        return bool(
            self._connection.execute(
                "UPDATE outputs SET accepted_at = :now WHERE sha256 = :sha256 AND id = "
                "(SELECT output_id FROM jobs WHERE id = :id AND state = 'done')",
                {"id": job.id, "sha256": job.output_sha256, "now": self._now() if accepted else None},
            )
        )

    def leave_alone(self, job: Job) -> bool:
        """Somebody looked at what would be repainted of a photograph that waits and was not restored yet, and wants it
        left as it is. False, changing nothing: a run has taken it meanwhile."""
        return bool(
            self._connection.execute(
                "UPDATE jobs SET state = 'rejected', stage = NULL, reason = 'left alone by its reviewer', "
                "failures = 0, crashes = 0, not_before = NULL, finished_at = :now "
                "WHERE id = :id AND state IN ('queued', 'held') AND output_id IS NULL",
                {"id": job.id, "now": self._now()},
            )
        )
