from pathlib import Path

import pytest
from sqlite_utils import Database

from archive_restore.errors import LedgerError
from archive_restore.ledger import State, open_ledger
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


OLD_ROWS = """
INSERT INTO archives VALUES
    (1, CAST('/photos' AS BLOB), '/photos', 't', 't'), (2, CAST('/o' AS BLOB), '/o', 't', 't');
INSERT INTO photographs VALUES
    (1, 'A', 'jpeg', 100, 50, 'normal', 't'), (2, 'B', 'png', 10, 10, 'normal', 't'),
    (3, 'C', 'png', 7, 7, 'high', 't');
INSERT INTO regions VALUES
    (1, 1, 'dust', 0, 0, 2, 2, 4, 0.5), (2, 1, 'dust', 9, 9, 2, 2, 3, 0.5), (3, 1, 'tears', 5, 5, 9, 9, 60, 0.9),
    (4, 2, 'dust', 1, 1, 1, 1, 1, 0.7);
INSERT INTO files VALUES
    (1, 1, CAST('a.jpg' AS BLOB), 'a.jpg', 9, 1, 1, NULL), (2, 1, CAST('b.png' AS BLOB), 'b.png', 8, 1, 2, 't'),
    (3, 1, CAST('c.png' AS BLOB), 'c.png', 7, 1, 3, NULL), (4, 2, CAST('a.jpg' AS BLOB), 'a.jpg', 9, 1, 1, NULL),
    (5, 1, CAST('bad.jpg' AS BLOB), 'bad.jpg', 0, 1, NULL, NULL);
INSERT INTO outputs VALUES (1, 1, 1, 'restored', CAST('/photos-restored/a.jpg' AS BLOB), 'a.jpg', 'm', 't', 't');
INSERT INTO jobs VALUES
    (1, 1, 1, 'done', NULL, 1, NULL, NULL, 1, 't', 't', 't'),
    (2, 2, 1, 'queued', NULL, 0, NULL, NULL, NULL, 't', NULL, NULL),
    (3, 4, 2, 'queued', NULL, 0, NULL, NULL, NULL, 't', NULL, NULL),
    (4, 5, 1, 'failed', 'scan', 1, NULL, 'empty', NULL, 't', NULL, 't');
"""
"""Rows that the first schema held, and every later one."""


def old_ledger(path: Path, version: int, rows: str = OLD_ROWS) -> None:
    """A ledger as that version of the schema left it, with rows of the first one."""
    database = Database(path)
    for migration in MIGRATIONS[:version]:
        for statement in migration.statements:
            database.execute(statement)
        if migration.number == 1:
            database.conn.executescript(rows)
    database.execute(f"PRAGMA user_version = {version}")
    database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    database.conn.commit()
    database.close()


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION + 1))
def test_a_ledger_of_any_earlier_version_keeps_all_it_knew(tmp_path: Path, version: int) -> None:
    path = tmp_path / "ledger.db"
    old_ledger(path, version)
    with open_ledger(path) as ledger:
        assert ledger.faults() == []
        counts = ledger.counts(1)
        assert (counts.photographs, counts.missing, counts.unreadable, counts.undamaged) == (3, 1, 1, 1)
        assert counts.states == dict.fromkeys(State, 0) | {State.DONE: 1, State.FAILED: 1}
        assert [(k.kind, k.photographs, k.regions, k.area) for k in ledger.kinds()] == [
            ("dust", 2, 4, 14),
            ("tears", 2, 2, 120),
        ]
        assert [(k.kind, k.photographs, k.regions, k.area) for k in ledger.kinds(2)] == [
            ("dust", 1, 2, 7),
            ("tears", 1, 1, 60),
        ]
        assert (ledger.pixels(), ledger.pixels(1)) == (10_049, 5_049)
        assert [job.path for job in ledger.claim("worker", 9)] == [Path("/o/a.jpg")]
        ledger.mark_found([2])
        assert [job.path for job in ledger.claim("worker", 9)] == [Path("/photos/b.png")]
        assert ledger.faults() == []


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_what_an_earlier_version_queued_is_held_if_its_mask_is_large(tmp_path: Path, version: int) -> None:
    path = tmp_path / "ledger.db"
    half = "UPDATE regions SET area = 2500 WHERE id = 3;"  # of the 5000 px of A, done here and queued there
    old_ledger(path, version, OLD_ROWS + half)
    with open_ledger(path) as ledger:
        [held] = ledger.held()
        assert (held.path, held.reason) == (Path("/o/a.jpg"), "its mask covers 50.1 % of it, more than 12 %")
        assert ledger.counts(1).states[State.DONE] == 1
        assert ledger.claim("worker", 9) == []
        assert ledger.faults() == []


def test_a_close_look_that_was_chosen_for_an_archive_stays_chosen(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    old_ledger(path, 6)
    database = Database(path)
    database.execute("UPDATE archives SET thorough = 1 WHERE id = 2")
    database.conn.commit()
    database.close()
    with open_ledger(path) as ledger:
        assert [archive.thorough for archive in ledger.archives()] == [None, True]
        ledger.choose(1, policy=None, max_coverage=None, thorough=False)
        ledger.choose(2, policy=None, max_coverage=None)
        assert [archive.thorough for archive in ledger.archives()] == [False, True]


def test_nothing_is_unsure_of_what_was_scanned_before_it_was_asked(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    old_ledger(path, 7, OLD_ROWS)
    with open_ledger(path) as ledger:
        assert [ledger.unsure(archive.id) for archive in ledger.archives()] == [[], []]
        assert not any(one.unsure for one in ledger.masked(1))


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_a_ledger_is_copied_before_it_is_migrated(tmp_path: Path, version: int) -> None:
    path = tmp_path / "ledger.db"
    old_ledger(path, version)
    open_ledger(path).close()
    open_ledger(path).close()
    (copy,) = tmp_path.glob(f"ledger-v{version}-*.db")
    database = Database(copy)
    assert schema_version(database) == version
    assert database["files"].count == 5
    database.close()


def test_a_new_ledger_is_not_copied(tmp_path: Path) -> None:
    open_ledger(tmp_path / "ledger.db").close()
    open_ledger(tmp_path / "ledger.db").close()
    assert [path.name for path in tmp_path.iterdir()] == ["ledger.db"]


def test_totals_that_do_not_add_up_are_named(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    old_ledger(path, 1)
    with open_ledger(path) as ledger:
        ledger._connection.execute("UPDATE archives SET present = present + 1 WHERE id = 1")
        ledger._connection.execute("UPDATE kind_totals SET area = 0 WHERE archive_id = 2")
        assert ledger.faults() == [
            "files that are there: the total of /photos is not what its rows give",
            "damage by kind: the total of /o is not what its rows give",
        ]
