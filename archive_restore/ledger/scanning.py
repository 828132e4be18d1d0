"""What a scan tells: files move between paths and contents."""

import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Final

from archive_restore.errors import printable
from archive_restore.ledger.connection import Row
from archive_restore.ledger.jobs import (
    KnownContent,
    KnownFile,
    RegionRow,
    ScannedPhotograph,
    Unreachable,
)
from archive_restore.ledger.rows import Verbs

KNOWN_FILE: Final = """
    SELECT files.relative, files.id, files.size, files.modified_ns, photographs.sha256, files.photograph_id,
           photographs.policy, files.missing_since IS NOT NULL,
           coalesce(jobs.state IN ('queued', 'leased', 'held')
                    OR (jobs.state = 'failed' AND jobs.stage = 'run'), 0)
    FROM files
    LEFT JOIN photographs ON photographs.id = files.photograph_id
    LEFT JOIN jobs ON jobs.file_id = files.id
"""
"""The path, then the fields of KnownFile."""

PAGE: Final = 5_000
"""Rows read at once."""


class ScanVerbs(Verbs):
    """Files, photographs, regions."""

    def add_archive(self, root: Path) -> int:
        """The id of the archive at `root` (resolved), known before or not."""
        rows = self._connection.rows(
            "INSERT INTO archives (root, name, added_at) VALUES (?, ?, ?) "
            "ON CONFLICT (root) DO UPDATE SET name = excluded.name RETURNING id",
            (os.fsencode(root), printable(root), self._now()),
        )
        return int(rows[0]["id"])

    def some_files(self, archive_id: int, limit: int) -> list[tuple[bytes, int, str]]:
        """Paths, sizes (bytes) and sha256 of up to `limit` photographs that the last scan found in an archive."""
        rows = self._connection.tuples(
            "SELECT relative, size, sha256 FROM files JOIN photographs ON photographs.id = photograph_id "
            "WHERE archive_id = ? AND missing_since IS NULL LIMIT ?",
            (archive_id, limit),
        )
        return [(relative, size, digest) for relative, size, digest in rows]

    def move_archive(self, archive_id: int, root: Path, *, outputs: tuple[Path, Path] | None) -> None:
        """The archive lies at `root` (resolved) now; its restored photographs, if they moved as well, in the second
        instead of the first of these folders."""
        with self._connection.transaction():
            self._connection.execute(
                "UPDATE archives SET root = ?, name = ? WHERE id = ?",
                (os.fsencode(root), printable(root), archive_id),
            )
            if outputs is None:
                return
            before, now = outputs
            rows = self._connection.tuples(
                "SELECT id, path FROM outputs WHERE job_id IN (SELECT id FROM jobs WHERE archive_id = ?)",
                (archive_id,),
            )
            paths = ((number, Path(os.fsdecode(path))) for number, path in rows if path is not None)
            moved = [
                (now / path.relative_to(before), number)
                for number, path in paths
                if path.is_relative_to(before)
            ]
            self._connection.execute_many(
                "UPDATE outputs SET path = ?, name = ? WHERE id = ?",
                [(os.fsencode(path), printable(path), number) for path, number in moved],
            )

    def forget_archive(self, archive_id: int) -> None:
        """Removes an archive with all that is known of its files; what was found in their contents stays, for they may
        lie elsewhere, and so does the list of everything that was ever written."""
        with self._connection.transaction():
            for table in ("jobs", "files", "kind_totals", "unreachable"):  # files change the totals
                self._connection.execute(f"DELETE FROM {table} WHERE archive_id = ?", (archive_id,))
            self._connection.execute("DELETE FROM archives WHERE id = ?", (archive_id,))

    def forget_files(self, archive_id: int) -> None:
        """Removes what is known of an archive's files, but for those that were reverted, or are to be restored anew;
        its choices stay."""
        with self._connection.transaction():
            self._connection.execute(
                "DELETE FROM jobs WHERE archive_id = ? AND state <> 'rejected' "
                "AND (state = 'done' OR output_id IS NULL)",
                (archive_id,),
            )
            self._connection.execute(
                "DELETE FROM files WHERE archive_id = ? AND id NOT IN (SELECT file_id FROM jobs)",
                (archive_id,),
            )

    def known_files(self, archive_id: int) -> dict[bytes, KnownFile]:
        """Every path at which something was found; of several contents the present one, else the latest."""
        rows = self._connection.tuples(
            f"{KNOWN_FILE} WHERE files.archive_id = ? ORDER BY files.missing_since IS NULL, files.id",
            (archive_id,),
        )
        return {row[0]: KnownFile(*row[1:]) for row in rows}

    def known_at(self, archive_id: int, relatives: Sequence[bytes]) -> dict[bytes, KnownFile]:
        """As `known_files`, of up to some thousand paths: a scan asks as it walks, so that memory stays flat."""
        known: dict[bytes, KnownFile] = {}
        for presence in ("files.missing_since IS NULL", "files.missing_since IS NOT NULL"):
            wanted = [relative for relative in relatives if relative not in known]
            rows = self._connection.tuples(
                f"{KNOWN_FILE} WHERE files.archive_id = ? AND {presence} "
                f"AND files.relative IN ({','.join('?' * len(wanted))}) ORDER BY files.id",
                (archive_id, *wanted),
            )
            known |= {row[0]: KnownFile(*row[1:]) for row in rows}
        return known

    def present(self, archive_id: int) -> Iterator[tuple[int, bytes]]:
        """Id and path of every file that is there, in pages, so that others may write meanwhile."""
        after: bytes | None = b""
        while after is not None:
            page = self._connection.tuples(
                "SELECT id, relative FROM files "
                "WHERE archive_id = ? AND missing_since IS NULL AND relative > ? ORDER BY relative LIMIT ?",
                (archive_id, after, PAGE),
            )
            yield from page
            after = page[-1][1] if page else None

    def known_content(self, sha256: str) -> KnownContent | None:
        """What was found in this content, wherever it lay; None if it was never scanned."""
        rows = self._connection.rows(
            "SELECT policy, EXISTS (SELECT 1 FROM regions WHERE photograph_id = photographs.id) AS damaged "
            "FROM photographs WHERE sha256 = ?",
            (sha256,),
        )
        return KnownContent(rows[0]["policy"], bool(rows[0]["damaged"])) if rows else None

    def record(self, archive_id: int, photograph: ScannedPhotograph, regions: Sequence[RegionRow]) -> None:
        """A photograph and what was found in it; queues a job for the file if that is damage.

        A content that was missing elsewhere in this archive has moved: it keeps its job.
        """
        with self._connection.transaction():
            photograph_id = self._upsert_photograph(photograph)
            self._replace_regions(photograph_id, regions)
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
            file_id = self._place(archive_id, relative, size, modified_ns, rows[0]["id"])
            self._queue(rows[0]["id"], file_id)
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
                {"file": file_id, "archive": archive_id, "reason": reason, "now": self._now()},
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
                [(self._now(), archive_id, relative) for relative in relatives],
            )

    def mark_found(self, file_ids: Collection[int]) -> None:
        """Files that were missing lie again where they lay, unchanged."""
        with self._connection.transaction():
            self._connection.execute_many(
                "UPDATE files SET missing_since = NULL WHERE id = ?", [(file_id,) for file_id in file_ids]
            )

    def archive_scanned(self, archive_id: int) -> None:
        """A scan of this archive went through to its end."""
        self._connection.execute("UPDATE archives SET scanned_at = ? WHERE id = ?", (self._now(), archive_id))

    def record_unreachable(self, archive_id: int, unreachable: Sequence[Unreachable]) -> None:
        """The folders and links of this archive that this scan could not open, instead of those of the last one."""
        with self._connection.transaction():
            self._connection.execute("DELETE FROM unreachable WHERE archive_id = ?", (archive_id,))
            self._connection.execute_many(
                "INSERT INTO unreachable (archive_id, path, name, reason) VALUES (?, ?, ?, ?)",
                [(archive_id, os.fsencode(one.path), printable(one.path), one.reason) for one in unreachable],
            )

    # Parts of the verbs, inside their transactions.

    def _upsert_photograph(self, photograph: ScannedPhotograph) -> int:
        rows = self._connection.rows(
            "INSERT INTO photographs "
            "(sha256, format, width, height, policy, covered, allowed, by_hand, unsure, scanned_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (sha256) DO UPDATE SET format = excluded.format, "
            "width = excluded.width, height = excluded.height, policy = excluded.policy, "
            "covered = excluded.covered, allowed = max(allowed, excluded.allowed), "
            "by_hand = excluded.by_hand, unsure = excluded.unsure, scanned_at = excluded.scanned_at RETURNING id",
            (
                photograph.sha256,
                photograph.format,
                photograph.width,
                photograph.height,
                photograph.policy,
                photograph.covered,
                photograph.covered if photograph.released else 0,
                photograph.by_hand,
                photograph.unsure,
                self._now(),
            ),
        )
        return int(rows[0]["id"])

    def _replace_regions(self, photograph_id: int, regions: Sequence[RegionRow]) -> None:
        """The regions of a photograph and their sums by kind, which belong together."""
        self._connection.execute("DELETE FROM photograph_kinds WHERE photograph_id = ?", (photograph_id,))
        self._connection.execute("DELETE FROM regions WHERE photograph_id = ?", (photograph_id,))
        self._connection.execute_many(
            'INSERT INTO regions (photograph_id, kind, "left", top, width, height, area, score) '
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [(photograph_id, r.kind, r.left, r.top, r.width, r.height, r.area, r.score) for r in regions],
        )
        self._connection.execute(
            "INSERT INTO photograph_kinds SELECT photograph_id, kind, count(*), sum(area) FROM regions "
            "WHERE photograph_id = ? GROUP BY kind",
            (photograph_id,),
        )

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
            "now": self._now(),
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

    def _queue(self, photograph_id: int, file_id: int | None = None) -> None:
        """One job for each damaged file of this content that has none; none waits where no damage is left. With
        `file_id` for that file alone, so that many copies take no time each.

        What was restored once stays to be done: its output has to become what the mask says, or to go.
        """
        damaged = "EXISTS (SELECT 1 FROM regions WHERE photograph_id = :photograph)"
        files = "photograph_id = :photograph" if file_id is None else "id = :file"
        values = {"photograph": photograph_id, "file": file_id, "now": self._now()}
        self._connection.execute(
            "INSERT INTO jobs (file_id, archive_id, state, queued_at, missing) "
            "SELECT id, archive_id, 'queued', :now, missing_since IS NOT NULL FROM files "
            f"WHERE {files} AND {damaged} "
            "ON CONFLICT (file_id) DO NOTHING",
            values,
        )
        self._connection.execute(
            "DELETE FROM jobs WHERE (state IN ('queued', 'held') OR (state = 'failed' AND stage = 'run')) "
            "AND NOT EXISTS (SELECT 1 FROM outputs WHERE job_id = jobs.id) AND file_id IN "
            f"(SELECT id FROM files WHERE {files}) AND NOT {damaged}",
            values,
        )
