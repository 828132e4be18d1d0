from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from archive_restore import adoption, material, registry
from archive_restore.detection import KINDS, Kind, ScoreMap
from archive_restore.durable import write_durably
from archive_restore.errors import InputError, TrainingError, WeightsError
from archive_restore.finetune import FinetuneOptions, FinetuneSummary, finetune
from archive_restore.home import Home
from archive_restore.ledger import Ledger, RegionRow, ScannedPhotograph, State, open_ledger
from archive_restore.material import Material
from archive_restore.networks.weights import load_model, save_model
from archive_restore.photos.archive import walk
from archive_restore.photos.codecs import sha256
from archive_restore.photos.mask_files import write_mask
from archive_restore.progress import NullProgress
from archive_restore.run import RunOptions, run
from archive_restore.training.comparison import Comparison
from tests.drawn import soft

CPU = torch.device("cpu")
STEADY_GAIN = Comparison(24.0, 24.5, 0.5, 0.3, 20, 20)
LUCK = Comparison(24.0, 24.1, 0.1, -0.05, 11, 20)


def draw_archive(folder: Path, count: int, side: int = 280) -> Path:
    folder.mkdir()
    for number in range(count):
        cv2.imwrite(str(folder / f"{number:02d}.png"), soft(side, side, seed=number))
    return folder


def record(ledger: Ledger, home: Home, archive: Path) -> int:
    """Enters the photographs as a scan would; each third has a scratch at its left side."""
    archive_id = ledger.add_archive(archive.resolve())
    for number, file in enumerate(walk(archive)):
        content = sha256(file.path(archive).read_bytes())
        side = cv2.imread(str(file.path(archive))).shape[0]
        photograph = ScannedPhotograph(
            file.relative, file.size, file.modified_ns, content, "png", side, side, "normal"
        )
        mask = np.zeros((side, side), bool)
        regions = []
        if number % 3 == 0:
            mask[10:90, 2:5] = True
            regions = [RegionRow("scratches", 2, 10, 3, 80, 240, 0.9)]
        write_mask(home.mask(content), mask)
        ledger.record(archive_id, photograph, regions)
    return archive_id


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def tune(ledger: Ledger, home: Home, **changes: object) -> FinetuneSummary:
    options = replace(FinetuneOptions(steps=2), **changes)
    summary = finetune(ledger=ledger, home=home, options=options, device=CPU, progress=NullProgress())
    assert summary is not None
    return summary


def test_an_archive_of_five_photographs_is_refused_with_the_figures(tmp_path: Path, home: Home):
    archive = draw_archive(tmp_path / "old", 5)
    with open_ledger(home.ledger) as ledger:
        record(ledger, home, archive)
        with pytest.raises(
            TrainingError, match=r"undamaged parts.*: 5, and 24 are wanted;.*: \d, and 64 "
        ) as told:
            tune(ledger, home)
        shipped = load_model(None, home=home)
        assert f"{shipped.card.name} is kept" in str(told.value)
        assert ledger.archives()[0].model is None
        save_model(shipped.network, home.models, replace(shipped.card, name="mine"))
        ledger.use_model(ledger.archives()[0].id, "mine")
        with pytest.raises(TrainingError, match="mine is kept"):
            tune(ledger, home)


def test_photographs_without_undamaged_squares_do_not_count(tmp_path: Path, home: Home):
    archive = draw_archive(tmp_path / "old", 24, side=100)
    with open_ledger(home.ledger) as ledger:
        record(ledger, home, archive)
        with pytest.raises(TrainingError, match="128 px or more: 0, and 24 are wanted"):
            tune(ledger, home)


