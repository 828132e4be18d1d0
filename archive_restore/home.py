"""Where the tool keeps what it knows: the ledger, score maps, masks, adopted weights. Never in an archive."""

import hashlib
import os
import shlex
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import platformdirs

from archive_restore.errors import printable

HOME_VARIABLE = "ARCHIVE_RESTORE_HOME"

MARKS: Final = frozenset({b"ledger.db", b"scan.lock"})
"""What lies in every home that knows of a scan."""

PICTURES: Final = frozenset({b"scores", b"masks", b"edited-masks", b"finetune"})
"""The folders of a home whose pictures are no photographs."""

MASKS_LIST: Final = "archive-restore-masks.jsonl"
"""In a folder of exported masks: of which archive they are, and for each its photograph's sha256, its fingerprint, and
whether somebody had painted it by then."""


@dataclass(frozen=True)
class Home:
    """The tool's own folder and the places in it. Photographs are keyed by the sha256 of their content."""

    root: Path

    @property
    def ledger(self) -> Path:
        return self.root / "ledger.db"

    @property
    def worker_lock(self) -> Path:
        return self.root / "worker.lock"

    @property
    def alone_lock(self) -> Path:
        """Held by the process that restores a photograph alone, see `alone`. It outlives a run that is killed."""
        return self.root / "alone.lock"

    @property
    def scan_lock(self) -> Path:
        return self.root / "scan.lock"

    @property
    def finetune_lock(self) -> Path:
        return self.root / "finetune.lock"

    @property
    def models(self) -> Path:
        return self.root / "models"

    def score_map(self, sha256: str) -> Path:
        """The detector's confidence for one photograph, a PNG."""
        return self.root / "scores" / sha256[:2] / f"{sha256}.png"

    def mask(self, sha256: str) -> Path:
        """What will be repainted in one photograph, an 8-bit PNG, 255 = damaged: the mask by hand if there is one."""
        by_hand = self.edited_mask(sha256)
        return by_hand if by_hand.exists() else self.detected_mask(sha256)

    def detected_mask(self, sha256: str) -> Path:
        """What the detectors would have repainted."""
        return self.root / "masks" / sha256[:2] / f"{sha256}.png"

    def finetuning(self, archive: Path) -> Path:
        """What a finetuning on the archive at this place cut out of it, and its checkpoint."""
        return self.root / "finetune" / hashlib.sha256(os.fsencode(archive)).hexdigest()[:16]

    def edited_mask(self, sha256: str) -> Path:
        """What somebody painted instead. Only `masks import` writes here."""
        return self.root / "edited-masks" / sha256[:2] / f"{sha256}.png"

    def lost_mask(self, sha256: str, reason: str, original: Path | None = None) -> str:
        """That the mask in use is gone or cannot be read, and what makes it again. What was restored by it stays as it
        is."""
        photograph = shlex.quote(printable(original)) if original else "PHOTOGRAPH"
        again = f"To have it made again: archive-restore rescore {photograph}"
        if self.edited_mask(sha256).exists():
            again = (
                "It was painted by hand: import it again (archive-restore masks import), or let the detectors decide: "
                f"archive-restore masks reset {photograph}"
            )
        return f"its mask {printable(self.mask(sha256))} cannot be used: {reason}. {again}"


def no_photographs(names: Collection[bytes]) -> frozenset[bytes]:
    """Of the names in a folder, those of score maps, masks and what was cut out of photographs, if it is a home; all,
    if it is a folder of exported masks."""
    if os.fsencode(MASKS_LIST) in names:
        return frozenset(names)
    return PICTURES.intersection(names) if MARKS.issubset(names) else frozenset()


def is_no_archive(folder: Path) -> bool:
    """Whether a folder is one of exported masks, or lies where a home keeps its own pictures."""
    return (folder / MASKS_LIST).exists() or any(
        os.fsencode(inside.name) in PICTURES
        and all((inside.parent / os.fsdecode(mark)).exists() for mark in MARKS)
        for inside in (folder, *folder.parents)
    )


def default_home() -> Home:
    """`$ARCHIVE_RESTORE_HOME`, else the user's data folder; absolute, wherever processes go later."""
    chosen = os.environ.get(HOME_VARIABLE)
    return Home(
        Path(chosen).expanduser().absolute() if chosen else platformdirs.user_data_path("archive-restore")
    )
