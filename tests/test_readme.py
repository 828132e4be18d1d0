"""What README shows of a scan is what `scan` prints."""

import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from archive_restore.cli import app
from archive_restore.cli.demo import bundled_album
from archive_restore.home import HOME_VARIABLE

README = Path(__file__).parents[1] / "README.md"
EVENING = "$ archive-restore scan ~/old_photos\n"
ROW = re.compile(r"^([a-z ]+?) +(\d+) +(\d+) +(\d+\.\d\d)$", re.MULTILINE)


def shown() -> str:
    """What README has `scan` print."""
    return README.read_text("utf-8").split(EVENING)[1].split("\n$ ")[0]


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> str:
    archive = tmp_path_factory.mktemp("ida") / "old_photos"
    shutil.copytree(bundled_album(), archive)
    whole = next(archive.rglob("*.jpg")).read_bytes()
    (archive / "cut short.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(HOME_VARIABLE, str(archive.parent / "home"))
        patch.setenv("COLUMNS", "100")
        return (
            CliRunner().invoke(app, ["scan", str(archive)]).stdout.replace(str(archive.parent), "/home/ida")
        )


def test_the_scan_of_the_evening_prints_these_sentences(printed: str) -> None:
    sentences = [line for line in shown().splitlines() if line and not ROW.match(line)]
    assert len(sentences) >= 7
    lines = {" ".join(line.split()) for line in printed.splitlines()}
    missing = [line for line in sentences if "──" not in line and " ".join(line.split()) not in lines]
    assert not missing, printed


def test_the_scan_of_the_evening_prints_this_table(printed: str) -> None:
    # Another processor's arithmetic may tip what is in doubt.
    expected, found = ({row[1]: row for row in ROW.finditer(text)} for text in (shown(), printed))
    assert len(expected) >= 6
    assert set(found) == set(expected), printed
    for kind, row in expected.items():
        other = found[kind]
        assert abs(int(row[2]) - int(other[2])) <= 1, printed
        assert abs(int(row[3]) - int(other[3])) <= 3, printed
        assert float(other[4]) == pytest.approx(float(row[4]), rel=0.1, abs=0.03), printed
