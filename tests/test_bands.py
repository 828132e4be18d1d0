"""A print is restored from itself alone, the bands of lid along its sides are continued."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from archive_restore.networks.generator import Generator
from archive_restore.networks.weights import LoadedModel, ModelCard
from archive_restore.photos import codecs
from archive_restore.photos.photograph import Colours, Format, Header, Page, Photograph
from archive_restore.restoring.bands import filled, joined, print_and_bands
from archive_restore.restoring.gathering import Gathering
from archive_restore.restoring.parts import Loaded, parts_of
from archive_restore.restoring.restorer import Restorer
from tests.drawn import scene

LID, TORN, NOISE = 240, 12, 2.0
HEIGHT, WIDTH = 300, 420
TOP, LEFT, RIGHT = 12, 5, 90
"""px of lid; there is none at the bottom."""

WHOLE = (np.s_[0:HEIGHT, 0:WIDTH], ())
Picture = NDArray[np.uint8]
Mask = NDArray[np.bool_]


def on_the_lid() -> Picture:
    """A print as a scanner shows it, RGB, a little soft and noisy."""
    picture = cv2.cvtColor(scene(HEIGHT, WIDTH, grain=0), cv2.COLOR_GRAY2RGB).astype(np.float32)
    picture[:TOP] = picture[:, :LEFT] = picture[:, WIDTH - RIGHT :] = LID
    noise = np.random.default_rng(0).normal(0, NOISE, (HEIGHT, WIDTH, 1))
    return np.clip(np.rint(cv2.GaussianBlur(picture, (0, 0), 0.6) + noise), 0, 255).astype(np.uint8)


def hole(rows: slice, columns: slice) -> Mask:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[rows, columns] = True
    return mask


def in_corner() -> Mask:
    """The upper left corner, with some of the lid."""
    return hole(slice(4, 60), slice(2, 70))


def print_in(picture: Picture, mask: Mask) -> Mask:
    found = np.zeros(mask.shape, bool)
    found[print_and_bands(picture, mask)[0]] = True
    return found


@pytest.mark.parametrize("turns", range(4))
def test_a_torn_corner_parts_the_print_from_the_lid(turns: int) -> None:
    picture, mask = np.rot90(on_the_lid(), turns), np.rot90(in_corner(), turns)
    found = np.rot90(print_in(picture, mask), -turns)
    # All of it but the lines that are blurred.
    assert not found[:TOP].any()
    assert not found[:, :LEFT].any()
    assert not found[:, WIDTH - RIGHT :].any()
    assert found[TOP + 2 :, LEFT + 2 : WIDTH - RIGHT - 2].all()
    # Beside it nothing is left out, and nothing is written twice but the lines that edges are measured by.
    place, bands = print_and_bands(picture, mask)
    count = np.zeros(mask.shape, int)
    count[place] += 1
    for band in bands:
        count[band.place] += 1
        edge = np.zeros(mask.shape, int)
        edge[band.edge] = 1
        np.moveaxis(edge[band.edge], band.axis, 0)[[0, -1]] = 0
        count += edge
    assert count.min() == count.max() == 1


@pytest.mark.parametrize(
    "mask",
    [
        hole(slice(0, 0), slice(0, 0)),
        hole(slice(100, 140), slice(100, 140)),  # far within the print
        hole(slice(40, 80), slice(370, 400)),  # far out on the lid
        hole(slice(TOP, HEIGHT), slice(LEFT, WIDTH - RIGHT)),  # all of the print
    ],
)
def test_any_other_hole_leaves_the_picture_whole(mask: Mask) -> None:
    assert print_and_bands(on_the_lid(), mask) == WHOLE


def test_a_sky_that_fades_and_one_that_ends_in_hills_are_no_bands() -> None:
    mask = hole(slice(0, HEIGHT), slice(200, 230))
    fading = np.repeat(np.linspace(255, 60, HEIGHT).astype(np.uint8)[:, None], WIDTH, axis=1)
    assert print_and_bands(fading, mask) == WHOLE
    outline = 60 + 8 * np.sin(np.arange(WIDTH) / 20)
    hills = np.where(np.arange(HEIGHT)[:, None] > outline, 90, 240).astype(np.uint8)
    assert print_and_bands(hills, mask) == WHOLE


@pytest.mark.parametrize(("lid", "margin"), [(250, 232), (18, 235)])
@pytest.mark.parametrize("askew", [0.0, 0.4])
def test_a_margin_of_paper_is_told_from_a_lid_as_white(lid: int, margin: int, askew: float) -> None:
    sheet = on_the_lid()[TOP + 2 :, LEFT + 2 : WIDTH - RIGHT - 2]
    for tone, breadth in ((margin, 18), (lid, 12)):
        sides = [breadth] * 4
        sheet = np.asarray(
            cv2.copyMakeBorder(sheet, *sides, cv2.BORDER_CONSTANT, value=(tone,) * 3), np.uint8
        )
    height, width = sheet.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), askew, 1.0)
    turned = cv2.warpAffine(sheet, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
    sheet = np.asarray(cv2.GaussianBlur(turned, (0, 0), 0.7), np.uint8)
    mask = np.zeros((height, width), bool)
    mask[5:90, 5:90] = True
    (rows, columns), bands = print_and_bands(sheet, mask)
    assert min(rows.start, columns.start) >= 12 + 18 - 3
    assert sum(band.place[band.axis].start < 30 for band in bands) == 4


def test_what_is_dark_up_to_its_side_is_no_band() -> None:
    """A hole hides how far the dark goes."""
    night = on_the_lid()[TOP:, LEFT + 2 : WIDTH - RIGHT - 2].copy()
    night[:, :70] = 20
    mask = np.zeros(night.shape[:2], bool)
    mask[:200, 30:66] = True
    assert print_and_bands(night, mask)[1] == ()


@pytest.mark.parametrize("around", [True, False])
def test_a_lid_all_around_is_one_where_the_print_is_half_as_light(around: bool) -> None:
    print_itself = on_the_lid()[TOP + 2 :, LEFT + 2 : WIDTH - RIGHT - 2].copy()
    print_itself[120:220] = LID
    bottom = 20 if around else 0
    sheet = cv2.copyMakeBorder(print_itself, 20, bottom, 20, 20, cv2.BORDER_CONSTANT, value=(LID,) * 3)
    mask = np.zeros(sheet.shape[:2], bool)
    mask[10:90, 10:90] = True
    sides = {band.axis for band in print_and_bands(np.asarray(sheet, np.uint8), mask)[1]}
    assert sides == ({0, 1} if around else {0})


def test_a_print_a_little_askew_has_its_bands() -> None:
    turn = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), 0.3, 1.0)
    askew = cv2.warpAffine(on_the_lid(), turn, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
    assert len(print_and_bands(np.asarray(askew, np.uint8), in_corner())[1]) == 3


def test_channels_make_no_difference() -> None:
    picture, mask = on_the_lid(), in_corner()
    assert print_and_bands(picture[..., 0], mask) == print_and_bands(picture, mask)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_the_holes_of_a_band_are_filled_along_its_lines(axis: int, channels: tuple[int, ...]) -> None:
    shape = (6, 200) if axis == 0 else (200, 6)
    along = np.linspace(200, 240, 200)
    band = np.broadcast_to(along if axis == 0 else along[:, None], shape)
    band = np.ascontiguousarray(
        np.broadcast_to(band.reshape(*shape, *(1,) * len(channels)), shape + channels)
    )
    band, lacking = np.rint(band).astype(np.uint8), np.zeros(shape, bool)
    np.moveaxis(lacking, axis, 0)[1:4, 80:120] = True
    damaged = np.where(lacking.reshape(*shape, *(1,) * len(channels)), TORN, band).astype(np.uint8)
    result = filled(damaged, lacking, axis)
    assert np.array_equal(result[~lacking], damaged[~lacking])
    assert np.abs(result.astype(int) - band).max() <= 4


def test_an_edge_is_as_blurred_as_where_it_is_known() -> None:
    shares = np.array([0.0, 0.3, 0.7, 1.0, 1.0])[:, None]
    edge = np.rint(240 + shares * (np.linspace(90, 110, 100) - 240)).astype(np.float32)
    edge[3] -= 60  # the shadow of the print
    lacking = np.zeros(edge.shape, bool)
    lacking[1:4, 30:60] = True
    damaged = np.where(lacking, TORN, edge).astype(np.float32)
    for turned, axis in ((damaged, 0), (damaged.T, 1)):
        result = joined(turned, lacking if axis == 0 else lacking.T, axis)
        assert np.abs((result if axis == 0 else result.T) - edge).max() <= 2


@pytest.mark.parametrize("colours", [Colours.GREY, Colours.RGB])
def test_the_lid_and_a_torn_corner_do_not_shine_into_one_another(colours: Colours) -> None:
    """By a generator before its training, which writes the first guess."""
    truth, mask = on_the_lid(), in_corner()
    truth = truth if colours is Colours.RGB else np.ascontiguousarray(truth[..., 0])
    damaged = truth.copy()
    damaged[mask] = TORN
    page = Page(WIDTH, HEIGHT, colours)
    photograph = codecs.Photograph(Path("a.png"), codecs.Header(codecs.Format.PNG, (page,)), (damaged,), b"")
    generator = Generator(widths=(8, 8, 8), blocks=1, dilations=(1,), window=64, context=12)
    card = ModelCard(name="test", file="", sha256="", architecture="test")
    restorer = Restorer(LoadedModel(generator, card), torch.device("cpu"), 4)
    loaded = Loaded(photograph, mask)
    (part,) = parts_of(loaded)
    gathering = Gathering.of(None, loaded, [part])
    ((_, outcome),) = restorer.restore_many([(None, gathering.pictures(part)[0], gathering.hole(part))])
    gathering.take(part, 0, outcome)
    (written,) = gathering.finished(restorer.finish)
    assert np.array_equal(written[~mask], damaged[~mask])
    assert (damaged[mask] == TORN).all()
    lid = written[4 : TOP - 2, 2:70].astype(float)
    assert abs(lid.mean() - LID) <= 1
    assert 0.6 * NOISE < lid.std() < 1.5 * NOISE
    inside = np.s_[TOP + 2 : 60, LEFT + 2 : 70]
    assert written[inside].max() <= truth[inside].max() + 8  # of 240; the print has 60 to 150
    edge = written[TOP - 1 : TOP + 1, LEFT + 2 : 70].astype(float).mean(axis=1).ravel()
    usual = truth[TOP - 1 : TOP + 1, LEFT + 2 : 70].astype(float).mean(axis=1).ravel()
    assert np.abs(edge - usual).max() < 25


def test_a_lid_is_known_by_how_it_looks_not_by_how_it_is_stored() -> None:
    picture, mask = on_the_lid(), in_corner()
    as_shown = print_and_bands(picture, mask)[1]
    assert as_shown
    twelve_bits = picture.astype(np.uint16) * 16
    black = 255 - picture[..., :1]
    inks = np.concatenate([np.zeros_like(picture), black], axis=2)  # the black ink alone
    for samples, colours, depth in ((twelve_bits, Colours.RGB, 16), (inks, Colours.CMYK, 8)):
        page = Page(WIDTH, HEIGHT, colours, depth=depth)
        photograph = Photograph(Path("a.tif"), Header(Format.TIFF, (page,)), (samples,), b"")
        (part,) = parts_of(Loaded(photograph, mask))
        assert len(part.bands) == len(as_shown), colours
