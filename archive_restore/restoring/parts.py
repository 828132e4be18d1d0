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
from archive_restore.restoring.levels import halved
from archive_restore.restoring.prefill import double

Task = TypeVar("Task")
Picture = NDArray[np.uint8]
Mask = NDArray[np.bool_]

TILE = 2048
"""px; side of the squares in which a large page (see `photos.large`) is restored, so that memory holds a few."""

AROUND = 512
"""px around a tile that are restored with it: what lies farther tells a hole nothing."""

FADE = 128
"""px on either side of a border between tiles over which one fades into the other, so that no seam shows."""

COARSE_STRIP = 256
"""Rows of a coarse picture that are made at a time."""

LARGEST = 4096
"""px; side of what is restored at once. A tile in a hole of which nothing is known for farther is restored coarsely."""

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
    core: tuple[slice, slice]  # rows and columns of the page; the cores of all tiles cover it once
    around: tuple[slice, slice]  # that it is restored from
    halvings: int = 0  # of its picture, where nothing near the core is known

    def shares(self, shape: tuple[int, int]) -> tuple[tuple[slice, slice], NDArray[np.float32]]:
        """Where on a page of `shape` (H, W) it has a say, and how much, (h, w) of 0..1: those of all tiles add up
        to 1 everywhere."""
        (rows, down), (columns, across) = (
            _ramp(side, length) for side, length in zip(self.core, shape, strict=True)
        )
        return (rows, columns), down[:, None] * across


@dataclass
class Gathering(Generic[Task]):
    """A photograph whose pictures come back from the network one by one, in any order."""

    task: Task
    loaded: Loaded
    missing: int  # pictures
    pages: list[Samples]  # with what was written into them
    error: Exception | None = None  # the first that one of them raised
    _came: dict[tuple[Part, int], Picture] = field(default_factory=dict)  # of pages that are one part
    _tiles: dict[int, list[Part]] = field(default_factory=dict)  # that came, by large page
    _sums: dict[tuple[int, int], NDArray[np.float32]] = field(default_factory=dict)  # by page and picture
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
        return self._coarse(part)[0] if part.halvings else self._shown(part.page, part.around)

    def hole(self, part: Part) -> Mask:
        """Where the pictures of a part are damaged."""
        return self._coarse(part)[1] if part.halvings else self.loaded.masks[part.page][part.around]

    def take(self, part: Part, number: int, outcome: Picture | Exception) -> None:
        """One picture of a part. Of tiles only the holes are kept, so that they do not pile up."""
        self.missing -= 1
        if isinstance(outcome, Exception):
            self.error = self.error or outcome
        elif is_large(self._original(part.page)):
            self._add(part, number, outcome)
        else:
            self._came[part, number] = outcome

    def finished(self, finish: Finish) -> tuple[Samples, ...]:
        """All pages with all parts written. Raises what restoring one of them raised."""
        if self.error is not None:
            raise self.error
        for part in {part: None for part, _ in self._came}:
            count = self.loaded.photograph.header.pages[part.page].colours.pictures
            came = [self._came.pop((part, number)) for number in range(count)]
            whole = part.around, self.pictures(part), self.hole(part)
            self.pages[part.page] = self._written(part.page, *whole, came, finish)
        for page, parts in self._tiles.items():
            self._write_tiles(page, parts, finish)
        return tuple(self.pages)

    def _coarse(self, part: Part) -> tuple[tuple[Picture, ...], Mask]:
        """A part's pictures and hole, halved as often as it says; strip by strip, so that memory holds one."""
        (rows, columns), mask = part.around, self.loaded.masks[part.page]
        height = COARSE_STRIP << part.halvings
        strips = []
        for top in range(rows.start, rows.stop, height):
            place = slice(top, min(top + height, rows.stop)), columns
            strips.append([_halved(one, mask[place], part.halvings) for one in self._shown(part.page, place)])
        shown = [np.concatenate([strip[number][0] for strip in strips]) for number in range(len(strips[0]))]
        return tuple(shown), np.concatenate([strip[0][1] for strip in strips])

    def _add(self, part: Part, number: int, outcome: Picture) -> None:
        """Lays a tile's share of the holes down."""
        mask = self.loaded.masks[part.page]
        self._tiles.setdefault(part.page, [])
        if number == 0:
            self._tiles[part.page].append(part)
        if (part.page, number) not in self._sums:
            shape = (*mask.shape, *outcome.shape[2:])
            self._sums[part.page, number] = large.zeros(shape, np.float32)
        place, share = part.shares((mask.shape[0], mask.shape[1]))
        inside = _counted_from(part.around, place)
        hole = mask[place]
        for _ in range(part.halvings):
            outcome = double(outcome, (2 * outcome.shape[0], 2 * outcome.shape[1]))
        weight = share[hole] if outcome.ndim == 2 else share[hole][:, None]
        self._sums[part.page, number][place][hole] += weight * outcome[inside][hole]

    def _write_tiles(self, page: int, parts: list[Part], finish: Finish) -> None:
        mask = self.loaded.masks[page]
        parts = [part for part in parts if mask[part.core].any()]
        if parts:
            self.pages[page] = large.copy(self._original(page))
        for part in parts:
            around = _grown(part.core, AROUND, mask)
            hole, shown = mask[around], self._shown(page, around)
            came = [picture.copy() for picture in shown]
            for number, picture in enumerate(came):
                picture[hole] = np.rint(self._sums[page, number][around][hole])
            written = self._written(page, around, shown, hole, came, finish)
            self.pages[page][part.core] = written[_counted_from(around, part.core)]
        self._sums = {key: sums for key, sums in self._sums.items() if key[0] != page}

    def _written(
        self,
        page: int,
        around: tuple[slice, slice],
        shown: tuple[Picture, ...],
        hole: Mask,
        came: list[Picture],
        finish: Finish,
    ) -> Samples:
        """The samples of a piece of a page with what came back for it."""
        samples, kind = self._original(page)[around], self.loaded.photograph.header.pages[page]
        finished = [finish(old, new, hole) for old, new in zip(shown, came, strict=True)]
        return put_back(samples, kind, hole, finished, self._tones(page))

    def _shown(self, page: int, place: tuple[slice, slice]) -> tuple[Picture, ...]:
        kind = self.loaded.photograph.header.pages[page]
        return pictures(self._original(page)[place], kind, self._tones(page))

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
        parts = [_tile(number, core, mask) for core in cores if mask[_grown(core, FADE, mask)].any()]
        yield from parts or [_tile(number, cores[0], mask)]


