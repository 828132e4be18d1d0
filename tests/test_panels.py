"""A print and the bands of lid along its sides are restored each from itself alone."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from archive_restore.networks.generator import Generator
from archive_restore.networks.weights import LoadedModel, ModelCard
from archive_restore.photos import codecs
from archive_restore.photos.photograph import Colours, Page
from archive_restore.restoring.gathering import Gathering
from archive_restore.restoring.panels import panels
from archive_restore.restoring.parts import Loaded, parts_of
from archive_restore.restoring.restorer import Restorer
from tests.drawn import scene

LID, TORN = 251, 12
HEIGHT, WIDTH = 300, 420
TOP, LEFT, RIGHT = 12, 5, 90
"""px of lid; there is none at the bottom."""

WHOLE = [np.s_[0:HEIGHT, 0:WIDTH]]
Picture = NDArray[np.uint8]
Mask = NDArray[np.bool_]


def on_the_lid() -> Picture:
    """A print as a scanner shows it, RGB, a little soft."""
    picture = cv2.cvtColor(scene(HEIGHT, WIDTH), cv2.COLOR_GRAY2RGB)
    picture[:TOP] = picture[:, :LEFT] = picture[:, WIDTH - RIGHT :] = LID
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.6), np.uint8)


def hole(rows: slice, columns: slice) -> Mask:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[rows, columns] = True
    return mask


def in_corner() -> Mask:
    """The upper left corner, with some of the lid."""
    return hole(slice(6, 60), slice(3, 70))


def shares(mask: Mask, picture: Picture) -> NDArray[np.int_]:
    """How many panels hold each pixel."""
    count = np.zeros(mask.shape, int)
    for place in panels(picture, mask):
        count[place] += 1
    return count


@pytest.mark.parametrize("turns", range(4))
def test_a_torn_corner_parts_the_print_from_the_lid(turns: int) -> None:
    picture, mask = np.rot90(on_the_lid(), turns), np.rot90(in_corner(), turns)
    count = shares(mask, picture)
    assert count[mask].min() == count.max() == 1
    print_itself = np.zeros(mask.shape, bool)
    print_itself[panels(picture, mask)[-1]] = True
    print_itself = np.rot90(print_itself, -turns)
    # All of it but the lines that are blurred.
    assert not print_itself[:TOP].any()
    assert not print_itself[:, :LEFT].any()
    assert not print_itself[:, WIDTH - RIGHT :].any()
    assert print_itself[TOP + 2 :, LEFT + 2 : WIDTH - RIGHT - 2].all()


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
    assert panels(on_the_lid(), mask) == WHOLE


def test_a_sky_that_fades_and_one_that_ends_in_hills_are_no_bands() -> None:
    mask = hole(slice(0, HEIGHT), slice(200, 230))
    fading = np.repeat(np.linspace(255, 60, HEIGHT).astype(np.uint8)[:, None], WIDTH, axis=1)
    assert panels(fading, mask) == WHOLE
    hills = np.full((HEIGHT, WIDTH), 240, np.uint8)
    hills[60 + (8 * np.sin(np.arange(WIDTH) / 20)).astype(int).max() :] = 90
    outline = 60 + 8 * np.sin(np.arange(WIDTH) / 20)
    hills[np.arange(HEIGHT)[:, None] > outline] = 90
    assert panels(hills, mask) == WHOLE


def test_a_print_a_little_askew_has_its_bands() -> None:
    askew = cv2.warpAffine(
        on_the_lid(),
        cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), 0.3, 1.0),
        (WIDTH, HEIGHT),
        borderMode=cv2.BORDER_REPLICATE,
    )
    count = len(panels(np.asarray(askew, np.uint8), in_corner()))
    assert count == len(panels(on_the_lid(), in_corner())) > 1


def test_depth_and_channels_make_no_difference() -> None:
    picture, mask = on_the_lid(), in_corner()
    expected = panels(picture, mask)
    assert panels(picture[..., 0], mask) == expected
    assert panels(picture.astype(np.uint16) * 257, mask) == expected


@pytest.mark.parametrize("colours", [Colours.GREY, Colours.RGB])
def test_the_lid_does_not_shine_into_a_torn_corner(colours: Colours) -> None:
    """By a generator before its training, which writes the first guess."""
    picture, mask = on_the_lid(), in_corner()
    inside = hole(slice(TOP + 2, 60), slice(LEFT + 2, 70))
    truth = picture[inside].astype(int)
    damaged = picture if colours is Colours.RGB else np.ascontiguousarray(picture[..., 0])
    damaged = damaged.copy()
    damaged[mask] = TORN
    photograph = codecs.Photograph(
        Path("a.png"),
        codecs.Header(codecs.Format.PNG, (Page(WIDTH, HEIGHT, colours),)),
        (damaged,),
        b"",
    )
    model = LoadedModel(
        Generator(widths=(8, 8, 8), blocks=1, dilations=(1,), window=64, context=12),
        ModelCard(name="test", file="", sha256="", architecture="test"),
    )
    restorer = Restorer(model, torch.device("cpu"), 4, grain=False)
    loaded = Loaded(photograph, mask)
    gathering = Gathering.of(None, loaded, list(parts_of(loaded)))
    for part in parts_of(loaded):
        for number, shown in enumerate(gathering.pictures(part)):
            ((_, outcome),) = restorer.restore_many([(None, shown, gathering.hole(part))])
            gathering.take(part, number, outcome)
    assert gathering.missing == 0
    (written,) = gathering.finished(restorer.finish)
    assert np.array_equal(written[~mask], damaged[~mask])
    assert np.abs(written[6 : TOP - 2, 3:70].astype(int) - LID).max() <= 4
    assert written[inside].max() <= truth.max() + 5  # of 251, and 60 to 150
    assert photograph.pages[0] is damaged
    assert (damaged[mask] == TORN).all()
