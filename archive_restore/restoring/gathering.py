"""A photograph put together again from the pictures that come back from the network."""

from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from archive_restore.photos import large
from archive_restore.photos.codecs import Samples
from archive_restore.photos.rendering import pictures, put_back
from archive_restore.photos.tones import Tones, tones_of
from archive_restore.restoring.bands import Band, Finish, Mask, filled, joined, touched_up
from archive_restore.restoring.fractions import Picture, fitted
from archive_restore.restoring.levels import halved
from archive_restore.restoring.parts import Loaded, Part, is_large, surroundings
from archive_restore.restoring.places import Place, counted_from
from archive_restore.restoring.prefill import double

Task = TypeVar("Task")

COARSE_STRIP = 256
"""Rows of a coarse picture that are made at a time."""


@dataclass
class Gathering(Generic[Task]):
    """A photograph whose pictures come back from the network one by one, in any order."""

    task: Task
    loaded: Loaded
    missing: int  # pictures
    pages: list[Samples]  # with what was written into them
    error: Exception | None = None  # the first that one of them raised
    _came: dict[tuple[Part, int], Picture] = field(default_factory=dict)  # of pages that are not large
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
            written = self._written(part.page, part.core, self.pictures(part), self.hole(part), came, finish)
            self._write(part.page, part.core, written)
            for band in part.bands:
                self._write_band(part.page, band, finish)
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
        inside = counted_from(part.around, place)
        hole = mask[place]
        for _ in range(part.halvings):
            outcome = double(outcome, (2 * outcome.shape[0], 2 * outcome.shape[1]))
        weight = share[hole] if outcome.ndim == 2 else share[hole][:, None]
        self._sums[part.page, number][place][hole] += weight * outcome[inside][hole]

    def _write(self, page: int, place: Place, written: Samples) -> None:
        original = self._original(page)
        if written.shape == original.shape:
            self.pages[page] = written
            return
        if self.pages[page] is original:
            self.pages[page] = original.copy()
        self.pages[page][place] = written

    def _write_band(self, page: int, band: Band, finish: Finish) -> None:
        """A band, and its edge, where all beside it is written."""
        mask, axis = self.loaded.masks[page], band.axis

        def even(picture: Picture) -> Picture:
            hole = mask[band.place]
            return touched_up(picture, filled(picture, hole, axis), hole, axis, finish)

        def mixed(picture: Picture) -> Picture:
            return joined(picture, mask[band.edge], axis)

        kind, tones = self.loaded.photograph.header.pages[page], self._tones(page)
        for place, fill in ((band.place, even), (band.edge, mixed)):
            if mask[place].any():
                samples = self.pages[page][place]
                came = [fill(picture) for picture in pictures(samples, kind, tones)]
                self._write(page, place, put_back(samples, kind, mask[place], came, tones))

    def _write_tiles(self, page: int, parts: list[Part], finish: Finish) -> None:
        mask = self.loaded.masks[page]
        parts = [part for part in parts if mask[part.core].any()]
        if parts:
            self.pages[page] = large.copy(self._original(page))
        for part in parts:
            around = surroundings(part.core, mask)
            hole, shown = mask[around], self._shown(page, around)
            came = [picture.copy() for picture in shown]
            for number, picture in enumerate(came):
                picture[hole] = fitted(self._sums[page, number][around][hole], picture.dtype)
            written = self._written(page, around, shown, hole, came, finish)
            self.pages[page][part.core] = written[counted_from(around, part.core)]
        self._sums = {key: sums for key, sums in self._sums.items() if key[0] != page}

    def _written(
        self,
        page: int,
        around: Place,
        shown: tuple[Picture, ...],
        hole: Mask,
        came: list[Picture],
        finish: Finish,
    ) -> Samples:
        """The samples of a piece of a page with what came back for it."""
        samples, kind = self._original(page)[around], self.loaded.photograph.header.pages[page]
        finished = [finish(old, new, hole) for old, new in zip(shown, came, strict=True)]
        return put_back(samples, kind, hole, finished, self._tones(page))

    def _shown(self, page: int, place: Place) -> tuple[Picture, ...]:
        kind = self.loaded.photograph.header.pages[page]
        return pictures(self._original(page)[place], kind, self._tones(page))

    def _original(self, page: int) -> Samples:
        return self.loaded.photograph.pages[page]

    def _tones(self, page: int) -> Tones:
        if page not in self._shades:
            kind = self.loaded.photograph.header.pages[page]
            self._shades[page] = tones_of(self._original(page), kind)
        return self._shades[page]


def _halved(picture: Picture, mask: Mask, times: int) -> tuple[Picture, Mask]:
    for _ in range(times):
        picture, mask = halved(picture, mask)
    return picture, mask
