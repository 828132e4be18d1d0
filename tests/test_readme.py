"""What README shows of an evening is what its commands print."""

import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from archive_restore.cli import app
from archive_restore.cli.demo import bundled_album
from archive_restore.examine import verifier
from archive_restore.home import HOME_VARIABLE

README = Path(__file__).parents[1] / "README.md"
EVENING = ("scan ~/old_photos", "run", "status", "report")
DURATION = re.compile(r"\b\d+ (s|min)\b")  # a slow machine takes minutes
ROW = re.compile(r"^([a-z ]+?) +(\d+) +(\d+) +(\d+\.\d\d)$", re.MULTILINE)


def shown(command: str) -> str:
    """What README has a command print."""
    return (
        README.read_text("utf-8")
        .split(f"$ archive-restore {command}\n")[1]
        .split("\n$ ")[0]
        .split("\n```")[0]
    )


def sentences(text: str) -> list[str]:
    """Its lines but for those of tables of numbers and for rules, whatever the space between words and the time."""
    lines = [line for line in text.splitlines() if line.strip() and "──" not in line and not ROW.match(line)]
    return [DURATION.sub("a while", " ".join(line.split())) for line in lines]


def in_this_process(
    work: Callable[[Any], Any], tasks: Iterable[Any], *, processes: int
) -> Iterator[tuple[Any, Any]]:
    """`in_processes` without another process, which would not know what is patched here."""
    return ((task, work(task)) for task in tasks)


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    ida = tmp_path_factory.mktemp("ida").resolve()
    archive = ida / "old_photos"
    shutil.copytree(bundled_album(), archive)
    whole = next(archive.rglob("*.jpg")).read_bytes()
    (archive / "cut short.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(HOME_VARIABLE, str(ida / "home"))
        patch.setenv("COLUMNS", "300")  # a long temporary folder is not to be broken into lines
        patch.chdir(ida)
        # README's table is of a processor that computes in float32; bfloat16 and bytes tip more of what is in doubt.
        patch.setattr("archive_restore.networks.detector.half_precision", lambda device: None)
        patch.setattr("archive_restore.networks.eight_bits.pays", lambda device: False)
        patch.setattr("archive_restore.recording.in_processes", in_this_process)
        verifier.cache_clear()
        words = {line: [word.replace("~", str(ida)) for word in line.split()] for line in EVENING}
        words["run"] += ["--device", "cpu"]
        outputs = {
            command: CliRunner().invoke(app, line).stdout.replace(str(ida), "/home/ida").replace("'", "")
            for command, line in words.items()
        }
    verifier.cache_clear()
    return outputs


@pytest.mark.parametrize(("command", "least"), [*zip(EVENING, (6, 3, 5, 2), strict=True)])
def test_the_evening_prints_these_sentences(printed: dict[str, str], command: str, least: int) -> None:
    expected = sentences(shown(command))
    assert len(expected) >= least
    assert not set(expected) - set(sentences(printed[command])), printed[command]


def test_the_scan_of_the_evening_prints_this_table(printed: dict[str, str]) -> None:
    # Another processor's arithmetic may tip what is in doubt.
    scanned = printed[EVENING[0]]
    expected, found = ({row[1]: row for row in ROW.finditer(text)} for text in (shown(EVENING[0]), scanned))
    assert len(expected) >= 6
    assert set(found) == set(expected), scanned
    for kind, row in expected.items():
        other = found[kind]
        assert abs(int(row[2]) - int(other[2])) <= 1, scanned
        assert abs(int(row[3]) - int(other[3])) <= 3, scanned
        assert float(other[4]) == pytest.approx(float(row[4]), rel=0.1, abs=0.03), scanned
