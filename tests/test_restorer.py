import itertools
import weakref
from collections.abc import Iterator
from copy import deepcopy

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor, nn

from archive_restore.errors import DeviceError
from archive_restore.networks import winograd
from archive_restore.networks.generator import Generator
from archive_restore.networks.weights import LoadedModel, ModelCard
from archive_restore.networks.winograd import WinogradConvolution
from archive_restore.restoring import restorer as restoring
from archive_restore.restoring.prefill import prefill
from archive_restore.restoring.restorer import CHEAP_PX, CHEAP_SHARE, Restorer, thoroughness, ways_of
from archive_restore.restoring.toning import in_its_tone

CPU = torch.device("cpu")
CARD = ModelCard(name="test", file="", sha256="", architecture="test")

Picture = NDArray[np.uint8]
Mask = NDArray[np.bool_]


class Untrained(nn.Module):
    """Returns the first guess, as a generator does before its training."""

    window, context = 64, 12

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []

    def forward(self, pictures: Tensor, masks: Tensor, scans: Tensor) -> Tensor:
        assert pictures.shape[1] == 3
        assert set(pictures.shape[2:]) <= {64, 32}
        assert masks.shape == (len(pictures), 1, *pictures.shape[2:])
        assert -1 <= float(pictures.min()) <= float(pictures.max()) <= 1
        assert set(masks.flatten().tolist()) <= {0.0, 1.0}
        self.batches.append(len(pictures))
        return pictures


class Painter(Untrained):
    """Writes one colour everywhere, also outside the holes."""

    def __init__(self, *colour: float) -> None:
        super().__init__()
        self.colour = torch.tensor(colour).div(127.5).sub(1).reshape(1, 3, 1, 1)

    def forward(self, pictures: Tensor, masks: Tensor, scans: Tensor) -> Tensor:
        return super().forward(pictures, masks, scans) * 0 + self.colour


class SmallMemory(Untrained):
    """Runs out of memory beyond a number of windows of 64 px."""

    def __init__(self, windows: int) -> None:
        super().__init__()
        self.windows = windows

    def forward(self, pictures: Tensor, masks: Tensor, scans: Tensor) -> Tensor:
        if pictures[:, 0].numel() > self.windows * 64**2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().forward(pictures, masks, scans)


def restorer(module: nn.Module, batch_size: int | None = None) -> Restorer:
    return Restorer(LoadedModel(module, CARD), CPU, batch_size, grain=False)


def scratched(height: int, width: int, seed: int = 0) -> tuple[Picture, Mask]:
    """A smooth colour picture under noise-free scratches, and where they are."""
    rows, columns = np.mgrid[0:height, 0:width]
    planes = (100 + 50 * np.sin(rows / 30), 100 + 50 * np.cos(columns / 40), 60 + 0 * rows)
    pixels = np.stack(planes, axis=2).astype(np.uint8)
    mask = np.zeros((height, width), bool)
    for column in np.random.default_rng(seed).integers(1, width - 1, 3):
        mask[:, column : column + 2] = True
    pixels[mask] = 255
    return pixels, mask


def small_generator() -> Generator:
    """One that paints something of its own: its weights are random, and the same each time."""
    generator = Generator(widths=(8, 8, 8), blocks=1, dilations=(1,), window=64, context=12)
    torch.manual_seed(0)
    for parameter in generator.parameters():
        nn.init.normal_(parameter, std=0.05)
    return generator


