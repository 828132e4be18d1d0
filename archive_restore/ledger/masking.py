"""What decides on masks: the choices of an archive's owner, masks made anew, masks by hand, masks looked at."""

from collections.abc import Iterator, Sequence
from typing import Final

from archive_restore.ledger.connection import Row
from archive_restore.ledger.jobs import MaskedPhotograph, RegionRow, State
from archive_restore.ledger.scanning import PAGE, ScanVerbs

BELOW: Final = "(relative = :under OR (relative > :below AND relative < :beyond))"
"""At the path `under`, or in the folder of that name."""

MASKED: Final = """
SELECT photographs.id, sha256, width, height, policy, covered, allowed, by_hand, unsure,
    min(relative) AS relative, count(*) AS files, group_concat(state) AS states,
    coalesce(sum(output_id IS NOT NULL AND state IN ('queued', 'held')), 0) AS anew,
    (SELECT count(*) FROM files AS place JOIN jobs AS job ON job.file_id = place.id
     WHERE place.photograph_id = photographs.id AND job.state IN ('done', 'leased')) AS restored
FROM photographs JOIN files ON files.photograph_id = photographs.id LEFT JOIN jobs ON jobs.file_id = files.id
WHERE files.archive_id = :archive AND missing_since IS NULL"""
"""The photographs of an archive; a condition on them may follow, and they are to be grouped by their ids."""


def below(under: bytes | None) -> Row:
    """The values of `BELOW`; None is the whole archive."""
    return {
        "under": under,
        "below": (under or b"") + b"/",
        "beyond": (under or b"") + b"0",
    }  # 0 follows / in ASCII


class MaskVerbs(ScanVerbs):
    """Policies and masks."""

    def choose(
        self,
        archive_id: int,
        *,
        policy: str | None,
        max_coverage: float | None,
        thorough: bool | None = None,
        by_size: bool = False,
    ) -> None:
        """What is damage in an archive from now on, how much of a photograph (0..1) a mask may cover before it is
        held, and whether scans look closely at large ones; None leaves that as it is, and `by_size` forgets what
        was said of the last. The masks there are stay."""
        if policy is not None:
            self._connection.execute("UPDATE archives SET policy = ? WHERE id = ?", (policy, archive_id))
        if max_coverage is not None:
            self._connection.execute(
                "UPDATE archives SET max_coverage = ? WHERE id = ?", (max_coverage, archive_id)
            )
        if thorough is not None or by_size:
            self._connection.execute("UPDATE archives SET thorough = ? WHERE id = ?", (thorough, archive_id))

    def masked(self, archive_id: int, under: bytes | None = None) -> Iterator[MaskedPhotograph]:
        """The photographs that lie in an archive, there at or below the path `under`; each once.

        In pages, so that others may write meanwhile; whoever masks a photograph anew does not meet it again.
        """
        after = 0
        which = "photographs.id > :after" if under is None else f"photographs.id > :after AND {BELOW}"
        while True:
            page = self._connection.rows(
                f"{MASKED} AND {which} GROUP BY photographs.id ORDER BY photographs.id LIMIT :page",
                {"archive": archive_id, "after": after, "page": PAGE, **below(under)},
            )
            for row in page:
                yield _masked(row)
            if not page:
                return
            after = page[-1]["id"]

    def masked_content(self, archive_id: int, sha256: str) -> MaskedPhotograph | None:
        """The photograph of this content, if it lies in an archive."""
        rows = self._connection.rows(
            f"{MASKED} AND sha256 = :sha256 GROUP BY photographs.id",
            {"archive": archive_id, "sha256": sha256},
        )
        return _masked(rows[0]) if rows else None

    def settle(self, photograph_id: int) -> None:
        """Somebody looked at a photograph with faint specks all over and left them."""
        self._connection.execute("UPDATE photographs SET unsure = 0 WHERE id = ?", (photograph_id,))

    def remask(
        self,
        photograph_id: int,
        *,
        policy: str,
        covered: int,
        regions: Sequence[RegionRow],
        by_hand: bool = False,
        unsure: bool = False,
        again: bool,
    ) -> int:
        """The mask of a photograph was made anew: its jobs join the queue, or leave it.

        Parameters
        ----------
        photograph_id : which one
        policy : by which the mask was made
        covered : px in the mask
        regions : the damage in it
        by_hand : somebody painted it
        unsure : there are faint specks all over it, and nobody said what they are
        again : what was restored with another mask is queued, to be restored anew, and keeps its output until
            then; also what a run that was killed still holds, so the caller holds the worker lock; and what was
            rejected, if somebody painted a mask for it

        Returns
        -------
        The restored and rejected ones that were queued.
        """
        values: Row = {
            "id": photograph_id,
            "policy": policy,
            "covered": covered,
            "by_hand": by_hand,
            "unsure": unsure,
            "now": self._now(),
        }
        with self._connection.transaction():
            self._connection.execute(
                "UPDATE photographs SET policy = :policy, covered = :covered, by_hand = :by_hand, "
                "unsure = :unsure WHERE id = :id",
                values,
            )
            self._replace_regions(photograph_id, regions)
            requeued = 0
            if again:
                of_it = "file_id IN (SELECT id FROM files WHERE photograph_id = :id)"
                self._connection.execute(
                    "UPDATE jobs SET state = 'queued', worker = NULL, crashes = crashes + 1 "
                    f"WHERE {of_it} AND state = 'leased'",
                    values,
                )
                requeued = self._connection.execute(
                    "UPDATE jobs SET state = 'queued', reason = NULL, queued_at = :now, "
                    f"failures = 0, crashes = 0, not_before = NULL WHERE {of_it} "
                    "AND (state = 'done' OR (state = 'rejected' AND :by_hand AND :covered > 0))",
                    values,
                )
            self._queue(photograph_id)
            return requeued

    def allow(self, archive_id: int, under: bytes | None = None) -> int:
        """Somebody has looked at the masks of what is held there: it is queued, with its duplicates elsewhere.

        A photograph whose mask grows beyond what was allowed is held again.

        Returns
        -------
        The jobs that were queued.
        """
        held = f"""
            SELECT photograph_id FROM files JOIN jobs ON jobs.file_id = files.id
            WHERE files.archive_id = :archive AND state = 'held' AND missing_since IS NULL
                AND (:under IS NULL OR {BELOW})
        """
        values: Row = {"archive": archive_id, **below(under)}
        with self._connection.transaction():
            (jobs,) = self._connection.rows(
                "SELECT count(*) AS count FROM jobs JOIN files ON files.id = jobs.file_id "
                f"WHERE state = 'held' AND photograph_id IN ({held})",
                values,
            )
            self._connection.execute(f"UPDATE photographs SET allowed = covered WHERE id IN ({held})", values)
            return int(jobs["count"])

    def read_again(self, photograph_id: int) -> None:
        """The next scan reads the photograph whatever its time says: its score map is gone, or it has changed without
        changing its size and time."""
        self._connection.execute(
            "UPDATE files SET modified_ns = NULL WHERE photograph_id = ?", (photograph_id,)
        )


def _masked(row: Row) -> MaskedPhotograph:
    states = row.pop("states")
    return MaskedPhotograph(
        **{
            **row,
            "by_hand": bool(row["by_hand"]),
            "unsure": bool(row["unsure"]),
        },
        states=tuple(State(state) for state in states.split(",")) if states else (),
    )
