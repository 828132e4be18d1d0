import json
import os
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from archive_restore.errors import PhotographError, StorageError
from archive_restore.photos.codecs import decode, encode
from archive_restore.photos.mask_files import write_mask
from archive_restore.records import (
    LARGEST,
    Record,
    describe,
    read_record,
    record_path,
    recorded,
    regions_of,
    remove_record,
    write_record,
)
from tests.formats import mask, palette_png, repainted


def record(folder: Path, name: str = "a.png") -> Record:
    original = decode(palette_png(folder / "palette.png", 256, 8))
    write_mask(folder / "mask.png", mask())
    return describe(
        original,
        mask(),
        encode(original, (repainted(original.pixels),)),
        name=name,
        mask_file=folder / "mask.png",
        model=("small", "f" * 64),
        settings={"grain": True, "recompress": False},
        regions=regions_of(mask()),
    )


def test_a_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    written = record(tmp_path, "Großmutter \udcff.png")
    write_record(tmp_path / "a.png", written)
    again = read_record(tmp_path / "a.png")
    assert again is not None
    assert again.original.name == "Großmutter \udcff.png"
    assert (again.restored, again.repainted, again.model) == (
        written.restored,
        written.repainted,
        written.model,
    )
    assert again.notes == ["its 8-bit palette became 8-bit RGB"]
    assert again.repainted.pixels == mask().sum()
    assert again.time.endswith("+00:00")


def test_records_lie_beside_their_photographs_and_never_collide(tmp_path: Path) -> None:
    names = ["a.jpg", "a.tif", "A.JPG", "a.jpg.png"]
    paths = {record_path(tmp_path / name) for name in names}
    assert len(paths) == 4
    assert tmp_path / "a.jpg.json" in paths


def test_a_name_as_long_as_a_disk_takes_has_a_record_too(tmp_path: Path) -> None:
    long = tmp_path / ("ä" * 125 + ".jpeg")
    assert len(os.fsencode(long.name)) == 255
    long.touch()
    write_record(long, record(tmp_path))
    assert read_record(long) is not None
    other = long.with_name("ö" + long.name[1:])
    assert record_path(other) != record_path(long)
    remove_record(long)
    assert read_record(long) is None
    remove_record(long)  # again is no error


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"original": {}}',
        b"\xff\xfe",
        b"null",
        b"[" * 200_000,
        b" " * (LARGEST + 1),
        b"[" * 900 + b"]" * 900,
    ],
)
def test_what_is_no_record_is_named(content: bytes, tmp_path: Path) -> None:
    record_path(tmp_path / "a.png").write_bytes(content)
    with pytest.raises(PhotographError, match="record cannot be read"):
        read_record(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("", "settings", None),
        ("", "notes", {}),
        ("restored", "width", "96"),
        ("restored", "width", 96.0),
        ("restored", "width", True),
    ],
)
def test_what_is_of_another_type_than_in_a_record_is_named(
    part: str, name: str, value: object, tmp_path: Path
) -> None:
    write_record(tmp_path / "a.png", record(tmp_path))
    path = record_path(tmp_path / "a.png")
    content = json.loads(path.read_text())
    (content[part] if part else content)[name] = value
    path.write_text(json.dumps(content))
    with pytest.raises(PhotographError, match=f"record cannot be read .{name} is of another type"):
        read_record(tmp_path / "a.png")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("original", "size", 2**63),
        ("original", "size", -1),
        ("repainted", "pixels", 2**64),
        ("", "settings", {"grain": [[[[True]]]]}),
    ],
)
def test_what_no_photograph_has_is_named(part: str, name: str, value: object, tmp_path: Path) -> None:
    write_record(tmp_path / "a.png", record(tmp_path))
    path = record_path(tmp_path / "a.png")
    content = json.loads(path.read_text())
    (content[part] if part else content)[name] = value
    path.write_text(json.dumps(content))
    with pytest.raises(PhotographError, match="record cannot be read"):
        read_record(tmp_path / "a.png")


def test_a_pipe_in_the_place_of_a_record_is_named_and_waited_for_by_nobody(tmp_path: Path) -> None:
    os.mkfifo(record_path(tmp_path / "a.png"))
    with pytest.raises(PhotographError, match="a pipe"):
        read_record(tmp_path / "a.png")


def test_regions_are_boxes_of_connected_pieces() -> None:
    found = regions_of(mask())
    assert {"left": 40, "top": 0, "width": 2, "height": 61, "area": 122} in found
    assert {"left": 5, "top": 20, "width": 12, "height": 10, "area": 120} in found
    assert len(found) == 2


def test_regions_hold_what_counting_their_pixels_finds() -> None:
    random = np.random.default_rng(0)
    for density in (0, 0.02, 0.4, 0.6, 0.8, 0.95, 1) * 20:
        some = random.random(random.integers(1, 30, 2)) < density
        _, _, boxes, _ = cv2.connectedComponentsWithStats(some.view(np.uint8), connectivity=8)
        assert sorted(tuple(region.values()) for region in regions_of(some)) == sorted(map(tuple, boxes[1:]))


@pytest.mark.parametrize("error", [StorageError("full"), PhotographError(Path("a.png"), "wrong")])
@pytest.mark.parametrize("anew", [True, False])
def test_where_an_output_cannot_be_written_the_former_one_keeps_its_record(
    tmp_path: Path, error: Exception, anew: bool
) -> None:
    output, former = tmp_path / "a.png", record(tmp_path)
    output.write_bytes(b"former")
    write_record(output, former)
    with pytest.raises(type(error)), recorded(output, replace(former, notes=["anew"]) if anew else None):
        raise error
    assert read_record(output) == former


@pytest.mark.parametrize("former", [b"", None])
def test_where_an_output_cannot_be_written_no_record_stays_that_tells_of_it(
    tmp_path: Path, former: bytes | None
) -> None:
    output = tmp_path / "a.png"
    if former is None:  # it was there, and what was read back was removed
        write_record(output, record(tmp_path))
    else:
        output.write_bytes(former)
    with pytest.raises(StorageError), recorded(output, record(tmp_path)):
        raise StorageError("full")
    assert read_record(output) is None


def test_what_was_written_before_the_disk_failed_keeps_its_record(tmp_path: Path) -> None:
    output, former = tmp_path / "a.png", record(tmp_path)
    write_record(output, former)
    original = decode(tmp_path / "palette.png")
    data = encode(original, (repainted(original.pixels),))
    anew = replace(former, notes=["anew"])
    output.write_bytes(data)
    with pytest.raises(StorageError), recorded(output, anew):
        raise StorageError("the folder cannot be synced")
    assert read_record(output) == anew
