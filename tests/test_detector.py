import cv2
import numpy as np
import pytest
import torch
from torch import nn

from archive_restore.detection.odds import scores_of
from archive_restore.errors import DeviceError, WeightsError
from archive_restore.networks.detector import (
    FOLD,
    MARGIN,
    NAME,
    PLANES,
    WINDOW,
    DamageSegmenter,
    Detector,
    folded,
    fuse,
    in_windows,
    load_detector,
    normalised,
    unfolded,
)
from archive_restore.networks.weights import ModelCard, save_model
from tests.drawn import scene


def stirred(seed: int = 0) -> DamageSegmenter:
    """An untrained network whose norms are not the identity."""
    torch.manual_seed(seed)
    network = DamageSegmenter()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.1)
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    nn.init.normal_(network.write.bias, 0, 1)
    return network.eval()


def noise(*shape):
    return np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)


def test_folding_puts_each_pixel_of_a_block_into_its_channel():
    grey = noise(2, 64, 96)
    expected = torch.pixel_unshuffle(torch.from_numpy(grey)[:, None], FOLD)
    assert torch.equal(folded(grey)[:, :16], expected)
    assert (folded(grey)[:, -2:] == 128).all()


@pytest.mark.parametrize(("light", "dark"), [(True, False), (False, True)])
def test_a_thin_line_stands_out_in_its_polarity_and_a_blank_or_an_edge_does_not(light, dark):
    picture = np.full((1, 64, 64), 100, np.uint8)
    assert not folded(picture)[:, 16:-2].any()
    picture[0, :, 32:] = 180
    assert not folded(picture)[:, 16:-2].any()
    picture[0, 30, :32] = 150 if light else 50
    stands_out = folded(picture)[0, 16:-2, 7, 2].tolist()
    most_light, _, most_dark, _ = stands_out[:4]
    assert (most_light > 100) == light
    assert (most_dark > 100) == dark


def test_unfolding_undoes_it():
    grey = noise(1, 32, 64)
    assert (unfolded(folded(grey)[0, :16].numpy()) == grey[0]).all()


def test_a_grey_photograph_and_the_same_in_rgb_are_folded_alike():
    grey = noise(1, 32, 32)
    assert torch.equal(folded(grey), folded(np.repeat(grey[..., None], 3, axis=3)))


def test_colour_is_seen():
    red = np.zeros((1, 8, 8, 3), np.uint8)
    red[..., 0] = 255
    assert (folded(red)[:, -2:] > 180).all()


@pytest.mark.parametrize("height", [1, WINDOW, WINDOW + 1, 2 * WINDOW - 2 * MARGIN, 3 * WINDOW + 2])
def test_every_cell_comes_from_a_window_that_has_its_margin(height):
    x = torch.arange(2 * 3 * height * 13, dtype=torch.float32).reshape(2, 3, height, 13) + 1
    assert torch.equal(in_windows(nn.Identity(), x), x)
    # Each cell and its neighbours, which are 0 beyond a window.
    sums = nn.Conv2d(3, 3, 2 * MARGIN + 1, padding=MARGIN, bias=False)
    nn.init.ones_(sums.weight)
    assert torch.allclose(in_windows(sums, x), sums(x))


def test_layers_see_no_farther_than_a_window():
    layers = nn.Conv2d(1, 1, 4 * WINDOW + 1, padding=2 * WINDOW, bias=False)
    nn.init.ones_(layers.weight)
    x = torch.ones(1, 1, 3 * WINDOW, 4 * WINDOW)
    assert (in_windows(layers, x) == WINDOW**2).all()


def test_the_middle_of_a_photograph_is_seen_as_a_sample_of_it(monkeypatch):
    detect, middle = load_detector(), np.s_[384:640, 384:640]
    picture = scene(1024, 1024, seed=2)
    picture[500:503, 450:560] = 235  # a scratch
    as_sample = detect(picture[middle].copy())

    def unlike() -> float:
        return float(np.abs(detect(picture)[middle] - as_sample)[40:-40, 40:-40].mean())

    in_windows_of_its_size = unlike()
    monkeypatch.setattr("archive_restore.networks.detector.WINDOW", 1024)
    assert in_windows_of_its_size < 0.75 * unlike()


