import errno
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from archive_restore import examine as examining
from archive_restore.errors import DeviceError, NoScratchError
from archive_restore.examine import (
    Detector,
    Examination,
    Examined,
    Refused,
    ScanOptions,
    examine,
    usable,
    verifier,
)
from archive_restore.networks import detector
from archive_restore.networks.detector import FOLDER, NAME, DamageSegmenter
from archive_restore.networks.weights import ModelCard, save_model
from archive_restore.photos import large
from archive_restore.photos.archive import FoundFile
from archive_restore.photos.mask_files import read_mask
from archive_restore.progress import NullProgress
from archive_restore.restoring.pipeline import reason_of
from tests.drawn import scene
from tests.formats import tiff

LEARNED = ScanOptions(detector=Detector.LEARNED)


class Notes(NullProgress):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An empty folder of shipped weights, forgotten again afterwards."""
    folder = tmp_path / "weights"
    folder.mkdir()
    monkeypatch.setattr(detector, "shipped_models", lambda: folder)
    verifier.cache_clear()
    yield folder
    verifier.cache_clear()


def sure_of_everything() -> DamageSegmenter:
    network = DamageSegmenter()
    torch.nn.init.zeros_(network.write.weight)
    torch.nn.init.constant_(network.write.bias, 5.0)
    return network


def examined(folder: Path, options: ScanOptions) -> np.ndarray:
    cv2.imwrite(str(folder / "a.png"), scene())
    status = (folder / "a.png").stat()
    file = FoundFile(b"a.png", status.st_size, status.st_mtime_ns)
    result = examine(Examination(folder, file, options, mask=folder / "mask.png"))
    assert isinstance(result, Examined)
    return read_mask(folder / "mask.png", scene().shape)


def test_the_learned_detector_decides_when_its_weights_are_there(weights: Path, tmp_path: Path) -> None:
    save_model(sure_of_everything(), weights / FOLDER, ModelCard(NAME, "", "", NAME))
    notes = Notes()
    assert usable(LEARNED, notes) == LEARNED
    assert notes.notes == []
    assert examined(tmp_path, LEARNED).all()
    assert not examined(tmp_path, ScanOptions(detector=Detector.HEURISTIC)).any()


def test_without_weights_the_heuristics_look_alone_and_it_is_said(weights: Path) -> None:
    notes = Notes()
    assert usable(LEARNED, notes).detector is Detector.HEURISTIC
    [note] = notes.notes
    assert "heuristics alone" in note
    assert NAME in note


def test_changed_weights_are_not_used_either(weights: Path) -> None:
    card = save_model(sure_of_everything(), weights / FOLDER, ModelCard(NAME, "", "", NAME))
    (weights / FOLDER / card.file).write_bytes(b"something else")
    notes = Notes()
    assert usable(LEARNED, notes).detector is Detector.HEURISTIC
    assert "changed" in notes.notes[0]


def test_the_heuristics_load_no_weights(weights: Path) -> None:
    assert verifier(Detector.HEURISTIC, None) is None


def test_a_device_that_is_not_there_is_an_error_not_a_fallback(weights: Path) -> None:
    with pytest.raises(DeviceError):
        usable(ScanOptions(detector=Detector.LEARNED, device="cuda:99"), NullProgress())


def test_the_weights_are_loaded_once(weights: Path) -> None:
    save_model(sure_of_everything(), weights / FOLDER, ModelCard(NAME, "", "", NAME))
    assert examining.verifier(Detector.LEARNED, None) is examining.verifier(Detector.LEARNED, None)


def test_a_photograph_too_large_for_the_temporary_folder_is_refused_for_now_and_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(large, "LARGE", 2000)
    monkeypatch.setattr(large, "_reserve", full)
    path = tiff(tmp_path / "a.tif")
    status = path.stat()
    file = FoundFile(b"a.tif", status.st_size, status.st_mtime_ns)
    refused = examine(Examination(tmp_path, file, ScanOptions(detector=Detector.HEURISTIC)))
    assert isinstance(refused, Refused)
    assert refused.may_pass
    assert "No space left on device" in refused.reason
    assert "set TMPDIR" in refused.reason
    assert reason_of(NoScratchError("no room")) == "no room"  # in a run, too


def test_a_gpu_is_not_filled_with_a_process_for_each_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examining, "usable_cores", lambda: 16)
    assert ScanOptions(device="cuda:1").processes == examining.ON_A_GPU
    assert ScanOptions(device="cuda:1", jobs=5).processes == 5
    assert ScanOptions(device="cuda:1", detector=Detector.HEURISTIC).processes == 16
    assert ScanOptions(device="cpu").processes == ScanOptions().processes == 16
    monkeypatch.setattr(examining, "usable_cores", lambda: 1)
    assert ScanOptions(device="cuda:1").processes == 1
