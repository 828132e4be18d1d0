import base64
import csv
import io
import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from archive_restore.errors import InputError, StorageError
from archive_restore.home import Home
from archive_restore.ledger import Ledger, Queue, RegionRow, ScannedPhotograph, open_ledger
from archive_restore.photos.codecs import file_sha256
from archive_restore.photos.mask_files import write_mask
from archive_restore.progress import NullProgress
from archive_restore.report import Report, gather, parse_since, rows, write_csv, write_report
from archive_restore.report_page import (
    Contents,
    Root,
    Shown,
    _views,
    write_page,
)

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


def facts_in(page: Path) -> dict[str, Any]:
    (text,) = re.findall(r'id="facts">(.*?)</script>', page.read_text("utf-8"))
    facts: dict[str, Any] = json.loads(text)
    return facts


def views_in(page: Path) -> list[Any]:
    found = re.findall(r'id="p\d+">(.*?)</script>', page.read_text("utf-8"))
    return [json.loads(text) for text in found]


def pictures_in(page: Path) -> list[Image.Image]:
    return [
        Image.open(io.BytesIO(base64.b64decode(view[name].partition(",")[2])))
        for views in views_in(page)
        for view in views
        for name in ("before", "after", "mask")
    ]


def page_of(report: Report, page: Path, ledger: Ledger, home: Home, limit: int = 200) -> tuple[int, int]:
    return write_report(report, page, ledger=ledger, home=home, progress=NullProgress(), limit=limit)


def test_the_page_shows_before_after_and_mask(
    ledger: Ledger, home: Home, archive: Path, tmp_path: Path
) -> None:
    restore_one(ledger, home, archive, "a.png", [SCRATCH, SCRATCH])
    page = tmp_path / "report.html"
    assert page_of(gather(ledger, archive), page, ledger, home) == (1, 0)
    before, after, mask = pictures_in(page)
    assert before.size == after.size == mask.size == (60, 40)
    assert abs(int(np.asarray(before).mean()) - 100) <= 1
    assert abs(int(np.asarray(after).mean()) - 180) <= 1
    opaque = np.asarray(mask.convert("RGBA"))[..., 3] > 0
    assert opaque.sum() == 40
    assert opaque[4:6, 3:23].all()
    facts = facts_in(page)
    (row,) = facts["photographs"]
    assert facts["kinds"] == ["scratches"]
    assert row[:5] == [0, "a.png", 0, "done", [[0, 2]]]
    assert row[6:] == [[60, 40], 1, ""]
    assert facts["roots"] == [[archive.as_uri() + "/", archive.as_uri() + "-restored/", f"{archive}/"]]
    assert '"archive-restore revert "' in page.read_text("utf-8")
    assert "1.67% repainted" in page.read_text("utf-8")


def test_a_strip_is_shown_at_least_a_pixel_wide(
    ledger: Ledger, home: Home, archive: Path, tmp_path: Path
) -> None:
    strip = np.full((2000, 1, 3), 100, np.uint8)
    for place in (tmp_path / "a.png", tmp_path / "b.png"):
        Image.fromarray(strip).save(place)
    write_mask(tmp_path / "mask.png", np.ones((2000, 1), np.bool_))
    view = next(_views(tmp_path / "a.png", tmp_path / "b.png", tmp_path / "mask.png"))
    assert (view.width, view.height) == (1, 640)


def test_people_read_local_time(
    ledger: Ledger, home: Home, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    restore_one(ledger, home, archive, "a.png", [SCRATCH])
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "XYZ-14")  # 14 hours ahead of UTC
        time.tzset()
        page_of(gather(ledger, archive), tmp_path / "report.html", ledger, home)
    time.tzset()
    [job] = ledger.jobs()
    assert job.finished_at is not None
    there = datetime.fromisoformat(job.finished_at).astimezone(timezone(timedelta(hours=14))).isoformat()
    facts = facts_in(tmp_path / "report.html")
    assert facts["photographs"][0][5] == there
    assert facts["timeline"] == [[there[:13], 1, 0]]
    assert gather(ledger, archive).summary.startswith("1 photograph looked at")


def test_the_page_needs_nothing_from_outside(
    ledger: Ledger, home: Home, archive: Path, tmp_path: Path
) -> None:
    restore_one(ledger, home, archive, "a.png", [SCRATCH])
    page = tmp_path / "report.html"
    page_of(gather(ledger, archive), page, ledger, home)
    text = page.read_text("utf-8")
    assert "http" not in text
    assert "import(" not in text
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


