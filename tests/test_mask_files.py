from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from archive_restore.errors import PhotographError, UnreadablePhotographError
from archive_restore.photos.mask_files import read_mask, write_mask


@pytest.mark.parametrize(("compact", "mode"), [(False, "L"), (True, "1")])
def test_a_mask_comes_back_as_it_was(compact: bool, mode: str, tmp_path: Path) -> None:
    mask = np.random.default_rng(0).random((37, 53)) < 0.1
    write_mask(tmp_path / "m.png", mask, compact=compact)
    assert np.array_equal(read_mask(tmp_path / "m.png", (37, 53, 3)), mask)
    with Image.open(tmp_path / "m.png") as picture:
        assert picture.mode == mode
        assert np.array_equal(np.asarray(picture) > 0, mask)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA", "P"])
def test_masks_drawn_in_other_programs_are_read(mode: str, tmp_path: Path) -> None:
    mask = np.zeros((9, 7), np.bool_)
    mask[2:5, 3] = True
    Image.fromarray(mask.astype(np.uint8) * 255).convert(mode).save(tmp_path / "m.png")
    assert np.array_equal(read_mask(tmp_path / "m.png", (9, 7)), mask)


def test_what_is_transparent_is_not_marked_and_16_bits_are_read(tmp_path: Path) -> None:
    mask = np.zeros((9, 7), np.bool_)
    mask[2:5, 3] = True
    shown, white = Image.fromarray(mask.astype(np.uint8) * 255), Image.new("L", (7, 9), 255)
    deep = Image.fromarray(mask.astype(np.uint16) * 65535)
    for picture in (
        Image.merge("RGBA", (white, white, white, shown)),
        Image.merge("LA", (white, shown)),
        deep,
    ):
        picture.save(tmp_path / "m.png")
        assert np.array_equal(read_mask(tmp_path / "m.png", (9, 7)), mask)


def test_an_opaque_black_mask_marks_nothing(tmp_path: Path) -> None:
    Image.new("RGBA", (7, 9), (0, 0, 0, 255)).save(tmp_path / "m.png")
    assert not read_mask(tmp_path / "m.png", (9, 7)).any()


def test_a_mask_of_another_size_names_both_sizes(tmp_path: Path) -> None:
    write_mask(tmp_path / "m.png", np.zeros((9, 7), np.bool_))
    with pytest.raises(PhotographError, match="7x9 px, its photograph 9x7 px"):
        read_mask(tmp_path / "m.png", (7, 9))


def test_missing_damaged_and_foreign_masks_are_named(tmp_path: Path) -> None:
    with pytest.raises(PhotographError, match="mask is missing"):
        read_mask(tmp_path / "m.png", (9, 7))
    (tmp_path / "text.png").write_text("not a mask")
    with pytest.raises(UnreadablePhotographError, match="not a PNG"):
        read_mask(tmp_path / "text.png", (9, 7))
    write_mask(tmp_path / "cut.png", np.random.default_rng(0).random((90, 70)) < 0.5)
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:-200])
    with pytest.raises(UnreadablePhotographError, match="damaged"):
        read_mask(tmp_path / "cut.png", (90, 70))


def test_only_a_mask_can_be_written_as_one(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="bool"):
        write_mask(tmp_path / "m.png", np.zeros((4, 4), np.uint8))


@pytest.mark.parametrize("value", [1, 127])
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_a_mask_that_says_1_for_damaged_is_refused_instead_of_marking_nothing(
    value: int, mode: str, tmp_path: Path
) -> None:
    samples = np.zeros((9, 7), np.uint8)
    samples[2:5, 3] = value
    Image.fromarray(samples).convert(mode).save(tmp_path / "m.png")
    with pytest.raises(PhotographError, match=rf"brightest sample is {value} of 255.*draw damage in white"):
        read_mask(tmp_path / "m.png", (9, 7))
