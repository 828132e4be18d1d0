import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from archive_restore.photos.codecs import decode, encode
from archive_restore.progress import NullProgress
from archive_restore.records import read_record, record_path
from archive_restore.verify import VerifySummary, verify
from tests.formats import mask
from tests.restored_archive import RestoredArchive, restored_archive


@pytest.fixture
def archive(tmp_path: Path) -> RestoredArchive:
    return restored_archive(tmp_path)


def verified(archive: RestoredArchive) -> VerifySummary:
    with archive.ledger() as ledger:
        return verify(ledger.archives(), ledger=ledger, home=archive.home, progress=NullProgress())


def faults(archive: RestoredArchive) -> dict[str, str]:
    return {fault.path.name: fault.reason for fault in verified(archive).faults}


def test_an_archive_that_nobody_touched_has_no_faults(archive: RestoredArchive) -> None:
    summary = verified(archive)
    assert (summary.originals, summary.outputs, summary.faults) == (4, 3, [])


def test_without_records_and_recompressed_it_is_verified_as_far_as_it_goes(tmp_path: Path) -> None:
    archive = restored_archive(tmp_path, recompress=True, records=True)
    assert faults(archive) == {}
    before, after = (decode(folder / "a.jpg").pixels for folder in (archive.root, archive.output))
    assert (before != after)[~mask()].mean() > 0.1


def test_no_records_leaves_none(tmp_path: Path) -> None:
    archive = restored_archive(tmp_path, records=False)
    assert not list(archive.output.rglob("*.json"))
    assert faults(archive) == {}


def test_a_changed_original_is_named(archive: RestoredArchive) -> None:
    with (archive.root / "a.jpg").open("ab") as file:
        file.write(b"\0")
    (archive.root / "undamaged.png").unlink()
    found = faults(archive)
    assert "changed since the scan" in found["a.jpg"]
    assert "cannot be read" in found["undamaged.png"]
    assert len(found) == 2


def test_an_output_that_is_gone_or_was_edited_is_named(archive: RestoredArchive) -> None:
    (archive.output / "a.jpg").unlink()
    with (archive.output / "a.tif").open("ab") as file:
        file.write(b"\0")
    found = faults(archive)
    assert "it is gone" in found["a.jpg"]
    assert "changed after it was restored" in found["a.tif"]
    assert len(found) == 2


def test_a_difference_outside_the_mask_is_counted(archive: RestoredArchive) -> None:
    """Also where the ledger's hash is that of the bad file: as if a bug had written it."""
    output = archive.output / "sub" / "a.png"
    photograph = decode(output)
    spoilt = photograph.pixels.copy()
    spoilt[:3, 0, :3] ^= 1
    forge(archive, output, encode(photograph, (spoilt,)))
    assert faults(archive)["a.png"] == "9 samples outside the mask differ"


def test_a_jpeg_that_was_saved_again_is_caught_by_its_coefficients(archive: RestoredArchive) -> None:
    output = archive.output / "a.jpg"
    again = io.BytesIO()
    with Image.open(output) as image:
        image.save(again, "JPEG", quality=88, subsampling=2, icc_profile=image.info["icc_profile"])
    forge(archive, output, again.getvalue())
    assert "coefficients outside the touched blocks differ" in faults(archive)["a.jpg"]


def forge(archive: RestoredArchive, output: Path, data: bytes) -> None:
    """Writes other content, and makes ledger and record agree with it."""
    from archive_restore.photos.codecs import sha256

    before = sha256(output.read_bytes())
    output.write_bytes(data)
    record = record_path(output)
    record.write_text(record.read_text("utf-8").replace(before, sha256(data)), "utf-8")
    with archive.ledger() as ledger:
        ledger._connection.execute("UPDATE outputs SET sha256 = ? WHERE sha256 = ?", (sha256(data), before))


def test_a_record_of_another_photograph_and_a_changed_mask_are_named(archive: RestoredArchive) -> None:
    record_path(archive.output / "a.jpg").write_bytes(record_path(archive.output / "a.tif").read_bytes())
    record_path(archive.output / "a.tif").write_text("{", "utf-8")
    mask_file = archive.home.mask(str(archive.job(b"sub/a.png").sha256))
    mask_file.write_bytes(mask_file.read_bytes() + b"\0")
    summary = verified(archive)
    found = {fault.path.name: [] for fault in summary.faults}
    for fault in summary.faults:
        found[fault.path.name].append(fault.reason)
    assert found["a.jpg"][0] == "its record is that of another photograph"
    assert "cannot be read" in found["a.tif.json"][0]
    assert "its mask was changed" in found["a.png"][0]


def test_the_record_says_what_was_done(archive: RestoredArchive) -> None:
    record = read_record(archive.output / "a.tif")
    job = archive.job(b"a.tif")
    assert record is not None
    assert record.original.name == "a.tif"
    assert (record.original.sha256, record.restored.sha256) == (job.sha256, job.output_sha256)
    assert record.restored.mode.endswith("3 pages")
    assert record.repainted.pixels == int(np.sum(mask()))
    assert record.repainted.regions[0]["kind"] == "scratches"
    assert record.model.name == "small"
    assert len(record.model.sha256) == 64
    assert record.settings["recompress"] is False
