"""Contact sheets of what waits, looked at before anything is repainted."""

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from archive_restore.detection import KINDS, PAINTED, Kind, Policy, ScoreMap, threshold
from archive_restore.durable import write_durably
from archive_restore.errors import InputError
from archive_restore.home import Home
from archive_restore.ledger import ScannedPhotograph, WorkerLock, open_ledger
from archive_restore.masking import row_of
from archive_restore.overlays import BOX, COLOURS, Hidden, Overlay, Pair, coloured, overlay
from archive_restore.photos.codecs import file_sha256
from archive_restore.photos.mask_files import write_mask
from archive_restore.preview import check_sheet, page_names, write_preview
from archive_restore.progress import NullProgress
from tests.scored_archive import block, line, scores

GREY = 128


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    return tmp_path / "photos"


def put(
    archive: Path,
    home: Home,
    name: str,
    found: ScoreMap,
    *,
    orientation: int = 1,
    size: tuple[int, int] = (60, 40),
    unsure: bool = False,
) -> str:
    """A grey photograph, scanned; its sha256."""
    path = archive / name
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.new("RGB", size, (GREY,) * 3)
    image.putpixel((0, 0), (len(list(archive.iterdir())), 0, 0))  # a content of its own
    image.save(path, exif=exif)
    sha256 = file_sha256(path)
    mask, regions = threshold(found, shape=(size[1], size[0]))
    write_mask(home.detected_mask(sha256), mask)
    write_durably(home.score_map(sha256), found.to_png())
    photograph = ScannedPhotograph(
        os.fsencode(name), 1, 1, sha256, "png", *size, "normal", covered=int(mask.sum()), unsure=unsure
    )
    with open_ledger(home.ledger) as ledger:
        ledger.record(ledger.add_archive(archive), photograph, [row_of(region) for region in regions])
    return sha256


def previewed(archive: Path, home: Home, sheet: Path) -> list[Path]:
    with open_ledger(home.ledger) as ledger:
        [known] = ledger.archives()
        return write_preview(known, sheet, ledger=ledger, home=home, progress=NullProgress())


def has(picture: NDArray[np.uint8], kind: str) -> NDArray[np.bool_]:
    """Where a picture has the colour of a kind."""
    return np.asarray((picture == np.array(COLOURS[kind], np.uint8)).all(axis=2))


SCRATCHED = {Kind.SCRATCH: line(5, 200), Kind.SPOT: block(200)}


def test_each_kind_has_its_colour_where_the_mask_is_and_nothing_else_is_coloured() -> None:
    found = scores(SCRATCHED)
    mask, _ = threshold(found)
    picture = np.full((*mask.shape, 3), GREY, np.uint8)
    shown = coloured(picture, mask, found)
    assert (has(shown, Kind.SCRATCH) | has(shown, Kind.SPOT) == mask).all()
    assert has(shown, Kind.SCRATCH)[4:7, 10:50].sum() == 122 - 2  # its ends reach beyond
    assert has(shown, Kind.SPOT)[15:35, 15:35].all()
    assert (shown[~mask] == GREY).all()


def test_what_somebody_painted_has_a_colour_of_its_own() -> None:
    mask = np.zeros((40, 60), bool)
    mask[20:30, 20:30] = True
    picture = np.full((*mask.shape, 3), GREY, np.uint8)
    for found in (None, scores({})):
        assert (has(coloured(picture, mask, found), PAINTED) == mask).all()


def test_colours_tell_every_kind_from_every_other() -> None:
    assert set(COLOURS) == {*KINDS, PAINTED}
    values = np.array(list(COLOURS.values()), int)
    apart = np.abs(values[:, None] - values[None]).sum(axis=2) + 999 * np.eye(len(values), dtype=int)
    assert apart.min() > 90


def test_a_large_photograph_is_made_small_and_its_thin_lines_stay(archive: Path, home: Home) -> None:
    found = ScoreMap(np.zeros((500, 1000), np.uint8), np.zeros((500, 1000), np.uint8))
    found.scores[250, 100:900], found.kinds[250, 100:900] = 255, KINDS.index(Kind.HAIR)
    sha256 = put(archive, home, "a.png", found, size=(4000, 2000))
    pair = overlay(Overlay(archive / "a.png", sha256, home))
    assert isinstance(pair, Pair)
    assert pair.plain.shape == pair.coloured.shape == (230, 460, 3)
    assert (pair.plain[100:130, 46:414] == GREY).all()
    assert has(pair.coloured, Kind.HAIR)[112:118, 50:410].any(axis=0).all()


def test_a_photograph_is_shown_as_viewers_turn_it(archive: Path, home: Home) -> None:
    sha256 = put(archive, home, "a.png", scores({Kind.SCRATCH: line(5, 200)}), orientation=6, size=(60, 40))
    pair = overlay(Overlay(archive / "a.png", sha256, home))
    assert isinstance(pair, Pair)
    assert pair.coloured.shape == (60, 40, 3)
    assert has(pair.coloured, Kind.SCRATCH)[10:50, 34].all()  # row 5 from the top is column 5 from the right


def test_turned_photographs_fit_their_box(archive: Path, home: Home) -> None:
    empty = ScoreMap(np.zeros((40, 60), np.uint8), np.zeros((40, 60), np.uint8))
    sha256 = put(archive, home, "a.png", empty, orientation=6, size=(1200, 800))
    pair = overlay(Overlay(archive / "a.png", sha256, home))
    assert isinstance(pair, Pair)
    height, width = pair.plain.shape[:2]
    assert height == BOX[1]
    assert width <= BOX[0]


