"""One connection to the ledger's file: settings, transactions, and SQLite's errors in the user's words."""

import contextlib
import os
import secrets
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sqlite_utils import Database

# sqlite-utils takes pysqlite3 where it is installed: Debian's SQLite has the WAL-reset bug.
from sqlite_utils.utils import sqlite3  # type: ignore[attr-defined]  # documented, though not in __all__

from archive_restore.durable import move_durably
from archive_restore.errors import DiskFullError, LedgerError, StorageError, printable
from archive_restore.ledger.migrations import APPLICATION_ID, SCHEMA_VERSION, apply_migrations, schema_version

BUSY_TIMEOUT_SECONDS: Final = 60.0
"""s to wait for another process's transaction; each takes milliseconds, a slow disk's fsync a second."""

WITHOUT_FLUSH: Final = 1
"""SQLite's synchronous = NORMAL: commits keep their order, but the last ones may be undone by a power cut."""

CACHE_KIB: Final = 32 * 1024
"""KiB of the ledger that are kept in memory: SQLite's own 2 MiB make a million rows four times slower."""

Parameters = Sequence[Any] | dict[str, Any]
Row = dict[str, Any]


def fold_wal(path: Path) -> None:
    """Takes the last commits, which lie beside a ledger, into its file. A damaged one stays as it is."""
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def snapshot_path(path: Path, version: int) -> Path:
    """Where a copy of the ledger of this version goes: beside it, with the time in its name."""
    time = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    return path.with_name(f"{path.stem}-v{version}-{time}.db")


class Connection:
    """The open file. Threads may share it: statements and transactions take turns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._in_transaction = False  # of ours
        with self._plain_errors():
            connection = sqlite3.connect(
                os.fspath(path), timeout=BUSY_TIMEOUT_SECONDS, check_same_thread=False
            )
        try:
            with self._plain_errors():
                self._database = Database(connection, execute_plugins=False)
                self._prepare()
        except BaseException:
            connection.close()
            raise

    def _prepare(self) -> None:
        with self._database.atomic():  # one view of the three, while another process may be migrating
            version = schema_version(self._database)
            identity = next(iter(self._database.query("PRAGMA application_id")))["application_id"]
            tables = self._database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if identity != APPLICATION_ID and (version or tables):
            raise LedgerError(
                f"{printable(self.path)}: a SQLite file, but not a ledger of archive-restore. Move it away, "
                "or set ARCHIVE_RESTORE_HOME to another folder."
            )
        if version > SCHEMA_VERSION:
            raise LedgerError(
                f"{printable(self.path)}: this ledger was written by a newer archive-restore (schema "
                f"{version}, this version knows {SCHEMA_VERSION}). Update archive-restore, or set "
                "ARCHIVE_RESTORE_HOME to another folder to start a new ledger."
            )
        if 0 < version < SCHEMA_VERSION:
            self.copy(snapshot_path(self.path, version))
        self._database.execute("PRAGMA journal_mode = WAL").fetchall()
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.execute("PRAGMA foreign_keys = ON")
        self._database.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        if version < SCHEMA_VERSION:
            with self.transaction():
                apply_migrations(self._database)

    def copy(self, target: Path) -> None:
        """Writes the ledger as it is now to `target`, whole and on the disk, while others may be at work on it."""
        with self._turn():
            # Two commands may copy it at once, before they migrate it.
            part = target.with_name(f"{target.name}.{secrets.token_hex(4)}.part")
            try:
                # A name need not be UTF-8, which text has to be.
                self._database.execute("VACUUM INTO CAST(? AS TEXT)", (os.fsencode(part),))
                with part.open("rb+") as written:
                    os.fsync(written.fileno())
                move_durably(part, target)
            except (OSError, sqlite3.OperationalError) as error:
                reason = error.strerror if isinstance(error, OSError) else error
                raise StorageError(
                    f"{printable(target)}: the ledger's copy cannot be written ({reason}). Make room, or check that "
                    "its folder is there and its permissions."
                ) from error
            finally:
                with contextlib.suppress(OSError):
                    part.unlink(missing_ok=True)

    def close(self) -> None:
        """Ends the connection; SQLite folds the WAL into the file when it was the last one."""
        with self._lock:
            self._database.close()

    def rows(self, sql: str, parameters: Parameters = (), *, flushed: bool = True) -> list[Row]:
        """All rows of one statement that returns rows (a SELECT, or a write with RETURNING: committed).

        Not `flushed`, a power cut may undo it, as if it had not been asked; a later commit flushes it as well.
        """
        with self._turn():
            if flushed:
                return list(self._database.query(sql, parameters))
            (kept,) = self._database.execute("PRAGMA synchronous").fetchone()
            self._database.execute(f"PRAGMA synchronous = {min(kept, WITHOUT_FLUSH)}")
            try:
                return list(self._database.query(sql, parameters))
            finally:
                self._database.execute(f"PRAGMA synchronous = {kept}")

    def tuples(self, sql: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
        """As `rows` of a SELECT, without names: for many rows."""
        with self._turn():
            return list(self._database.conn.execute(sql, parameters).fetchall())

    def execute(self, sql: str, parameters: Parameters = ()) -> int:
        """Runs one statement, committed unless a transaction is open. Returns the rows it changed."""
        with self._turn():
            return int(self._database.execute(sql, parameters).rowcount)

    def execute_many(self, sql: str, parameters: Sequence[Parameters]) -> None:
        """Runs one statement for each of `parameters`, inside the open transaction."""
        with self._turn():
            self._database.conn.executemany(sql, parameters)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """BEGIN IMMEDIATE ... COMMIT. A deferred one fails when it reads first and writes later."""
        with self._turn():
            try:
                self._database.execute("BEGIN IMMEDIATE")
                self._in_transaction = True
                yield
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.conn.in_transaction:
                    self._database.execute("ROLLBACK")
                raise
            finally:
                self._in_transaction = False

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """One thread's. A Ctrl-C may have ended the last one in the midst of a statement, whose transaction would take
        in what other threads write from then on, and never be committed."""
        with self._lock, self._plain_errors():
            if self._database.conn.in_transaction and not self._in_transaction:
                self._database.conn.rollback()
            yield

    @contextlib.contextmanager
    def _plain_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.IntegrityError:
            raise  # a mistake of this program, not of the disk
        except sqlite3.DatabaseError as error:
            raise self._in_words(error) from error

    def _in_words(self, error: Exception) -> LedgerError | StorageError:
        what, where = str(error), printable(self.path)
        if "full" in what or "disk I/O" in what:
            kind = DiskFullError if "full" in what else StorageError
            return kind(
                f"{where}: the ledger cannot be written ({what}). Make room on that disk; the same command "
                "then goes on."
            )
        if "readonly" in what or "unable to open" in what:
            return StorageError(
                f"{where}: the ledger cannot be written ({what}). Check the folder's permissions, or set "
                "ARCHIVE_RESTORE_HOME to a folder that can be written."
            )
        if "locked" in what or "busy" in what:
            return LedgerError(
                f"{where}: another program has kept the ledger locked for {BUSY_TIMEOUT_SECONDS:.0f} s. "
                "Close it (a database browser, a backup), then run the same command again."
            )
        if "malformed" in what or "not a database" in what:
            return LedgerError(
                f"{where}: the ledger is damaged ({what}). Put a copy of it back, or run: archive-restore ledger "
                "rebuild ARCHIVE... Originals and restored photographs are untouched."
            )
        return LedgerError(f"{where}: {what}")
