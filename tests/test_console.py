import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from archive_restore.console import (
    PLAIN_LINE_SECONDS,
    Stage,
    TerminalProgress,
    duration,
    megapixels,
    per_time,
    say,
    say_aside,
    show_error,
    show_json,
    show_table,
)
from archive_restore.errors import ExitCode, StorageError
from archive_restore.progress import Progress


class Clock:
    """Seconds that a test moves on."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def piped() -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, width=200), out


def test_durations_and_rates_are_said_as_a_person_says_them() -> None:
    assert [duration(s) for s in (0.4, 59, 61, 3599, 3 * 3600 + 300)] == [
        "0 s",
        "59 s",
        "1 min",
        "1 h 00 min",
        "3 h 05 min",
    ]
    assert [per_time(r) for r in (1234.5, 3.44, 1.0, 0.2)] == ["1,234/s", "3.4/s", "1.0/s", "12.0/min"]


def test_megapixels_have_two_significant_digits_at_least() -> None:
    said = [megapixels(number) for number in (0, 0.0024, 0.05, 0.123, 1.63, 12.3, 1234.5)]
    assert said == ["0", "0.0024", "0.050", "0.12", "1.6", "12", "1,234"]


def test_the_rate_follows_the_last_minute_and_forgets_what_was_before() -> None:
    stage = Stage("Scanning", 1000, now=0.0)
    assert stage.rate(5.0) is None
    for second in range(1, 101):
        stage.advance(5, float(second))  # 5 a second
    assert stage.rate(100.0) == pytest.approx(5.0)
    for second in range(101, 241):
        stage.advance(1, float(second))  # then 1 a second
    assert stage.rate(240.0) == pytest.approx(1.0, abs=0.05)
    assert stage.seconds_left(240.0) == pytest.approx((1000 - 640) / 1.0, rel=0.05)


def test_what_was_done_earlier_says_nothing_of_the_rate() -> None:
    stage = Stage("Training", 1000, now=0.0, done=900)
    stage.advance(10, 10.0)
    assert stage.rate(10.0) == pytest.approx(1.0)
    assert stage.seconds_left(10.0) == pytest.approx(90.0)


def test_a_rate_falls_while_nothing_happens() -> None:
    stage = Stage("Restoring", None, now=0.0)
    stage.advance(10, 10.0)
    assert stage.rate(10.0) == pytest.approx(1.0)
    assert stage.rate(100.0) == pytest.approx(0.1)
    assert stage.seconds_left(100.0) is None


def test_without_a_terminal_there_is_a_line_every_half_minute() -> None:
    console, out = piped()
    clock = Clock()
    progress: Progress = TerminalProgress(console, clock)
    progress.start("Scanning", 600)
    for _ in range(120):
        clock.now += 0.5
        progress.advance(5)
    progress.stop()
    assert out.getvalue().splitlines() == [
        "Scanning: 300 of 600   10.0/s   30 s left",
        "Scanning: 600 of 600   10.0/s",  # due after another half minute, and not repeated at the end
    ]
    assert PLAIN_LINE_SECONDS == 30.0


def test_notes_and_figures_are_shown_as_they_are() -> None:
    console, out = piped()
    clock = Clock()
    with TerminalProgress(console, clock) as progress:
        progress.start("Training", None)
        progress.note("[red]odd[/red] name.jpg: set aside")
        progress.figures(loss=0.12341, held_out_psnr=23.4)
        clock.now += 2
        progress.advance(4)
    assert out.getvalue().splitlines() == [
        "[red]odd[/red] name.jpg: set aside",
        "Training: 4   2.0/s   loss 0.1234   held out psnr 23.4",
    ]


def test_a_terminal_gets_a_bar_with_count_rate_and_time_left() -> None:
    out = io.StringIO()
    clock = Clock()
    with TerminalProgress(Console(file=out, force_terminal=True, width=120), clock) as progress:
        progress.start("Restoring", 10)
        clock.now += 1
        progress.advance(2)
    last = out.getvalue()
    assert "Restoring" in last
    assert "2 of 10   2.0/s   4 s left" in last
    assert "━" in last


def test_calls_outside_a_stage_do_nothing() -> None:
    console, out = piped()
    progress = TerminalProgress(console)
    progress.total(5)
    progress.advance()
    progress.stop()
    assert out.getvalue() == ""


def test_a_total_that_is_corrected_changes_the_time_left() -> None:
    console, out = piped()
    clock = Clock()
    progress = TerminalProgress(console, clock)
    progress.start("Scanning", None)
    progress.total(4)
    clock.now += 40
    progress.advance(2)
    assert out.getvalue() == "Scanning: 2 of 4   3.0/min   40 s left\n"


def test_tables_go_to_standard_output_and_errors_to_standard_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_table(("kind", "regions", "share"), [("dust", 12345, 0.5), ("[b]hairs[/b]", 2, None)])
    say("done [x]")
    show_error("no [such] folder")
    captured = capsys.readouterr()
    lines = [line.split() for line in captured.out.splitlines() if line.strip()]
    assert lines[0] == ["kind", "regions", "share"]
    assert lines[2:] == [["dust", "12,345", "0.50"], ["[b]hairs[/b]", "2"], ["done", "[x]"]]
    assert captured.err == "no [such] folder\n"


def test_long_lines_are_not_wrapped_so_that_paths_can_be_copied(capsys: pytest.CaptureFixture[str]) -> None:
    path = "/home/" + "long name/" * 40
    say(path)
    show_error(path)
    captured = capsys.readouterr()
    assert captured.out == path + "\n"
    assert captured.err == path + "\n"


def test_json_is_plain_and_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    show_json({"name": "Müller \udce4.jpg", "count": 3})
    text = capsys.readouterr().out
    assert text.isascii()
    assert json.loads(text) == {"name": "Müller \udce4.jpg", "count": 3}


def test_a_table_in_a_pipe_has_a_line_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(("photograph", "reason"), [("a/" * 100 + "b.jpg", "long " * 60)])
    lines = capsys.readouterr().out.splitlines()
    assert [line.count("b.jpg") for line in lines] == [0, 0, 1, 0]
    assert max(map(len, lines)) < 600


FULL = Path("/dev/full")
full_disk = pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full here")


@full_disk
def test_what_is_said_aside_is_lost_on_a_full_disk_and_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    full = FULL.open("w", buffering=1)
    monkeypatch.setattr("sys.stderr", full)
    say_aside("To do: 3 photographs")
    show_error("a.jpg: truncated")
    with TerminalProgress() as progress:
        progress.start("Restoring", 3)
        progress.note("Paused: there is no room")
        progress.advance()
    with pytest.raises(OSError, match="No space left"):  # what was said is still waiting for room
        full.close()


@full_disk
def test_results_that_cannot_be_shown_are_an_error_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    for show in (lambda: say("done"), lambda: show_json({"done": 1}), lambda: show_table(["done"], [[1]])):
        with FULL.open("w") as full:
            monkeypatch.setattr("sys.stdout", full)
            with pytest.raises(StorageError, match="No space left on device"):
                show()


@full_disk
@pytest.mark.parametrize("words", [["--help"], ["--version"], ["scan", "--help"]])
def test_help_that_cannot_be_shown_is_an_error_in_words(words: list[str]) -> None:
    with FULL.open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "archive_restore", *words],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == ExitCode.STORAGE
    assert done.stderr.startswith("The result cannot be shown")
    assert "Traceback" not in done.stderr
