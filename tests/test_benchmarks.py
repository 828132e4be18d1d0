"""The benchmarks' own parts: what they measure with must be right before their figures are believed."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from archive_restore.detection.odds import odds_of
from archive_restore.detection.views import Seen
from archive_restore.photos.codecs import decode
from tests.benchmarks import draw_set, fuzz, hard_crops, large_tiff, mixed, sheets, speed, stopwatch
from tests.benchmarks.pictures import read_picture, write_picture
from tests.benchmarks.restoration import Case, score
from tests.benchmarks.rivals import rivals


class Doubling(nn.Module):
    """Stands for a generator: takes windows, and is slow enough to be timed."""

    window = 8

    def forward(self, pictures: Tensor, masks: Tensor) -> Tensor:
        time.sleep(0.01)
        return 2 * pictures


def test_the_most_damaged_places_come_first_and_none_twice() -> None:
    mask = np.zeros((600, 900), bool)
    mask[100:110, 100:110] = True
    mask[400:440, 700:740] = True
    first, second = sheets.most_damaged(mask, 5)
    assert mask[first].sum() == 1600
    assert mask[second].sum() == 100


def test_fuzzing_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    state = fuzz.State(tmp_path / "state", seed=1)
    assert state.before("png") == (0, {})
    state.add("png", 0, 500, fuzz.Counter(decoded=400, refused=100))
    state.add("webp", 0, 500, fuzz.Counter(crash=500))
    state.add("png", 500, 800, fuzz.Counter(refused=300))
    assert fuzz.State(tmp_path / "state", seed=1).before("png") == (800, {"decoded": 400, "refused": 400})
    assert fuzz.State(tmp_path / "state", seed=2).before("png") == (0, {})


@pytest.mark.parametrize("compression", [None, "deflate", "lzw"])
@pytest.mark.parametrize(("channels", "depth"), [(1, 8), (3, 16), (4, 8)])
def test_the_large_tiff_is_what_it_says_it_is(
    compression: str | None, channels: int, depth: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large_tiff, "WIDTH", 1000)
    kind = large_tiff.LargeTiff(1, channels, depth, compression)
    kind.make(tmp_path / "large.tif")
    photograph = decode(tmp_path / "large.tif")
    (page,) = photograph.header.pages
    assert (page.width, page.height, page.colours.samples, page.depth) == (1000, 1000, channels, depth)
    assert 4.5 < np.diff(photograph.pixels.astype(float), axis=0).std() / (257 if depth > 8 else 1) < 5.5


MAKE_DAMAGE = """
RECIPES = ["dust", "hairs", "tear", "none"]
def line(field, points, width, random, gaps=0.0):
    return f"{width:g}px-{gaps:g}"
def shape(random, shapes, kinds, size):
    return f"{size:g}px"
def main(clean, shapes, out, seed, long_side):
    import os, pathlib
    drawn = [RECIPES[i % len(RECIPES)] for i in range(5)]
    found = sorted(os.listdir(os.path.join(shapes, "dots")))
    breadths = [line(None, None, 8, None, gaps=0.5), shape(None, None, None, 60)]
    words = [clean, str(seed), *drawn, *RECIPES[:2], *found, str(long_side), *breadths]
    pathlib.Path(out).write_text(" ".join(words))
