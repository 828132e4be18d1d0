"""What a person who looks at photographs asks and says."""

from typing import Final

from archive_restore.ledger.jobs import Job, Pile
from archive_restore.ledger.rows import Verbs

PILES: Final = {
    Pile.NEW: "jobs.state = 'done' AND written.accepted_at IS NULL",
    Pile.HELD: "jobs.state = 'held'",
    Pile.WAITING: "jobs.state IN ('queued', 'leased')",
    Pile.ACCEPTED: "jobs.state = 'done' AND written.accepted_at IS NOT NULL",
    Pile.REJECTED: "jobs.state = 'rejected'",
}


class ReviewVerbs(Verbs):
    """Verdicts on what was found and restored."""

    def pile(self, pile: Pile, *, archive: int | None, after: int, limit: int) -> list[Job]:
        """The next photographs of a pile, of one archive if it is given: those whose jobs follow the id `after`."""
        return self._jobs(
            f"WHERE jobs.missing = 0 AND (:archive IS NULL OR jobs.archive_id = :archive) AND {PILES[pile]} "
            "AND jobs.id > :after ORDER BY jobs.id LIMIT :limit",
            {"archive": archive, "after": after, "limit": limit},
        )

    def piles(self, archive: int | None) -> dict[Pile, int]:
        """How many photographs are in each, of all archives or of one."""
        sums = ", ".join(f"coalesce(sum({condition}), 0) AS {pile}" for pile, condition in PILES.items())
        (row,) = self._connection.rows(
            f"SELECT {sums} FROM jobs LEFT JOIN outputs AS written ON written.id = jobs.output_id "
            "WHERE jobs.missing = 0 AND (:archive IS NULL OR jobs.archive_id = :archive)",
            {"archive": archive},
        )
        return {pile: int(row[pile]) for pile in Pile}

    def job(self, job_id: int) -> Job | None:
        """One job; None if there is none of this id."""
        found = self._jobs("WHERE jobs.id = :id", {"id": job_id})
        return found[0] if found else None

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
