"""A restored archive whose review is served by a thread."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

from archive_restore.review import Desk, Server
from tests.restored_archive import RestoredArchive


@contextmanager
def served(archive: RestoredArchive, port: int | None = None) -> Iterator[Server]:
    with archive.ledger() as ledger:
        server = Server(Desk(ledger, archive.home), port)
        thread = Thread(target=server.serve)
        thread.start()
        try:
            yield server
        finally:
            server.stop()
            thread.join(20)
            assert not thread.is_alive()