"""


@pytest.mark.parametrize(
    ("options", "drawn"),
    [
        ([], "c 1234 dust hairs tear none dust dust hairs 0.png 1.png 2.png 768 8px-0.5 60px"),
        (
            ["--moved", "3", "--seed", "9"],
            "c 9 none dust hairs tear none dust hairs 0.png 1.png 2.png 768 8px-0.5 60px",
        ),
        (
            ["--only", "tear"],
            "c 1234 tear tear tear tear tear dust hairs 0.png 1.png 2.png 768 8px-0.5 60px",
        ),
        (["--unseen"], "c 1234 dust hairs tear none dust dust hairs 1.png 768 8px-0.5 60px"),
        (
            ["--long-side", "3072", "--width", "0.25"],
            "c 1234 dust hairs tear none dust dust hairs 0.png 1.png 2.png 3072 2px-0.5 15px",
        ),
    ],
)
def test_other_sets_have_other_damage(
    options: list[str], drawn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "make_damage.py").write_text(MAKE_DAMAGE)
    (tmp_path / "shapes" / "dots").mkdir(parents=True)
    for number in range(3):
        (tmp_path / "shapes" / "dots" / f"{number}.png").touch()
    paths = [str(tmp_path / "make_damage.py"), "c", str(tmp_path / "shapes"), str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", ["draw_set", *paths, *options])
    draw_set.main()
    assert (tmp_path / "out").read_text() == drawn


def test_a_recipe_that_there_is_not_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "make_damage.py").write_text(MAKE_DAMAGE)
    monkeypatch.setattr(
        sys, "argv", ["draw_set", str(tmp_path / "make_damage.py"), "c", "s", "o", "--only", "snow"]
    )
    with pytest.raises(SystemExit, match="no recipe snow; there are dust, hairs, tear, none"):
        draw_set.main()


def test_hard_crops_hold_what_is_called_the_most_first_and_each_once() -> None:
    picture = np.zeros((700, 1000, 3), np.uint8)
    scores = np.zeros((700, 1000), np.uint8)
    for number, (top, left, side) in enumerate([(0, 980, 20), (600, 10, 10), (300, 500, 3)], start=1):
        place = slice(top, top + side), slice(left, left + side)
        scores[place], picture[place] = 250, number
    crops = hard_crops.hard_crops(picture, scores)
    assert [int(crop.max()) for crop in crops] == [1, 2]  # the third is a speck
    assert all(crop.shape == (hard_crops.SIDE, hard_crops.SIDE, 3) for crop in crops)
    assert not hard_crops.hard_crops(picture, np.full(scores.shape, hard_crops.CALLED - 1, np.uint8))


def test_hard_crops_of_files_of_one_name_do_not_replace_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2):
        (tmp_path / str(number)).mkdir()
        write_picture(tmp_path / str(number) / "one.png", np.full((64, 80, 3), 50 + number, np.uint8))
    monkeypatch.setattr(hard_crops, "load_detector", lambda folder: None)
    scores = np.full((64, 80), 200, np.uint8)
    monkeypatch.setattr(hard_crops, "seen", lambda picture, _: Seen(scores, odds_of(scores)))
    words = [str(tmp_path / "0"), str(tmp_path / "1"), "--weights", "w", "--out", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", ["hard_crops", *words])
    hard_crops.main()
    levels = {int(read_picture(path)[0, 0, 0]) for path in (tmp_path / "out").iterdir()}
    assert levels == {50, 51}


def test_a_perfect_repair_scores_as_one() -> None:
    clean = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    mask = np.zeros((40, 50), bool)
    mask[10:20, 10:20] = True
    damaged = np.where(mask[..., None], np.uint8(255), clean)
    perfect = score(clean, Case("0-dust", damaged, clean, mask), 0.0)
    assert perfect.psnr > 130
    assert (perfect.l1, perfect.sharp, perfect.changed) == (0.0, 1.0, 0.0)
    spilt = clean.copy()
    spilt[0, 0, 0] ^= 1
    assert score(spilt, Case("0-dust", damaged, clean, mask), 0.0).changed == 1.0


def test_every_rival_fills_the_hole_and_nothing_else() -> None:
    rows, columns = np.mgrid[0:64, 0:64]
    clean = np.stack([rows * 3, columns * 3, rows + columns], axis=2).astype(np.uint8)
    mask = np.zeros((64, 64), bool)
    mask[30:34, 10:50] = True
    damaged = np.where(mask[..., None], np.uint8(255), clean)
    methods, missing = rivals(None)
    assert any("--fsr-python" in line for line in missing)
    for fill in methods.values():
        restored, seconds = fill(damaged, mask)
        assert seconds > 0
        assert (restored == damaged)[~mask].all()
        assert np.abs(restored.astype(int) - clean)[mask].mean() < 12


def test_damage_is_drawn_until_the_share_is_reached() -> None:
    picture = np.full((300, 400, 3), 128, np.uint8)
    damaged, mask = mixed.damaged(picture, np.random.default_rng(0), ["scratches"], 0.03)
    assert 0.03 <= mask.mean() < 0.15
    assert (damaged == picture)[~mask].mean() > 0.99


def test_a_mixed_folder_has_a_mask_for_each_photograph(tmp_path: Path) -> None:
    small = np.full((30, 40, 3), 128, np.uint8)
    folder = mixed.Folder(tmp_path / "p", tmp_path / "m", tmp_path / "s", 2, 0.0)
    for path in (folder.photographs, folder.masks, folder.masks_by_stem):
        path.mkdir()
    mixed.write_one(folder, "000", small, np.eye(30, 40, dtype=bool), png=False)
    mixed.link_one(folder, "000", "001")
    assert sorted(p.name for p in folder.photographs.iterdir()) == ["000.jpg", "001.jpg"]
    assert sorted(p.name for p in folder.masks.iterdir()) == ["000.jpg.png", "001.jpg.png"]
    assert sorted(p.name for p in folder.masks_by_stem.iterdir()) == ["000.png", "001.png"]
    assert read_picture(folder.masks / "001.jpg.png")[0, 0, 0] == 255


def test_the_meter_counts_windows_and_holes_and_replays_the_batches() -> None:
    network = Doubling()
    with stopwatch.metered_network() as meter, torch.inference_mode():
        for count in (3, 3, 2):
            network(torch.zeros(count, 3, 8, 8), torch.ones(count, 1, 8, 8))
        nn.Identity()(torch.zeros(1))
    assert meter.windows == 8
    assert meter.pixels == 8 * 64
    assert meter.hole_pixels == 8 * 64
    assert 0.03 <= meter.seconds < 3
    assert 0.03 <= stopwatch.floor(meter).wall < 3
    network(torch.zeros(1, 3, 8, 8), torch.ones(1, 1, 8, 8))
    assert meter.windows == 8


@dataclass(frozen=True)
class Moment:
    """Stands for a GPU's event."""

    at: float  # ms

    def synchronize(self) -> None: ...

    def elapsed_time(self, later: "Moment") -> float:
        return later.at - self.at