def test_every_photograph_is_counted_once_also_rejected_ones_and_those_of_a_run(
    ledger: Ledger, home: Home, archive: Path
) -> None:
    for name in ("kept.png", "rejected.png"):
        restore_one(ledger, home, archive, name, [SCRATCH])
    restore_one(ledger, home, archive, "undamaged.png", [])
    [rejected] = [job for job in ledger.jobs() if job.relative == b"rejected.png"]
    assert ledger.revert(rejected, again=False)
    for number in range(2):
        name = f"later {number}.png".encode()
        waiting = ScannedPhotograph(name, 1, 1, str(number) * 64, "png", 60, 40, "normal")
        ledger.record(1, waiting, [SCRATCH])
    ledger.claim("worker", 1)
    assert gather(ledger, archive, at_work=True).summary == (
        "5 photographs looked at, 1 restored, 1 left alone because nothing was found, 1 in work, "
        "1 waiting for the next run, 1 rejected."
    )
    assert "2 waiting for the next run, 1 rejected" in gather(ledger, archive).summary


def test_only_the_photographs_restored_last_have_pictures_but_all_are_there(
    ledger: Ledger, home: Home, archive: Path, tmp_path: Path
) -> None:
    for name in ("a.png", "b.png", "c.png"):
        restore_one(ledger, home, archive, name, [SCRATCH])
    page = tmp_path / "report.html"
    assert page_of(gather(ledger, archive), page, ledger, home, limit=2) == (2, 0)
    assert len(views_in(page)) == 2
    assert [row[1] for row in facts_in(page)["photographs"]] == ["a.png", "b.png", "c.png"]


def test_an_archive_that_was_never_scanned_is_refused(ledger: Ledger, archive: Path) -> None:
    with pytest.raises(InputError, match="archive-restore scan"):
        gather(ledger, None)
    ledger.add_archive(archive)
    with pytest.raises(InputError, match=r"has not been scanned\. First run: archive-restore scan"):
        gather(ledger, archive / "other")


def test_a_photograph_that_is_gone_is_a_line_and_not_the_end(
    ledger: Ledger, home: Home, archive: Path, tmp_path: Path
) -> None:
    restore_one(ledger, home, archive, "a.png", [SCRATCH])
    restore_one(ledger, home, archive, "b.png", [SCRATCH])
    (archive / "a.png").unlink()
    page = tmp_path / "report.html"
    assert page_of(gather(ledger, archive), page, ledger, home) == (1, 1)
    gone, there = views_in(page)
    assert "Cannot be shown" in gone
    assert len(there) == 1


def test_names_cannot_break_the_page(ledger: Ledger, home: Home, archive: Path, tmp_path: Path) -> None:
    nasty = '<script>alert("x")<!--$title.png'
    restore_one(ledger, home, archive, nasty, [SCRATCH])
    ledger.record_failure(1, b"</script>\xff.jpg", 0, 1, "</script>it is empty")
    page = tmp_path / "report.html"
    page_of(gather(ledger, archive), page, ledger, home)
    text = page.read_text("utf-8")
    assert text.count("<script") == text.count("</script>") == 3
    assert "<!--" not in text
    rows = facts_in(page)["photographs"]
    assert [row[2] for row in rows] == ["</script>\\xff.jpg", nasty]
    assert rows[0][1] == "%3C/script%3E%FF.jpg"


def test_a_page_that_cannot_be_written_says_so_and_leaves_nothing(
    ledger: Ledger, home: Home, archive: Path, tmp_path: Path
) -> None:
    restore_one(ledger, home, archive, "a.png", [SCRATCH])
    (tmp_path / "out" / "folder.html").mkdir(parents=True)
    with pytest.raises(StorageError, match="--out"):
        page_of(gather(ledger, archive), tmp_path / "out" / "folder.html", ledger, home)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["folder.html"]


def test_only_what_was_done_since_a_time_is_told(home: Home, archive: Path) -> None:
    moment = datetime(2026, 1, 5, 22, 30, tzinfo=UTC)

    def clock() -> datetime:
        return moment

    with open_ledger(home.ledger, clock=clock) as ledger:
        restore_one(ledger, home, archive, "a.png", [SCRATCH])
        ledger.record_failure(1, b"broken.jpg", 0, 1, "the file is empty")
        moment += timedelta(days=1)
        restore_one(ledger, home, archive, "b.png", [SCRATCH])
        report = gather(ledger, archive, parse_since("12h", moment))
        assert [job.relative for job in report.done] == [b"b.png"]
        assert report.failed == ()
        assert "1 restored since 2026-01-06" in report.summary
        assert [job.relative for job in gather(ledger, archive, parse_since("2d", moment)).done] == [
            b"a.png",
            b"b.png",
        ]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("12h", datetime(2026, 1, 5, 10, tzinfo=UTC)),
        ("3d", datetime(2026, 1, 2, 22, tzinfo=UTC)),
        ("2026-01-05 20:00+00:00", datetime(2026, 1, 5, 20, tzinfo=UTC)),
    ],
)
def test_a_moment_is_read_as_people_write_it(text: str, moment: datetime) -> None:
    assert parse_since(text, datetime(2026, 1, 5, 22, tzinfo=UTC)) == moment


