from pathlib import Path

import pytest
from sqlite_utils import Database

from archive_restore.errors import LedgerError
from archive_restore.ledger import open_ledger
from archive_restore.ledger.migrations import (
    APPLICATION_ID,
    MIGRATIONS,
    SCHEMA_VERSION,
    apply_migrations,
    schema_version,
)


def test_migrations_are_numbered_from_one_without_gaps() -> None:
    assert [migration.number for migration in MIGRATIONS] == list(range(1, SCHEMA_VERSION + 1))


def test_a_new_ledger_is_migrated_once(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    open_ledger(path).close()
    database = Database(path)
    assert schema_version(database) == SCHEMA_VERSION
    assert database.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    assert apply_migrations(database) == []
    database.close()


def test_a_ledger_keeps_its_rows_when_it_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with open_ledger(path) as ledger:
        ledger.add_archive(Path("/photos"))
    with open_ledger(path) as ledger:
        assert [archive.root for archive in ledger.archives()] == [Path("/photos")]


def test_the_ledger_survives_a_power_cut_by_its_settings(tmp_path: Path) -> None:
    with open_ledger(tmp_path / "ledger.db") as ledger:
        [journal] = ledger._connection.rows("PRAGMA journal_mode")
        [synchronous] = ledger._connection.rows("PRAGMA synchronous")
        [foreign_keys] = ledger._connection.rows("PRAGMA foreign_keys")
    assert (journal["journal_mode"], synchronous["synchronous"], foreign_keys["foreign_keys"]) == (
        "wal",
        2,
        1,
    )


def test_a_newer_ledger_is_refused_in_words_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    open_ledger(path).close()
    database = Database(path)
    database.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 3}")
    database.close()
    with pytest.raises(LedgerError, match=f"newer archive-restore .schema {SCHEMA_VERSION + 3}.*Update"):
        open_ledger(path)
    database = Database(path)
    assert schema_version(database) == SCHEMA_VERSION + 3
    database.close()


def test_somebody_elses_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    database = Database(path)
    database["recipes"].insert({"name": "Apfelkuchen"})
    database.close()
    with pytest.raises(LedgerError, match="not a ledger of archive-restore"):
        open_ledger(path)
    database = Database(path)
    assert database.table_names() == ["recipes"]
    database.close()
