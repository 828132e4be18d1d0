"""One photograph searched for damage, in a process of its own: small task in, files and small result out."""

import os
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.allocator import keep_freed_memory
from archive_restore.cores import usable_cores
from archive_restore.detection import (
    Kind,
    Level,
    Policy,
    Region,
    ScoreMap,
    Verifier,
    closely,
    painted,
    specks_all_over,
    threshold,
)
from archive_restore.detection.infrared import Verdict
from archive_restore.durable import write_durably
from archive_restore.errors import NoScratchError, PhotographError, TooLargePhotographError, WeightsError
from archive_restore.home import Home
from archive_restore.infrared import score_pages
from archive_restore.photos.archive import FoundFile
from archive_restore.photos.codecs import DEFAULT_MAX_PIXELS, Header, decode, file_sha256, sha256
from archive_restore.photos.mask_files import read_mask, write_mask
from archive_restore.progress import Progress

THE_DEFAULT = Policy()


class Detector(StrEnum):
    """What decides which pixels are damaged."""

    LEARNED = "learned"  # the segmenter, whose regions the heuristics name
    HEURISTIC = "heuristic"  # the heuristics alone


ON_A_GPU = 2
"""Processes that share a GPU: one reads while the other's photograph is searched. Each holds a context of its own in
the GPU's memory."""


@dataclass(frozen=True)
class ScanOptions:
    """How to look for damage. None, where it is not said otherwise: as for the archive so far."""

    level: Level | None = None
    kinds: frozenset[Kind] | None = None  # the others are no damage
    max_coverage: float | None = None  # of 1; photographs whose masks cover more are held
    max_pixels: int = DEFAULT_MAX_PIXELS
    jobs: int | None = None  # processes; None: one a core, and on a GPU no more than ON_A_GPU
    detector: Detector = Detector.LEARNED
    device: str | None = None  # where the learned one computes; None: the CPU
    thorough: bool | None = None  # look closely at large photographs, see `detection.closely`
    by_size: bool = False  # and if that is not said, do not ask what was said before
    anew: bool = False  # search also what has not changed since a former scan, unless it is restored

    @property
    def processes(self) -> int:
        """How many share the photographs."""
        cores = usable_cores()
        on_gpu = self.detector is Detector.LEARNED and self.device not in (None, "cpu")
        return self.jobs or (min(cores, ON_A_GPU) if on_gpu else cores)

    def policy(self, before: Policy) -> Policy:
        """What is damage, where it was `before` what it was."""
        return Policy(
            before.level if self.level is None else self.level,
            before.kinds if self.kinds is None else self.kinds,
        )


@dataclass(frozen=True)
class Examination:
    """A task: the photograph, and where its mask and score map go."""

    root: Path
    file: FoundFile  # below the root
    options: ScanOptions
    home: Home | None = None  # where mask and score map go, by content
    mask: Path | None = None  # where the mask goes, if there is no home
    policy: Policy = THE_DEFAULT  # what of the score map is damage

    @property
    def path(self) -> Path:
        """The photograph."""
        return self.file.path(self.root)

    @property
    def infrared(self) -> Path | None:
        """The infrared file beside it."""
        name = self.file.infrared
        return None if name is None else self.path.with_name(os.fsdecode(name))


@dataclass(frozen=True)
class Examined:
    """A photograph that was searched; its files are written."""

    sha256: str
    header: Header
    regions: list[Region]
    covered: int  # px in the mask
    by_hand: bool  # somebody painted the mask
    infrared: Verdict | None = None  # what its infrared picture turned out to be; None without one
    reduced: bool = False  # it was reduced for that, and a thorough search would have looked closer
    unsure: bool = False  # there are faint specks all over it, see `detection.specks_all_over`


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
    infrared: Verdict | None
    reduced: bool
    unsure: bool


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
    from archive_restore.networks.detector import load_detector
    from archive_restore.networks.devices import choose_device

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
    _settle(task.options.detector)
    try:
        found = _detect(task)
        by_hand = None
        if task.home is None:
            if task.mask is not None:
                write_mask(task.mask, found.mask)
        else:
            by_hand = _edited(found, task.home)
            # Empty, too, where there was damage before.
            if found.regions or task.home.detected_mask(found.sha256).exists():
                write_mask(task.home.detected_mask(found.sha256), found.mask, compact=True)
            # Last: where there is a score map, the photograph is through.
            write_durably(task.home.score_map(found.sha256), found.score_map.to_png())
    except PhotographError as error:
        # `from None` in the decoder hides the cause from a traceback, not from here.
        passing = isinstance(error, TooLargePhotographError)
        return Refused(error.reason, passing or isinstance(error.__context__, OSError | NoScratchError))
    if by_hand is not None:
        regions = painted(by_hand, found.score_map)
        covered = int(np.count_nonzero(by_hand))
    else:
        regions = found.regions
        covered = int(np.count_nonzero(found.mask))
    return Examined(
        found.sha256,
        found.header,
        regions,
        covered,
        by_hand=by_hand is not None,
        infrared=found.infrared,
        reduced=found.reduced,
        unsure=found.unsure and by_hand is None,
    )


def _settle(detector: Detector) -> None:
    """One thread for each of the processes, and memory that it need not ask for again."""
    keep_freed_memory()
    cv2.setNumThreads(1)
    if detector is not Detector.HEURISTIC:
        import torch

        torch.set_num_threads(1)


def _edited(found: "_Detection", home: Home) -> NDArray[np.bool_] | None:
    """The mask that somebody painted for a photograph, which is used instead of the detected one."""
    path = home.edited_mask(found.sha256)
    return read_mask(path, found.mask.shape) if path.exists() else None


def _sheet(header: Header, maps: list[ScoreMap]) -> ScoreMap:
    """The score map of the sheet. Each page was searched for itself: its neighbours' borders are no damage."""
    if len(maps) == 1:
        return maps[0]
    sheet = ScoreMap(*(np.zeros((header.height, header.width), np.uint8) for _ in range(2)))
    for page, place in zip(maps, header.places, strict=True):
        there = sheet.scores[place]
        whole = page.enlarged((there.shape[0], there.shape[1]))
        sheet.scores[place], sheet.kinds[place] = whole.scores, whole.kinds
    return sheet


def _detect(task: Examination) -> _Detection:
    """The one way from a file to its damage."""
    options, policy = task.options, task.policy
    photograph = decode(task.path, max_pixels=options.max_pixels)
    decides = verifier(options.detector, options.device)
    maps, infrared = score_pages(photograph, decides, task.infrared, thorough=options.thorough)
    header = photograph.header
    reduced = decides is not None and any(
        one.scores.size < page.pixels and not closely((page.height, page.width), options.thorough)
        for one, page in zip(maps, header.pages, strict=True)
    )
    score_map = _sheet(header, maps)
    mask, regions = threshold(score_map, policy.level, (header.height, header.width), policy.kinds)
    unsure = specks_all_over(score_map, policy.level, policy.kinds)
    return _Detection(sha256(photograph.source), header, score_map, mask, regions, infrared, reduced, unsure)