@given(
    st.integers(1, 130),
    st.integers(1, 130),
    st.booleans(),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.01, 0.5]),
)
@example(1, 2, False, 0, 0.5)
@settings(max_examples=40, deadline=None)
def test_no_sample_outside_the_mask_changes(
    height: int, width: int, grey: bool, seed: int, share: float
) -> None:
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (height, width) if grey else (height, width, 3), np.uint8)
    mask = random.random((height, width)) < share
    mask[height // 2, width // 2] = False
    before = pixels.copy()
    restored = restorer(Painter(10, 200, 90)).restore(pixels, mask)
    assert restored.shape == pixels.shape
    assert restored.dtype == np.uint8
    np.testing.assert_array_equal(restored[~mask], before[~mask])
    np.testing.assert_array_equal(pixels, before)
    painted = before.copy()
    painted[mask] = 100 if grey else (10, 200, 90)
    # One known sample is a photograph of one tone, and so may a few be.
    expected = in_its_tone(before, painted, mask) if np.count_nonzero(~mask) < 9 else painted
    np.testing.assert_array_equal(restored, expected)


def test_pictures_with_and_without_fractions_share_batches_and_keep_their_types() -> None:
    generator = small_generator()
    pixels, mask = scratched(90, 120)
    deep = pixels.astype(np.float32)
    alone = restorer(generator).restore(pixels, mask)
    together = dict(restorer(generator, 64).restore_many([("plain", pixels, mask), ("deep", deep, mask)]))
    plain, exact = together["plain"], together["deep"]
    assert not isinstance(plain, Exception)
    assert not isinstance(exact, Exception)
    assert (plain.dtype, exact.dtype) == (np.uint8, np.float32)
    assert np.abs(plain.astype(int) - alone).max() <= 1
    assert np.abs(exact - alone)[mask].max() < 1.6  # the first guess keeps its fractions as well
    assert (exact != np.rint(exact))[mask].mean() > 0.9
    np.testing.assert_array_equal(exact[~mask], deep[~mask])


def test_a_thorough_restorer_asks_eight_ways_and_keeps_the_rest_of_the_picture() -> None:
    pixels, mask = scratched(64, 64)
    once, often = Untrained(), Untrained()
    plain, thorough = (
        Restorer(LoadedModel(module, CARD), CPU, grain=False, thorough=wish).restore(pixels, mask)
        for module, wish in ((once, False), (often, True))
    )
    assert sum(often.batches) == 8 * sum(once.batches)
    np.testing.assert_array_equal(thorough, plain)  # the first guess is the same from every side


def test_a_thorough_restorer_makes_less_of_what_depends_on_the_side() -> None:
    pixels, mask = scratched(64, 64)
    apart = []
    for thorough in (False, True):
        ours = Restorer(LoadedModel(small_generator(), CARD), CPU, grain=False, thorough=thorough)
        mirrored = ours.restore(np.ascontiguousarray(pixels[:, ::-1]), np.ascontiguousarray(mask[:, ::-1]))
        straight = ours.restore(pixels, mask)
        apart.append(np.abs(straight.astype(int) - mirrored[:, ::-1])[mask].mean())
    assert apart[1] < 0.2 * apart[0]


def test_the_ways_that_share_a_pass_on_a_gpu_make_its_batches_smaller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    free = 64 << 30
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, free))
    gpu = torch.device("cuda:0")
    assert [restoring._default_batch_size(gpu, thorough=wish) for wish in (True, False)] == [64, 256]
    free = 2 << 30
    assert [restoring._default_batch_size(gpu, thorough=wish) for wish in (True, False)] == [8, 32]
    free = 0
    assert restoring._default_batch_size(gpu, thorough=True) == 1
    apple = torch.device("mps")
    assert [restoring._default_batch_size(apple, thorough=wish) for wish in (True, False)] == [16, 64]
    assert restoring._default_batch_size(CPU, thorough=True) == restoring.CPU_BATCH


def test_a_gpu_is_thorough_unless_told_otherwise() -> None:
    gpu = torch.device("cuda:0")
    assert [thoroughness(wish, gpu) for wish in (None, True, False)] == [True, True, False]
    assert [thoroughness(wish, CPU) for wish in (None, True, False)] == [None, True, False]


def test_a_cpu_restores_as_often_as_is_cheap() -> None:
    small, large = 10**6, 10**8
    shares = (1 / 8, 1 / 4, 1 / 2, 1)
    for picture, cheap in ((small, CHEAP_PX), (large, CHEAP_SHARE * large)):
        windows = [int(share * cheap) for share in shares]
        assert [ways_of(None, area, picture) for area in windows] == [8, 4, 2, 1]
        assert [ways_of(None, area + 10, picture) for area in windows] == [4, 2, 1, 1]
        assert [ways_of(None, area, picture, slower=4) for area in windows] == [2, 1, 1, 1]
        assert [ways_of(True, area, picture) for area in windows] == [8] * 4
        assert [ways_of(False, area, picture) for area in windows] == [1] * 4