def test_a_gpu_whose_lanes_are_busy_at_once_is_busy_once() -> None:
    meter = stopwatch.NetworkMeter()
    spans = ((2000, 3000), (1000, 2500), (2600, 2700), (5000, 6000))
    meter.events += [(Moment(began), Moment(ended)) for began, ended in spans]
    meter.settle()
    assert meter.seconds == pytest.approx(3)
    meter.settle()
    assert meter.seconds == pytest.approx(3)


def test_stages_are_timed_only_inside_the_context(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", np.zeros((300, 300, 3), np.uint8))
    write_picture(tmp_path / "b.png", np.zeros((300, 300), np.uint8))
    with stopwatch.timed_stages([("read", mixed, "read_picture")]) as stages:
        assert [picture.shape for picture in mixed.sources(tmp_path)] == [(300, 300, 3)] * 2
    mixed.sources(tmp_path)
    assert stages["read"].calls == 2
    assert stages["read"].wall > 0


def test_the_peak_memory_of_a_command_is_its_own() -> None:
    held = np.ones(60_000_000)  # 480 MB in this process
    done = speed.run_command([sys.executable, "-c", "print(sum(range(3_000_000)))"])
    assert held.any()
    assert 2 < done.peak < 100
    assert done.seconds > 0
    assert done.cpu > 0.01


def test_a_command_that_fails_ends_the_benchmark_with_what_it_said() -> None:
    with pytest.raises(SystemExit, match="no such thing"):
        speed.run_command([sys.executable, "-c", "import sys; sys.exit('no such thing')"])


def test_a_folder_without_photographs_is_said_to_be_empty(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="holds no photographs"):
        mixed.sources(tmp_path)
    with pytest.raises(SystemExit, match="is no folder"):
        mixed.sources(tmp_path / "none")
    assert mixed.sources(None)


def test_the_stopwatch_waits_for_the_gpu_that_it_times(monkeypatch: pytest.MonkeyPatch) -> None:
    waited = []
    monkeypatch.setattr(stopwatch.torch.cuda, "synchronize", waited.append)
    monkeypatch.setattr(stopwatch.torch.mps, "synchronize", lambda: waited.append("mps"))
    for name in ("cpu", "cuda:1", "mps"):
        stopwatch.wait_for(torch.device(name))
    assert waited == [torch.device("cuda:1"), "mps"]
