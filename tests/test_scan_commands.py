"""`scan`, `detect`, `status` and `retry` as a user types them."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from archive_restore.cli import app
from archive_restore.detection import ScoreMap
from archive_restore.errors import ExitCode
from archive_restore.home import HOME_VARIABLE, Home, default_home
from archive_restore.ledger import WorkerLock, open_ledger
from tests.drawn import scene
from tests.hard_negatives import decorated
from tests.test_scan import drawn
from tests.typed import typed

LOADED = """
import sys
from archive_restore.cli import app
app(["status"], standalone_mode=False)
print(sorted({"torch", "cv2"} & set(sys.modules)))
"""

Learned = Callable[..., tuple[str, list[int]]]
"""Takes words for a scan; gives what it says, and how wide the score maps are."""


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "damaged.png").write_bytes(drawn(1, scratched=True))
    return folder


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


def test_what_a_killed_run_held_is_queued_and_what_a_living_one_holds_is_in_work(
    archive: Path, tmp_path: Path
) -> None:
    typed("scan", archive, "--jobs", "1")
    home = Home(tmp_path / "home")
    with open_ledger(home.ledger) as ledger:
        assert len(ledger.claim("a worker that was killed", 9)) == 1
    words = typed("status").stdout
    assert "queued" in words
    assert "leased" not in words
    assert "Next: archive-restore run" in words
    [told] = json.loads(typed("status", "--json").stdout)["archives"]
    assert (told["states"]["queued"], told["states"]["leased"]) == (1, 0)
    assert "To do: 1 photograph;" in typed("run", "--estimate", "--device", "cpu").stdout
    assert "1 waiting for the next run" in typed("report", "--table").stdout
    with WorkerLock(home.worker_lock):
        words = typed("status").stdout
        assert "in work" in words
        assert "A run is at work." in words
        assert "queued" not in words
        assert "1 in work" in typed("report", "--table").stdout
        estimate = typed("run", "--estimate", "--device", "cpu").stdout
    assert "Another run is at work, on 1 photograph now.\nNothing is queued." in estimate


def test_links_that_lead_nowhere_are_counted_apart_in_a_scan_and_told_by_status(archive: Path) -> None:
    (archive / "gone.png").symlink_to(archive / "nowhere.png")
    result = typed("scan", archive, "--jobs", "1")
    assert result.exit_code == ExitCode.SOME_FAILED
    assert f"1 photograph in {archive}: 1 examined.\n" in result.stdout
    for words in (result.stdout, typed("status").stdout):
        assert "1 folder or link could not be opened" in words
        assert "gone.png" in words
        assert "No such file or directory" in words
    assert "gone.png" in typed("status", "--failed").stdout
    assert "1 folder or link could not be opened by the scan" in typed("verify").stdout
    [told] = json.loads(typed("status", "--json").stdout)["archives"]
    assert told["unreachable"] == [{"path": str(archive / "gone.png"), "reason": "No such file or directory"}]
    (archive / "gone.png").unlink()
    assert typed("scan", archive, "--jobs", "1").exit_code == ExitCode.OK
    assert "could not be opened" not in typed("status").stdout


@pytest.mark.parametrize(
    "words",
    [
        ("run", "--until", "25:00"),
        ("run", "--for", "x"),
        ("report", "--since", "foo"),
        ("report", "--preview", "sheet.gif"),
        ("scan", ".", "--preview", "sheet.gif"),
        ("ledger", "rebuild"),
        ("ledger", "backup", "one", "two"),
        ("ledger", "check", "one"),
        ("models", "list", "one"),
        ("models", "remove", "one", "two"),
        ("masks", "reset", "one", "--out", "two"),
        ("masks", "export", "one", "--out", "two", "--archive", "three"),
    ],
)
def test_what_is_typed_wrong_is_a_usage_error(archive: Path, words: tuple[str, ...]) -> None:
    assert typed(*words).exit_code == ExitCode.USAGE


def test_not_scanned_is_said_in_one_way(archive: Path, tmp_path: Path) -> None:
    for command in ("run", "report", "verify", "retry", "revert .", "rescore", "release .", "masks reset ."):
        result = typed(*command.split())
        assert result.exit_code == ExitCode.INPUT
        assert "Nothing was scanned yet. First run: archive-restore scan ARCHIVE" in result.stderr
    assert not (tmp_path / "home").exists()  # asking leaves no empty ledger behind
    assert "Nothing was scanned yet. First run: archive-restore scan ARCHIVE" in typed("status").stdout
    typed("scan", archive, "--jobs", "1")
    for command in ("status", "run", "report", "verify", "rescore", "masks export --out masks"):
        result = typed(*command.split(), tmp_path)
        assert result.exit_code == ExitCode.INPUT
        said = " ".join(result.stderr.split())
        assert f"{tmp_path} has not been scanned. First run: archive-restore scan {tmp_path}" in said


def test_detect_writes_masks_and_needs_no_ledger(archive: Path, tmp_path: Path) -> None:
    result = typed("detect", archive, "--out", tmp_path / "masks", "--jobs", "1")
    assert result.exit_code == ExitCode.OK
    assert "1 mask in" in result.stdout
    assert (tmp_path / "masks" / "damaged.png.png").exists()
    assert not (tmp_path / "home").exists()
    again = typed("detect", archive, "--out", tmp_path / "masks", "--jobs", "1").stdout
    assert "1 was in" in again
    assert "--overwrite replaces it" in again
    assert "No photographs" not in again


@pytest.fixture
def learned(archive: Path, tmp_path: Path) -> Learned:
    """Scans a large photograph."""
    (archive / "damaged.png").unlink()
    cv2.imwrite(str(archive / "large.png"), scene(height=64, width=1700))

    def run(*words: str) -> tuple[str, list[int]]:
        result = CliRunner().invoke(app, ["scan", str(archive), "--jobs", "1", *words])
        assert result.exit_code == ExitCode.OK
        maps = Home(tmp_path / "home").root.glob("scores/*/*.png")
        widths = [ScoreMap.from_png(path.read_bytes()).scores.shape[1] for path in maps]
        return " ".join(result.stdout.split()), sorted(widths)

    return run


def test_large_photographs_are_looked_at_closely(learned: Learned) -> None:
    said, widths = learned()
    assert widths == [1700]
    assert "reduced size" not in said
    # It was not chosen, so that nothing is remembered of it.
    said, widths = learned("--no-thorough", "--anew")
    assert widths == [1024]


def test_very_large_photographs_are_not_unless_it_is_wished(learned: Learned, archive: Path) -> None:
    cv2.imwrite(str(archive / "large.png"), np.full((3200, 3200), 130, np.uint8))
    said, widths = learned()
    assert widths == [1024]
    assert "1 large photograph was searched at a reduced size." in said
    assert f"archive-restore scan {archive} --thorough --anew" in said
    said, widths = learned("--thorough", "--anew")
    assert widths == [2048]
    assert "reduced size" not in said


def test_how_closely_large_photographs_are_looked_at_is_remembered(learned: Learned, archive: Path) -> None:
    said, widths = learned("--no-thorough")
    assert widths == [1024]
    assert "1 large photograph was searched at a reduced size." in said
    cv2.imwrite(str(archive / "another.png"), scene(height=64, width=1800))
    said, widths = learned()
    assert widths == [1024, 1024]
    said, widths = learned("--thorough")
    assert widths == [1024, 1024]
    assert "2 known photographs keep what was found before." in said
    assert f"archive-restore scan {archive} --anew" in said
    cv2.imwrite(str(archive / "third.png"), scene(height=64, width=1900))
    said, widths = learned()
    assert widths == [1024, 1024, 1900]
    assert "keep" not in said
    assert "reduced size" not in said


def test_how_closely_photographs_are_looked_at_can_be_left_to_their_size_again(
    learned: Learned, archive: Path
) -> None:
    learned("--no-thorough")
    cv2.imwrite(str(archive / "another.png"), scene(height=64, width=1800))
    assert learned("--by-size")[1] == [1024, 1800]
    cv2.imwrite(str(archive / "third.png"), scene(height=64, width=1900))
    assert learned()[1] == [1024, 1800, 1900]
    refused = CliRunner().invoke(app, ["scan", str(archive), "--by-size", "--thorough"])
    assert refused.exit_code == ExitCode.USAGE
    assert "not two of them" in " ".join(refused.stderr.split())


def test_what_may_be_dust_or_snow_is_named_and_left_alone(archive: Path) -> None:
    for seed, name in enumerate(("damaged.png", "again.png"), start=2):
        cv2.imwrite(str(archive / name), decorated("snow", seed))
    cv2.imwrite(str(archive / "text.png"), decorated("text", 2))
    said = " ".join(CliRunner().invoke(app, ["scan", str(archive), "--jobs", "1"]).stdout.split())
    assert "faint specks all over: dust and flakes, or snow and stars?" in said
    assert "archive-restore rescore PHOTOGRAPH --sensitivity high --again" in said

    def unsure() -> list[str]:
        [known] = json.loads(typed("status", "--json").stdout)["archives"]
        return [Path(path).name for path in known["unsure"]]

    assert unsure() == ["again.png", "damaged.png"]
    look = f"archive-restore report {archive} --preview SHEET.jpg"
    assert look in " ".join(typed("status").stdout.split())
    sheet = archive.parent / "sheet.jpg"
    assert look not in " ".join(typed("scan", archive, "--preview", sheet, "--jobs", "1").stdout.split())
    assert sheet.exists()
    damage = typed("rescore", archive / "again.png", "--sensitivity", "high", "--jobs", "1").stdout
    assert f"{archive / 'again.png'}: sensitivity high" in damage
    assert "1 mask changes." in damage
    assert unsure() == ["damaged.png"]
    assert "0 masks change." in typed("rescore", archive / "damaged.png", "--jobs", "1").stdout  # it is snow
    assert unsure() == []
    assert "specks" not in typed("status").stdout
    assert "specks" not in CliRunner().invoke(app, ["scan", str(archive), "--jobs", "1"]).stdout
    typed("rescore", archive, "--jobs", "1")
    assert unsure() == ["again.png", "damaged.png"]


def test_the_heuristics_alone_do_not_look_closer(archive: Path) -> None:
    cv2.imwrite(str(archive / "large.png"), scene(height=64, width=1700))
    assert "reduced size" not in typed("scan", archive, "--jobs", "1").stdout


def test_no_file_of_ours_ever_replaces_a_photograph(archive: Path) -> None:
    photograph = archive / "damaged.png"
    before = photograph.read_bytes()
    (archive.parent / "page.html").symlink_to(photograph)
    typed("scan", archive, "--jobs", "1")
    for words in (
        ("scan", archive, "--log", photograph),
        ("report", "--out", photograph),
        ("report", "--csv", "--out", archive.parent / "page.html"),
        ("run", "--log", archive / "NEW.JPG"),
    ):
        refused = typed(*words)
        assert refused.exit_code == ExitCode.USAGE, words
        assert "called as photographs are" in " ".join(refused.stderr.split())
    assert photograph.read_bytes() == before
    assert not (archive / "NEW.JPG").exists()


def test_a_preview_goes_home_also_where_the_shell_left_the_tilde(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (archive.parent / "user").mkdir()
    monkeypatch.setenv("HOME", str(archive.parent / "user"))
    monkeypatch.chdir(archive)
    assert typed("scan", archive, "--jobs", "1", "--preview=~/sheet.jpg").exit_code == 0
    assert (archive.parent / "user" / "sheet.jpg").exists()
    assert not (archive / "~").exists()


def test_a_home_in_the_archive_holds_no_photographs_and_is_none(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(archive)
    monkeypatch.setenv(HOME_VARIABLE, "home")
    typed("scan", archive, "--jobs", "1")
    assert list((archive / "home" / "masks").rglob("*.png"))
    again = typed("scan", archive, "--jobs", "1", "--anew")
    assert "1 photograph in" in again.stdout
    monkeypatch.setenv(HOME_VARIABLE, ".")
    refused = typed("scan", archive, "--jobs", "1")
    assert refused.exit_code == ExitCode.INPUT
    assert "is the folder of the ledger" in refused.stderr


def test_results_never_go_among_the_originals_of_another_archive(archive: Path, tmp_path: Path) -> None:
    typed("scan", archive, "--jobs", "1")
    other = tmp_path / "other"
    other.mkdir()
    cv2.imwrite(str(other / "damaged.png"), scene())
    before = {path: path.read_bytes() for path in archive.rglob("*") if path.is_file()}
    for words in (
        ("inpaint", other, "--masks", other, "--out", archive, "--overwrite"),
        ("detect", other, "--out", archive / "sub"),
        ("train", other, "--out", archive),
        ("report", "--out", archive / "sub" / "page.html"),
        ("report", "--csv", "--out", archive / "table.csv"),
        ("run", "--log", archive / "log.jsonl"),
        ("scan", other, "--log", archive / "log.jsonl"),
        ("scan", other, "--log", other / "log.jsonl"),
    ):
        refused = typed(*words)
        assert refused.exit_code == ExitCode.INPUT, words
        assert "lies among the photographs of" in " ".join(refused.stderr.split())
    assert {path: path.read_bytes() for path in archive.rglob("*") if path.is_file()} == before


def test_masks_in_a_home_among_the_photographs_are_no_photographs(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(archive / "home"))
    typed("scan", archive, "--jobs", "1")
    assert typed("scan", archive, "--jobs", "1").stdout.startswith("1 photograph in")
    out = archive.parent / "masks"
    typed("detect", archive, "--out", out, "--jobs", "1")
    assert [path.name for path in out.rglob("*.png")] == ["damaged.png.png"]
    restored = archive.parent / "restored"
    done = typed("inpaint", archive, "--masks", out, "--out", restored, "--device", "cpu")
    assert done.exit_code == ExitCode.OK
    assert [path.name for path in restored.rglob("*.png")] == ["damaged.png"]


def test_masks_in_a_home_of_before_are_no_photographs_either_and_it_is_named(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = archive / "before"
    monkeypatch.setenv(HOME_VARIABLE, str(before))
    typed("scan", archive, "--jobs", "1")
    monkeypatch.setenv(HOME_VARIABLE, str(archive.parent / "now"))
    scanned = typed("scan", archive, "--jobs", "1")
    assert scanned.stdout.startswith("1 photograph in")
    told = f"{before} was written by archive-restore: its masks and score maps are no photographs."
    assert scanned.stderr.count(told) == 1
    out, restored = archive.parent / "masks", archive.parent / "restored"
    detected = typed("detect", archive, "--out", out, "--jobs", "1")
    done = typed("inpaint", archive, "--masks", out, "--out", restored, "--device", "cpu")
    assert all(told in command.stderr for command in (detected, done))
    assert [path.name for path in restored.rglob("*.png")] == ["damaged.png"]


def test_masks_are_refused_as_an_archive(archive: Path, tmp_path: Path) -> None:
    typed("scan", archive, "--jobs", "1")
    typed("masks", "export", archive, "--out", tmp_path / "masks")
    for folder in (tmp_path / "home" / "masks", tmp_path / "home" / "scores", tmp_path / "masks"):
        refused = typed("scan", folder, "--jobs", "1")
        assert refused.exit_code == ExitCode.INPUT
        assert f"{folder} holds masks or score maps" in refused.stderr
    assert len(json.loads(typed("status", "--json").stdout)["archives"]) == 1


def test_exported_masks_among_the_photographs_are_passed_over_which_is_said_and_can_be_imported(
    archive: Path,
) -> None:
    typed("scan", archive, "--jobs", "1")
    typed("masks", "export", archive, "--out", archive.parent / "masks")
    masks = (archive.parent / "masks").rename(archive / "masks")
    scanned = typed("scan", archive, "--jobs", "1")
    assert scanned.stdout.startswith("1 photograph in")
    assert scanned.stderr.count(f"{masks} was written by archive-restore") == 1
    exported = cv2.imread(str(masks / "damaged.png.png"), cv2.IMREAD_GRAYSCALE)
    assert exported is not None
    exported[:40, :40] = 255
    cv2.imwrite(str(masks / "damaged.png.png"), exported)
    imported = typed("masks", "import", masks)
    assert imported.exit_code == ExitCode.OK
    assert "1 mask" in imported.stdout


def test_restored_photographs_in_the_places_of_their_originals_are_named(archive: Path) -> None:
    typed("scan", archive)
    original = archive / "damaged.png"
    before, made = original.read_bytes(), drawn(3, scratched=False)
    with open_ledger(default_home().ledger) as ledger:
        (job,) = ledger.claim("a run", 9)
        digest = hashlib.sha256(made).hexdigest()
        assert ledger.finish(job, output=archive / "out.png", output_sha256=digest, model="m")
    assert "no original" not in typed("scan", archive).output
    original.write_bytes(made)
    assert f"1 photograph here is no original but what archive-restore made of one, first {original}." in (
        typed("scan", archive).output
    )
    original.write_bytes(before)
    assert "no original" not in typed("scan", archive).output
