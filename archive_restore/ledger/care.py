"""Looking after the ledger's file: is it sound, a copy of it."""

from pathlib import Path
from typing import Final

from archive_restore.errors import InputError, LedgerError, printable
from archive_restore.ledger.rows import Verbs

TOTALS: Final = {
    "files that are there": """
        SELECT name FROM archives WHERE present <> (
            SELECT count(*) FROM files WHERE archive_id = archives.id AND missing_since IS NULL)
    """,
    "files that are missing": """
        SELECT name FROM archives WHERE missing <> (
            SELECT count(*) FROM files WHERE archive_id = archives.id AND missing_since IS NOT NULL)
    """,
    "pixels": """
        SELECT name FROM archives WHERE pixels <> (
            SELECT coalesce(sum(width * height), 0) FROM files JOIN photographs ON photographs.id = photograph_id
            WHERE archive_id = archives.id AND missing_since IS NULL)
    """,
    "damage by kind": """
        SELECT name FROM archives WHERE id IN (
            SELECT archive_id FROM (
                SELECT archive_id, kind, photographs, regions, area FROM kind_totals WHERE photographs <> 0
                UNION ALL
                SELECT archive_id, kind, count(DISTINCT files.id), count(*), sum(area) FROM files
                JOIN regions ON regions.photograph_id = files.photograph_id
                WHERE missing_since IS NULL GROUP BY archive_id, kind
            ) GROUP BY archive_id, kind, photographs, regions, area HAVING count(*) <> 2)
    """,
    "jobs of missing files": """
        SELECT DISTINCT name FROM archives WHERE id IN (
            SELECT jobs.archive_id FROM jobs JOIN files ON files.id = file_id
            WHERE jobs.missing <> (missing_since IS NOT NULL))
    """,
}
"""The archives for which a total that is kept differs from what a count of the rows gives."""


class CareVerbs(Verbs):
    """The file as a whole."""

    def faults(self) -> list[str]:
        """What is wrong with the ledger, in words; empty if it is sound. Reads all of it."""
        try:
            found = [
                f"SQLite says: {row['integrity_check']}"
                for row in self._connection.rows("PRAGMA integrity_check")
                if row["integrity_check"] != "ok"
            ]
            found += [
                f"a row of {row['table']} points to a row of {row['parent']} that is not there"
                for row in self._connection.rows("PRAGMA foreign_key_check")
            ]
            for what, disagree in TOTALS.items():
                found += [
                    f"{what}: the total of {row['name']} is not what its rows give"
                    for row in self._connection.rows(disagree)
                ]
        except LedgerError as error:  # too damaged to be read to its end
            return [str(error)]
        return found

    def backup(self, target: Path) -> None:
        """Writes a copy, whole and on the disk, while others may be at work.

        Raises
        ------
        InputError
            There is a file of that name, which is kept.
        StorageError
            It cannot be written.
        """
        if target.exists():
            raise InputError(f"{printable(target)} exists already and is kept. Name another file.")
        self._connection.copy(target)
