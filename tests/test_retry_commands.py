"""What `status` advises after `retry`, and `run` where nothing is queued, as a user types them."""

from pathlib import Path

import pytest

from archive_restore.home import HOME_VARIABLE
from tests.restored_archive import RestoredArchive, restored_archive
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


@pytest.fixture
def restored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RestoredArchive:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    made = restored_archive(tmp_path)
    with made.ledger() as ledger:
        (known,) = ledger.archives()
        ledger.archive_scanned(known.id)
    return made


def ran() -> str:
    return typed("run", "--device", "cpu", "--model", "small").stdout


def test_a_run_over_what_is_all_restored_advises_another_scan(restored: RestoredArchive) -> None:
    said = ran()
    assert "Nothing is queued." in said
    assert "another scan: archive-restore scan" in said


def test_a_run_over_what_was_reverted_says_how_it_is_restored_after_all(restored: RestoredArchive) -> None:
    typed("revert", restored.root)
    assert "rejected" in typed("status").stdout.splitlines()[0]
    said = ran()
    assert "3 were rejected, by review or revert, and stay as they are" in said
    assert "archive-restore revert --again PHOTOGRAPHS" in said
    assert "scan" not in said
    typed("revert", "--again", restored.root / "a.jpg")
    assert "Restored 1 photograph" in ran()


def test_a_run_over_what_failed_before_advises_a_retry(restored: RestoredArchive) -> None:
    typed("revert", "--again", restored.root / "a.jpg")
    with restored.ledger() as ledger:
        (job,) = ledger.claim("worker", 1)
        ledger.fail(job, "broken")
    said = ran()
    assert "Next: archive-restore retry" in said
    assert "archive-restore scan" not in said


def test_a_run_that_finds_an_original_changed_advises_the_scan_that_reads_it(
    restored: RestoredArchive,
) -> None:
    typed("revert", "--again", restored.root / "a.jpg")
    (restored.root / "a.jpg").write_bytes((restored.root / "a.jpg").read_bytes() + b"\0")
    assert f"Next: archive-restore scan {restored.root}" in ran()
    assert f"Next: archive-restore scan {restored.root}" in typed("status").stdout
