"""`rescore`, `release`, `masks` and previews as a user types them."""

import json
from pathlib import Path

import pytest
from PIL import Image

from archive_restore.errors import ExitCode
from archive_restore.home import HOME_VARIABLE
from tests.test_scan import drawn
from tests.typed import typed


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Scanned: one photograph with three scratches."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "damaged.png").write_bytes(drawn(1, scratched=True))
    assert typed("scan", folder, "--jobs", "1").exit_code == ExitCode.OK
    return folder


def told(archive: Path) -> dict[str, object]:
    """What `status --json` says of the archive."""
    [found] = json.loads(typed("status", archive, "--json").stdout)["archives"]
    assert isinstance(found, dict)
    return found


def test_a_dry_run_says_what_would_change_and_the_real_one_what_did(archive: Path) -> None:
    would = typed("rescore", archive, "--threshold", "0.99", "--dry-run", "--jobs", "1").stdout
    assert "threshold 0.99 instead of sensitivity normal (0.73)" in would
    assert "at 0.99" in would
    assert "0 would join the queue, 1 would leave it" in would
    assert "Nothing was changed" in would
    assert told(archive)["damaged"] == 1
    done = typed("rescore", archive, "--threshold", "0.99", "--jobs", "1").stdout
    assert "1 mask changes. 0 join the queue, 1 leaves it; 0 are held" in done
    assert told(archive)["damaged"] == 0
    assert "What is damage: threshold 0.99." in typed("scan", archive, "--jobs", "1").stdout


def test_a_photograph_alone_may_have_another_choice(archive: Path) -> None:
    one = archive / "damaged.png"
    done = typed("rescore", one, "--threshold", "0.99", "--jobs", "1").stdout
    assert f"{one}: threshold 0.99 instead of sensitivity normal (0.73)" in done
    assert "1 mask changes. 0 join the queue, 1 leaves it" in done
    assert (
        "1 photograph keeps its mask, made by another choice." in typed("scan", archive, "--jobs", "1").stdout
    )
    refused = typed("rescore", one, "--max-coverage", "3")
    assert refused.exit_code == ExitCode.USAGE
    assert "for a whole archive" in " ".join(refused.output.split())
    nowhere = typed("rescore", archive / "nowhere.png")
    assert nowhere.exit_code == ExitCode.INPUT
    assert f"archive-restore scan {archive}" in " ".join(nowhere.output.split())


def test_kinds_are_taken_by_the_names_that_users_have_for_them(archive: Path) -> None:
    assert "without spots" in typed("rescore", archive, "--skip", "Stain", "--dry-run", "--jobs", "1").stdout
    only = typed("rescore", archive, "--only", "scratch, folds", "--dry-run", "--jobs", "1").stdout
    assert "only scratches and creases" in only
    refused = typed("rescore", archive, "--only", "birds")
    assert refused.exit_code == ExitCode.USAGE
    assert "scratches" in refused.output
    for words in (("--only", "dust", "--skip", "dust"), ("--threshold", "1", "--sensitivity", "low")):
        assert typed("rescore", archive, *words).exit_code == ExitCode.USAGE
        assert typed("scan", archive, *words).exit_code == ExitCode.USAGE
    assert typed("scan", archive, "--max-coverage", "120").exit_code == ExitCode.USAGE
    assert typed("rescore", archive, "--skip", "").exit_code == ExitCode.USAGE


def test_a_large_mask_is_held_shown_and_released(archive: Path) -> None:
    held = typed("scan", archive, "--max-coverage", "0.1%", "--jobs", "1")
    assert "1 is held for a look: its mask covers more than 0.1 %" in held.stdout
    assert f"archive-restore release {archive}" in held.stdout
    words = typed("status").stdout
    assert "held for a look" in words
    assert "more than 0.1 %" in words
    [found] = told(archive)["held"]  # type: ignore[misc]
    assert found["path"] == str(archive / "damaged.png")
    assert "1 held for a look" in typed("report", archive, "--table").stdout
    assert "1 queued" in typed("release", archive / "damaged.png").stdout
    assert told(archive)["states"]["queued"] == 1  # type: ignore[index]
    assert "Nothing there is held" in typed("release", archive).stdout


def test_a_preview_is_written_by_scan_and_by_report_and_never_among_photographs(
    archive: Path, tmp_path: Path
) -> None:
    sheet = tmp_path / "sheet.png"
    assert f"Preview: {sheet}" in typed("scan", archive, "--preview", sheet, "--jobs", "1").stdout
    with Image.open(sheet) as image:
        first = image.size
    sheet.unlink()
    assert "Preview:" in typed("report", archive, "--preview", sheet).stdout
    with Image.open(sheet) as image:
        assert image.size == first
    among = typed("scan", archive, "--preview", archive / "damaged.jpg")
    assert (among.exit_code, (archive / "damaged.jpg").exists()) == (ExitCode.INPUT, False)


def test_masks_go_out_come_back_and_are_reset(archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "masks"
    exported = typed("masks", "export", archive, "--out", out)
    assert "1 mask in" in exported.stdout
    assert f"archive-restore masks import {out}" in exported.stdout
    assert "0 masks by hand were taken over, 1 is unchanged" in typed("masks", "import", out).stdout
    painted = Image.new("RGB", (480, 360), (255, 255, 255))
    painted.putpixel((0, 0), (0, 0, 0))
    painted.save(out / "damaged.png.png")
    assert "1 mask by hand was taken over, 0 are unchanged" in typed("masks", "import", out).stdout
    assert told(archive)["masks_by_hand"] == 1
    assert f"Masks by hand in {archive}: 1" in typed("status").stdout
    assert "Masks by hand: 1." in typed("report", archive, "--table").stdout
    assert "1 mask by hand stays as it is" in typed("rescore", archive, "--jobs", "1").stdout
    assert "1 mask is the detectors' again" in typed("masks", "reset", archive).stdout
    assert told(archive)["masks_by_hand"] == 0


def test_a_mask_of_another_size_is_named_and_the_exit_code_says_so(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    Image.new("L", (48, 36), 255).save(tmp_path / "masks" / "damaged.png.png")
    result = typed("masks", "import", tmp_path / "masks")
    assert result.exit_code == ExitCode.SOME_FAILED
    assert "48x36 px" in result.stdout.replace("\n", "")
    for words in (("export", archive), ("import", archive, archive), ("export", archive, archive)):
        assert typed("masks", *words).exit_code == ExitCode.USAGE


def test_before_any_scan_all_of_them_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "nothing"))
    for words in (("rescore",), ("release", tmp_path), ("masks", "reset", tmp_path)):
        assert typed(*words).exit_code == ExitCode.INPUT