def test_norms_fused_into_convolutions_change_nothing():
    network = stirred()
    planes = normalised(folded(noise(1, 64, 64, 3)), torch.float32)
    with torch.inference_mode():
        before = network(planes)
        after = fuse(stirred())(planes)
    assert torch.allclose(before, after, atol=1e-4)
    assert before.std() > 0.01


@pytest.mark.parametrize("shape", [(1, 1), (1, 1, 3), (1, 700), (33, 31, 3), (64, 96)])
def test_any_size_gives_odds_of_its_own_size(shape):
    odds = Detector(stirred())(noise(*shape))
    assert odds.shape == shape[:2]
    assert odds.dtype == np.float32


def test_a_pixel_costs_at_most_nine_thousand_multiply_adds():
    network = DamageSegmenter()
    total = 0

    def count(module, inputs, output):
        nonlocal total
        weights = module.weight
        total += weights.numel() * output.shape[-1] * output.shape[-2]

    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(count)
    network.eval()(torch.zeros(1, PLANES, 64, 64))
    assert 6000 < total / (256 * 256) < 9000


def test_saved_weights_are_loaded_and_changed_ones_refused(tmp_path):
    network = stirred()
    card = save_model(network, tmp_path, ModelCard(NAME, "", "", NAME))
    path = tmp_path / card.file
    assert path.stat().st_size < 3 << 20
    picture = noise(64, 64, 3)
    loaded = scores_of(load_detector(folder=tmp_path)(picture)).astype(int)
    assert np.abs(loaded - scores_of(Detector(network)(picture))).max() <= 3
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with pytest.raises(WeightsError, match="changed"):
        load_detector(folder=tmp_path)


def test_a_folder_without_the_weights_is_refused(tmp_path):
    with pytest.raises(WeightsError, match=NAME):
        load_detector(folder=tmp_path)


def test_the_photograph_is_not_written_to():
    picture = noise(40, 40, 3)
    before = picture.copy()
    Detector(stirred())(picture)
    assert (picture == before).all()
    assert cv2.countNonZero(picture[..., 0]) > 0


@pytest.mark.parametrize("shape", [(32, 600), (600, 20), (1, 1), (7, 33)])
def test_narrow_pictures_are_mirrored_until_the_network_can_read_them(shape: tuple[int, int]) -> None:
    detector = load_detector()
    picture = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    odds = detector(picture)
    assert odds.shape == shape
    assert np.isfinite(odds).all()
    assert np.array_equal(odds, detector(picture))


def test_a_broken_gpu_ends_the_search_and_is_not_put_down_to_the_photograph():
    broken = Detector(stirred(), torch.device("meta"))  # gives nothing back
    with pytest.raises(DeviceError, match=r"meta failed.*what is finished stays finished"):
        broken(noise(64, 64))


@pytest.mark.parametrize(("device", "failure"), [("meta", DeviceError), ("cpu", MemoryError)])
def test_a_device_without_room_for_the_picture_says_so(device, failure):
    detector = Detector(stirred(), torch.device(device))

    def full(module, given):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    detector.network.register_forward_pre_hook(full)
    with pytest.raises(failure, match="memory"):
        detector(noise(64, 64))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_sees_what_the_cpu_sees_and_the_same_each_time():
    gpu, picture = torch.device("cuda:0"), noise(300, 340)
    first, again = (Detector(stirred(), gpu)(picture) for _ in range(2))
    assert np.array_equal(first, again)
    on_cpu = Detector(stirred())(picture)
    assert np.abs(scores_of(first).astype(int) - scores_of(on_cpu)).max() <= 3