def test_what_is_no_moment_is_refused() -> None:
    with pytest.raises(InputError, match="12h"):
        parse_since("last week", datetime(2026, 1, 5, 22, tzinfo=UTC))


def test_a_table_for_spreadsheets_has_a_row_for_each_photograph_and_no_formulas(
    ledger: Ledger, home: Home, archive: Path
) -> None:
    restore_one(ledger, home, archive, "a,b.png", [SCRATCH, SCRATCH])
    ledger.record_failure(1, b"=cmd.jpg", 0, 1, "=1+1")
    out = io.StringIO(newline="")
    write_csv(gather(ledger, archive), ledger, out)
    rows = list(csv.DictReader(io.StringIO(out.getvalue())))
    assert [row["original"] for row in rows] == [str(archive / "=cmd.jpg"), str(archive / "a,b.png")]
    assert rows[0]["reason"] == "'=1+1"
    assert (rows[1]["state"], rows[1]["damage"], rows[1]["megapixels"]) == ("done", "scratches 2", "0.002")


def test_attempts_are_counted_as_status_counts_them_and_leases_given_back_are_none(
    ledger: Ledger, home: Home, archive: Path
) -> None:
    archive_id = ledger.add_archive(archive)
    for number, name in enumerate((b"done.png", b"failed.png")):
        found = ScannedPhotograph(name, 1, 1, f"{number:064}", "png", 60, 40, "normal")
        ledger.record(archive_id, found, [SCRATCH])
    for _ in range(3):
        for job in ledger.claim("interrupted", 2):
            assert ledger.release(job)
    done, failed = ledger.claim("test", 2)
    assert ledger.write_intent(done, "0" * 64)
    assert ledger.finish(done, output=archive / "done", output_sha256="0" * 64, model="test")
    assert ledger.postpone(failed, "the disk does not answer", timedelta())
    (failed,) = ledger.claim("test", 1, queue=Queue.DUE)
    assert ledger.fail(failed, "the disk does not answer")
    ledger.record_failure(archive_id, b"broken.jpg", 0, 1, "the file is empty")
    ledger.record_failure(archive_id, b"broken.jpg", 0, 1, "the file is empty")
    told = {Path(row.original).name: row.attempts for row in rows(gather(ledger, archive), ledger)}
    assert told == {"broken.jpg": 2, "done.png": 1, "failed.png": 2}
    assert [told[failure.path.name] for failure in ledger.failures()] == [
        failure.attempts for failure in ledger.failures()
    ]


def test_five_thousand_photographs_make_a_page_of_less_than_two_megabytes(
    ledger: Ledger, home: Home, archive: Path, tmp_path: Path
) -> None:
    shown = [
        Shown(
            name=f"1962 holidays/Lake Garda/IMG_{number:05}.jpg",
            root=0,
            relative=f"1962 holidays/Lake Garda/IMG_{number:05}.jpg".encode(),
            restored=Path(f"/photos-restored/1962 holidays/Lake Garda/IMG_{number:05}.jpg"),
            mask=None,
            state="done",
            kinds=(("dust", 120), ("scratches", 3), ("tears", 1)),
            finished_at="2026-01-05T22:30:00+00:00",
            size=(4000, 3000),
            note="",
            pictured=False,
        )
        for number in range(5_000)
    ]
    kinds = tuple((kind, 5_000, 9_000) for kind in ("dust", "scratches", "tears"))
    roots = (Root(Path("/photos"), Path("/photos-restored")),)
    page = tmp_path / "report.html"
    write_page(Contents("t", "s", (), kinds, roots, (), tuple(shown)), page, NullProgress())
    assert 500_000 < page.stat().st_size < 2_000_000
    assert len(facts_in(page)["photographs"]) == 5_000


@pytest.mark.parametrize("text", ["9999999d", "0001-01-01", "99999999999h"])
def test_a_moment_before_all_time_is_none(text: str) -> None:
    with pytest.raises(InputError, match="is no moment"):
        parse_since(text, datetime(2026, 1, 5, tzinfo=UTC))


def test_a_report_below_a_file_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    empty = Contents("", "", (), (), (), (), ())
    with pytest.raises(StorageError, match="Cannot write the report"):
        write_page(empty, tmp_path / "file" / "page.html", NullProgress())
