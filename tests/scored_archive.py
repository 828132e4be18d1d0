"""An archive whose photographs were searched already: score maps drawn by hand, masks and rows as a scan left them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archive_restore.detection import KINDS, Kind, Policy, ScoreMap, threshold
from archive_restore.home import Home
from archive_restore.ledger import Job, Ledger, ScannedPhotograph, State, open_ledger
from archive_restore.masking import mask_at, row_of
from archive_restore.photos.mask_files import write_mask

SHAPE = (40, 60)
"""Height and width of every photograph, px."""

Scores = Mapping[Kind, tuple[slice, slice, int]]
"""Rows, columns and score of each kind of damage."""


def scores(found: Scores) -> ScoreMap:
    drawn = ScoreMap(np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8))
    for kind, (rows, columns, score) in found.items():
        drawn.scores[rows, columns], drawn.kinds[rows, columns] = score, KINDS.index(kind)
    return drawn


def line(row: int, score: int) -> tuple[slice, slice, int]:
    """One px wide and 40 long: its mask of 122 px covers 5 % of a photograph."""
    return slice(row, row + 1), slice(10, 50), score


def block(score: int) -> tuple[slice, slice, int]:
    """20 x 20 px: its mask covers 20 % of a photograph."""
    return slice(15, 35), slice(15, 35), score


@dataclass(frozen=True)
class ScoredArchive:
    """The content of a photograph is its name."""

    root: Path
    home: Home

    def ledger(self) -> Ledger:
        return open_ledger(self.home.ledger)

    def add(self, name: str, found: Scores, policy: Policy | None = None) -> None:
        """As a scan by the default policy would."""
        made_by, drawn = policy or Policy(), scores(found)
        mask, regions = threshold(drawn, made_by.level, SHAPE, made_by.kinds)
        place = self.home.score_map(name)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(drawn.to_png())
        if regions:
            write_mask(self.home.detected_mask(name), mask)
        photograph = ScannedPhotograph(
            name.encode(), 1, 1, name, "png", SHAPE[1], SHAPE[0], made_by.text, int(mask.sum())
        )
        with self.ledger() as ledger:
            ledger.record(ledger.add_archive(self.root), photograph, [row_of(region) for region in regions])

    def restore(self, *names: str) -> None:
        """What a run over these would tell the ledger; what was queued before them goes with them."""
        with self.ledger() as ledger:
            for job in ledger.claim("worker", 99):
                if job.relative.decode() not in names:
                    ledger.release(job)
                    continue
                output = self.root.with_name("out") / job.path.name
                assert ledger.write_intent(job, f"output of {job.sha256}", output)
                assert ledger.finish(job, output=output, output_sha256=f"output of {job.sha256}", model="m")

    def states(self) -> dict[str, State]:
        with self.ledger() as ledger:
            return {job.relative.decode(): job.state for job in ledger.jobs()}

    def job(self, name: str) -> Job:
        with self.ledger() as ledger:
            (found,) = [job for job in ledger.jobs() if job.relative.decode() == name]
        return found

    def mask(self, name: str) -> NDArray[np.bool_]:
        return mask_at(self.home.mask(name), SHAPE)

    def kinds(self) -> dict[str, int]:
        """Regions by kind."""
        with self.ledger() as ledger:
            return {kind.kind: kind.regions for kind in ledger.kinds()}
