import cv2
import numpy as np
import pytest
import torch

from archive_restore.networks.detector import PLANES, WINDOW
from archive_restore.training import detection_loop
from archive_restore.training.detection_loop import (
    CHECKPOINT,
    DELAY,
    HARD,
    SHARP,
    DetectorTraining,
    Drawer,
    Material,
    batches,
    begun,
    learn,
    loss,
    rate_at,
    train_detector,
)
from archive_restore.training.sources import Photographs, find_entries
from tests.drawn import scene

TINY = DetectorTraining(samples=16, size=64, batch=2)


@pytest.fixture
def material(tmp_path):
    folder = tmp_path / "photographs"
    folder.mkdir()
    for seed in range(2):
        cv2.imwrite(str(folder / f"{seed}.png"), cv2.resize(scene(seed=seed), (900, 800)))
    return Material(find_entries(folder), find_entries(folder))


def test_a_batch_is_the_same_wherever_the_training_starts(material):
    whole = list(batches(material, TINY, 0))
    assert len(whole) == 8
    for step in (3, 6):
        [pictures, truths, weights] = next(iter(batches(material, TINY, step)))
        assert (pictures == whole[step][0]).all()
        assert (truths == whole[step][1]).all()
        assert (weights == whole[step][2]).all()


def test_every_other_batch_is_an_older_one_upside_down(material):
    assert DELAY >= 4  # so the first one is what comes back here
    whole = list(batches(material, TINY, 0))
    for step in (1, 3, 5):
        assert (whole[step][0] == whole[0][0][:, ::-1]).all()


def test_sharp_and_hard_photographs_are_seen_as_often_as_they_should(tmp_path, monkeypatch):
    levels = {"plain": 50, "sharp": 120, "hard": 200}
    for name, level in levels.items():
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "one.png"), np.full((64, 64), level, np.uint8))
    sources = [Photographs(find_entries(tmp_path / name)) for name in levels]
    monkeypatch.setattr(detection_loop, "sample", lambda photograph, *_, **__: int(photograph[0, 0, 0]))
    seen = [Drawer(*sources, {}, seed=3)(n, 64) for n in range(2000)]
    assert abs(np.mean(np.equal(seen, levels["hard"])) - HARD) < 0.03
    assert abs(np.mean(np.equal(seen, levels["sharp"])) - SHARP * (1 - HARD)) < 0.04


def test_a_training_that_goes_on_ends_where_an_unbroken_one_does(material, tmp_path):
    torch.set_num_threads(1)
    unbroken = train_detector(material, tmp_path / "one", TINY, tell=lambda _: None)
    state = begun(TINY)
    for batch, _ in zip(batches(material, TINY, 0), range(4), strict=False):
        learn(state, batch, rate_at(state.seen, TINY))
    (tmp_path / "two").mkdir()
    state.save(tmp_path / "two" / CHECKPOINT)
    resumed = train_detector(material, tmp_path / "two", TINY, tell=lambda _: None)
    for name, value in unbroken.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_a_training_may_begin_with_other_weights_and_leaves_them_as_they_are(material, tmp_path):
    torch.set_num_threads(1)
    start = begun(DetectorTraining(samples=16, seed=7)).network
    before = {name: value.clone() for name, value in start.state_dict().items()}
    still = DetectorTraining(samples=2, size=64, batch=2, rate=0.0)
    trained = train_detector(material, tmp_path, still, start=start, tell=lambda _: None)
    for name, weights in trained.named_parameters():
        assert torch.equal(weights, before[name]), name
    for name, value in start.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_a_training_on_large_samples_does_without_windows(monkeypatch):
    network = begun(TINY).network
    planes = torch.rand(1, PLANES, 8 * (WINDOW + 4), 8 * (WINDOW + 4))
    with torch.no_grad():
        trained = network.train()(planes)
        monkeypatch.setattr("archive_restore.networks.detector.WINDOW", 1000)
        assert torch.equal(network.train()(planes), trained)


def test_learning_the_same_batch_again_and_again_lowers_the_loss():
    torch.set_num_threads(1)
    state = begun(TINY)
    pictures = np.full((2, 64, 64, 3), 90, np.uint8)
    truths = np.zeros((2, 64, 64), bool)
    truths[:, 20:40, 20:40] = True
    pictures[truths] = 240
    batch = (pictures, truths, np.full((2, 64, 64), 255, np.uint8))
    losses = [sum(learn(state, batch, 3e-3)) for _ in range(25)]
    assert losses[-1] < 0.3 * losses[0]


def test_the_loss_of_a_perfect_answer_is_nothing_and_doubtful_pixels_do_not_count():
    truths = torch.zeros(1, 1, 8, 8)
    truths[..., :4] = 1
    entropy, index = loss(40 * truths - 20, truths, torch.ones_like(truths))
    assert entropy < 1e-6
    assert index < 1e-6
    weights = torch.ones_like(truths)
    weights[..., 4:] = 0
    entropy, index = loss(torch.full_like(truths, 20), truths, weights)
    assert entropy < 1e-6
    assert index < 1e-6


def test_undamaged_samples_have_no_overlap_to_lose():
    nothing = torch.zeros(2, 1, 8, 8)
    _, index = loss(nothing, nothing, torch.ones_like(nothing))
    assert index == 0


def test_the_rate_rises_stays_and_falls_to_nothing():
    training = DetectorTraining(samples=100_000, rate=1.0)
    assert rate_at(0, training) < 0.01
    assert rate_at(10_000, training) == rate_at(60_000, training) == 1
    assert 0 < rate_at(95_000, training) < 0.2
    assert rate_at(100_000, training) == 0


def test_a_training_ends_with_a_checkpoint_where_batches_and_samples_do_not_go_up(material, tmp_path):
    training = DetectorTraining(samples=5, size=64, batch=2)
    train_detector(material, tmp_path, training, tell=lambda line: None)
    assert torch.load(tmp_path / CHECKPOINT, weights_only=True)["seen"] == 4
