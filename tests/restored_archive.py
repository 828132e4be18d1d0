"""An archive of three photographs, scanned and restored by a small untrained generator."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from archive_restore.home import Home
from archive_restore.ledger import Job, Ledger, RegionRow, ScannedPhotograph, State, open_ledger
from archive_restore.networks.generator import Generator
from archive_restore.networks.weights import ModelCard, save_model
from archive_restore.photos.codecs import decode, file_sha256
from archive_restore.photos.mask_files import write_mask
from archive_restore.progress import NullProgress
from archive_restore.run import RunOptions, RunSummary, run
from tests.formats import jpeg, mask, multipage, palette_png, png


@dataclass(frozen=True)
class RestoredArchive:
    root: Path
    home: Home

    @property
    def output(self) -> Path:
        return self.root.with_name(f"{self.root.name}-restored")

    def ledger(self) -> Ledger:
        return open_ledger(self.home.ledger)

    def run(self, *, recompress: bool = False, records: bool = True) -> RunSummary:
        options = RunOptions(device="cpu", model="small", recompress=recompress, records=records)
        with self.ledger() as ledger:
            return run(ledger=ledger, home=self.home, options=options, progress=NullProgress())

    def job(self, relative: bytes) -> Job:
        with self.ledger() as ledger:
            (found,) = [job for job in ledger.jobs() if job.relative == relative]
        return found

    def remask(self, relative: bytes, *, empty: bool = False) -> None:
        """As `rescore --again` would, with a mask that is a rectangle, or nothing."""
        job = self.job(relative)
        assert job.photograph_id is not None
        assert job.sha256 is not None
        assert job.height is not None
        assert job.width is not None
        drawn = np.zeros((job.height, job.width), bool)
        drawn[4:9, 5:16] = not empty
        write_mask(self.home.mask(job.sha256), drawn)
        with self.ledger() as ledger:
            regions = [] if empty else [RegionRow("dust", 5, 4, 11, 5, 55, 0.7)]
            covered = sum(region.area for region in regions)
            ledger.remask(job.photograph_id, policy="high", covered=covered, regions=regions, again=True)

    def states(self) -> dict[State, int]:
        with self.ledger() as ledger:
            return {state: count for state, count in ledger.counts().states.items() if count}


def restored_archive(folder: Path, *, recompress: bool = False, records: bool = True) -> RestoredArchive:
    archive = RestoredArchive(folder / "photos", Home(folder / "home"))
    (archive.root / "sub").mkdir(parents=True)
    jpeg(archive.root / "a.jpg", subsampling=2)
    png(archive.root / "sub" / "a.png", 4, 16)
    multipage(archive.root / "a.tif")
    palette_png(archive.root / "undamaged.png", 20, 8)
    card = ModelCard("small", "", "", "context-encoder-convolutional", {"blocks": 0})
    save_model(Generator(blocks=0), archive.home.models, card)
    with archive.ledger() as ledger:
        for relative in (b"a.jpg", b"sub/a.png", b"a.tif", b"undamaged.png"):
            add(ledger, archive, relative, damaged=relative != b"undamaged.png")
    archive.run(recompress=recompress, records=records)
    return archive


def add(ledger: Ledger, archive: RestoredArchive, relative: bytes, *, damaged: bool = True) -> None:
    """As a scan would. Of several pages the last is damaged."""
    path = archive.root / os.fsdecode(relative)
    header, digest, status = decode(path).header, file_sha256(path), path.stat()
    if damaged:
        sheet = np.zeros((header.height, header.width), bool)
        sheet[header.places[-1]] = mask()
        write_mask(archive.home.mask(digest), sheet)
    photograph = ScannedPhotograph(
        relative,
        status.st_size,
        status.st_mtime_ns,
        digest,
        header.format,
        header.width,
        header.height,
        "normal",
    )
    regions = [RegionRow("scratches", 40, 0, 2, 61, 122, 0.9)] if damaged else []
    ledger.record(ledger.add_archive(archive.root), photograph, regions)
