"""The page as a browser, and others, would ask for it."""

import http.client
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from archive_restore.errors import InputError
from archive_restore.ledger import State, WorkerLock
from archive_restore.review import Desk, Server
from tests.formats import HEIGHT, WIDTH
from tests.restored_archive import RestoredArchive, restored_archive
from tests.served import served


class Browser:
    """What it asks for goes to a server that runs in a thread."""

    def __init__(self, server: Server) -> None:
        address = urlsplit(server.address)
        self.host, self.port, self.base = str(address.hostname), int(address.port or 0), address.path

    def ask(
        self, path: str, said: object = None, *, base: str | None = None, host: str | None = None
    ) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers; a POST if anything is said."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=20)
        body = None if said is None else said if isinstance(said, bytes) else json.dumps(said)
        headers = {"Host": host or f"{self.host}:{self.port}"}
        connection.request("GET" if said is None else "POST", (base or self.base) + path, body, headers)
        answer = connection.getresponse()
        told = answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()}
        connection.close()
        return told

    def json(self, path: str, said: object = None) -> Any:
        status, body, _ = self.ask(path, said)
        assert status == 200, body
        return json.loads(body)

    def picture(self, path: str) -> Image.Image:
        status, body, _ = self.ask(path)
        assert status == 200, body
        return Image.open(io.BytesIO(body))


@pytest.fixture
def archive(tmp_path: Path) -> RestoredArchive:
    return restored_archive(tmp_path)


@pytest.fixture
def browser(archive: RestoredArchive) -> Iterator[Browser]:
    with served(archive) as server:
        yield Browser(server)


def first(browser: Browser) -> dict[str, Any]:
    one: dict[str, Any] = browser.json("ask/photographs?pile=new")["photographs"][0]
    return one


def test_the_page_and_what_it_needs_are_there(browser: Browser) -> None:
    status, body, headers = browser.ask("")
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    for name in ("page.css", "page.js"):
        assert name.encode() in body
        assert browser.ask(name)[0] == 200
    assert "http" not in body.decode().replace("https://", "http")  # nothing comes from elsewhere
    assert headers["content-security-policy"].startswith("default-src 'self'")
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("name", ["server.py", "..%2fserver.py", "%2e%2e/review/server.py", "ask/unknown"])
def test_nothing_else_of_the_program_is(browser: Browser, name: str) -> None:
    status, body, _ = browser.ask(name)
    assert status == 404
    assert b"import" not in body


def test_nobody_without_the_secret_gets_anything(browser: Browser, archive: RestoredArchive) -> None:
    number = archive.job(b"a.jpg").file_id
    for base in ("/", "/wrong/"):
        assert browser.ask("", base=base)[0] == 404
        assert browser.ask("ask/piles", base=base)[0] == 404
        assert browser.ask(f"say/{number}/reject", {"version": ""}, base=base)[0] == 404


def test_a_name_of_another_site_that_points_here_is_refused(browser: Browser) -> None:
    assert browser.ask("", host=f"evil.example:{browser.port}")[0] == 400
    assert browser.ask("", host=f"localhost:{browser.port}")[0] == 200


def test_it_listens_on_this_machine_alone(archive: RestoredArchive) -> None:
    with archive.ledger() as ledger:
        server = Server(Desk(ledger, archive.home))
    assert server._socket.getsockname()[0] == "127.0.0.1"
    server._socket.close()


def test_pictures_are_shown_upright_whole_and_in_parts(browser: Browser) -> None:
    one = first(browser)
    shown = browser.json(f"ask/photographs/{one['id']}")
    assert (shown["width"], shown["height"]) == (HEIGHT, WIDTH)  # its tag turns it
    before = browser.picture(f"ask/photographs/{one['id']}/before")
    assert (before.format, before.size) == ("JPEG", (HEIGHT, WIDTH))
    part = browser.picture(f"ask/photographs/{one['id']}/after?x=10&y=20&w=30&h=40&side=20")
    assert part.size == (15, 20)
    mask = browser.picture(f"ask/photographs/{one['id']}/mask")
    opaque = np.asarray(mask.convert("RGBA"))[..., 3] > 0
    assert opaque.any()
    assert not opaque.all()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("ask/photographs/999", 409),
        ("ask/photographs/999/before", 409),
        ("ask/photographs?pile=unknown", 400),
        ("ask/photographs?pile=new&after=x", 400),
        ("ask/photographs/{id}/unknown", 404),
        ("ask/photographs/{id}/before?x=5000", 409),
        ("ask/photographs/{id}/before?side=wide", 400),
        ("ask/photographs/99999999999999999999", 409),
    ],
)
def test_what_cannot_be_had_is_told_in_words(browser: Browser, path: str, status: int) -> None:
    got, body, _ = browser.ask(path.format(id=first(browser)["id"]))
    assert got == status
    assert len(json.loads(body)["error"]) > 10


