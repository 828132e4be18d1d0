"""What lies in files because it is too large for memory gives what would lie in memory. Large is small here."""

import mmap
from pathlib import Path

import numpy as np
import pytest

from archive_restore.photos import codecs, large
from archive_restore.restoring import parts
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
    monkeypatch.setattr(large, "LARGE", 2000)
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
    archive = restored_archive(tmp_path)  # which compares everything that it writes
    before, after = (codecs.decode(folder / "a.tif") for folder in (archive.root, archive.output))
    assert [int((old != new).any()) for old, new in zip(before.pages, after.pages, strict=True)] == [0, 0, 1]
    differs = (before.pages[2] != after.pages[2]).any(axis=2)
    assert differs[:, 40:42].mean() > 0.9  # across all tiles
    assert differs[20:30, 5:17].mean() > 0.9


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
