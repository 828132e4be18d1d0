"""Pages of 16 bits are restored with the fractions that 8 bits would round away."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from archive_restore.networks.generator import Generator
from archive_restore.networks.weights import LoadedModel, ModelCard
from archive_restore.photos import codecs, large
from archive_restore.photos.photograph import Colours, Page
from archive_restore.restoring import parts
from archive_restore.restoring.gathering import Gathering
from archive_restore.restoring.restorer import Restorer

HEIGHT, WIDTH = 150, 200
STEP = 257
"""Of 65535: what 8 bits tell apart."""

DEEP = NDArray[np.uint16]


def gradient(channels: int) -> DEEP:
    """14 of 65535 a row, 8 a column: an 8-bit step lasts 18 rows."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    planes = [20000 + 3000 * plane + 14 * rows + 8 * columns for plane in range(channels)]
    return np.stack(planes, axis=2).astype(np.uint16)[..., 0 if channels == 1 else slice(None)]


@pytest.fixture
def mask() -> NDArray[np.bool_]:
    """A scratch, and a hole that is too deep for its rim."""
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[10:140, 60:64] = True
    mask[50:90, 100:140] = True
    return mask


def restored(samples: DEEP, mask: NDArray[np.bool_], colours: Colours, *, grain: bool = False) -> DEEP:
    """By a generator before its training, which writes the first guess, through everything around it."""
    page = Page(mask.shape[1], mask.shape[0], colours, depth=16)
    photograph = codecs.Photograph(Path("a.tif"), codecs.Header(codecs.Format.TIFF, (page,)), (samples,), b"")
    generator = Generator(widths=(8, 8, 8), blocks=1, dilations=(1,), window=64, context=12)
    card = ModelCard(name="test", file="", sha256="", architecture="test")
    restorer = Restorer(LoadedModel(generator, card), torch.device("cpu"), 4, grain=grain)
    one = parts.Loaded(photograph, mask)
    tiles = list(parts.parts_of(one))
    gathering = Gathering.of(None, one, tiles)
    pictures = [
        ((tile, number), picture, gathering.hole(tile))
        for tile in tiles
        for number, picture in enumerate(gathering.pictures(tile))
    ]
    for (tile, number), outcome in restorer.restore_many(pictures):
        gathering.take(tile, number, outcome)
    (written,) = gathering.finished(restorer.finish)
    return written


@pytest.mark.parametrize("colours", [Colours.GREY, Colours.RGB, Colours.CMYK])
@pytest.mark.parametrize("tiled", [False, True])
def test_a_hole_in_a_smooth_sixteen_bit_gradient_shows_no_steps_of_eight_bits(
    colours: Colours, tiled: bool, mask: NDArray[np.bool_], monkeypatch: pytest.MonkeyPatch
) -> None:
    if tiled:
        monkeypatch.setattr(large, "LARGE", 2000)
        for name, value in {"TILE": 100, "AROUND": 40, "FADE": 10, "LARGEST": 400}.items():
            monkeypatch.setattr(parts, name, value)
    truth = gradient(colours.samples)
    damaged = truth.copy()
    damaged[mask] = 60000
    written = restored(damaged, mask, colours)
    assert written.dtype == np.uint16
    assert np.array_equal(written[~mask], truth[~mask])
    along = np.abs(np.diff(written[10:140, 61].astype(int), axis=0))
    assert along.max() < 40  # of a step of 257; the gradient's own are 14
    assert np.abs(written.astype(int) - truth)[mask].max() < STEP
    assert len(np.unique(written[10:140, 61].reshape(130, -1)[:, 0])) > 100  # 8 bits would give 8


def test_what_is_hardly_moved_keeps_its_sixteen_bits(mask: NDArray[np.bool_]) -> None:
    truth = gradient(1)
    truth[mask] += np.random.default_rng(0).integers(0, 20, mask.sum()).astype(np.uint16)
    assert np.array_equal(restored(truth, mask, Colours.GREY), truth)


@pytest.mark.parametrize("strength", [40.0, 700.0])
def test_grain_is_drawn_at_sixteen_bits_also_below_a_step_of_eight(
    strength: float, mask: NDArray[np.bool_]
) -> None:
    noise = np.random.default_rng(0).normal(0, strength, (HEIGHT, WIDTH))
    damaged = np.rint(gradient(1) + noise).astype(np.uint16)
    damaged[mask] = 60000
    inside = (restored(damaged, mask, Colours.GREY, grain=True).astype(float) - gradient(1))[mask]
    smooth = (restored(damaged, mask, Colours.GREY).astype(float) - gradient(1))[mask]
    drawn = (inside - smooth).std()
    assert 0.6 * strength < drawn < 1.2 * strength
    assert np.mean(np.rint((inside - smooth) / STEP) * STEP == inside - smooth) < 0.1
