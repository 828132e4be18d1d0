"""`scan`, `detect`, `status` and `retry` as a user types them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from archive_restore.cli import app
from archive_restore.errors import ExitCode
from archive_restore.home import HOME_VARIABLE
from tests.test_scan import drawn

LOADED = """
import sys
from archive_restore.cli import app
app(["status"], standalone_mode=False)
print(sorted({"torch", "cv2"} & set(sys.modules)))
"""


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "damaged.png").write_bytes(drawn(1, scratched=True))
    return folder


def typed(*words: str | Path) -> Result:
    heuristic = (
        ["--detector", "heuristic"] if words[0] in ("scan", "detect") else []
    )  # the network takes seconds to load
    return CliRunner().invoke(app, [*(str(word) for word in words), *heuristic])


def test_a_scan_prints_the_kinds_of_damage_and_the_next_command(archive: Path) -> None:
    result = typed("scan", archive, "--jobs", "1")
    assert result.exit_code == ExitCode.OK
    assert "1 damaged, 0 undamaged, 0 unreadable" in result.stdout
    assert "% of all pixels" in result.stdout
    assert f"Next: archive-restore run {archive}" in result.stdout


def test_a_scan_lists_what_it_set_aside_and_returns_1_and_a_retry_leads_back_to_it(archive: Path) -> None:
    (archive / "empty.jpg").write_bytes(b"")
    result = typed("scan", archive, "--jobs", "1")
    assert result.exit_code == ExitCode.SOME_FAILED
    assert "empty.jpg" in result.stdout
    assert "0 bytes" in result.stdout
    retried = typed("retry", archive / "empty.jpg")
    assert "1 that could not be read" in retried.stdout
    assert f"Next: archive-restore scan {archive}" in retried.stdout
    (archive / "empty.jpg").write_bytes(drawn(2, scratched=False))
    assert typed("scan", archive, "--jobs", "1").exit_code == ExitCode.OK


def test_a_scan_of_an_empty_folder_is_no_failure_and_of_none_is(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "No photographs in" in typed("scan", tmp_path / "empty").stdout
    assert typed("scan", tmp_path / "empty").exit_code == ExitCode.OK
    assert typed("scan", tmp_path / "nowhere").exit_code == ExitCode.INPUT


def test_status_is_the_same_in_words_and_in_json(archive: Path) -> None:
    (archive / "line\nbreak.png").write_bytes(b"no picture")
    typed("scan", archive, "--jobs", "1")
    words = typed("status")
    assert words.exit_code == ExitCode.OK
    assert "line\\nbreak.png" in words.stdout
    [told] = json.loads(typed("status", "--json").stdout)["archives"]
    assert (told["photographs"], told["damaged"], told["unreadable"]) == (2, 1, 1)
    assert (told["states"]["queued"], told["states"]["failed"]) == (1, 1)
    assert told["failed"][0]["path"].endswith("line\\nbreak.png")
    assert "line\\nbreak.png" in typed("status", "--failed").stdout


def test_status_before_any_scan_says_what_to_do(archive: Path) -> None:
    assert "archive-restore scan" in typed("status").stdout
    assert json.loads(typed("status", "--json").stdout) == {"archives": []}
    assert typed("retry").exit_code == ExitCode.INPUT


def test_status_and_retry_name_what_was_never_scanned(archive: Path, tmp_path: Path) -> None:
    typed("scan", archive, "--jobs", "1")
    assert typed("status", tmp_path).exit_code == ExitCode.INPUT
    assert typed("retry", tmp_path).exit_code == ExitCode.INPUT
    assert "Nothing there is set aside" in typed("retry").stdout


def test_status_loads_neither_torch_nor_opencv(archive: Path) -> None:
    typed("scan", archive, "--jobs", "1")
    result = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


def test_detect_writes_masks_and_needs_no_ledger(archive: Path, tmp_path: Path) -> None:
    result = typed("detect", archive, "--out", tmp_path / "masks", "--jobs", "1")
    assert result.exit_code == ExitCode.OK
    assert "1 masks" in result.stdout
    assert (tmp_path / "masks" / "damaged.png.png").exists()
    assert not (tmp_path / "home").exists()
