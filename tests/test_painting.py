"""Masks as any program writes them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from archive_restore.detection import KINDS, PAINTED, Kind, ScoreMap, painted
from archive_restore.errors import PhotographError
from archive_restore.painting import fingerprint
from archive_restore.photos.mask_files import read_mask

SHAPE = (20, 30)
TRUTH = np.zeros(SHAPE, bool)
TRUTH[5:10, 5:15] = True
GREY = Image.fromarray(TRUTH.astype(np.uint8) * 255)
WHITE = Image.new("L", GREY.size, 255)


def palette(colour: tuple[int, int, int]) -> Image.Image:
    image = Image.fromarray(TRUTH.astype(np.uint8))
    image.putpalette([0, 0, 0, *colour])
    return image


@pytest.mark.parametrize(
    ("image", "options"),
    [
        (GREY, {}),
        (GREY.convert("1"), {}),
        (GREY.convert("RGB"), {}),
        (Image.merge("RGB", (GREY, Image.new("L", GREY.size), Image.new("L", GREY.size))), {}),
        (GREY.convert("RGBA"), {}),
        (Image.merge("RGBA", (WHITE, WHITE, WHITE, GREY)), {}),  # painted on a transparent layer
        (Image.merge("LA", (WHITE, GREY)), {}),
        (palette((255, 0, 0)), {"bits": 1}),
        (palette((255, 255, 255)), {"bits": 1, "transparency": bytes((0, 255))}),
        (Image.fromarray(TRUTH.astype(np.uint16) * 65535), {}),
        (GREY, {"transparency": 0}),
    ],
    ids=["L", "1", "RGB", "red", "RGBA", "layer", "LA", "palette", "palette+alpha", "16 bits", "key"],
)
def test_a_mask_is_the_same_in_whatever_way_it_was_saved(
    tmp_path: Path, image: Image.Image, options: dict[str, object]
) -> None:
    image.save(tmp_path / "mask.png", **options)
    mask = read_mask(tmp_path / "mask.png", SHAPE)
    assert mask.dtype == bool
    assert (mask == TRUTH).all()
    assert fingerprint(mask) == fingerprint(TRUTH)


@pytest.mark.parametrize("mode", ["L", "RGBA", "alpha"])
def test_soft_edges_are_damage_from_half_of_white(tmp_path: Path, mode: str) -> None:
    ramp = Image.fromarray(np.tile(np.arange(256, dtype=np.uint8), (2, 1)))
    whole = Image.new("L", ramp.size, 255)
    image = Image.merge("RGBA", (whole, whole, whole, ramp)) if mode == "alpha" else ramp.convert(mode)
    image.save(tmp_path / "mask.png")
    assert read_mask(tmp_path / "mask.png", (2, 256))[0].tolist() == [False] * 128 + [True] * 128


def test_what_was_rubbed_out_of_a_layer_is_no_damage(tmp_path: Path) -> None:
    Image.merge("RGBA", (WHITE, WHITE, WHITE, Image.new("L", GREY.size))).save(tmp_path / "mask.png")
    assert not read_mask(tmp_path / "mask.png", SHAPE).any()


@pytest.mark.parametrize(
    "image",
    [
        Image.fromarray(TRUTH.astype(np.uint8)),
        Image.fromarray(TRUTH.astype(np.uint8)).convert("RGB"),
        Image.fromarray(TRUTH.astype(np.uint16)),
        Image.merge("RGBA", (WHITE, WHITE, WHITE, Image.fromarray(TRUTH.astype(np.uint8) * 100))),
    ],
    ids=["L", "RGB", "16 bits", "layer"],
)
def test_a_mask_that_says_1_for_damaged_is_refused_instead_of_marking_nothing(
    tmp_path: Path, image: Image.Image
) -> None:
    image.save(tmp_path / "mask.png")
    with pytest.raises(PhotographError, match=r"marks nothing.*draw damage in white"):
        read_mask(tmp_path / "mask.png", SHAPE)


def test_a_damaged_png_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, SHAPE, np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(PhotographError, match=r"mask\.png"):
        read_mask(path, SHAPE)
    with pytest.raises(PhotographError, match="is missing"):
        read_mask(tmp_path / "none.png", SHAPE)


def test_painted_regions_have_the_kind_of_what_lies_under_a_tenth_of_them() -> None:
    found = ScoreMap(np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8))
    found.scores[5:10, 5], found.kinds[5:10, 5] = 40, KINDS.index(Kind.HAIR)  # 5 of 50 px
    [named] = painted(TRUTH, found)
    assert (named.kind, named.left, named.top, named.width, named.height) == (Kind.HAIR, 5, 5, 10, 5)
    assert (named.area, named.score) == (50, 1.0)
    found.scores[5, 5] = 0
    assert [region.kind for region in painted(TRUTH, found)] == [PAINTED]
    assert [region.kind for region in painted(TRUTH, None)] == [PAINTED]
    assert painted(np.zeros(SHAPE, bool), found) == []
