"""The tour, from the bundled album to the page: scan, run and report as one."""

import hashlib
import json
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from typer.testing import CliRunner, Result

from archive_restore.cli import app
from archive_restore.cli.demo import bundled_album
from archive_restore.home import HOME_VARIABLE


def hashes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def tour(folder: Path) -> Result:
    return CliRunner().invoke(app, ["demo", "--out", str(folder), "--device", "cpu"])


@pytest.fixture(scope="module")
def visited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tour")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(HOME_VARIABLE, str(folder / "the user's own"))
        result = tour(folder / "demo")
    assert result.exit_code == 0, result.output
    assert str(folder / "demo" / "report.html") in result.output
    return folder


def test_the_tour_leaves_originals_and_the_users_ledger_alone(visited: Path) -> None:
    assert hashes(visited / "demo" / "album") == hashes(bundled_album())
    assert not (visited / "the user's own").exists()


def test_the_tour_restores_most_of_the_album_under_the_same_names(visited: Path) -> None:
    written = hashes(visited / "demo" / "album-restored")
    restored = {name: content for name, content in written.items() if not name.endswith(".json")}
    originals = hashes(bundled_album())
    assert set(restored) <= set(originals)
    assert set(written) - set(restored) == {f"{name}.json" for name in restored}
    assert len(restored) >= 4
    assert not set(restored.values()) & set(originals.values())


def test_the_page_of_the_tour_shows_every_restored_photograph(visited: Path) -> None:
    page = (visited / "demo" / "report.html").read_text("utf-8")
    facts = re.search(r'<script type="application/json" id="facts">(.*?)</script>', page, re.DOTALL)
    assert facts is not None
    rows = json.loads(facts[1])["photographs"]
    shown = [name or unquote(quoted) for _, quoted, name, state, *_ in rows if state == "done"]
    written = hashes(visited / "demo" / "album-restored")
    assert sorted(shown) == sorted(name for name in written if not name.endswith(".json"))
    assert "Cannot be shown" not in page


def test_a_second_tour_restores_nothing_again(visited: Path) -> None:
    restored = visited / "demo" / "album-restored"
    # A file written again is a new file, even with the same content and time.
    files = {path: path.stat().st_ino for path in restored.rglob("*") if path.is_file()}
    assert tour(visited / "demo").exit_code == 0
    assert {path: path.stat().st_ino for path in restored.rglob("*") if path.is_file()} == files