def test_a_cpu_that_multiplies_slowly_restores_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, mask = scratched(150, 170)
    generator = Generator(widths=(24, 24, 24), dilations=(1, 2), window=80, context=8).eval()
    torch.manual_seed(0)
    for parameter in generator.parameters():
        nn.init.normal_(parameter, std=0.05)
    monkeypatch.setattr(restoring, "half_precision", lambda device: None)
    restored = []
    for slow in (False, True):
        monkeypatch.setattr(winograd, "pays", lambda device, slow=slow: slow)
        used = deepcopy(generator)
        restored.append(restorer(used).restore(pixels, mask).astype(int))
        assert any(isinstance(part, WinogradConvolution) for part in used.modules()) is slow
    assert (restored[0] != pixels).any()
    assert np.abs(restored[1] - restored[0]).max() <= 1


def test_a_cpu_without_half_precision_shows_its_windows_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, mask = scratched(600, 600)
    shown = []
    for precision in (torch.bfloat16, None):
        monkeypatch.setattr(restoring, "half_precision", lambda device, precision=precision: precision)
        module = Untrained()
        Restorer(LoadedModel(module, CARD), CPU, grain=False).restore(pixels, mask)
        shown.append(sum(module.batches))
    assert shown[0] > shown[1] > 0


def test_weights_are_rounded_once_to_what_autocast_would_round_them_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(restoring, "half_precision", lambda device: torch.bfloat16)
    pixels, mask = scratched(96, 128)
    once, always = small_generator(), small_generator()
    rounded = restorer(once).restore(pixels, mask)
    assert {weights.dtype for weights in once.parameters()} == {torch.bfloat16}
    monkeypatch.setattr(restoring, "_round_weights", lambda module, precision: None)
    assert np.array_equal(restorer(always).restore(pixels, mask), rounded)
    assert {weights.dtype for weights in always.parameters()} == {torch.float32}


def test_the_untrained_generator_gives_the_first_guess_to_the_sample() -> None:
    pixels, mask = scratched(200, 300)
    generator = Generator(widths=(8, 8, 8), blocks=1, dilations=(1,), window=64, context=12)
    restored = restorer(generator).restore(pixels, mask)
    guess = prefill(pixels, mask)
    difference = np.abs(restored.astype(int) - guess)[mask]
    assert difference.max() <= 12  # a window's first guess does not see beyond its edge
    assert np.mean(difference == 0) > 0.9


def test_a_restored_scratch_shows_no_seam_between_windows() -> None:
    pixels = np.full((64, 640, 3), 120, np.uint8)
    mask = np.zeros((64, 640), bool)
    mask[30:34] = True
    shades = itertools.cycle([90.0, 150.0])

    class Shades(Untrained):
        """Another grey for each window: what neighbours disagree about must be crossfaded."""

        def forward(self, pictures: Tensor, masks: Tensor, scans: Tensor) -> Tensor:
            values = torch.tensor([next(shades) for _ in pictures]).div(127.5).sub(1)
            return pictures * 0 + values.reshape(-1, 1, 1, 1)

    line = restorer(Shades()).restore(pixels, mask)[32, :, 0].astype(int)
    assert line.max() - line.min() == 60
    assert np.abs(np.diff(line)).max() <= 6


def test_many_photographs_come_back_as_they_would_alone_whatever_the_batch() -> None:
    generator = small_generator()
    photographs = {n: scratched(70 + 9 * n, 150 - 7 * n, n) for n in range(9)}
    alone = {n: restorer(generator).restore(*photograph) for n, photograph in photographs.items()}
    for batch_size in (1, 5, 64):
        together = dict(
            restorer(generator, batch_size).restore_many(
                (n, *photograph) for n, photograph in photographs.items()
            )
        )
        for n, outcome in together.items():
            assert not isinstance(outcome, Exception)
            assert np.abs(outcome.astype(int) - alone[n]).max() <= 2  # bfloat16 differs with the batch


def test_a_batch_that_does_not_fit_is_halved_and_the_rest_goes_on_with_the_smaller_one() -> None:
    module = SmallMemory(3)
    notes: list[str] = []
    one = Restorer(LoadedModel(module, CARD), CPU, 16, note=notes.append)
    pixels, mask = scratched(600, 600)
    restored = one.restore(pixels, mask)
    assert one.batch_size == 2
    assert notes == [f"cpu is out of memory; going on with batches of {n} windows." for n in (8, 4, 2)]
    assert max(module.batches) <= 4  # windows of half the size
    assert np.abs(restored[mask].astype(int) - restorer(Untrained()).restore(pixels, mask)[mask]).max() <= 1


