import os
import stat
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from archive_restore.errors import InputError
from archive_restore.home import Home
from archive_restore.inpaint import InpaintOptions, InpaintSummary, inpaint_paths
from archive_restore.networks.generator import Generator
from archive_restore.networks.weights import ModelCard, save_model
from archive_restore.photos.codecs import decode, file_sha256
from archive_restore.photos.mask_files import write_mask
from archive_restore.progress import NullProgress
from archive_restore.records import read_record
from tests.formats import palette_png

SIDE = 90  # px
NAMES = ("a.png", "a.tif", "sub/a.png", "sub/deeper/näme with 'quotes'.png")
Inpaint = Callable[..., InpaintSummary]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of photographs with masks beside it, and a home with a small untrained generator."""
    random = np.random.default_rng(0)
    for name in NAMES:
        pixels = random.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        encode = imagecodecs.tiff_encode if path.suffix == ".tif" else imagecodecs.png_encode
        path.write_bytes(encode(pixels))
        mask = np.zeros((SIDE, SIDE), bool)
        mask[:, 40:43] = True
        write_mask(tmp_path / "masks" / f"{name}.png", mask)
    card = ModelCard("small", "", "", "context-encoder-convolutional", {"blocks": 0})
    save_model(Generator(blocks=0), tmp_path / "home" / "models", card)
    return tmp_path


@pytest.fixture
def inpaint(folder: Path) -> Inpaint:
    def with_small_model(
        *paths: Path, out: Path = folder / "out", overwrite: bool = False, thorough: bool | None = None
    ) -> InpaintSummary:
        options = InpaintOptions(device="cpu", model="small", overwrite=overwrite, thorough=thorough)
        home = Home(folder / "home")
        return inpaint_paths(
            paths, masks=folder / "masks", out=out, home=home, options=options, progress=NullProgress()
        )

    return with_small_model


def test_a_folder_is_mirrored_with_names_and_formats_kept(folder: Path, inpaint: Inpaint) -> None:
    summary = inpaint(folder / "photos")
    assert (summary.restored, summary.copied, summary.set_aside) == (4, 0, [])
    for name in NAMES:
        before, after = decode(folder / "photos" / name), decode(folder / "out" / name)
        assert after.header == before.header
        changed = (after.pixels != before.pixels).any(axis=2)
        assert changed[:, 40:43].mean() > 0.9
        assert changed.sum() == changed[:, 40:43].sum()
    assert sum(path.suffix in (".png", ".tif") for path in (folder / "out").rglob("*")) == 4


def test_a_photograph_without_a_mask_is_named_and_the_others_go_on(folder: Path, inpaint: Inpaint) -> None:
    (folder / "masks" / "a.png.png").unlink()
    write_mask(folder / "masks" / "a.tif.png", np.zeros((3, 3), bool))
    (folder / "photos" / "b.png").write_bytes(b"")
    write_mask(folder / "masks" / "b.png.png", np.zeros((3, 3), bool))
    summary = inpaint(folder / "photos")
    assert summary.restored == 2
    reasons = {one.path.name: one.reason for one in summary.set_aside}
    assert "there is no mask" in reasons["a.png"]
    assert "the mask is 3x3 px" in reasons["a.tif"]
    assert "empty" in reasons["b.png"]
    assert not (folder / "out" / "a.png").exists()


def test_an_empty_mask_copies_the_file_byte_for_byte(folder: Path, inpaint: Inpaint) -> None:
    write_mask(folder / "masks" / "a.tif.png", np.zeros((SIDE, SIDE), bool))
    summary = inpaint(folder / "photos")
    assert (summary.restored, summary.copied) == (3, 1)
    assert (folder / "out" / "a.tif").read_bytes() == (folder / "photos" / "a.tif").read_bytes()
    write_mask(folder / "masks" / "a.png.png", np.zeros((SIDE, SIDE), bool))
    assert inpaint(folder / "photos", overwrite=True).copied == 2
    assert read_record(folder / "out" / "a.png") is None  # of what it replaced


def test_a_mask_that_says_1_for_damaged_is_refused_by_name(folder: Path, inpaint: Inpaint) -> None:
    ones = np.zeros((SIDE, SIDE), np.uint8)
    ones[:, 40:43] = 1
    (folder / "masks" / "a.tif.png").write_bytes(imagecodecs.png_encode(ones))
    summary = inpaint(folder / "photos")
    assert (summary.restored, summary.copied) == (3, 0)
    assert [one.path.name for one in summary.set_aside] == ["a.tif"]
    assert "1 of 255" in summary.set_aside[0].reason


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permission bits")
def test_what_was_private_stays_private(folder: Path, inpaint: Inpaint) -> None:
    (folder / "photos").chmod(0o700)
    (folder / "photos" / "sub").chmod(0o750)
    (folder / "photos" / "sub" / "a.png").chmod(0o600)
    inpaint(folder / "photos")
    made = [folder / "out" / name for name in ("", "sub", "sub/a.png")]
    assert [stat.S_IMODE(path.stat().st_mode) for path in made] == [0o700, 0o750, 0o600]


def test_single_files_take_their_masks_by_name(folder: Path, inpaint: Inpaint) -> None:
    assert inpaint(folder / "photos" / "a.png", folder / "photos" / "a.tif").restored == 2
    names = ["a.png", "a.png.json", "a.tif", "a.tif.json"]
    assert sorted(path.name for path in (folder / "out").iterdir()) == names


def test_each_photograph_has_a_record_with_its_mask_and_model(folder: Path, inpaint: Inpaint) -> None:
    inpaint(folder / "photos" / "a.png")
    record = read_record(folder / "out" / "a.png")
    assert record is not None
    assert record.original.sha256 == file_sha256(folder / "photos" / "a.png")
    assert record.restored.sha256 == file_sha256(folder / "out" / "a.png")
    assert record.repainted.mask_sha256 == file_sha256(folder / "masks" / "a.png.png")
    region = {"left": 40, "top": 0, "width": 3, "height": SIDE, "area": 3 * SIDE}
    assert (record.repainted.pixels, record.repainted.regions) == (3 * SIDE, [region])
    assert record.model.name == "small"


@pytest.mark.parametrize(("wish", "done"), [(None, None), (True, True), (False, False)])
def test_the_record_says_whether_it_was_done_thoroughly(
    folder: Path, inpaint: Inpaint, wish: bool | None, done: bool | None
) -> None:
    inpaint(folder / "photos" / "a.png", thorough=wish)
    record = read_record(folder / "out" / "a.png")
    assert record is not None
    assert record.settings["thorough"] is done


def test_a_palette_that_has_no_room_is_left_behind_and_that_is_said(folder: Path, inpaint: Inpaint) -> None:
    path = palette_png(folder / "photos" / "p.png", 256, 8)
    header = decode(path).header
    marked = np.zeros((header.height, header.width), bool)
    marked[5:40, 10:50] = True
    write_mask(folder / "masks" / "p.png.png", marked)
    assert inpaint(path).restored == 1
    record = read_record(folder / "out" / "p.png")
    assert record is not None
    assert record.notes == ["its 8-bit palette became 8-bit RGB"]
    assert not decode(folder / "out" / "p.png").header.pages[0].palette


def test_what_is_there_already_is_kept_unless_overwritten(folder: Path, inpaint: Inpaint) -> None:
    kept = folder / "out" / "a.png"
    kept.parent.mkdir()
    kept.write_bytes(b"from before")
    summary = inpaint(folder / "photos")
    assert (summary.restored, summary.kept) == (3, 1)
    assert kept.read_bytes() == b"from before"
    summary = inpaint(folder / "photos", overwrite=True)
    assert (summary.restored, summary.kept) == (4, 0)
    assert decode(kept).pixels.shape == (SIDE, SIDE, 3)


def test_originals_are_never_in_the_way_of_the_output(folder: Path, inpaint: Inpaint) -> None:
    photos = folder / "photos"
    for paths, out, words in (
        ([photos], photos, "archive itself"),
        ([photos], photos / "sub" / "out", "lies inside the archive"),
        ([photos], folder, "lies inside the output"),
        ([photos / "a.png"], photos, "lies in the output folder"),
        ([photos / "a.png", photos / "sub" / "a.png"], folder / "out", "would both become"),
        ([photos / "nowhere"], folder / "out", "does not exist"),
    ):
        with pytest.raises(InputError, match=words):
            inpaint(*paths, out=out, overwrite=True)
    assert not (folder / "out").exists()


def test_a_missing_folder_of_masks_is_named(folder: Path, inpaint: Inpaint) -> None:
    (folder / "masks").rename(folder / "elsewhere")
    with pytest.raises(InputError, match="masks"):
        inpaint(folder / "photos")


def test_a_file_in_the_place_of_the_masks_asks_for_their_folder(folder: Path) -> None:
    with pytest.raises(InputError, match=r"a\.png is a file\. Name the folder that holds the masks\."):
        inpaint_paths(
            [folder / "photos"],
            masks=folder / "photos" / "a.png",
            out=folder / "out",
            home=Home(folder / "home"),
            options=InpaintOptions(device="cpu"),
            progress=NullProgress(),
        )


def test_an_empty_folder_gives_nothing_and_no_error(folder: Path, inpaint: Inpaint) -> None:
    (folder / "empty").mkdir()
    summary = inpaint(folder / "empty")
    assert (summary.restored, summary.copied, summary.set_aside) == (0, 0, [])