def is_large(samples: Samples) -> bool:
    """Whether a page is restored tile by tile."""
    return samples.nbytes >= large.LARGE


def _tile(page: int, core: tuple[slice, slice], mask: Mask) -> Part:
    """A tile with as much around it as it takes to see something of the photograph."""
    margin, halvings = AROUND, 0
    while mask[around := _grown(core, margin, mask)].all():
        margin *= 2
    while max(side.stop - side.start for side in around) > LARGEST << halvings:
        halvings += 1
    return Part(page, core, around, halvings)


def _grown(core: tuple[slice, slice], margin: int, mask: Mask) -> tuple[slice, slice]:
    """Rows and columns up to `margin` px beside a tile, on the page."""
    rows, columns = (
        slice(max(0, side.start - margin), min(length, side.stop + margin))
        for side, length in zip(core, mask.shape, strict=True)
    )
    return rows, columns


def _counted_from(around: tuple[slice, slice], place: tuple[slice, slice]) -> tuple[slice, slice]:
    """Rows and columns of a page, counted from the upper left corner of a piece of it."""
    rows, columns = (
        slice(one.start - first.start, one.stop - first.start)
        for one, first in zip(place, around, strict=True)
    )
    return rows, columns


def _ramp(core: slice, length: int) -> tuple[slice, NDArray[np.float32]]:
    """Where a tile has a say along one side of the page, and how much: 1/2 at its borders, 1 at the page's."""
    reach = slice(max(0, core.start - FADE), min(length, core.stop + FADE))
    at = np.arange(reach.start, reach.stop) + 0.5
    share = np.ones(len(at))
    if core.start > 0:
        share = np.minimum(share, 0.5 + (at - core.start) / (2 * FADE))
    if core.stop < length:
        share = np.minimum(share, 0.5 + (core.stop - at) / (2 * FADE))
    return reach, share.astype(np.float32)


def _halved(picture: Picture, mask: Mask, times: int) -> tuple[Picture, Mask]:
    for _ in range(times):
        picture, mask = halved(picture, mask)
    return picture, mask
