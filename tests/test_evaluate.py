import json
from pathlib import Path

import cv2
import pytest
import torch
from typer.testing import CliRunner

from archive_restore.cli import app
from archive_restore.errors import InputError
from archive_restore.evaluate import evaluate
from archive_restore.home import HOME_VARIABLE, Home
from archive_restore.networks.architectures import CENTRE, build_generator
from archive_restore.networks.weights import ModelCard, load_model, save_model
from archive_restore.progress import NullProgress
from tests.drawn import soft

FIGURES = {"psnr", "l1", "l2", "psnr_hidden", "sharp"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "photographs"
    folder.mkdir()
    for number in range(3):
        cv2.imwrite(str(folder / f"{number}.png"), soft(180, 220, (7, 9), number))
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    torch.manual_seed(0)
    network = build_generator(CENTRE, {"bottleneck": 8, "width": 8})
    card = ModelCard("small-centre", "", "", CENTRE, {"bottleneck": 8, "width": 8}, 1, "drawn")
    save_model(network, home.models, card)
    return home


def test_json_has_the_published_measures_of_the_model_and_of_its_peers(
    folder: Path, home: Home, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(HOME_VARIABLE, str(home.root))
    result = CliRunner().invoke(
        app, ["evaluate", str(folder), "--model", "small-centre", "--json", "--device", "cpu"]
    )
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert set(answer) == {"model", "photographs", "peers"} | FIGURES
    assert answer["model"] == "small-centre"
    assert answer["photographs"] == 3
    assert set(answer["peers"]) == {"mean-fill", "opencv-telea", "opencv-navier-stokes"}
    assert all(set(figures) == FIGURES for figures in answer["peers"].values())


def test_the_shipped_default_beats_a_mean_fill_and_keeps_the_ring(folder: Path, home: Home):
    result = evaluate(folder, model=None, device=torch.device("cpu"), home=home, progress=NullProgress())
    assert result.measures.psnr > result.peers["mean-fill"].psnr + 1
    assert result.measures.psnr > result.measures.psnr_hidden


def test_an_untrained_centre_network_is_measured_over_the_ring_too(folder: Path, home: Home):
    centre = evaluate(
        folder, model="small-centre", device=torch.device("cpu"), home=home, progress=NullProgress()
    )
    assert centre.measures.psnr < centre.measures.psnr_hidden + 1.0
    assert centre.measures.psnr < centre.peers["opencv-telea"].psnr


def test_the_published_network_can_be_chosen_for_run(home: Home):
    loaded = load_model("small-centre", home=home)
    assert (loaded.module.window, loaded.module.context) == (128, 36)


def test_an_empty_folder_is_named(tmp_path: Path, home: Home):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty holds no photographs"):
        evaluate(
            tmp_path / "empty", model=None, device=torch.device("cpu"), home=home, progress=NullProgress()
        )
