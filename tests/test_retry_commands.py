"""What `status` advises after `retry`, as a user types them."""

from pathlib import Path

import pytest

from archive_restore.home import HOME_VARIABLE
from tests.typed import typed


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Scanned: two files that cannot be read."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.jpg", "b.jpg"):
        (folder / name).write_bytes(b"")
    typed("scan", folder, "--jobs", "1")
    return folder


def test_what_retry_leaves_to_the_next_scan_is_not_retried_again(archive: Path) -> None:
    assert "Next: archive-restore retry" in typed("status").stdout
    assert (
        "1 that could not be read is read again by the next scan" in typed("retry", archive / "a.jpg").stdout
    )
    assert "Next: archive-restore retry" in typed("status").stdout  # b.jpg
    assert "1 that could not be read is" not in typed("retry").stdout  # both
    assert f"Next: archive-restore scan {archive}" in typed("status").stdout
    typed("scan", archive, "--jobs", "1")
    assert "Next: archive-restore retry" in typed("status").stdout
