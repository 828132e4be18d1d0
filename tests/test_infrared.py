from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile

from archive_restore.detection import Kind, ScoreMap, threshold
from archive_restore.detection.film import displacement, film_area
from archive_restore.detection.infrared import Seen, Verdict, look, with_infrared
from archive_restore.detection.regions import KINDS
from archive_restore.examine import Detector, ScanOptions
from archive_restore.home import Home
from archive_restore.infrared import score_pages
from archive_restore.ledger import open_ledger
from archive_restore.photos.archive import walk
from archive_restore.photos.codecs import decode, encode
from archive_restore.photos.companions import infrared_beside, infrared_of_file
from archive_restore.photos.fidelity import compare
from archive_restore.photos.infrared import infrared_of
from archive_restore.progress import NullProgress
from archive_restore.scan import scan as scan_archive
from tests.film import HEIGHT, WIDTH, Scan, hdri, rgbi, scanned


def called(seen: Seen) -> np.ndarray:
    return threshold(ScoreMap(seen.scores, np.zeros_like(seen.scores)))[0]


def grown(mask: np.ndarray) -> np.ndarray:
    return cv2.dilate(mask.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0


def found(seen: Seen, scan: Scan) -> tuple[float, float]:
    """Share of the defects that is called, and of the rest of the picture."""
    mask = called(seen)
    return float(grown(mask)[scan.defects].mean()), float((mask & ~grown(scan.defects)).mean())


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"leak": 0.0},
        {"leak": 0.12},
        {"negative": True},
        {"shift": (0.0, 0.0)},
        {"shift": (-2.3, 3.1)},
    ],
    ids=str,
)
def test_what_stops_infrared_is_found_and_what_only_the_picture_shows_is_not(how: dict[str, Any]) -> None:
    scan = scanned(**how)
    seen = look(scan.infrared, scan.picture)
    assert seen.verdict is Verdict.USED
    right, down = how.get("shift", (1.6, -1.2))
    assert abs(seen.shift[0] - right) < 0.5
    assert abs(seen.shift[1] - down) < 0.5
    share, beside = found(seen, scan)
    assert share > 0.85
    assert beside < 0.0003


@pytest.mark.parametrize("leak", [0.0, 0.12])
def test_clean_film_has_no_defects(leak: float) -> None:
    scan = scanned(leak=leak, defects=False)
    seen = look(scan.infrared, scan.picture)
    assert seen.verdict is Verdict.USED
    assert called(seen).mean() < 0.0002


def test_eight_bits_encoded_for_the_eye_are_enough() -> None:
    scan = scanned()
    infrared = np.rint(255 * (scan.infrared / 65535.0) ** (1 / 2.2)).astype(np.uint8)
    share, beside = found(look(infrared, scan.picture), scan)
    assert share > 0.7
    assert beside < 0.0003


@pytest.mark.parametrize("silver", [0.5, 0.9])
def test_film_that_stops_infrared_as_it_stops_light_is_told(silver: float) -> None:
    """Silver follows the picture; Kodachrome's cyan does so by half."""
    scan = scanned(silver=silver)
    seen = look(scan.infrared, scan.picture)
    assert seen.verdict is Verdict.OPAQUE
    assert not seen.scores.any()


@pytest.mark.parametrize("tone", [0, 30_000, 65_535])
def test_an_even_channel_says_nothing(tone: int) -> None:
    seen = look(np.full((HEIGHT, WIDTH), tone, np.uint16), scanned().picture)
    assert not seen.scores.any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 700), (70, 90)])
def test_any_size_is_looked_at(shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 65536, shape).astype(np.uint16)
    assert look(noise, np.full((*shape, 3), 90, np.uint8)).scores.shape == shape


