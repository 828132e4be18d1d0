"""The ledger's schema as numbered steps. Append to `MIGRATIONS`; never change a step that was released."""

from dataclasses import dataclass

from sqlite_utils import Database

from archive_restore.ledger.holds import HOLDING

APPLICATION_ID = 0x61725F31  # "ar_1", in the file's header: tells a ledger from any other SQLite file


@dataclass(frozen=True)
class Migration:
    """One step of the schema. After it, `PRAGMA user_version` is `number`."""

    number: int
    name: str
    statements: tuple[str, ...]


def _counted(row: str, sign: str) -> str:
    """The part of a trigger that adds a row of `files` to the totals, or takes it away."""
    there = f"{row}.missing_since IS NULL"
    return f"""
        UPDATE archives SET
            present = present {sign} ({there}), missing = missing {sign} ({row}.missing_since IS NOT NULL),
            pixels = pixels {sign} coalesce(
                (SELECT width * height FROM photographs WHERE id = {row}.photograph_id AND {there}), 0)
        WHERE id = {row}.archive_id;
        INSERT INTO kind_totals
            SELECT {row}.archive_id, kind, {sign}1, {sign}regions, {sign}area FROM photograph_kinds
            WHERE photograph_id = {row}.photograph_id AND {there}
            ON CONFLICT (archive_id, kind) DO UPDATE SET photographs = photographs + excluded.photographs,
                regions = regions + excluded.regions, area = area + excluded.area;
    """


def _counted_kind(row: str, sign: str) -> str:
    """The part of a trigger that adds a row of `photograph_kinds` to the totals, or takes it away."""
    return f"""
        INSERT INTO kind_totals
            SELECT archive_id, {row}.kind, {sign}count(*), {sign}{row}.regions * count(*),
                {sign}{row}.area * count(*)
            FROM files WHERE photograph_id = {row}.photograph_id AND missing_since IS NULL GROUP BY archive_id
            ON CONFLICT (archive_id, kind) DO UPDATE SET photographs = photographs + excluded.photographs,
                regions = regions + excluded.regions, area = area + excluded.area;
    """


MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        1,
        "archives, photographs, files, regions, jobs, outputs",
        (
            """
            CREATE TABLE archives (
                id INTEGER PRIMARY KEY,
                root BLOB NOT NULL UNIQUE,  -- os.fsencode of the resolved path
                name TEXT NOT NULL,         -- the same, printable
                added_at TEXT NOT NULL,     -- UTC, ISO 8601, here and below
                scanned_at TEXT
            )
            """,
            """
            CREATE TABLE photographs (
                id INTEGER PRIMARY KEY,
                sha256 TEXT NOT NULL UNIQUE,
                format TEXT NOT NULL,
                width INTEGER NOT NULL,     -- px
                height INTEGER NOT NULL,    -- px
                sensitivity TEXT NOT NULL,  -- with which the regions below and the mask were made
                scanned_at TEXT NOT NULL
            )
            """,
            """
            CREATE TABLE regions (
                id INTEGER PRIMARY KEY,
                photograph_id INTEGER NOT NULL REFERENCES photographs (id) ON DELETE CASCADE,
                kind TEXT NOT NULL,
                "left" INTEGER NOT NULL,    -- px
                top INTEGER NOT NULL,       -- px
                width INTEGER NOT NULL,     -- px
                height INTEGER NOT NULL,    -- px
                area INTEGER NOT NULL,      -- px²
                score REAL NOT NULL         -- 0..1
            )
            """,
            "CREATE INDEX regions_of_photograph ON regions (photograph_id)",
            """
            CREATE TABLE files (
                id INTEGER PRIMARY KEY,
                archive_id INTEGER NOT NULL REFERENCES archives (id),
                relative BLOB NOT NULL,     -- path below the archive, '/' between folders
                name TEXT NOT NULL,         -- the same, printable
                size INTEGER NOT NULL,      -- bytes
                modified_ns INTEGER,        -- NULL: read again at the next scan
                photograph_id INTEGER REFERENCES photographs (id),  -- NULL: could not be read
                missing_since TEXT          -- not NULL: nothing of this content lay here at the last scan
            )
            """,
            "CREATE UNIQUE INDEX files_present ON files (archive_id, relative) WHERE missing_since IS NULL",
            "CREATE INDEX files_missing ON files (archive_id, photograph_id) WHERE missing_since IS NOT NULL",
            "CREATE INDEX files_of_photograph ON files (photograph_id)",
            """
            CREATE TABLE outputs (          -- every file that a run was about to write; only ever added to
                id INTEGER PRIMARY KEY,
                job_id INTEGER NOT NULL,
                attempt INTEGER NOT NULL,
                sha256 TEXT NOT NULL,
                path BLOB,                  -- absolute
                name TEXT,
                model TEXT,
                intended_at TEXT NOT NULL,
                finished_at TEXT,
                UNIQUE (job_id, attempt)
            )
            """,
            "CREATE INDEX outputs_by_content ON outputs (sha256)",
            "CREATE INDEX outputs_by_path ON outputs (path)",
            """
            CREATE TABLE jobs (
                id INTEGER PRIMARY KEY,
                file_id INTEGER NOT NULL UNIQUE REFERENCES files (id) ON DELETE CASCADE,
                archive_id INTEGER NOT NULL REFERENCES archives (id),
                state TEXT NOT NULL
                    CHECK (state IN ('queued', 'leased', 'done', 'failed', 'held', 'rejected')),
                stage TEXT CHECK (stage IN ('scan', 'run')),
                attempts INTEGER NOT NULL DEFAULT 0,
                worker TEXT,
                reason TEXT,
                output_id INTEGER REFERENCES outputs (id),
                queued_at TEXT NOT NULL,
                leased_at TEXT,
                finished_at TEXT,
                CHECK ((state = 'leased') = (worker IS NOT NULL)),
                CHECK ((state = 'failed') = (stage IS NOT NULL AND reason IS NOT NULL)),
                CHECK (state <> 'done' OR output_id IS NOT NULL)
            )
            """,
            "CREATE INDEX jobs_by_state ON jobs (state, id)",
            "CREATE INDEX jobs_by_archive ON jobs (archive_id, state, id)",
            "CREATE INDEX jobs_by_output ON jobs (output_id)",
        ),
    ),
    Migration(
        2,
        "a generator of its own for an archive",
        ("ALTER TABLE archives ADD COLUMN model TEXT",),  # NULL: the shipped default
    ),
    Migration(
        3,
        "totals that are kept, not counted; queues of what can be claimed",
        (
            "ALTER TABLE archives ADD COLUMN present INTEGER NOT NULL DEFAULT 0",  # files, kept by triggers
            "ALTER TABLE archives ADD COLUMN missing INTEGER NOT NULL DEFAULT 0",  # likewise
            "ALTER TABLE archives ADD COLUMN pixels INTEGER NOT NULL DEFAULT 0",  # px of present files, likewise
            """
            CREATE TABLE photograph_kinds (  -- regions, summed up
                photograph_id INTEGER NOT NULL REFERENCES photographs (id) ON DELETE CASCADE,
                kind TEXT NOT NULL,
                regions INTEGER NOT NULL,
                area INTEGER NOT NULL,       -- px²
                PRIMARY KEY (photograph_id, kind)
            ) WITHOUT ROWID
            """,
            """
            CREATE TABLE kind_totals (       -- of present files, kept by triggers
                archive_id INTEGER NOT NULL REFERENCES archives (id),
                kind TEXT NOT NULL,
                photographs INTEGER NOT NULL,
                regions INTEGER NOT NULL,
                area INTEGER NOT NULL,       -- px²
                PRIMARY KEY (archive_id, kind)
            ) WITHOUT ROWID
            """,
            """
            INSERT INTO photograph_kinds SELECT photograph_id, kind, count(*), sum(area) FROM regions
            GROUP BY photograph_id, kind
            """,
            """
            INSERT INTO kind_totals SELECT archive_id, kind, count(*), sum(regions), sum(area)
            FROM files JOIN photograph_kinds ON photograph_kinds.photograph_id = files.photograph_id
            WHERE missing_since IS NULL GROUP BY archive_id, kind
            """,
            """
            UPDATE archives SET
                present = (SELECT count(*) FROM files WHERE archive_id = archives.id AND missing_since IS NULL),
                missing = (SELECT count(*) FROM files WHERE archive_id = archives.id AND missing_since NOT NULL),
                pixels = (SELECT coalesce(sum(width * height), 0) FROM files
                          JOIN photographs ON photographs.id = photograph_id
                          WHERE archive_id = archives.id AND missing_since IS NULL)
            """,
            f"CREATE TRIGGER file_added AFTER INSERT ON files BEGIN {_counted('new', '+')} END",
            f"CREATE TRIGGER file_removed AFTER DELETE ON files BEGIN {_counted('old', '-')} END",
            f"""
            CREATE TRIGGER file_changed AFTER UPDATE OF archive_id, photograph_id, missing_since ON files
            WHEN (old.missing_since IS NULL) <> (new.missing_since IS NULL)
                OR old.photograph_id IS NOT new.photograph_id OR old.archive_id <> new.archive_id
            BEGIN
                {_counted("old", "-")}
                {_counted("new", "+")}
                UPDATE jobs SET missing = new.missing_since IS NOT NULL WHERE file_id = new.id;
            END
            """,
            f"CREATE TRIGGER kind_added AFTER INSERT ON photograph_kinds BEGIN {_counted_kind('new', '+')} END",
            f"CREATE TRIGGER kind_removed AFTER DELETE ON photograph_kinds BEGIN {_counted_kind('old', '-')} END",
            """
            CREATE TRIGGER photograph_changed AFTER UPDATE OF width, height ON photographs
            WHEN old.width * old.height <> new.width * new.height
            BEGIN
                UPDATE archives SET pixels = pixels + (new.width * new.height - old.width * old.height) * (
                    SELECT count(*) FROM files
                    WHERE archive_id = archives.id AND photograph_id = new.id AND missing_since IS NULL
                ) WHERE id IN (SELECT archive_id FROM files WHERE photograph_id = new.id);
            END
            """,
            "ALTER TABLE jobs ADD COLUMN missing INTEGER NOT NULL DEFAULT 0",  # as its file, kept by a trigger
            "ALTER TABLE jobs ADD COLUMN failures INTEGER NOT NULL DEFAULT 0",  # attempts, since it was queued
            "ALTER TABLE jobs ADD COLUMN crashes INTEGER NOT NULL DEFAULT 0",  # runs that died with it, likewise
            "ALTER TABLE jobs ADD COLUMN not_before TEXT",  # queued again after a failure that may pass
            "UPDATE jobs SET missing = 1 WHERE file_id IN (SELECT id FROM files WHERE missing_since NOT NULL)",
            "DROP INDEX jobs_by_state",
            "DROP INDEX jobs_by_archive",
            "CREATE INDEX jobs_counted ON jobs (archive_id, missing, state)",
            """
            CREATE INDEX jobs_ready ON jobs (archive_id, id)
            WHERE state = 'queued' AND missing = 0 AND crashes = 0 AND not_before IS NULL
            """,
            """
            CREATE INDEX jobs_suspect ON jobs (archive_id, id)
            WHERE state = 'queued' AND missing = 0 AND (crashes > 0 OR not_before IS NOT NULL)
            """,
            "CREATE INDEX jobs_leased ON jobs (id) WHERE state = 'leased'",
            "CREATE INDEX jobs_failed ON jobs (archive_id, stage) WHERE state = 'failed'",
            "CREATE INDEX jobs_finished ON jobs (finished_at) WHERE finished_at IS NOT NULL",
            "CREATE INDEX files_gone ON files (archive_id, relative) WHERE missing_since IS NOT NULL",
            "ALTER TABLE outputs ADD COLUMN linked TEXT",  # how it came from a duplicate's: linked, copied
            """
            CREATE TABLE runs (
                id INTEGER PRIMARY KEY,
                started_at TEXT NOT NULL,
                seconds REAL NOT NULL,       -- at work; pauses and waiting left out
                device TEXT NOT NULL,
                model TEXT NOT NULL,
                restored INTEGER NOT NULL,
                set_aside INTEGER NOT NULL,
                pixels INTEGER NOT NULL      -- px of the photographs that were restored
            )
            """,
        ),
    ),
    Migration(
        4,
        "what an archive's owner chose; large masks are held for a look; masks by hand",
        (
            "ALTER TABLE archives ADD COLUMN policy TEXT",  # what of a score map is damage; NULL: the default
            "ALTER TABLE archives ADD COLUMN max_coverage REAL NOT NULL DEFAULT 0.12",  # of 1; larger masks are held
            "ALTER TABLE photographs RENAME COLUMN sensitivity TO policy",
            "ALTER TABLE photographs ADD COLUMN covered INTEGER NOT NULL DEFAULT 0",  # px in its mask
            "ALTER TABLE photographs ADD COLUMN allowed INTEGER NOT NULL DEFAULT 0",  # px in the mask when released
            "ALTER TABLE photographs ADD COLUMN by_hand INTEGER NOT NULL DEFAULT 0",  # 1: somebody painted its mask
            "CREATE INDEX photographs_by_hand ON photographs (id) WHERE by_hand",
            """
            UPDATE photographs SET covered = coalesce(
                (SELECT sum(area) FROM photograph_kinds WHERE photograph_id = photographs.id), 0)
            """,
            *HOLDING,
            "UPDATE archives SET max_coverage = max_coverage",  # holds what is queued already
        ),
    ),
    Migration(
        5,
        "folders and links that a scan could not open",
        (
            """
            CREATE TABLE unreachable (      -- of the last scan of each archive
                id INTEGER PRIMARY KEY,
                archive_id INTEGER NOT NULL REFERENCES archives (id) ON DELETE CASCADE,
                path BLOB NOT NULL,         -- absolute
                name TEXT NOT NULL,         -- the same, printable
                reason TEXT NOT NULL
            )
            """,
            "CREATE INDEX unreachable_of_archive ON unreachable (archive_id)",
        ),
    ),
    Migration(
        6,
        "whether large photographs are looked at closely",
        ("ALTER TABLE archives ADD COLUMN thorough INTEGER NOT NULL DEFAULT 0",),  # 1: by every scan
    ),
    Migration(
        7,
        "where nobody said so, that goes by their size",
        (
            "ALTER TABLE archives RENAME COLUMN thorough TO once_thorough",
            "ALTER TABLE archives ADD COLUMN thorough INTEGER",  # 1: all of them, 0: none, NULL: by their size
            "UPDATE archives SET thorough = 1 WHERE once_thorough",
            "ALTER TABLE archives DROP COLUMN once_thorough",
        ),
    ),
    Migration(
        8,
        "which photographs have faint specks all over, that only a person can tell from snow",
        (
            "ALTER TABLE photographs ADD COLUMN unsure INTEGER NOT NULL DEFAULT 0",  # 1 until somebody decided
            "CREATE INDEX unsure_photographs ON photographs (id) WHERE unsure",
        ),
    ),
    Migration(
        9,
        "which restored photographs somebody looked at and accepted",
        # UTC, ISO 8601; what is restored anew has another row, and is new.
        ("ALTER TABLE outputs ADD COLUMN accepted_at TEXT",),
    ),
)

SCHEMA_VERSION = MIGRATIONS[-1].number


def schema_version(database: Database) -> int:
    """The number of the last migration that the ledger went through; 0 for an empty file."""
    return int(next(iter(database.query("PRAGMA user_version")))["user_version"])


def apply_migrations(database: Database) -> list[Migration]:
    """Applies what is missing, each step once. The caller holds the write transaction.

    Returns
    -------
    The steps that were applied.
    """
    version = schema_version(database)
    missing = [migration for migration in MIGRATIONS if migration.number > version]
    for migration in missing:
        for statement in migration.statements:
            database.execute(statement)
        database.execute(f"PRAGMA user_version = {migration.number}")
    if missing:
        database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    return missing
