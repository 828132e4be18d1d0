"""One photograph searched for damage, in a process of its own: small task in, files and small result out."""

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.detection import Region, ScoreMap, Sensitivity, Verifier, score, threshold
from archive_restore.errors import PhotographError, TooLargePhotographError, WeightsError
from archive_restore.home import Home
from archive_restore.photos.archive import FoundFile
from archive_restore.photos.codecs import DEFAULT_MAX_PIXELS, Header, Photograph, decode, file_sha256, sha256
from archive_restore.photos.files import write_durably, write_mask
from archive_restore.photos.rendering import views
from archive_restore.progress import Progress


class Detector(StrEnum):
    """What decides which pixels are damaged."""

    LEARNED = "learned"  # the segmenter, whose regions the heuristics name
    HEURISTIC = "heuristic"  # the heuristics alone


@dataclass(frozen=True)
class ScanOptions:
    """How to look for damage."""

    sensitivity: Sensitivity = Sensitivity.NORMAL
    max_pixels: int = DEFAULT_MAX_PIXELS
    jobs: int | None = None  # processes; None: one a core
    output: Path | None = None  # where restored photographs will go; None: beside the archive
    detector: Detector = Detector.HEURISTIC
    device: str | None = None  # where the learned one computes; None: the CPU


@dataclass(frozen=True)
class Examination:
    """A task: the photograph, and where its mask and score map go."""

    root: Path
    file: FoundFile  # below the root
    options: ScanOptions
    home: Home | None = None  # where mask and score map go, by content
    mask: Path | None = None  # where the mask goes, if there is no home

    @property
    def path(self) -> Path:
        """The photograph."""
        return self.file.path(self.root)


@dataclass(frozen=True)
class Examined:
    """A photograph that was searched; its files are written."""

    sha256: str
    header: Header
    regions: list[Region]


@dataclass(frozen=True)
class SeenBefore:
    """There is a score map of this content, so the ledger probably knows it."""

    sha256: str


@dataclass(frozen=True)
class Refused:
    """A photograph that cannot be read."""

    reason: str
    may_pass: bool  # with other options or permissions, though the file stays as it is


@dataclass(frozen=True)
class _Detection:
    sha256: str
    header: Header
    score_map: ScoreMap
    mask: NDArray[np.bool_]  # (H, W), True = damaged
    regions: list[Region]


@cache
def verifier(detector: Detector, device: str | None) -> Verifier | None:
    """The network that decides, loaded once a process; None for the heuristics.

    Raises
    ------
    WeightsError
        The weights that came with this version are missing or changed.
    DeviceError
        There is no such device.
    """
    if detector is Detector.HEURISTIC:
        return None
    # Takes seconds to import, and the heuristics do without.
    import torch

    from archive_restore.networks.detector import load_detector
    from archive_restore.networks.devices import choose_device

    torch.set_num_threads(1)  # the processes share the cores
    return load_detector(choose_device(device or "cpu"))


def usable(options: ScanOptions, progress: Progress) -> ScanOptions:
    """The options, but with the heuristics alone where the learned detector cannot be used; says so."""
    try:
        verifier(options.detector, options.device)
    except (ImportError, WeightsError) as error:
        progress.note(f"The heuristics alone look for damage, and find less of it: {error}")
        return replace(options, detector=Detector.HEURISTIC)
    return options


def examine_new(task: Examination) -> Examined | SeenBefore | Refused:
    """Searches the photograph unless a former scan did."""
    try:
        content = file_sha256(task.path)
    except OSError:
        return examine(task)  # which says it in words
    if task.home is not None and task.home.score_map(content).exists():
        return SeenBefore(content)
    return examine(task)


def examine(task: Examination) -> Examined | Refused:
    """Searches the photograph and writes its mask, and for a home its score map.

    Raises
    ------
    StorageError
        They cannot be written; the next photograph would fare no better.
    """
    cv2.setNumThreads(1)  # the processes share the cores
    try:
        found = _detect(task.path, task.options)
        if task.home is None:
            if task.mask is not None:
                write_mask(task.mask, found.mask)
        else:
            if found.regions:
                write_mask(task.home.mask(found.sha256), found.mask)
            # Last: where there is a score map, the photograph is through.
            write_durably(task.home.score_map(found.sha256), found.score_map.to_png())
    except PhotographError as error:
        # `from None` in the decoder hides the cause from a traceback, not from here.
        passing = isinstance(error, TooLargePhotographError) or isinstance(error.__context__, OSError)
        return Refused(error.reason, passing)
    return Examined(found.sha256, found.header, found.regions)


def _scored(photograph: Photograph, options: ScanOptions) -> ScoreMap:
    """The score map of the sheet. Each page is searched for itself: its neighbours' borders are no damage."""
    decides = verifier(options.detector, options.device)
    maps = [score(view, decides) for view in views(photograph)]
    if len(maps) == 1:
        return maps[0]
    header = photograph.header
    sheet = ScoreMap(*(np.zeros((header.height, header.width), np.uint8) for _ in range(2)))
    for page, place in zip(maps, header.places, strict=True):
        there = sheet.scores[place]
        whole = page.enlarged((there.shape[0], there.shape[1]))
        sheet.scores[place], sheet.kinds[place] = whole.scores, whole.kinds
    return sheet


def _detect(path: Path, options: ScanOptions) -> _Detection:
    """The one way from a file to its damage."""
    photograph = decode(path, max_pixels=options.max_pixels)
    score_map = _scored(photograph, options)
    header = photograph.header
    mask, regions = threshold(score_map, options.sensitivity, (header.height, header.width))
    return _Detection(sha256(photograph.source), photograph.header, score_map, mask, regions)