def test_the_holder_is_no_film_and_a_hair_from_the_edge_is_no_holder() -> None:
    light = np.full((300, 400), 0.7, np.float32)
    light[:, :30] = light[280:] = 0.001
    light[100:103] = 0.05
    film = film_area(light)
    assert not film[:, :30].any()
    assert not film[280:].any()
    assert film[20:260, 50:].all()


def test_planes_with_nothing_in_common_are_not_displaced() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (2, 300, 400)).astype(np.float32)
    assert displacement(noise[0], [noise[1]], np.ones((300, 400), bool)) == (0.0, 0.0)


def test_creases_stay_with_the_other_detectors_and_their_dust_goes() -> None:
    scan = scanned()
    far = cv2.erode((~scan.defects).astype(np.uint8), np.ones((41, 41), np.uint8))
    row, column = np.argwhere(far[100:-100, 100:-100])[0] + 100
    speck = np.s_[row - 3 : row + 3, column - 3 : column + 3]
    scores, kinds = np.zeros((2, HEIGHT, WIDTH), np.uint8)
    scores[100:104, 200:400], kinds[100:104, 200:400] = 220, KINDS.index(Kind.CREASE)
    scores[speck], kinds[speck] = 220, KINDS.index(Kind.DUST)
    merged = with_infrared(ScoreMap(scores, kinds), scan.picture, look(scan.infrared, scan.picture))
    _, regions = threshold(merged)
    assert merged.scores[speck].max() < 70  # noise of the infrared itself
    shown = {region.kind for region in regions}
    assert {Kind.CREASE, Kind.DUST, Kind.HAIR} <= shown
    assert not shown & {Kind.CRACK, Kind.TEAR, Kind.CORNER}


def test_what_could_not_be_used_changes_nothing() -> None:
    scores = ScoreMap(*np.zeros((2, 20, 30), np.uint8))
    seen = Seen(Verdict.OPAQUE, np.full((40, 60), 255, np.uint8))
    assert with_infrared(scores, np.zeros((40, 60), np.uint8), seen) is scores


# Where it lies.


@pytest.mark.parametrize("make", [rgbi, hdri, lambda path, scan: hdri(path, scan, subfile=0)])
def test_scanners_infrared_is_found_where_they_put_it(
    make: Callable[[Path, Scan], Path], tmp_path: Path
) -> None:
    scan = scanned()
    photograph = decode(make(tmp_path / "a.tif", scan))
    [channel] = infrared_of(photograph)
    assert channel.of == 0
    assert np.array_equal(channel.plane, scan.infrared)
    maps, verdict = score_pages(photograph, None)
    assert verdict is Verdict.USED
    mask, regions = threshold(maps[0], shape=(HEIGHT, WIDTH))
    assert grown(mask)[scan.defects].mean() > 0.85
    assert {region.kind for region in regions} >= {Kind.DUST, Kind.HAIR}
    assert not any(page.scores.any() for page in maps[1:])


@pytest.mark.parametrize(
    "options",
    [{"extrasamples": [2], "software": "GIMP 2.10"}, {"extrasamples": [1], "software": None}],
    ids=["unassociated", "associated"],
)
def test_alpha_is_no_infrared(options: dict[str, Any], tmp_path: Path) -> None:
    assert infrared_of(decode(rgbi(tmp_path / "a.tif", scanned(), **options))) == []


def test_alpha_that_nothing_calls_so_is_told_by_what_it_holds(tmp_path: Path) -> None:
    scan = scanned()
    faded = np.full((HEIGHT, WIDTH), 65535, np.uint16)
    faded[:200] = np.linspace(0, 65535, 200).astype(np.uint16)[:, None]
    path = rgbi(tmp_path / "a.tif", replace(scan, infrared=faded), software=None)
    assert infrared_of(decode(path)) == []


def test_an_unmarked_second_photograph_is_searched_as_one(tmp_path: Path) -> None:
    scan, other = scanned(), scanned(7)
    second = np.ascontiguousarray(other.visible[..., 1])
    path = hdri(tmp_path / "a.tif", replace(scan, infrared=second), subfile=0, software=None)
    _, verdict = score_pages(decode(path), None)
    assert verdict is Verdict.OTHER


