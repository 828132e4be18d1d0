"""A photograph of any mode and size, as pictures that the network restores one by one, and together again."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from archive_restore.errors import PhotographError
from archive_restore.photos import large
from archive_restore.photos.codecs import Photograph, Samples
from archive_restore.photos.rendering import Tones, pictures, put_back, tones_of

Task = TypeVar("Task")
Picture = NDArray[np.uint8]
Mask = NDArray[np.bool_]

TILE = 2048
"""px; side of the squares in which a large page (see `photos.large`) is restored, so that memory holds a few."""

AROUND = 512
"""px around a tile that are restored with it and thrown away: what lies farther tells a hole nothing."""

Finish = Callable[[Picture, Picture, Mask], Picture]
"""The last touch: (picture, restored picture, mask) to what is written."""


@dataclass(frozen=True)
class Loaded:
    """A photograph and where its sheet is damaged, (H, W) bool.

    Raises
    ------
    PhotographError
        All of a page is damaged.
    """

    photograph: Photograph
    mask: Mask

    def __post_init__(self) -> None:
        for number, mask in enumerate(self.masks, start=1):
            if mask.all():
                which = "it" if len(self.masks) == 1 else f"page {number}"
                raise PhotographError(
                    self.photograph.path,
                    f"all of {which} is marked as damaged, so nothing is left to restore it from",
                )

    @property
    def masks(self) -> tuple[Mask, ...]:
        """Of each page."""
        return tuple(self.mask[place] for place in self.photograph.header.places)


@dataclass(frozen=True, eq=False)
class Part:
    """A page, or of a large one a tile with what lies around it, that is restored at once.

    It becomes one picture or, in CMYK, two.
    """

    page: int
    core: tuple[slice, slice]  # rows and columns of the page that it writes
    around: tuple[slice, slice]  # and that it is restored from

    @property
    def inside(self) -> tuple[slice, slice]:
        """The core, counted from the part's upper left corner."""
        rows, columns = (
            slice(core.start - around.start, core.stop - around.start)
            for core, around in zip(self.core, self.around, strict=True)
        )
        return rows, columns


@dataclass
class Gathering(Generic[Task]):
    """A photograph whose pictures come back from the network one by one, in any order."""

    task: Task
    loaded: Loaded
    missing: int  # pictures
    pages: list[Samples]  # with what was written into them
    error: Exception | None = None  # the first that one of them raised
    _waiting: dict[Part, dict[int, Picture]] = field(default_factory=dict)  # by number; not yet in pages
    _shades: dict[int, Tones] = field(default_factory=dict)  # by page

    @classmethod
    def of(cls, task: Task, loaded: Loaded, parts: list[Part]) -> "Gathering[Task]":
        """One from which nothing has come back."""
        kinds = loaded.photograph.header.pages
        missing = sum(kinds[part.page].colours.pictures for part in parts)
        return cls(task, loaded, missing, list(loaded.photograph.pages))

    @property
    def pixels(self) -> int:
        return self.loaded.mask.size

    def pictures(self, part: Part) -> tuple[Picture, ...]:
        """What of the original is restored as one part."""
        samples, kind = self._original(part.page), self.loaded.photograph.header.pages[part.page]
        return pictures(samples[part.around], kind, self._tones(part.page))

    def take(self, part: Part, number: int, outcome: Picture | Exception, finish: Finish) -> None:
        """One picture of a part. Tiles are written as soon as they are whole, so that they do not pile up."""
        self.missing -= 1
        if isinstance(outcome, Exception):
            self.error = self.error or outcome
            return
        came = self._waiting.setdefault(part, {})
        came[number] = outcome
        whole = len(came) == self.loaded.photograph.header.pages[part.page].colours.pictures
        if whole and is_large(self._original(part.page)):
            self._write(part, finish)

    def finished(self, finish: Finish) -> tuple[Samples, ...]:
        """All pages with all parts written. Raises what restoring one of them raised."""
        if self.error is not None:
            raise self.error
        for part in list(self._waiting):
            self._write(part, finish)
        return tuple(self.pages)

    def _write(self, part: Part, finish: Finish) -> None:
        samples, kind = self._original(part.page), self.loaded.photograph.header.pages[part.page]
        came, hole = self._waiting.pop(part), self.loaded.masks[part.page][part.around]
        finished = [finish(old, came[number], hole) for number, old in enumerate(self.pictures(part))]
        inner = np.zeros_like(hole)
        inner[part.inside] = hole[part.inside]
        written = put_back(samples[part.around], kind, inner, finished, self._tones(part.page))
        if not is_large(samples):
            self.pages[part.page] = written
            return
        if self.pages[part.page] is samples:
            self.pages[part.page] = large.copy(samples)
        self.pages[part.page][part.core] = written[part.inside]

    def _original(self, page: int) -> Samples:
        return self.loaded.photograph.pages[page]

    def _tones(self, page: int) -> Tones:
        if page not in self._shades:
            kind = self.loaded.photograph.header.pages[page]
            self._shades[page] = tones_of(self._original(page), kind)
        return self._shades[page]


def parts_of(loaded: Loaded) -> Iterator[Part]:
    """What of a photograph is to be restored: damaged pages, or one if no page is; of large ones the tiles."""
    for number in [number for number, mask in enumerate(loaded.masks) if mask.any()] or [0]:
        mask = loaded.masks[number]
        height, width = mask.shape
        whole = slice(0, height), slice(0, width)
        if not is_large(loaded.photograph.pages[number]):
            yield Part(number, whole, whole)
            continue
        cores = list(large.tiles(height, width, TILE))
        for core in [core for core in cores if mask[core].any()] or cores[:1]:
            rows, columns = (
                slice(max(0, side.start - AROUND), min(length, side.stop + AROUND))
                for side, length in zip(core, (height, width), strict=True)
            )
            yield Part(number, core, (rows, columns))


def is_large(samples: Samples) -> bool:
    """Whether a page is restored tile by tile."""
    return samples.nbytes >= large.LARGE
