import json
import math
import shutil
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import safetensors.torch
import torch
from typer.testing import CliRunner

from archive_restore.cli import app
from archive_restore.errors import ExitCode, InputError, TrainingError
from archive_restore.networks.architectures import CENTRE, DEFAULT
from archive_restore.networks.weights import read_manifest, shipped_models
from archive_restore.progress import NullProgress
from archive_restore.train import train_network
from archive_restore.training import crops, grids, loop
from archive_restore.training.curves import CURVES, Curves
from archive_restore.training.loop import resumed, train
from archive_restore.training.objectives import (
    Batch,
    PublishedCentre,
    PublishedRandomRegion,
    RefineHoles,
    hole_psnr,
)
from archive_restore.training.sources import Photographs, find_entries
from archive_restore.training.trainer import PUBLISHED, Step, Trainer, TrainingOptions, load_state
from tests.drawn import soft

CPU = torch.device("cpu")


@pytest.fixture
def photographs(tmp_path: Path) -> Photographs:
    folder = tmp_path / "photographs"
    draw_photographs(folder)
    return Photographs(find_entries(folder))


def draw_photographs(folder: Path, count: int = 4) -> None:
    folder.mkdir()
    for number in range(count):
        cv2.imwrite(str(folder / f"{number}.png"), soft(144, 192, (9, 12), number))


def small_task(adversary_from: float = 0.0) -> RefineHoles:
    return RefineHoles(sizes=(32, 48), pixels=2 * 48 * 48, adversary_from=adversary_from)


def small_centre() -> PublishedCentre:
    return PublishedCentre(batch_size=4, settings={"bottleneck": 8, "width": 8})


def options(**changes: float | int | str) -> TrainingOptions:
    return replace(TrainingOptions(samples=100, precision="fp32", warm_up=8), **changes)


def weights_of(trainer: Trainer) -> list[torch.Tensor]:
    return [
        value.clone()
        for network in (trainer.generator, trainer.averaged, trainer.discriminator)
        for value in network.state_dict().values()
    ]


def steps(trainer: Trainer, photographs: Photographs, count: int) -> list[Step]:
    source = loop.batches(trainer.objective, photographs, (trainer.options.seed,), trainer.step)
    taken = [trainer.train_step(next(source)) for _ in range(count)]
    source.close()
    return taken


