"""What a user asks."""

import os
from pathlib import Path
from typing import Final

from archive_restore.ledger.jobs import (
    Archive,
    Backlog,
    Counts,
    Failure,
    Held,
    Job,
    KindCount,
    Pace,
    RegionRow,
    RunRow,
    Stage,
    State,
    Unreachable,
)
from archive_restore.ledger.rows import TRIED, Verbs

RUNS_OF_A_PACE: Final = 20
"""Runs from which the pace is taken: enough to even out photographs of different sizes."""

SHORTEST_PACE_SECONDS: Final = 20.0
"""s of work before a pace is worth telling."""


class Questions(Verbs):
    """Reads only."""

    def archives(self) -> list[Archive]:
        """All archives, in the order of their first scan."""
        rows = self._connection.rows(
            "SELECT id, root, scanned_at, model, policy, max_coverage, thorough FROM archives ORDER BY id"
        )
        return [
            Archive(
                **{
                    **row,
                    "root": Path(os.fsdecode(row["root"])),
                    "thorough": None if row["thorough"] is None else bool(row["thorough"]),
                }
            )
            for row in rows
        ]

    def jobs(
        self,
        *,
        archive: int | None = None,
        state: State | None = None,
        since: str | None = None,
        also_missing: bool = False,
    ) -> list[Job]:
        """Jobs of files that are there, oldest first; of those that ended at `since` (UTC, ISO 8601) or later.

        With `also_missing`, of files that are not there as well.
        """
        there = "" if also_missing else "jobs.missing = 0 AND "
        return self._jobs(
            f"WHERE {there}(:archive IS NULL OR jobs.archive_id = :archive) "
            "AND (:state IS NULL OR jobs.state = :state) AND (:since IS NULL OR jobs.finished_at >= :since) "
            "ORDER BY jobs.id",
            {"archive": archive, "state": state, "since": since},
        )

    def restored(self, archive: int | None = None) -> list[Job]:
        """Jobs of which a restored photograph was written that nothing has replaced, oldest first: those that are
        done, and those that are to be restored anew. Also of files that are not there."""
        return self._jobs(
            "WHERE jobs.output_id IS NOT NULL AND (:archive IS NULL OR jobs.archive_id = :archive) "
            "ORDER BY jobs.id",
            {"archive": archive},
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
        (files,) = self._connection.rows(
            "SELECT coalesce(sum(present), 0) AS present, coalesce(sum(missing), 0) AS missing FROM archives "
            "WHERE :archive IS NULL OR id = :archive",
            within,
        )
        (unreadable,) = self._connection.rows(
            "SELECT count(*) AS count FROM archives JOIN jobs INDEXED BY jobs_failed "
            "ON jobs.archive_id = archives.id AND state = 'failed' AND stage = 'scan' "
            "WHERE :archive IS NULL OR archives.id = :archive",
            within,
        )
        states = self._connection.rows(
            "SELECT state, count(*) AS count FROM archives JOIN jobs INDEXED BY jobs_counted "
            "ON jobs.archive_id = archives.id AND jobs.missing = 0 "
            "WHERE :archive IS NULL OR archives.id = :archive GROUP BY state",
            within,
        )
        (by_hand,) = self._connection.rows(
            "SELECT count(*) AS count FROM photographs INDEXED BY photographs_by_hand "
            "JOIN files ON files.photograph_id = photographs.id "
            "WHERE by_hand AND missing_since IS NULL AND (:archive IS NULL OR archive_id = :archive)",
            within,
        )
        (unreachable,) = self._connection.rows(
            "SELECT count(*) AS count FROM unreachable WHERE :archive IS NULL OR archive_id = :archive",
            within,
        )
        return Counts(
            by_hand=by_hand["count"],
            unreachable=unreachable["count"],
            photographs=files["present"],
            states={**dict.fromkeys(State, 0), **{State(row["state"]): row["count"] for row in states}},
            unreadable=unreadable["count"],
            missing=files["missing"],
        )

    def backlog(self, archive: int, *, abandoned: bool = False) -> Backlog:
        """What is queued of an archive; with `abandoned`, also what is leased, because no worker lives."""
        (row,) = self._connection.rows(
            """
            SELECT count(*) AS photographs, coalesce(sum(width * height), 0) AS pixels,
                   coalesce(sum(files.size), 0) AS size,
                   coalesce(sum((SELECT sum(area) FROM photograph_kinds
                                 WHERE photograph_id = files.photograph_id)), 0) AS damage
            FROM jobs JOIN files ON files.id = jobs.file_id JOIN photographs ON photographs.id = photograph_id
            WHERE jobs.archive_id = :archive AND jobs.missing = 0
                AND (jobs.state = 'queued' OR (:abandoned AND jobs.state = 'leased'))
            """,
            {"archive": archive, "abandoned": abandoned},
        )
        return Backlog(**row)

    def pace(self, device: str) -> Pace | None:
        """What the last runs on `device` got done, None if that is too little to tell."""
        rows = self._connection.rows(
            "SELECT pixels, seconds FROM runs WHERE device = ? AND restored > 0 ORDER BY id DESC LIMIT ?",
            (device, RUNS_OF_A_PACE),
        )
        pace = Pace(sum(row["pixels"] for row in rows), sum(row["seconds"] for row in rows))
        return pace if pace.seconds >= SHORTEST_PACE_SECONDS else None

    def runs(self, since: str = "") -> list[RunRow]:
        """The runs that began at `since` (UTC, ISO 8601) or later, oldest first."""
        rows = self._connection.rows(
            "SELECT started_at, seconds, device, model, restored, set_aside, pixels FROM runs "
            "WHERE started_at >= ? ORDER BY id",
            (since,),
        )
        return [RunRow(**row) for row in rows]

    def failures(self, archive: int | None = None, limit: int | None = None) -> list[Failure]:
        """Photographs that were set aside, by path, at most `limit` of them."""
        rows = self._connection.rows(
            f"""
            SELECT archives.root, files.relative, jobs.stage, jobs.reason, {TRIED} AS attempts
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

    def held(self, archive: int | None = None, limit: int | None = None) -> list[Held]:
        """Photographs that wait for a look, those with the largest masks first, at most `limit` of them."""
        rows = self._connection.rows(
            """
            SELECT archives.root, files.relative, jobs.reason
            FROM jobs JOIN files ON files.id = jobs.file_id JOIN archives ON archives.id = jobs.archive_id
            JOIN photographs ON photographs.id = files.photograph_id
            WHERE jobs.state = 'held' AND jobs.missing = 0 AND (:archive IS NULL OR jobs.archive_id = :archive)
            ORDER BY 1.0 * covered / (width * height) DESC, files.relative LIMIT :limit
            """,
            {"archive": archive, "limit": -1 if limit is None else limit},
        )
        return [Held(Path(os.fsdecode(row["root"])), row["relative"], row["reason"]) for row in rows]

    def unsure(self, archive: int) -> list[Path]:
        """The photographs of an archive with faint specks all over, of which nobody said what they are."""
        rows = self._connection.rows(
            """
            SELECT archives.root, files.relative
            FROM photographs CROSS JOIN files ON files.photograph_id = photographs.id  -- the few first
            JOIN archives ON archives.id = files.archive_id
            WHERE photographs.unsure AND files.archive_id = ? AND missing_since IS NULL ORDER BY files.relative
            """,
            (archive,),
        )
        return [Path(os.fsdecode(row["root"])) / os.fsdecode(row["relative"]) for row in rows]

    def results_among(self, archive: int) -> list[Path]:
        """The files of an archive that are what a run made of other photographs, not originals."""
        rows = self._connection.rows(
            """
            SELECT DISTINCT archives.root, files.relative
            FROM files CROSS JOIN photographs ON photographs.id = files.photograph_id
            CROSS JOIN outputs ON outputs.sha256 = photographs.sha256  -- by their index, in this order
            CROSS JOIN archives ON archives.id = files.archive_id
            JOIN jobs ON jobs.id = outputs.job_id JOIN files AS origin ON origin.id = jobs.file_id
            WHERE files.archive_id = ? AND files.missing_since IS NULL AND origin.photograph_id <> photographs.id
            ORDER BY files.relative
            """,
            (archive,),
        )
        return [Path(os.fsdecode(row["root"])) / os.fsdecode(row["relative"]) for row in rows]

    def unreachable(self, archive: int, limit: int | None = None) -> list[Unreachable]:
        """What the last scan of an archive could not open, in the order of its walk, at most `limit` of them."""
        rows = self._connection.rows(
            "SELECT path, reason FROM unreachable WHERE archive_id = ? ORDER BY id LIMIT ?",
            (archive, -1 if limit is None else limit),
        )
        return [Unreachable(Path(os.fsdecode(row["path"])), row["reason"]) for row in rows]

    def kinds(self, archive: int | None = None) -> list[KindCount]:
        """The damage in the files that are there, by kind, the most frequent first."""
        rows = self._connection.rows(
            """
            SELECT kind, sum(photographs) AS photographs, sum(regions) AS regions, sum(area) AS area
            FROM kind_totals WHERE :archive IS NULL OR archive_id = :archive
            GROUP BY kind HAVING sum(photographs) > 0
            ORDER BY sum(photographs) DESC, sum(regions) DESC, kind
            """,
            {"archive": archive},
        )
        return [KindCount(**row) for row in rows]

    def kinds_of(self, photograph_id: int) -> list[KindCount]:
        """The damage in one photograph, by kind, the most frequent first."""
        rows = self._connection.rows(
            "SELECT kind, 1 AS photographs, regions, area FROM photograph_kinds WHERE photograph_id = ? "
            "ORDER BY regions DESC, kind",
            (photograph_id,),
        )
        return [KindCount(**row) for row in rows]

    def pixels(self, archive: int | None = None) -> int:
        """Pixels of all files that are there and could be read."""
        (row,) = self._connection.rows(
            "SELECT coalesce(sum(pixels), 0) AS pixels FROM archives WHERE :archive IS NULL OR id = :archive",
            {"archive": archive},
        )
        return int(row["pixels"])