@pytest.mark.parametrize("after", [-(10**20), 10**20])
def test_wild_places_in_a_pile_are_taken_for_its_ends(browser: Browser, after: int) -> None:
    listed = browser.json(f"ask/photographs?pile=new&after={after}")["photographs"]
    assert len(listed) == (3 if after < 0 else 0)


def test_verdicts_are_taken(browser: Browser, archive: RestoredArchive) -> None:
    one = first(browser)
    told = browser.json(f"say/{one['id']}/accept", {"version": one["version"]})
    assert told["pile"] == "accepted"
    assert browser.json("ask/piles") == {
        "new": 2,
        "unsure": 0,
        "held": 0,
        "waiting": 0,
        "accepted": 1,
        "rejected": 0,
        "undamaged": 1,
    }
    told = browser.json(f"say/{one['id']}/reject", {"version": told["version"]})
    assert told["pile"] == "rejected"
    assert told["restored"] is False
    assert archive.states() == {State.DONE: 2, State.REJECTED: 1}


def test_what_is_painted_is_saved(browser: Browser, archive: RestoredArchive) -> None:
    one = first(browser)
    strokes = [{"points": [[5.5, 10.5], [50.5, 10.5]], "width": 3, "erases": False}]
    told = browser.json(f"say/{one['id']}/paint", {"version": one["version"], "strokes": strokes})
    assert (told["pile"], told["by_hand"]) == ("waiting", True)
    mask = browser.picture(f"ask/photographs/{one['id']}/mask").convert("RGBA")
    assert np.asarray(mask)[9:12, 5:51, 3].all()


def test_a_refused_verdict_says_why_and_changes_nothing(browser: Browser, archive: RestoredArchive) -> None:
    one = first(browser)
    with WorkerLock(archive.home.worker_lock):
        status, body, _ = browser.ask(f"say/{one['id']}/reject", {"version": one["version"]})
    assert status == 409
    assert "at work" in json.loads(body)["error"]
    assert browser.ask(f"say/{one['id']}/accept", {"version": "of yesterday"})[0] == 409
    assert archive.states() == {State.DONE: 3}


@pytest.mark.parametrize("said", [b"", b"[]", b"{", b'"accept"', b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_verdict_is_refused(browser: Browser, said: bytes) -> None:
    status, body, _ = browser.ask(f"say/{first(browser)['id']}/accept", said)
    assert status == 400
    assert "Load the page again" in json.loads(body)["error"]


def test_more_than_anybody_paints_is_refused(browser: Browser) -> None:
    assert browser.ask(f"say/{first(browser)['id']}/paint", b" " * (9 << 20))[0] == 413
    bad = {"version": "", "strokes": [{"points": 5}]}
    assert browser.ask(f"say/{first(browser)['id']}/paint", bad)[0] == 400
    assert browser.ask(f"say/{first(browser)['id']}/unknown", {"version": ""})[0] == 404


def test_a_port_that_is_taken_is_told_in_words(browser: Browser, archive: RestoredArchive) -> None:
    with archive.ledger() as ledger, pytest.raises(InputError, match=f"Port {browser.port}.*--port"):
        Server(Desk(ledger, archive.home), browser.port)


@pytest.mark.skipif(os.name != "posix", reason="only POSIX keeps a port from who had it last")
def test_a_port_can_be_had_again_at_once(archive: RestoredArchive) -> None:
    port = None
    for _ in range(2):
        with served(archive, port) as server:
            browser = Browser(server)
            port = browser.port
            connection = http.client.HTTPConnection(browser.host, port, timeout=20)
            connection.request("GET", browser.base)
            connection.getresponse().read()
        connection.close()  # the server ended it first: the system keeps its port for a while
