import errno
import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest
import typer
from typer.testing import CliRunner

from archive_restore import __version__, errors
from archive_restore.cli import COMMANDS, app, guarded, options
from archive_restore.cli.demo import bundled_album, copy_album
from archive_restore.cli.doctor import Health, sqlite_check
from archive_restore.errors import ArchiveRestoreError, ExitCode
from archive_restore.home import HOME_VARIABLE
from archive_restore.words import counted, either

HELP_SECONDS = 0.3
"""s of processor time that `--help` may take; the wall clock would measure the machine's other work too."""


def shell(*words: str) -> subprocess.CompletedProcess[str]:
    """The command line as a user runs it."""
    return subprocess.run(
        [sys.executable, "-m", "archive_restore", *words], capture_output=True, text=True, check=False
    )


def exit_of(command: Callable[[], None]) -> int:
    """Runs `command` as a registered one; its exit code."""
    small = typer.Typer(rich_markup_mode=None)
    small.command()(guarded(command))
    return CliRunner().invoke(small, []).exit_code


def loaded_by(*words: str) -> set[str]:
    """Top-level modules that a command loads."""
    script = (
        "import sys\nfrom archive_restore.cli import app\n"
        f"try: app({list(words)!r})\nexcept SystemExit: pass\n"
        "print('\\n' + ' '.join(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_help_names_every_command() -> None:
    done = shell("--help")
    assert done.returncode == 0
    assert [name for name in COMMANDS if name not in done.stdout] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"], prog_name="archive-restore")
    assert result.exit_code == 0
    assert result.output.startswith(f"Usage: archive-restore {command}")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_speaks_of_no_types_of_python(command: str) -> None:
    text = CliRunner().invoke(app, [command, "--help"]).output
    assert re.findall(r"<\w[\w |\[]*|\[\[|list\[|Path\b|\.\.\.\S", text) == []


@pytest.mark.parametrize(
    "words", [("models", "foo"), ("masks", "foo", "."), ("scan", ".", "--detector", "foo")]
)
def test_a_wrong_choice_is_answered_with_the_right_ones(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, words)
    assert result.exit_code == ExitCode.USAGE
    assert ": 'foo' is not one of '" in result.output
    assert "Value error" not in result.output


@pytest.mark.parametrize("words", [("--help",), ("run", "--help"), ("--version",)])
def test_help_loads_neither_torch_nor_opencv_nor_numpy(words: tuple[str, ...]) -> None:
    assert not loaded_by(*words) & {"torch", "torchvision", "cv2", "numpy", "PIL", "rich"}


def test_help_is_quick() -> None:
    def processor_seconds() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    seconds = []
    for _ in range(3):
        before = processor_seconds()
        shell("--help")
        seconds.append(processor_seconds() - before)
    assert min(seconds) < HELP_SECONDS


def test_version_is_printed() -> None:
    assert shell("--version").stdout == f"archive-restore {__version__}\n"


@pytest.mark.skipif(os.name == "nt", reason="its shell closes no streams")
def test_streams_that_are_closed_lead_nowhere_also_in_other_processes() -> None:
    child = "import sys; sys.exit(None in (sys.stdin, sys.stdout, sys.stderr))"
    script = (
        "import subprocess, sys\nfrom archive_restore.cli import main\n"
        "sys.argv[1:] = ['--version']\n"
        f"try: main()\nfinally: assert not subprocess.call([sys.executable, '-c', {child!r}])"
    )
    closing = 'exec "$0" "$@" <&- >&- 2>&-'
    done = subprocess.run(["sh", "-c", closing, sys.executable, "-c", script], check=False)
    assert done.returncode == 0


def test_wrong_arguments_are_exit_code_2() -> None:
    assert shell("scan").returncode == ExitCode.USAGE
    assert shell("scna").returncode == ExitCode.USAGE
    assert shell("demo", "--gpu", "-1").returncode == ExitCode.USAGE


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.InputError("x"), 3),
        (errors.LockedError("x"), 4),
        (errors.DeviceError("x"), 5),
        (errors.StorageError("x"), 6),
        (errors.LedgerError("x"), 7),
        (errors.WeightsError("x"), 8),
        (errors.TrainingError("x"), 9),
    ],
)
def test_each_error_has_its_exit_code(error: ArchiveRestoreError, code: int) -> None:
    def crash() -> None:
        raise error

    assert exit_of(crash) == code


def test_an_error_is_its_message_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    def crash() -> None:
        raise errors.InputError("/old photos: no such folder. Check the path")

    with pytest.raises(typer.Exit):
        guarded(crash)()
    assert capsys.readouterr() == ("", "/old photos: no such folder. Check the path\n")


def test_ctrl_c_is_exit_code_130_and_says_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(typer.Exit) as stopped:
        guarded(interrupted)()
    assert stopped.value.exit_code == 130
    assert "same command goes on" in capsys.readouterr().err


def test_a_folder_that_nobody_may_enter_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    def closed() -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/closed/ledger.db")

    with pytest.raises(typer.Exit) as ended:
        guarded(closed)()
    assert ended.value.exit_code == ExitCode.INPUT
    said = " ".join(capsys.readouterr().err.split())
    assert "No permission to look at ledger.db in /closed. Correct the permissions" in said


def test_a_bug_is_not_hidden_as_a_user_error() -> None:
    def buggy() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        guarded(buggy)()


def test_gpu_and_device_name_one_device() -> None:
    assert options.device_name(None, None) is None
    assert options.device_name(2, None) == "cuda:2"
    assert options.device_name(None, "mps") == "mps"
    with pytest.raises(typer.BadParameter, match="not both"):
        options.device_name(0, "cpu")