@pytest.mark.parametrize("objective", [small_task(), small_centre()], ids=["default", "centre"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_4_steps_and_resume_and_4_steps_equal_8_steps_bit_for_bit(
    objective: RefineHoles | PublishedCentre, precision: str, photographs: Photographs, tmp_path: Path
):
    unbroken = Trainer(objective, options(precision=precision), CPU)
    steps(unbroken, photographs, 8)

    first = Trainer(objective, options(precision=precision), CPU)
    steps(first, photographs, 4)
    first.save(tmp_path / loop.CHECKPOINT)
    second = resumed(Trainer(objective, options(precision=precision), CPU), tmp_path)
    steps(second, photographs, 4)

    assert second.samples == unbroken.samples
    pairs = list(zip(weights_of(unbroken), weights_of(second), strict=True))
    assert pairs
    assert all(torch.equal(a, b) for a, b in pairs)


@dataclass(frozen=True)
class OneBatch(RefineHoles):
    """The same batch at every step."""

    fixed: dict[str, torch.Tensor] = field(default_factory=dict)

    def batch(self, photographs: Photographs, seed: tuple[int, ...]) -> Batch:  # type: ignore[override]
        return self.fixed


def test_one_batch_is_learned_until_its_error_is_less_than_half_of_the_first_guess(photographs: Photographs):
    batch = small_task().batch(photographs, (0, 0))
    objective = OneBatch(fixed=batch, adversary_from=1.0)
    trainer = Trainer(objective, options(samples=100_000, generator_rate=2e-3), CPU)
    before = hole_psnr(batch["context"], batch)
    steps(trainer, photographs, 120)
    written = objective.write(trainer.generator, batch).detach()
    after = hole_psnr(objective.composite(written, batch), batch)
    assert np.mean(after) > np.mean(before) + 20 * math.log10(2)


def test_the_published_network_learns_one_batch_too(photographs: Photographs):
    trainer = Trainer(small_centre(), replace(PUBLISHED, precision="fp32"), CPU)
    batch = trainer.objective.batch(photographs, (0, 0))
    first = trainer.train_step(batch).losses["reconstruction"]
    for _ in range(60):
        last = trainer.train_step(batch).losses["reconstruction"]
    assert last < 0.35 * first


def test_the_random_region_form_takes_a_step(photographs: Photographs):
    objective = PublishedRandomRegion(batch_size=3, settings={"bottleneck": 8, "width": 8})
    step = steps(Trainer(objective, options(), CPU), photographs, 2)[-1]
    assert {"total", "reconstruction", "adversarial", "discriminator"} <= set(step.losses)
    assert 0 < step.real < 1


def test_the_adversary_joins_late_and_then_judges(photographs: Photographs):
    trainer = Trainer(small_task(adversary_from=0.05), options(), CPU)
    first, *_, last = steps(trainer, photographs, 4)
    assert first.real is None
    assert "adversarial" not in first.losses
    assert last.real is not None
    assert last.losses["total"] > last.losses["reconstruction"]


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_checkpoint(
    photographs: Photographs, tmp_path: Path
):
    trainer = Trainer(small_task(), options(checkpoint_seconds=0.0), CPU)
    poisoned_at = 3

    def poison() -> bool:
        if trainer.step == poisoned_at:
            with torch.no_grad():
                next(trainer.generator.parameters()).fill_(float("nan"))
        return False

    with pytest.raises(TrainingError, match=r"nan at step 3.*last good checkpoint is kept"):
        train(trainer, photographs, tmp_path / "t", progress=NullProgress(), until=poison)

    kept = load_state(tmp_path / "t" / loop.CHECKPOINT)
    assert kept["step"] == poisoned_at
    assert all(torch.isfinite(value).all() for value in kept["generator"].values())


def test_a_collapsed_discriminator_stops_in_words(photographs: Photographs, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("archive_restore.training.trainer.COLLAPSED_STEPS", 3)
    monkeypatch.setattr("archive_restore.training.trainer.COLLAPSED_LOSS", 100.0)
    trainer = Trainer(small_task(), options(), CPU)
    with pytest.raises(TrainingError, match="it has won"):
        steps(trainer, photographs, 3)


def test_rates_warm_up_then_fall_to_the_floor(photographs: Photographs):
    trainer = Trainer(small_task(), options(samples=100, warm_up=10, floor=0.1), CPU)
    factors = []
    for samples in (0, 9, 10, 55, 100, 500):
        trainer.samples = samples
        factors.append(trainer.rate_factor())
    assert factors[0] == pytest.approx(0.1)
    assert factors[1] == pytest.approx(1.0)
    assert factors[2] > factors[3] > factors[4]
    assert factors[4] == factors[5] == pytest.approx(0.1)


def test_the_published_rates_differ_by_ten():
    assert PUBLISHED.generator_rate == 10 * PUBLISHED.discriminator_rate == 2e-3
    assert PUBLISHED.generator_moment == PUBLISHED.discriminator_moment == 0.5
    assert PUBLISHED.samples == 64 * 100_000


def test_a_checkpoint_of_another_architecture_is_refused_by_name(photographs: Photographs, tmp_path: Path):
    Trainer(small_task(), options(), CPU).save(tmp_path / loop.CHECKPOINT)
    with pytest.raises(TrainingError, match=CENTRE):
        resumed(Trainer(small_centre(), options(), CPU), tmp_path)


def test_a_truncated_checkpoint_is_named(tmp_path: Path):
    path = tmp_path / loop.CHECKPOINT
    Trainer(small_task(), options(), CPU).save(path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(TrainingError, match=r"checkpoint\.pt is not a readable checkpoint"):
        load_state(path)


def test_curves_hold_losses_and_probabilities(photographs: Photographs, tmp_path: Path):
    trainer = Trainer(small_task(), options(samples=140), CPU)
    train(trainer, photographs, tmp_path, progress=NullProgress())
    lines = [json.loads(line) for line in (tmp_path / CURVES).read_text().splitlines()]
    assert lines[-1]["step"] == 20 * len(lines)
    assert {"samples", "total", "reconstruction", "D(x)", "D(G(z))", "samples/s"} <= set(lines[-1])


class Bar(NullProgress):
    """What a bar would show."""

    def start(self, description: str, total: int | None, done: int = 0) -> None:
        self.size, self.done = total or 0, done

    def advance(self, items: int = 1) -> None:
        self.done += items


def test_progress_never_overruns_its_total(photographs: Photographs, tmp_path: Path):
    trainer = Trainer(small_task(), options(samples=5), CPU)
    bar = Bar()
    train(trainer, photographs, tmp_path, progress=bar)
    assert trainer.samples > 5  # the last batch was larger than what was left
    assert (bar.done, bar.size) == (5, 5)
    train(trainer, photographs, tmp_path, progress=bar)
    assert (bar.done, bar.size) == (5, 5)


def test_kill_9_during_training_goes_on_from_the_last_checkpoint(tmp_path: Path):
    draw_photographs(tmp_path / "data")
    command = [
        *(sys.executable, "-m", "archive_restore", "train", str(tmp_path / "data")),
        *("--out", str(tmp_path / "t"), "--architecture", CENTRE, "--bottleneck", "4"),
        *("--device", "cpu", "--checkpoint-seconds", "0.1", "--samples"),
    ]
    checkpoint = tmp_path / "t" / loop.CHECKPOINT
    process = subprocess.Popen([*command, "100000"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not checkpoint.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    seen = load_state(checkpoint)["samples"]

    subprocess.run([*command, str(seen + 128)], check=True, capture_output=True, timeout=200)

    assert seen > 0
    assert load_state(checkpoint)["samples"] == seen + 128
    curves = [json.loads(line) for line in (tmp_path / "t" / CURVES).read_text().splitlines()]
    assert all(line["samples"] > 0 for line in curves)


def draw_artefacts(folder: Path) -> None:
    (folder / "dots").mkdir(parents=True)
    cv2.imwrite(str(folder / "dots" / "one.png"), np.full((9, 9, 4), 100, np.uint8))


def test_train_draws_damage_with_the_shapes_of_artefacts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    draw_photographs(tmp_path / "data")
    draw_artefacts(tmp_path / "artefacts")
    seen = []

    def sample(photograph: Any, size: int, random: Any, shapes: Any, artefacts: Any) -> crops.Sample:
        seen.append(list(artefacts))
        return drawn(photograph, size, random, shapes, artefacts)

    drawn = crops.sample
    monkeypatch.setattr(crops, "sample", sample)
    command = ["train", str(tmp_path / "data"), "--out", str(tmp_path / "t"), "--samples", "4"]
    finished = CliRunner().invoke(
        app, [*command, "--device", "cpu", "--artefacts", str(tmp_path / "artefacts")]
    )
    assert finished.exit_code == 0, finished.output
    assert ["dots"] in seen


def test_train_takes_deeper_networks_and_their_card_says_so(tmp_path: Path):
    draw_photographs(tmp_path / "data")
    command = [
        "train",
        str(tmp_path / "data"),
        "--out",
        str(tmp_path / "t"),
        "--samples",
        "4",
        "--device",
        "cpu",
    ]
    deeper = ["--blocks", "2", "--depth", "6", "--export", str(tmp_path / "models")]
    finished = CliRunner().invoke(app, [*command, *deeper])
    assert finished.exit_code == 0, finished.output
    _, (card,) = read_manifest(tmp_path / "models")
    assert card.settings == {"blocks": 2, "depth": 6}
    assert card.ranges.keys() == read_manifest(shipped_models())[1][-1].ranges.keys()
    held = safetensors.torch.load_file(tmp_path / "models" / card.file)
    assert sum(values.numel() for values in held.values()) == 5_570_992
    refused = CliRunner().invoke(app, [*command, "--architecture", CENTRE, "--blocks", "2"])
    assert refused.exit_code == ExitCode.WEIGHTS
    assert "no setting blocks" in refused.output


def test_photographs_that_judge_are_not_trained_on(tmp_path: Path):
    draw_photographs(tmp_path / "data")
    all_of_them = sorted(path for path in (tmp_path / "data").rglob("*") if path.is_file())
    (tmp_path / "judges").mkdir()
    (tmp_path / "judges" / "same.png").symlink_to(all_of_them[0])
    four = TrainingOptions(samples=4)

    def trained_on(validation: Path) -> int:
        summary = train_network(
            [tmp_path / "data"],
            architecture=DEFAULT,
            settings={},
            options=four,
            device=torch.device("cpu"),
            folder=tmp_path / "t",
            progress=NullProgress(),
            validation=validation,
        )
        return summary.photographs

    assert trained_on(tmp_path / "judges") == len(all_of_them) - 1
    with pytest.raises(InputError, match="none is left to train on"):
        trained_on(tmp_path / "data")


def test_what_keeps_a_training_from_going_on_is_said(tmp_path: Path):
    draw_photographs(tmp_path / "data")
    single = tmp_path / "single"
    single.mkdir()
    photograph = next((tmp_path / "data").rglob("*.png"))
    shutil.copy(photograph, single)
    (tmp_path / "file").touch()

    def told(data: Path, *options: str) -> tuple[int, str]:
        command = ["train", str(data), "--out", str(tmp_path / "t"), "--samples", "4", "--device", "cpu"]
        finished = CliRunner().invoke(app, [*command, *options])
        assert finished.exception is None or isinstance(finished.exception, SystemExit)
        return finished.exit_code, " ".join(finished.output.split())

    code, output = told(single)
    assert (code, "is the only photograph" in output) == (ExitCode.INPUT, True)
    code, output = told(tmp_path / "data", "--out", str(tmp_path / "file"))
    assert (code, "a file has the name of its folder" in output) == (ExitCode.INPUT, True)
    code, output = told(tmp_path / "data", "--export", str(tmp_path / "file"))
    assert (code, "is a file; name a folder" in output) == (ExitCode.USAGE, True)
    assert not (tmp_path / "t").exists()
    for name, content in (("empty.png", b""), ("huge.png", huge_png()), ("torn.png", b"\x89PNG")):
        broken = single / name
        broken.write_bytes(content)
        code, output = told(single)
        assert (code, f"{name} cannot be decoded" in output) == (ExitCode.INPUT, True)
        broken.unlink()


def huge_png() -> bytes:
    """The head of a picture of 60,000 x 60,000 px."""
    head = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    chunk = struct.pack(">I", len(head) - 4) + head + struct.pack(">I", zlib.crc32(head))
    return b"\x89PNG\r\n\x1a\n" + chunk + b"\0\0\0\0IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))


def test_the_papers_networks_are_not_trained_with_artefacts(tmp_path: Path):
    draw_photographs(tmp_path / "data")
    draw_artefacts(tmp_path / "artefacts")
    command = ["train", str(tmp_path / "data"), "--out", str(tmp_path / "t"), "--architecture", CENTRE]
    finished = CliRunner().invoke(
        app, [*command, "--device", "cpu", "--artefacts", str(tmp_path / "artefacts")]
    )
    assert finished.exit_code == ExitCode.INPUT
    assert "leave --artefacts out" in finished.output


def test_a_sample_grid_shows_real_cropped_and_reconstructed(photographs: Photographs, tmp_path: Path):
    batch = small_task().batch(photographs, (0, 0))
    path = tmp_path / "samples" / "grid.png"
    grids.save_grid(path, batch, batch["truth"], rows=2)
    grid = cv2.imread(str(path))
    side = batch["truth"].shape[-1]
    assert grid.shape == (2 * (side + 2) + 2, 3 * (side + 2) + 2, 3)
    real, reconstructed = grid[2 : side + 2, 2 : side + 2], grid[2 : side + 2, 2 * side + 6 : 3 * side + 6]
    assert np.array_equal(real, reconstructed)
    cropped = grid[2 : side + 2, side + 4 : 2 * side + 4]
    hole = batch["mask"][0, 0].numpy() > 0
    assert (cropped[hole] == 255).all()
    assert np.array_equal(cropped[~hole], real[~hole])


def test_curves_are_shown_by_tensorboard_where_it_is_installed(tmp_path: Path):
    pytest.importorskip("tensorboard", reason="the extra `tensorboard` is not installed")
    with Curves(tmp_path) as curves:
        curves.add(28, 1, {"total": 0.5})
    assert list((tmp_path / "tensorboard").glob("events.*"))


def test_a_process_that_does_not_lead_writes_no_curves(tmp_path: Path):
    with Curves(tmp_path, writes=False) as curves:
        curves.add(28, 1, {"total": 0.5})
    assert list(tmp_path.iterdir()) == []


def test_the_default_generator_is_trained_on_its_own_coarse_work():
    objective = RefineHoles(sizes=(64,), pixels=4 * 64 * 64)
    side, half = torch.zeros(2, 3, 64, 64), torch.full((2, 3, 32, 32), -1.0)
    weight = torch.zeros(2, 1, 64, 64)
    weight[..., 20:40, 20:40] = 1
    batch = {
        "context": side,
        "mask": (weight > 0).float(),
        "scan": side,
        "coarse_context": half,
        "coarse_mask": torch.ones(2, 1, 32, 32),
        "coarse_scan": half,
        "coarse_weight": weight,
    }

    class Brighter(torch.nn.Module):
        def forward(self, pictures: torch.Tensor, masks: torch.Tensor, scans: torch.Tensor) -> torch.Tensor:
            return pictures + 0.5

    handed = objective.handed_down(Brighter(), batch)
    assert torch.allclose(handed[..., 20:40, 20:40], torch.tensor(0.5))
    assert (handed[..., :18, :] == 0).all()


@dataclass(frozen=True)
class Unreadable(RefineHoles):
    """A photograph that is gone, from the third step on."""

    def batch(self, photographs: Photographs, seed: Sequence[int]) -> Batch:
        if seed[-1] >= 2:
            raise InputError("it is gone")
        return super().batch(photographs, seed)


def test_a_photograph_that_cannot_be_read_leaves_a_checkpoint_of_the_steps_before(
    photographs: Photographs, tmp_path: Path
):
    small = small_task()
    trainer = Trainer(Unreadable(**vars(small)), options(), CPU)
    with pytest.raises(InputError, match="gone"):
        loop.train(trainer, photographs, tmp_path, progress=NullProgress())
    assert load_state(tmp_path / loop.CHECKPOINT)["step"] == 2