def test_a_halved_batch_is_doubled_again_once_many_have_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restoring, "PATIENCE", 2)
    module = SmallMemory(1)
    one = Restorer(LoadedModel(module, CARD), CPU, 4)
    one.restore(*scratched(600, 600))
    assert one.batch_size < 4
    module.windows = 100
    one.restore(*scratched(900, 900))
    assert one.batch_size == 4


def test_what_a_batch_that_did_not_fit_held_is_gone_when_memory_is_given_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Keeping(SmallMemory):
        """Makes something before it runs out of memory."""

        def forward(self, pictures: Tensor, masks: Tensor, scans: Tensor) -> Tensor:
            large = torch.zeros(10)
            made.append(weakref.ref(large))
            return super().forward(pictures, masks, scans)

    made: list[weakref.ref[Tensor]] = []
    held: list[bool] = []
    monkeypatch.setattr(
        restoring, "free_unused", lambda device: held.append(any(one() is not None for one in made))
    )
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)  # no other lane has a batch meanwhile
    Restorer(LoadedModel(Keeping(3), CARD), CPU, 16).restore(*scratched(600, 600))
    assert held
    assert not any(held)


def test_a_window_without_room_is_tried_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    module, waits = SmallMemory(0), []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        module.windows = 1

    monkeypatch.setattr(restoring.time, "sleep", wait)
    Restorer(LoadedModel(module, CARD), CPU, 1).restore(*scratched(100, 100))
    assert len(waits) <= torch.get_num_threads()


def test_a_gpu_that_fails_while_it_is_loaded_says_so_in_words() -> None:
    class Immovable(Untrained):
        def _apply(self, fn: object, recurse: bool = True) -> "Immovable":
            raise RuntimeError("CUDA error: no kernel image is available")

    with pytest.raises(DeviceError, match="meta failed: CUDA error: no kernel image"):
        Restorer(LoadedModel(Immovable(), CARD), torch.device("meta"))


def test_a_device_that_does_not_hold_one_window_is_named_with_a_way_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(restoring, "WAIT_SECONDS", 0)
    with pytest.raises(DeviceError, match=r"single window.*--device cpu"):
        restorer(SmallMemory(0)).restore(*scratched(100, 100))


def test_a_photograph_that_cannot_be_restored_does_not_stop_the_others() -> None:
    pixels, mask = scratched(100, 100)
    outcomes = dict(
        restorer(Untrained()).restore_many(
            [
                ("good", pixels, mask),
                ("all masked", pixels, np.ones_like(mask)),
                ("other size", pixels, mask[:50]),
                ("16 bit", pixels.astype(np.uint16), mask),
                ("good too", pixels, mask),
            ]
        )
    )
    assert {key for key, outcome in outcomes.items() if isinstance(outcome, np.ndarray)} == {
        "good",
        "good too",
    }
    assert "nothing to restore it from" in str(outcomes["all masked"])
    assert "uint16" in str(outcomes["16 bit"])


def test_photographs_are_drawn_as_there_is_room_for_their_pixels() -> None:
    drawn = 0

    def photographs() -> Iterator[tuple[int, Picture, Mask]]:
        nonlocal drawn
        for number in range(10):
            drawn += 1
            yield number, *scratched(100, 100)

    results = restorer(Untrained()).restore_many(photographs(), max_pixels=15_000)
    next(results)
    assert drawn <= 3
    assert len(list(results)) == 9


def test_the_whole_tone_range_survives_the_way_through_the_network() -> None:
    values = np.arange(256, dtype=np.uint8)
    pixels = np.repeat(np.repeat(values[:, None], 256, axis=1)[..., None], 3, axis=2)
    mask = np.zeros((256, 256), bool)
    mask[:, 128] = True  # the first guess of a column between equal neighbours is their value
    np.testing.assert_array_equal(restorer(Untrained()).restore(pixels, mask), pixels)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_restores_what_the_cpu_restores() -> None:
    pixels, mask = scratched(300, 300)
    on_cpu = Restorer(LoadedModel(small_generator(), CARD), CPU, grain=False, thorough=True).restore(
        pixels, mask
    )
    # Each with a generator of its own: a restorer rounds its weights.
    on_gpu, again = (
        Restorer(LoadedModel(small_generator(), CARD), torch.device("cuda:0"), grain=False).restore(
            pixels, mask
        )
        for _ in range(2)
    )
    assert np.abs(on_gpu.astype(int) - on_cpu).max() <= 2
    np.testing.assert_array_equal(again, on_gpu)