def test_what_may_be_luck_is_not_adopted(tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(material, "FEWEST_TILES", 10)
    monkeypatch.setattr(adoption, "compare", lambda before, after: LUCK)
    archive = draw_archive(tmp_path / "old", 24)
    with open_ledger(home.ledger) as ledger:
        record(ledger, home, archive)
        summary = tune(ledger, home)
        assert ledger.archives()[0].model is None
    assert summary.adopted is None
    assert summary.used == summary.before == load_model(None, home=home).card.name
    held_out = sum(material.is_held_out(sha256(path.read_bytes())) for path in archive.iterdir())
    assert 3 <= held_out <= 9
    assert (summary.material.photographs, summary.material.held_out) == (24 - held_out, held_out)
    assert summary.material.shapes > 0
    assert not home.models.exists()


def test_training_and_held_out_tiles_are_of_different_photographs_and_undamaged(
    tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(material, "FEWEST_TILES", 10)
    archive = draw_archive(tmp_path / "old", 24)
    with open_ledger(home.ledger) as ledger:
        record(ledger, home, archive)
        folder = tune(ledger, home).folder
    sides = [{path.name[:64] for path in (folder / part).glob("*.png")} for part in ("train", "held-out")]
    assert sides[0]
    assert sides[1]
    assert not sides[0] & sides[1]
    by_content = {sha256(path.read_bytes()): path for path in archive.iterdir()}
    for tile in (folder / "train").glob("*.png"):
        content, top, left = tile.stem.split("-")
        original = cv2.imread(str(by_content[content]))
        square = cv2.imread(str(tile))
        y, x = int(top), int(left)
        assert np.array_equal(square, original[y : y + 256, x : x + 256])


def test_what_is_damage_by_now_or_gone_is_cut_out_no_more(tmp_path: Path, home: Home):
    archive = draw_archive(tmp_path / "old", 4)
    folder = tmp_path / "cut"

    def gathered() -> dict[str, list[Path]]:
        with open_ledger(home.ledger) as ledger:
            [known] = ledger.archives()
            material.gather(known, ledger, home, folder, 10**6, NullProgress())
        cut: dict[str, list[Path]] = {}
        for path in folder.rglob("*.png"):
            cut.setdefault(path.name[:64], []).append(path)
        return cut

    with open_ledger(home.ledger) as ledger:
        record(ledger, home, archive)
    contents = [sha256(path.read_bytes()) for path in sorted(archive.iterdir())]
    before = gathered()
    assert set(before) == set(contents)
    assert gathered() == before
    mask = np.zeros((280, 280), bool)
    mask[:, 200:] = True
    write_mask(home.edited_mask(contents[1]), mask)  # as after masks import
    with open_ledger(home.ledger) as ledger:
        ledger.mark_missing(1, [b"02.png"])
    after = gathered()
    assert set(after) == set(contents) - {contents[2]}
    left = folder / after[contents[1]][0].parent.name / f"{contents[1]}-7-230.png"
    left.write_bytes(b"of a call that was killed between its record and its tiles")
    (left.parent / f"{contents[1]}.json").unlink()
    after = gathered()
    assert not left.exists()
    assert after[contents[0]] == before[contents[0]]
    tiles = [path for path in after[contents[1]] if path.parent.name != "shapes"]
    assert tiles
    for tile in tiles:
        left, side = int(tile.stem.split("-")[2]), cv2.imread(str(tile)).shape[1]
        assert left + side <= 200


def test_a_garbled_record_is_cut_out_anew_and_a_changed_original_is_read_by_the_next_scan(
    tmp_path: Path, home: Home
):
    archive = draw_archive(tmp_path / "old", 2)
    folder = tmp_path / "cut"

    def gathered() -> tuple[Material, dict[Path, bytes]]:
        with open_ledger(home.ledger) as ledger:
            [known] = ledger.archives()
            made = material.gather(known, ledger, home, folder, 10**6, NullProgress())
        return made, {path: path.read_bytes() for path in folder.rglob("*.*")}

    with open_ledger(home.ledger) as ledger:
        record(ledger, home, archive)
    before = gathered()
    [text, *_] = folder.rglob("*.json")
    for garbled in (b"", b"\xff", b"[]", b"{}", b"[" * 100_000, b'{"damage": "", "tiles": 1'):
        text.write_bytes(garbled)
        assert gathered() == before
    for path in folder.rglob("*.json"):
        path.unlink()
    cv2.imwrite(str(archive / "00.png"), soft(280, 280, seed=9))
    assert gathered()[0].set_aside == 1
    with open_ledger(home.ledger) as ledger:
        known = ledger.known_at(1, [b"00.png", b"01.png"])
    assert known[b"00.png"].modified_ns is None
    assert known[b"01.png"].modified_ns is not None


def test_what_is_doubtful_or_skipped_is_not_taken_for_undamaged(tmp_path: Path, home: Home):
    """Faint specks at the right, which nobody has decided on; a stain there, which the archive's owner skips."""
    archive = draw_archive(tmp_path / "old", 2)
    scores = ScoreMap(np.zeros((280, 280), np.uint8), np.zeros((280, 280), np.uint8))
    contents = [sha256(path.read_bytes()) for path in sorted(archive.iterdir())]
    with open_ledger(home.ledger) as ledger:
        record(ledger, home, archive)
        for content, kind, score in zip(contents, (Kind.DUST, Kind.SPOT), (130, 250), strict=True):
            scores.scores[100:180, 220:], scores.kinds[100:180, 220:] = score, KINDS.index(kind)
            write_durably(home.score_map(content), scores.to_png())
        ledger._connection.execute("UPDATE photographs SET unsure = (sha256 = ?)", (contents[0],))
        ledger._connection.execute(
            "UPDATE photographs SET policy = 'normal: dust' WHERE sha256 = ?", (contents[1],)
        )
        [known] = ledger.archives()
        material.gather(known, ledger, home, tmp_path / "cut", 10**6, NullProgress())
    tiles = [path for path in (tmp_path / "cut").rglob("*.png") if path.parent.name != "shapes"]
    assert {path.name[:64] for path in tiles} == set(contents)
    for tile in tiles:
        assert int(tile.stem.split("-")[2]) + cv2.imread(str(tile)).shape[1] <= 220


def test_old_and_new_are_judged_on_the_same_held_out_photographs(
    tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(material, "FEWEST_TILES", 10)
    figures: list[tuple[list[float], list[float]]] = []

    def keep(before: list[float], after: list[float]) -> Comparison:
        figures.append((before, after))
        return LUCK

    monkeypatch.setattr(adoption, "compare", keep)
    archive = draw_archive(tmp_path / "old", 24)
    with open_ledger(home.ledger) as ledger:
        record(ledger, home, archive)
        tune(ledger, home)
    before, after = figures[0]
    assert len(before) == len(after)
    assert len(before) == sum(material.is_held_out(sha256(path.read_bytes())) for path in archive.iterdir())
    assert np.abs(np.subtract(before, after)).max() < 1.0  # two steps of training
    assert before != after


def test_better_weights_are_adopted_and_run_uses_them_for_that_archive_only(
    tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(material, "FEWEST_TILES", 10)
    monkeypatch.setattr(adoption, "compare", lambda before, after: STEADY_GAIN)
    archive, other = draw_archive(tmp_path / "old", 24), draw_archive(tmp_path / "other", 1)
    with open_ledger(home.ledger) as ledger:
        record(ledger, home, archive)
        record(ledger, home, other)
        with pytest.raises(InputError, match="several archives have been scanned"):
            tune(ledger, home)
        name = tune(ledger, home, archive=archive).adopted
        assert name is not None
        assert [known.model for known in ledger.archives()] == [name, None]
        card, shipped = load_model(name, home=home).card, load_model(None, home=home).card
        assert card.scores["held_out_gain"] == 0.5
        assert card.ranges.keys() == shipped.ranges.keys()  # without them it would be slower than before

        run(ledger=ledger, home=home, options=RunOptions(device="cpu"), progress=NullProgress())
        models = {job.archive: job.model for job in ledger.jobs(state=State.DONE)}
    assert models[archive.resolve()] == name
    assert models[other.resolve()] == load_model(None, home=home).card.name


def test_a_model_in_use_is_not_removed_and_one_that_is_not_is(tmp_path: Path, home: Home):
    archive = draw_archive(tmp_path / "old", 1)
    shipped = load_model(None, home=home)
    save_model(shipped.network, home.models, replace(shipped.card, name="mine"))
    with open_ledger(home.ledger) as ledger:
        record(ledger, home, archive)
        assert registry.use(ledger, home, "mine", archive) == [archive.resolve()]
        with pytest.raises(WeightsError, match=r"mine is used for .*models use default"):
            registry.remove(ledger, home, "mine")
        registry.use(ledger, home, "default", None)
        registry.remove(ledger, home, "mine")
        assert [model.card.name for model in registry.registered(ledger, home) if not model.shipped] == []
        with pytest.raises(WeightsError, match="no model 'mine'"):
            registry.remove(ledger, home, "mine")
        with pytest.raises(WeightsError, match="came with archive-restore"):
            registry.remove(ledger, home, shipped.card.name)
        with pytest.raises(WeightsError, match=rf"{shipped.card.name} came with archive-restore"):
            registry.remove(ledger, home, "default")
        with pytest.raises(WeightsError, match="no model 'nothing'"):
            registry.use(ledger, home, "nothing", None)
    assert not (home.models / "mine.safetensors").exists()
