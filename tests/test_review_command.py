"""The command that serves the page."""

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from archive_restore.cli import review
from archive_restore.review import Verdicts
from tests.restored_archive import restored_archive


def test_it_says_what_there_is_to_look_at_serves_and_ends_by_ctrl_c(tmp_path: Path) -> None:
    archive = restored_archive(tmp_path)
    command = [sys.executable, "-m", "archive_restore", "review", str(archive.root), "--no-browser"]
    environment = os.environ | {"ARCHIVE_RESTORE_HOME": str(archive.home.root), "COLUMNS": "200"}
    serving = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )
    try:
        assert serving.stdout is not None
        assert serving.stdout.readline() == "3 restored to look at, 1 undamaged.\n"
        told = serving.stdout.readline()
        address = next(word for word in told.split() if word.startswith("http"))
        with urllib.request.urlopen(address, timeout=20) as page:
            assert b"<canvas" in page.read()
    finally:
        serving.send_signal(signal.SIGINT)
        rest, _ = serving.communicate(timeout=30)
    assert rest.strip() == "Nothing was changed."
    assert serving.returncode == 0


def test_a_browser_is_opened_only_where_there_is_a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    review._open("http://127.0.0.1:1/")
    assert opened == []
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    review._open("http://127.0.0.1:1/")
    assert opened == ["http://127.0.0.1:1/"]


@pytest.mark.parametrize(
    ("verdicts", "told"),
    [
        (Verdicts(), "Nothing was changed.\n"),
        (Verdicts(reconsidered=1), "1 to be looked at again.\n"),
        (Verdicts(accepted=2, masks=1), "2 accepted, 1 mask corrected.\nNext: archive-restore run\n"),
    ],
)
def test_it_tells_what_was_said(verdicts: Verdicts, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    review._show(verdicts, waiting=1)
    assert capsys.readouterr().out == told
