"""The ledger's schema as numbered steps. Append to `MIGRATIONS`; never change a step that was released."""

from dataclasses import dataclass

from sqlite_utils import Database

APPLICATION_ID = 0x61725F31  # "ar_1", in the file's header: tells a ledger from any other SQLite file


@dataclass(frozen=True)
class Migration:
    """One step of the schema. After it, `PRAGMA user_version` is `number`."""

    number: int
    name: str
    statements: tuple[str, ...]


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
