import base64
import io
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from archive_restore.errors import InputError, StorageError
from archive_restore.home import Home
from archive_restore.ledger import Ledger, RegionRow, ScannedPhotograph, open_ledger
from archive_restore.photos.codecs import file_sha256
from archive_restore.photos.files import write_mask
from archive_restore.progress import NullProgress
from archive_restore.report import Report, gather, write_report
from archive_restore.report_page import Contents, Shown, densest, shrink_mask, upright, write_page

SCRATCH = RegionRow("scratches", 3, 4, 20, 2, 40, 0.9)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def ledger(home: Home) -> Iterator[Ledger]:
    with open_ledger(home.ledger) as opened:
        yield opened


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    (tmp_path / "album").mkdir()
    return (tmp_path / "album").resolve()


def grey(level: int, *, height: int = 40, width: int = 60) -> Image.Image:
    return Image.fromarray(np.full((height, width), level, np.uint8))


def restore_one(ledger: Ledger, home: Home, archive: Path, name: str, found: list[RegionRow]) -> None:
    """Puts a photograph through the ledger as scan and run do: 100 before, 180 after."""
    original, output = archive / name, archive.with_name("album-restored") / name
    output.parent.mkdir(exist_ok=True)
    grey(100).save(original)
    grey(180).save(output)
    # A content of its own for each photograph, since it is what the ledger keys by.
    original.write_bytes(original.read_bytes() + name.encode())
    sha256 = file_sha256(original)
    archive_id = ledger.add_archive(archive)
    photograph = ScannedPhotograph(name.encode(), 1, 1, sha256, "png", 60, 40, "normal")
    ledger.record(archive_id, photograph, found)
    mask = np.zeros((40, 60), bool)
    mask[4:6, 3:23] = True
    write_mask(home.mask(sha256), mask)
    for job in ledger.claim("test", 1):
        assert ledger.write_intent(job, "0" * 64)
        assert ledger.finish(job, output=output, output_sha256="0" * 64, model="test")


def pictures_in(page: Path) -> list[Image.Image]:
    found = re.findall(r'src="data:image/\w+;base64,([^"]+)"', page.read_text("utf-8"))
    return [Image.open(io.BytesIO(base64.b64decode(data))) for data in found]


def page_of(report: Report, page: Path, ledger: Ledger, home: Home, limit: int = 200) -> int:
    return write_report(report, page, ledger=ledger, home=home, progress=NullProgress(), limit=limit)


def test_the_page_shows_before_after_and_mask(
    ledger: Ledger, home: Home, archive: Path, tmp_path: Path
) -> None:
    restore_one(ledger, home, archive, "a.png", [SCRATCH, SCRATCH])
    page = tmp_path / "report.html"
    assert page_of(gather(ledger, archive), page, ledger, home) == 1
    before, after, mask = pictures_in(page)
    assert before.size == after.size == mask.size == (60, 40)
    assert abs(int(np.asarray(before).mean()) - 100) <= 1
    assert abs(int(np.asarray(after).mean()) - 180) <= 1
    opaque = np.asarray(mask.convert("RGBA"))[..., 3] > 0
    assert opaque.sum() == 40
    assert opaque[4:6, 3:23].all()
    assert "scratches 2" in page.read_text("utf-8")
    assert "1.67% repainted" in page.read_text("utf-8")


def test_the_page_needs_nothing_from_outside(
    ledger: Ledger, home: Home, archive: Path, tmp_path: Path
) -> None:
    restore_one(ledger, home, archive, "a.png", [SCRATCH])
    page = tmp_path / "report.html"
    page_of(gather(ledger, archive), page, ledger, home)
    text = page.read_text("utf-8")
    assert "http" not in text
    assert not re.findall(r'src="(?!data:)', text)
    assert not re.findall(r"url\(", text)