def test_names_of_infrared_files_belong_to_the_photograph_beside_them() -> None:
    names = [b"a.tif", b"a_ir.tif", b"B.jpg", b"b_IR.TIF", b"c.tiff", b"c.ir.tif", b"alone_ir.tif"]
    names += [b"fir.jpg", b"d.jpg", b"d.tif", b"d-ir.tif"]
    assert infrared_beside(names) == {
        b"a.tif": b"a_ir.tif",
        b"B.jpg": b"b_IR.TIF",
        b"c.tiff": b"c.ir.tif",
        b"d.jpg": b"d-ir.tif",
        b"d.tif": b"d-ir.tif",
    }


def test_an_infrared_file_is_used_and_is_no_photograph_of_its_own(tmp_path: Path) -> None:
    scan = scanned()
    tifffile.imwrite(tmp_path / "a.tif", scan.visible, photometric="rgb", metadata=None)
    tifffile.imwrite(tmp_path / "a_IR.tif", scan.infrared, photometric="minisblack", metadata=None)
    (file,) = walk(tmp_path)
    assert (file.relative, file.infrared) == (b"a.tif", b"a_IR.tif")
    assert infrared_of_file(tmp_path / "a.tif") == tmp_path / "a_IR.tif"
    maps, verdict = score_pages(decode(tmp_path / "a.tif"), None, tmp_path / "a_IR.tif")
    assert verdict is Verdict.USED
    mask, _ = threshold(maps[0], shape=(HEIGHT, WIDTH))
    assert grown(mask)[scan.defects].mean() > 0.85


@pytest.mark.parametrize("content", [b"", b"II*\0 no picture"])
def test_an_infrared_file_that_cannot_be_read_is_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a_ir.tif").write_bytes(content)
    photograph = decode(rgbi(tmp_path / "a.tif", scanned()))
    [channel] = infrared_of(photograph, tmp_path / "a_ir.tif")
    assert np.array_equal(channel.plane, scanned().infrared)


def test_an_infrared_file_of_other_proportions_is_told(tmp_path: Path) -> None:
    scan = scanned()
    tifffile.imwrite(tmp_path / "a.tif", scan.visible, photometric="rgb", metadata=None)
    tifffile.imwrite(tmp_path / "a_ir.tif", scan.infrared[: HEIGHT // 2], metadata=None)
    _, verdict = score_pages(decode(tmp_path / "a.tif"), None, tmp_path / "a_ir.tif")
    assert verdict is Verdict.UNFIT
    with open_ledger(tmp_path / "home" / "ledger.db") as ledger:
        told = scan_archive(
            tmp_path,
            ledger=ledger,
            home=Home(tmp_path / "home"),
            options=ScanOptions(jobs=1, detector=Detector.HEURISTIC),
            progress=NullProgress(),
        )
    assert (told.found, told.infrared_unfit) == (1, 1)


@pytest.mark.parametrize("make", [rgbi, hdri])
def test_the_infrared_comes_back_as_it_was(make: Callable[[Path, Scan], Path], tmp_path: Path) -> None:
    scan = scanned()
    photograph = decode(make(tmp_path / "a.tif", scan))
    changed = photograph.pages[0].copy()
    changed[scan.defects, :3] = 30_000
    data = encode(photograph, (changed, *photograph.pages[1:]))
    (tmp_path / "b.tif").write_bytes(data)
    restored = decode(tmp_path / "b.tif")
    assert compare(photograph, restored, scan.defects).faults == ()
    [before], [after] = infrared_of(photograph), infrared_of(restored)
    assert np.array_equal(before.plane, after.plane)
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        last = file.pages[-1].asarray()
    assert np.array_equal(last if last.ndim == 2 else last[..., 3], scan.infrared)
