"""What `status` advises after `retry`, as a user types them."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from archive_restore.cli import app
from archive_restore.home import HOME_VARIABLE


def typed(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Scanned: two files that cannot be read."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.jpg", "b.jpg"):
        (folder / name).write_bytes(b"")
    typed("scan", folder, "--jobs", "1", "--detector", "heuristic")
    return folder


def test_what_retry_leaves_to_the_next_scan_is_not_retried_again(archive: Path) -> None:
    assert "Next: archive-restore retry" in typed("status").stdout
    assert (
        "1 that could not be read is read again by the next scan" in typed("retry", archive / "a.jpg").stdout
    )
    assert "Next: archive-restore retry" in typed("status").stdout  # b.jpg
    assert "1 that could not be read is" not in typed("retry").stdout  # both
    assert f"Next: archive-restore scan {archive}" in typed("status").stdout
    typed("scan", archive, "--jobs", "1", "--detector", "heuristic")
    assert "Next: archive-restore retry" in typed("status").stdout
