"""What lies in files because it is too large for memory gives what would lie in memory. Large is small here."""

import mmap
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from archive_restore.photos import codecs, large
from archive_restore.photos.photograph import Colours, Page
from archive_restore.restoring import gathering as module
from archive_restore.restoring import parts
from archive_restore.restoring.gathering import Gathering
from tests.formats import EXACT, HEIGHT, WIDTH, independent, multipage, repainted
from tests.restored_archive import restored_archive

TIFFS = {name: make for name, make in EXACT.items() if name.startswith("tiff")} | {"tiff pages": multipage}


@pytest.fixture
def small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large, "LARGE", 2000)


@pytest.mark.parametrize("name", TIFFS)
def test_large_tiffs_are_read_and_written_as_small_ones(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = TIFFS[name](tmp_path / "a.tif")
    small = codecs.decode(path)
    wanted = tuple(
        repainted(samples, page.colours.samples)
        for page, samples in zip(small.header.pages, small.pages, strict=True)
    )
    expected = codecs.encode(small, wanted)
    monkeypatch.setattr(large, "LARGE", 500)
    photograph = codecs.decode(path)
    assert isinstance(photograph.source, mmap.mmap)
    assert all(isinstance(samples, np.memmap) for samples in photograph.pages)
    assert all(map(np.array_equal, photograph.pages, small.pages))
    assert bytes(codecs.encode(photograph, wanted)) == expected
    assert codecs.encode(photograph, small.pages) is photograph.source
    assert all(map(np.array_equal, independent(expected), wanted))


@pytest.mark.usefixtures("small_is_large")
def test_other_formats_are_read_whole(tmp_path: Path) -> None:
    for name in ("png rgb", "webp lossless"):
        photograph = codecs.decode(EXACT[name](tmp_path / name))
        assert isinstance(photograph.source, bytes)


def test_a_large_page_is_restored_tile_by_tile_and_only_under_its_mask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large, "LARGE", 2000)
    monkeypatch.setattr(parts, "TILE", 32)
    monkeypatch.setattr(parts, "AROUND", 16)
    monkeypatch.setattr(parts, "FADE", 4)
    archive = restored_archive(tmp_path)  # which compares everything that it writes
    before, after = (codecs.decode(folder / "a.tif") for folder in (archive.root, archive.output))
    assert [int((old != new).any()) for old, new in zip(before.pages, after.pages, strict=True)] == [0, 0, 1]
    differs = (before.pages[2] != after.pages[2]).any(axis=2)
    assert differs[:, 40:42].mean() > 0.9  # across all tiles
    assert differs[20:30, 5:17].mean() > 0.9


def loaded(mask: np.ndarray, pixels: np.ndarray) -> parts.Loaded:
    page = Page(mask.shape[1], mask.shape[0], Colours.GREY)
    header = codecs.Header(codecs.Format.TIFF, (page,))
    return parts.Loaded(codecs.Photograph(Path("a.tif"), header, (pixels,), b""), mask)


def unchanged(old: np.ndarray, new: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return new


def gathered(one: parts.Loaded, fill: Callable[[parts.Part], int]) -> np.ndarray:
    """The page after every part came back with its holes filled by one shade."""
    tiles = list(parts.parts_of(one))
    gathering = Gathering.of(None, one, tiles)
    for tile in tiles:
        (picture,), hole = gathering.pictures(tile), gathering.hole(tile)
        assert not hole.all()
        gathering.take(tile, 0, np.where(hole, fill(tile), picture).astype(np.uint8))
    assert gathering.missing == 0
    (page,) = gathering.finished(unchanged)
    return page


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large, "LARGE", 2000)
    for name, value in {"TILE": 32, "AROUND": 8, "FADE": 4, "LARGEST": 64}.items():
        monkeypatch.setattr(parts, name, value)
    monkeypatch.setattr(module, "COARSE_STRIP", 8)


@pytest.mark.usefixtures("small_tiles")
def test_neighbouring_tiles_fade_into_one_another() -> None:
    mask = np.zeros((48, 100), bool)
    mask[10:20] = True
    mask[:, 0] = False
    pixels = np.full(mask.shape, 200, np.uint8)
    page = gathered(loaded(mask, pixels), lambda tile: 40 + tile.core[1].start)
    row = page[12].astype(int)
    assert row[1] == 40
    assert row[20] == 40
    assert row[27:37].tolist() == [40, 42, 46, 50, 54, 58, 62, 66, 70, 72]
    assert np.abs(np.diff(row[1:])).max() <= 4  # no seam anywhere
    assert (page[~mask] == 200).all()


@pytest.mark.usefixtures("small_tiles")
def test_a_tile_in_the_middle_of_a_hole_is_restored_from_farther_away_and_more_coarsely() -> None:
    mask = np.zeros((150, 300), bool)
    mask[5:, 5:] = True
    pixels = np.full(mask.shape, 200, np.uint8)
    one = loaded(mask, pixels)
    tiles = list(parts.parts_of(one))
    assert {tile.halvings for tile in tiles} >= {0, 1, 2}
    gathering = Gathering.of(None, one, tiles)
    assert max(side for tile in tiles for side in gathering.hole(tile).shape) <= 64
    page = gathered(one, lambda tile: 77)
    assert (page[mask] == 77).all()
    assert (page[~mask] == 200).all()


@pytest.mark.parametrize("length", [33, 64, 100, 2048])
def test_the_shares_of_all_tiles_add_up_to_one(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "FADE", 7)
    total = np.zeros((length, 40))
    for core in large.tiles(length, 40, 32):
        place, share = parts.Part(0, core, core).shares((length, 40))
        total[place] += share
    assert np.allclose(total, 1)


def test_tiles_cover_a_picture_once() -> None:
    seen = np.zeros((HEIGHT, WIDTH), int)
    for tile in large.tiles(HEIGHT, WIDTH, 32):
        seen[tile] += 1
    assert (seen == 1).all()
    assert len(list(large.tiles(HEIGHT, WIDTH, 32))) == 2 * 3


@pytest.mark.usefixtures("small_is_large")
@pytest.mark.parametrize("size", [100, 3001])
def test_bytes_are_replaced_and_appended_at_even_places(size: int) -> None:
    source = bytes(range(100)) * 31
    file = large.Patched(source[:size])
    file.write(3, b"abc")
    assert file.append(b"end") == size + size % 2
    assert len(file) == size + size % 2 + 3
    assert file.append(b"!") % 2 == 0
    content = bytes(file.content())
    assert content[:6] == b"\0\1\2abc"
    assert content[6:size] == source[6:size]
    assert content.rstrip(b"!").rstrip(b"\0").endswith(b"end")


@pytest.mark.usefixtures("small_is_large")
def test_arrays_are_compared_to_the_last_row() -> None:
    first = np.arange(6000).reshape(60, 100)
    second = first.copy()
    assert large.equal(first, second)
    second[-1, -1] = 0
    assert not large.equal(first, second)
    assert not large.equal(first, second[:-1])
