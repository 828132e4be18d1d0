"""Which queued photographs are held for a look: the part of the schema that sees to it, whatever verb queues them."""

from typing import Final

MASK_IS_LARGE: Final = """
    FROM files JOIN photographs ON photographs.id = files.photograph_id
    JOIN archives ON archives.id = files.archive_id
    WHERE files.id = jobs.file_id AND NOT by_hand AND covered > allowed
        AND covered > max_coverage * width * height
"""
"""A mask that nobody painted, that nobody has released, and that covers more than its archive allows."""

REASON: Final = (
    "printf('its mask covers %.1f %% of it, more than %g %%', "
    "100.0 * covered / (width * height), 100.0 * max_coverage)"
)


def held(jobs: str) -> str:
    """The statement that holds those of `jobs` (a condition) that are queued and have to be held."""
    return (
        f"UPDATE jobs SET state = 'held', reason = (SELECT {REASON} {MASK_IS_LARGE}) "
        f"WHERE {jobs} AND state = 'queued' AND EXISTS (SELECT 1 {MASK_IS_LARGE});"
    )


def freed(jobs: str) -> str:
    """The statement that queues those of `jobs` (a condition) that are held without need."""
    return (
        "UPDATE jobs SET state = 'queued', reason = NULL "
        f"WHERE {jobs} AND state = 'held' AND NOT EXISTS (SELECT 1 {MASK_IS_LARGE});"
    )


OF_PHOTOGRAPH: Final = "file_id IN (SELECT id FROM files WHERE photograph_id = new.id)"

NEVER_GIVEN_AGAIN: Final = """
    UPDATE jobs SET id = 1 + max((SELECT last FROM deleted_jobs), (SELECT max(id) FROM jobs))
    WHERE id = new.id AND id <= (SELECT last FROM deleted_jobs);
"""
"""SQLite gives the id of a deleted job to a new one, which somebody who held the former would then hold."""

HOLDING: Final = (
    "CREATE TABLE deleted_jobs (last INTEGER NOT NULL)",  # the highest id among them
    "INSERT INTO deleted_jobs VALUES (0)",
    """
    CREATE TRIGGER job_deleted AFTER DELETE ON jobs
    BEGIN UPDATE deleted_jobs SET last = max(last, old.id); END
    """,
    f"""
    CREATE TRIGGER job_added AFTER INSERT ON jobs
    BEGIN {held("id = new.id")} {NEVER_GIVEN_AGAIN} END
    """,
    f"""
    CREATE TRIGGER job_queued_again AFTER UPDATE OF state ON jobs WHEN new.state = 'queued'
    BEGIN {held("id = new.id")} END
    """,
    f"""
    CREATE TRIGGER mask_changed AFTER UPDATE OF covered, allowed, by_hand ON photographs
    WHEN (old.covered, old.allowed, old.by_hand) <> (new.covered, new.allowed, new.by_hand)
    BEGIN {held(OF_PHOTOGRAPH)} {freed(OF_PHOTOGRAPH)} END
    """,
    f"""
    CREATE TRIGGER coverage_chosen AFTER UPDATE OF max_coverage ON archives
    BEGIN {held("archive_id = new.id")} {freed("archive_id = new.id")} END
    """,
)
"""The part of migration 4 that never changes any more once it is released."""