def test_the_summary_counts_what_was_done(ledger: Ledger, home: Home, archive: Path) -> None:
    restore_one(ledger, home, archive, "a.png", [SCRATCH])
    restore_one(ledger, home, archive, "undamaged.png", [])
    archive_id = ledger.add_archive(archive)
    waiting = ScannedPhotograph(b"later.png", 1, 1, "f" * 64, "png", 60, 40, "normal")
    ledger.record(archive_id, waiting, [SCRATCH])
    ledger.record_failure(archive_id, b"broken.jpg", 0, 1, "the file is empty")
    report = gather(ledger, archive)
    assert report.summary == (
        "4 photographs looked at, 1 restored, 1 left alone because nothing was found, "
        "1 waiting for the next run, "
        "1 set aside."
    )
    assert [(kind.kind, kind.photographs, kind.regions) for kind in report.kinds] == [("scratches", 2, 2)]


def test_only_the_photographs_restored_last_are_shown(
    ledger: Ledger, home: Home, archive: Path, tmp_path: Path
) -> None:
    for name in ("a.png", "b.png", "c.png"):
        restore_one(ledger, home, archive, name, [SCRATCH])
    page = tmp_path / "report.html"
    assert page_of(gather(ledger, archive), page, ledger, home, limit=2) == 2
    assert "shows the 2 restored last" in page.read_text("utf-8")


def test_an_archive_that_was_never_scanned_is_refused(ledger: Ledger, archive: Path) -> None:
    with pytest.raises(InputError, match="archive-restore scan"):
        gather(ledger, None)
    ledger.add_archive(archive)
    with pytest.raises(InputError, match="never scanned"):
        gather(ledger, archive / "other")


def test_a_photograph_that_is_gone_is_a_line_and_not_the_end(tmp_path: Path) -> None:
    gone = Shown("gone.jpg", tmp_path / "gone.jpg", tmp_path / "x.jpg", tmp_path / "m.png", (("dust", 1),))
    page = tmp_path / "report.html"
    assert write_page(Contents("t", "s", (), (), [gone]), page) == 1
    assert "Cannot be shown" in page.read_text("utf-8")


def test_names_cannot_break_the_page(tmp_path: Path) -> None:
    nasty = '<script>alert("x")</script>$title.jpg'
    page = tmp_path / "report.html"
    shown = Shown(nasty, tmp_path / nasty, tmp_path / "x", tmp_path / "m", ())
    write_page(Contents(nasty, nasty, ((nasty, 1, 1),), ((nasty, nasty),), [shown]), page)
    text = page.read_text("utf-8")
    assert text.count("<script>") == 1
    assert text.count("&lt;script&gt;") == 7  # title twice, summary, kind, failure twice, photograph


def test_a_page_that_cannot_be_written_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(StorageError, match="--out"):
        write_page(Contents("t", "s", (), (), []), tmp_path / "folder.html")
    assert [path.name for path in tmp_path.iterdir()] == ["folder.html"]


def test_thin_lines_stay_in_a_mask_made_small() -> None:
    mask = np.zeros((1000, 4000), bool)
    mask[500, :] = True
    small = shrink_mask(mask, (400, 100))
    assert small.shape == (100, 400)
    assert small.any(axis=0).all()
    assert small.sum() <= 2 * 400
    assert not shrink_mask(np.zeros((100, 100), bool), (10, 10)).any()


def test_the_detail_is_cut_where_most_of_the_damage_is_with_it_in_the_middle() -> None:
    mask = np.zeros((600, 800), bool)
    mask[300:310, 400:410] = True
    mask[10, 10] = True
    rows, columns = densest(mask, 100)
    assert (rows.stop - rows.start, columns.stop - columns.start) == (100, 100)
    assert abs((rows.start + rows.stop) / 2 - 305) <= 1
    assert abs((columns.start + columns.stop) / 2 - 405) <= 1


def test_a_picture_smaller_than_the_detail_is_its_own_detail() -> None:
    assert densest(np.ones((3, 5), bool), 100) == (slice(0, 3), slice(0, 5))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photographs_are_turned_as_a_viewer_turns_them(orientation: int) -> None:
    pixels: NDArray[np.uint8] = np.arange(6, dtype=np.uint8).reshape(2, 3)
    image = Image.fromarray(pixels)
    image.getexif()[0x0112] = orientation
    turned = ImageOps.exif_transpose(image)
    assert np.array_equal(upright(pixels, orientation), np.asarray(turned))
