from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from archive_restore.errors import LedgerError
from archive_restore.ledger.connection import WITHOUT_FLUSH, Connection


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def connection(path: Path) -> Iterator[Connection]:
    opened = Connection(path)
    opened.execute("CREATE TABLE notes (text)")
    yield opened
    opened.close()


def execute(connection: Connection) -> None:
    connection.execute("INSERT INTO notes VALUES ('kept')")


def rows(connection: Connection) -> None:
    assert connection.rows("INSERT INTO notes VALUES ('kept') RETURNING text") == [{"text": "kept"}]


def transaction(connection: Connection) -> None:
    with connection.transaction():
        connection.execute("INSERT INTO notes VALUES ('kept')")


@pytest.mark.parametrize("write", [execute, rows, transaction])
@pytest.mark.parametrize(
    "left", ["BEGIN IMMEDIATE", "SAVEPOINT here", "INSERT INTO notes VALUES ('interrupted')"]
)
def test_what_ctrl_c_ended_within_a_statement_takes_nobody_elses_writes_with_it(
    left: str, write: Callable[[Connection], None], connection: Connection, path: Path
) -> None:
    # Where a signal comes between a statement and its commit, the transaction stays open.
    connection._database.conn.execute(left)
    assert connection._database.conn.in_transaction
    write(connection)
    other = Connection(path)
    assert other.rows("SELECT text FROM notes") == [{"text": "kept"}]
    other.close()


def test_a_transaction_whose_begin_was_interrupted_ends(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = connection._database.execute

    def interrupted(sql: str, *arguments: object) -> object:
        done = begin(sql, *arguments)  # type: ignore[arg-type]
        if sql.startswith("BEGIN"):
            raise KeyboardInterrupt
        return done

    monkeypatch.setattr(connection._database, "execute", interrupted)
    with pytest.raises(KeyboardInterrupt), connection.transaction():
        pytest.fail("it did not begin")
    assert not connection._database.conn.in_transaction


def test_only_what_need_not_be_flushed_is_not(connection: Connection) -> None:
    before = connection.rows("PRAGMA synchronous")
    assert connection.rows("PRAGMA synchronous", flushed=False) == [{"synchronous": WITHOUT_FLUSH}]
    assert connection.rows("PRAGMA synchronous") == before != [{"synchronous": WITHOUT_FLUSH}]
    with pytest.raises(LedgerError):
        connection.rows("SELECT nothing", flushed=False)
    assert connection.rows("PRAGMA synchronous") == before
