"""The wheel, as `pip install .` makes it: complete, and working outside the source tree."""

import importlib.util
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("hatchling") is None,
    reason="hatchling, the build backend, is not installed here",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def outside(installed: Path, script: str) -> str:
    """What `script` prints when the wheel's files, and not the source tree, are found first."""
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    done = subprocess.run(
        [sys.executable, "-P", "-c", script],
        cwd=installed.parent,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def test_the_wheel_holds_weights_album_page_and_licence(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert any(n.startswith("archive_restore/models/") and n.endswith(".safetensors") for n in names)
    pages = {"report_page.html", "review/page.html", "review/page.css", "review/page.js"}
    assert {f"archive_restore/{page}" for page in pages} <= set(names)
    assert any(n.endswith(".dist-info/licenses/LICENSE") for n in names)
    album = {p.relative_to(ROOT / "examples").as_posix() for p in (ROOT / "examples/album").rglob("*.*")}
    assert album <= {n.removeprefix("archive_restore/examples/") for n in names}
    assert not [n for n in names if n.startswith("tests")]


def test_the_wheel_finds_its_own_album(installed: Path) -> None:
    script = "from archive_restore.cli.demo import bundled_album; print(bundled_album())"
    assert outside(installed, script) == str(installed / "archive_restore" / "examples" / "album")


def test_the_wheel_loads_its_own_weights(installed: Path, tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from archive_restore.home import Home\n"
        "from archive_restore.networks import weights\n"
        f"model = weights.load_model(None, home=Home(Path({str(tmp_path)!r})))\n"
        f"assert Path(weights.__file__).is_relative_to({str(installed)!r}), weights.__file__\n"
        "print(len(model.card.sha256))"
    )
    assert outside(installed, script) == "64"


def test_the_version_is_the_same_everywhere(wheel: Path) -> None:
    from archive_restore import __version__

    assert wheel.name.split("-")[1] == __version__
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text("utf-8")