def test_a_finetuning_goes_on_or_begins_anew_not_both() -> None:
    result = CliRunner().invoke(app, ["finetune", "--resume", "--anew"])
    assert result.exit_code == 2
    assert "give --resume or --anew, not both" in result.output


@pytest.mark.parametrize(("text", "size"), [("auto", None), ("1", 1), ("64", 64)])
def test_batch_size_is_auto_or_a_number(text: str, size: int | None) -> None:
    seen = []
    small = typer.Typer(rich_markup_mode=None)

    @small.command()
    def command(batch_size: options.BatchSize = None) -> None:
        seen.append(batch_size)

    assert CliRunner().invoke(small, ["--batch-size", text]).exit_code == 0
    assert seen == [size]
    for wrong in ("0", "-1", "many", "1.5"):
        assert CliRunner().invoke(small, ["--batch-size", wrong]).exit_code == ExitCode.USAGE


def test_constants_repeated_for_a_quick_help_are_the_modules_own() -> None:
    from archive_restore.detection import Sensitivity, seed_of
    from archive_restore.detection.views import CLOSE_PIXELS, SMALL_PX
    from archive_restore.ledger import Archive
    from archive_restore.photos.codecs import DEFAULT_MAX_PIXELS

    assert options.DEFAULT_MAX_PIXELS == DEFAULT_MAX_PIXELS
    names = get_args(get_args(options.Sensitivity)[0])[0]
    assert set(get_args(names)) == {str(s) for s in Sensitivity}
    told = get_args(options.Threshold)[1].help
    assert all(f"{s} {'is ' if s == 'low' else ''}{seed_of(s):.2f}" in told for s in Sensitivity)
    assert f"else {100 * Archive(1, Path(), None).max_coverage:g}]" in get_args(options.MaxCoverage)[1].help
    told = get_args(options.ThoroughSearch)[1].help
    assert f"({SMALL_PX:,} px and more)" in told
    assert f"up to {CLOSE_PIXELS / 1e6:g} megapixels]" in told


@pytest.mark.parametrize(
    ("number", "health"),
    [
        ("3.6.23", Health.FINE),
        ("3.7.0", Health.WARNING),
        ("3.40.1", Health.WARNING),
        ("3.51.2", Health.WARNING),
        ("3.51.3", Health.FINE),
        ("3.53.0", Health.FINE),
    ],
)
def test_doctor_knows_the_sqlite_versions_with_the_reset_bug(number: str, health: Health) -> None:
    check = sqlite_check(number, "sqlite3")
    assert check.health is health
    assert number in check.found


def test_doctor_prints_json_with_every_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    result = CliRunner().invoke(app, ["doctor", "--json"])
    checks = json.loads(result.stdout)
    names = [check["name"] for check in checks]
    assert names == ["program", "PyTorch", "devices", "OpenCV", "SQLite", "home", "ledger", "weights"]
    assert {check["health"] for check in checks} <= {"fine", "warning"}
    assert result.exit_code == 0


def test_doctor_calls_a_home_that_cannot_be_written_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "file" / "home"))
    result = CliRunner().invoke(app, ["doctor", "--json"])
    health = {check["name"]: check["health"] for check in json.loads(result.stdout)}
    assert health["home"] == "problem"
    assert health["PyTorch"] == "fine"
    assert result.exit_code == ExitCode.SOME_FAILED


def test_doctor_calls_a_damaged_ledger_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    (tmp_path / "ledger.db").write_bytes(b"not a database" * 1000)
    result = CliRunner().invoke(app, ["doctor", "--json"])
    [ledger] = [check for check in json.loads(result.stdout) if check["name"] == "ledger"]
    assert ledger["health"] == "problem"
    assert "the ledger is damaged" in ledger["found"]
    assert result.exit_code == ExitCode.SOME_FAILED


def test_models_are_named_whole_at_any_width(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    monkeypatch.setenv("COLUMNS", "40")
    lines = CliRunner().invoke(app, ["models"]).stdout.splitlines()
    assert "context-encoder-convolutional (default)" in lines


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 photographs"), (1, "1 photograph"), (2000, "2,000 photographs")]
)
def test_counts_agree_with_their_nouns(number: int, words: str) -> None:
    assert counted(number, "photograph") == words
    assert either(number, "is", "are") == ("is" if number == 1 else "are")


def test_the_album_is_copied_once_and_what_is_there_stays(tmp_path: Path) -> None:
    copy_album(tmp_path)
    copied = sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*") if p.is_file())
    assert copied == sorted(p.relative_to(bundled_album()) for p in bundled_album().rglob("*") if p.is_file())
    changed = tmp_path / copied[0]
    changed.write_bytes(b"mine")
    copy_album(tmp_path)
    assert changed.read_bytes() == b"mine"


def test_the_album_holds_6_to_12_photographs_of_every_format_in_grey_and_colour() -> None:
    from archive_restore.photos.codecs import decode

    paths = [p for p in bundled_album().rglob("*") if p.is_file() and p.suffix != ".md"]
    headers = [decode(path).header for path in paths]
    assert 6 <= len(paths) <= 12
    assert {str(header.format) for header in headers} == {"jpeg", "png", "tiff", "webp"}
    assert {page.channels for header in headers for page in header.pages} == {1, 3}
    assert sum(path.stat().st_size for path in paths) < 6_000_000
    sources = (bundled_album() / "SOURCES.md").read_text("utf-8")
    assert [p for p in paths if p.relative_to(bundled_album()).as_posix() not in sources] == []


def test_an_empty_argument_is_not_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    told = CliRunner().invoke(app, ["scan", ""])
    assert (told.exit_code, "an argument is empty" in told.output) == (ExitCode.USAGE, True)