def test_what_cannot_be_read_is_said_in_its_place(archive: Path, home: Home) -> None:
    put(archive, home, "a.png", scores(SCRATCHED))
    (archive / "a.png").unlink()
    result = overlay(Overlay(archive / "a.png", "0" * 64, home))
    assert isinstance(result, Hidden)
    [page] = previewed(archive, home, archive.parent / "sheet.png")
    with Image.open(page) as image:
        assert (np.asarray(image) == (190, 0, 30)).all(axis=2).any()


def test_a_sheet_holds_what_waits_with_the_largest_masks_first(archive: Path, home: Home) -> None:
    put(archive, home, "a small one.png", scores({Kind.SCRATCH: line(5, 200)}))
    put(archive, home, "large.png", scores({Kind.SPOT: block(200)}))
    put(archive, home, "clean.png", scores({}))
    [page] = previewed(archive, home, archive.parent / "sheet.png")
    assert page.name == "sheet.png"
    with Image.open(page) as image:
        shown = np.asarray(image)
    cells = shown[64:, : shown.shape[1] // 2], shown[64:, shown.shape[1] // 2 :]
    assert has(cells[0], Kind.SPOT).sum() == 22 * 22 - 4
    assert has(cells[1], Kind.SCRATCH).sum() == 122
    assert not has(cells[0], Kind.SCRATCH).any()
    with WorkerLock(home.worker_lock):
        with open_ledger(home.ledger) as ledger:
            ledger.claim("worker", 9)
        assert len(previewed(archive, home, page)) == 1  # the large one is held
        with open_ledger(home.ledger) as ledger:
            ledger.allow(1)
            ledger.claim("worker", 9)
        assert previewed(archive, home, page) == []
    assert len(previewed(archive, home, page)) == 1  # the worker is dead: both wait


def test_specks_that_only_a_person_can_judge_are_shown_as_a_high_sensitivity_would_mask_them(
    archive: Path, home: Home
) -> None:
    faint = 150  # a normal sensitivity leaves it
    put(
        archive, home, "waits.png", scores({Kind.SCRATCH: line(5, 250), Kind.DUST: block(faint)}), unsure=True
    )
    found = scores({Kind.DUST: line(5, faint), Kind.SPOT: block(faint)})
    put(archive, home, "left alone.png", found, unsure=True)
    put(archive, home, "clean.png", scores({Kind.DUST: block(faint)}))
    with open_ledger(home.ledger) as ledger:
        ledger.choose(1, policy="normal: dust, scratches", max_coverage=None)
    [page] = previewed(archive, home, archive.parent / "sheet.png")
    with Image.open(page) as image:
        shown = np.asarray(image)
    places = [shown[64:500, :960], shown[64:500, 960:], shown[500:930, :960]]
    assert [has(place, Kind.SCRATCH).any() for place in places] == [True, False, True]
    assert [has(place, Kind.DUST).any() for place in places] == [False, True, True]
    assert not any(has(place, Kind.SPOT).any() for place in places)  # of other kinds than are wished
    alarm = [(place == (190, 0, 30)).all(axis=2).any() for place in places]
    assert alarm == [False, True, True]
    assert not (shown[500:930, 960:] != (250, 250, 248)).any()


def test_what_is_unsure_and_has_no_score_map_is_said_in_its_place(archive: Path, home: Home) -> None:
    sha256 = put(archive, home, "a.png", scores({}), unsure=True)
    home.score_map(sha256).unlink()
    told = overlay(Overlay(archive / "a.png", sha256, home, Policy()))
    assert isinstance(told, Hidden)
    assert "--anew" in told.reason
    assert len(previewed(archive, home, archive.parent / "sheet.png")) == 1


def test_many_photographs_fill_several_pages(archive: Path, home: Home) -> None:
    for number in range(9):
        put(archive, home, f"{number}.png", scores({Kind.DUST: line(number, 200)}))
    pages = previewed(archive, home, archive.parent / "sheet.jpg")
    assert [page.name for page in pages] == ["sheet-1.jpg", "sheet-2.jpg"]
    sizes = set()
    for page in pages:
        with Image.open(page) as image:
            sizes.add(image.size)
    assert len(sizes) == 1
    assert len(previewed(archive, home, archive.parent / "sheet.jpg")) == 2  # its own pages are replaced


def test_pages_sort_as_they_follow_each_other() -> None:
    names = [page.name for page in page_names(Path("s.png"), 11)]
    assert names == sorted(names)
    assert names[0] == "s-01.png"


def test_a_sheet_never_replaces_a_photograph_or_lies_among_them(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "photos-restored").mkdir()
    for place in (
        archive / "sheet.jpg",
        archive / "sub" / "sheet.jpg",
        tmp_path / "photos-restored" / "s.jpg",
    ):
        with pytest.raises(InputError, match="among the photographs"):
            check_sheet(place, [archive])
    Image.new("RGB", (9, 9)).save(tmp_path / "mine.jpg")
    with pytest.raises(InputError, match="is kept"):
        check_sheet(tmp_path / "mine.jpg", [archive])
    with pytest.raises(InputError, match=r"something\.jpg"):
        check_sheet(tmp_path / "sheet.pdf", [archive])
    check_sheet(tmp_path / "new.jpg", [archive])
