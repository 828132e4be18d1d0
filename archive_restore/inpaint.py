"""The workflow of `inpaint`: photographs and masks to restored photographs, without a ledger."""

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from archive_restore.durable import mirror_folders
from archive_restore.errors import InputError, PhotographError, SetAside, printable
from archive_restore.home import Home
from archive_restore.interrupts import StopRequest, stop_on_interrupt
from archive_restore.networks.devices import choose_device
from archive_restore.networks.weights import ModelCard, load_model
from archive_restore.photos.archive import check_archive, check_output, same, walk
from archive_restore.photos.codecs import DEFAULT_MAX_PIXELS, Samples, decode, encode
from archive_restore.photos.mask_files import read_mask
from archive_restore.photos.names import folded, folds, written
from archive_restore.progress import Progress
from archive_restore.records import describe, recorded, regions_of
from archive_restore.restoring.parts import Loaded
from archive_restore.restoring.pipeline import restore_all, write_checked
from archive_restore.restoring.restorer import Restorer, thoroughness
from archive_restore.set_aside import noting_masks

MASK_SUFFIX = ".png"
"""The mask of sub/a.jpg is sub/a.jpg.png in the folder of masks."""


@dataclass(frozen=True)
class InpaintOptions:
    """What the user chose."""

    device: str | None = None  # None: the best there is
    batch_size: int | None = None  # windows; None: by the device
    model: str | None = None  # None: the default
    max_pixels: int = DEFAULT_MAX_PIXELS
    grain: bool = True  # draw the grain that repairs lack
    thorough: bool | None = None  # restore eight times and keep the mean; None: as `thoroughness` has it
    opaque: bool = False  # believe nothing under the masks
    overwrite: bool = False  # replace files that are in the output already, instead of keeping them
    recompress: bool = False  # encode a JPEG anew as a whole
    records: bool = True  # write a record beside each restored photograph


@dataclass
class InpaintSummary:
    """What was done."""

    restored: int = 0
    copied: int = 0  # whose masks are empty
    kept: int = 0  # whose output was there already
    set_aside: list[SetAside] = field(default_factory=list)
    seconds: float = 0.0
    interrupted: bool = False


@dataclass(frozen=True)
class _Order:
    """One photograph, its mask and its place in the output."""

    source: Path
    mask: Path
    output: Path
    name: str  # below what the user named, printable
    depth: int | None  # folders below the one that the user named; None: that is the photograph itself


def inpaint_paths(
    paths: Sequence[Path], *, masks: Path, out: Path, home: Home, options: InpaintOptions, progress: Progress
) -> InpaintSummary:
    """Restores files and folders into `out`, which mirrors the folders.

    The mask of a/b.jpg in a folder is masks/a/b.jpg.png, that of a single file masks/b.jpg.png. A photograph
    without a mask is set aside by name; one whose mask is empty is copied byte for byte. What is in `out`
    already is kept, so that the same command goes on after a kill.

    Raises
    ------
    InputError
        A path does not exist, `out` would write among the originals, or two photographs would become one.
    DeviceError, WeightsError, StorageError
        Going on would not help.
    """
    began = time.monotonic()
    check_archive(masks, "the masks")
    everything = _orders(paths, masks, out, home, progress)
    orders = everything if options.overwrite else [one for one in everything if not one.output.exists()]
    device = choose_device(options.device, progress.note)
    options = replace(options, thorough=thoroughness(options.thorough, device))
    summary = InpaintSummary(kept=len(everything) - len(orders))
    if orders:
        model = load_model(options.model, home=home)
        restorer = Restorer(
            model,
            device,
            options.batch_size,
            opaque=options.opaque,
            grain=options.grain,
            thorough=options.thorough,
            note=progress.note,
        )
        with stop_on_interrupt() as stop:
            progress.start("Restoring", len(orders))
            try:
                restore_all(_Inpainting(orders, options, restorer.card, progress, stop, summary), restorer)
            finally:
                progress.stop()
        left = len(orders) - summary.restored - summary.copied - len(summary.set_aside)
        summary.interrupted = stop.made and left > 0
    summary.seconds = time.monotonic() - began
    return summary


def _orders(paths: Sequence[Path], masks: Path, out: Path, home: Home, progress: Progress) -> list[_Order]:
    orders: dict[str, _Order] = {}
    found = list(_photographs(paths, [masks, home.root], out, progress))
    folding = folds(out)  # only now: it tries, and `out` might have been among the originals
    for source, relative, depth in found:
        place = written(os.fsencode(relative), source)
        output = out / os.fsdecode(place)
        order = _Order(source, masks / f"{relative}{MASK_SUFFIX}", output, printable(relative), depth)
        other = orders.setdefault(folded(place) if folding else os.fsdecode(place), order)
        if other is not order:
            raise InputError(
                f"{printable(other.source)} and {printable(source)} would both become "
                f"{printable(order.output)}. Restore them into different folders."
            )
    return list(orders.values())


def _photographs(
    paths: Sequence[Path], exclude: Sequence[Path], out: Path, progress: Progress
) -> Iterator[tuple[Path, str, int | None]]:
    """Each photograph, its path relative to what the user named, and how deep it lies in that folder, if it is one.
    In folders to `exclude` there are none."""

    def left_out(where: Path, error: OSError) -> None:
        progress.note(f"{printable(where)}: {error.strerror}; left out")

    for path in paths:
        if path.is_file():
            if same(path.resolve().parent, out.resolve()):
                raise InputError(
                    f"{printable(path)} lies in the output folder; originals are never overwritten. "
                    "Name another --out."
                )
            yield path, path.name, None
            continue
        folder = check_archive(path)
        check_output(folder, out)
        for found in walk(folder, exclude=exclude, on_error=left_out, on_masks=noting_masks(progress)):
            yield found.path(folder), os.fsdecode(found.relative), found.relative.count(b"/")


class _Inpainting:
    """Implements `pipeline.Work` for photographs with masks."""

    def __init__(
        self,
        orders: list[_Order],
        options: InpaintOptions,
        model: ModelCard,
        progress: Progress,
        stop: StopRequest,
        summary: InpaintSummary,
    ) -> None:
        self._orders = orders
        self._options = options
        self._model = model
        self._progress = progress
        self._stop = stop
        self._summary = summary
        self._copied: set[Path] = set()
        self._notes: dict[Path, str] = {}  # by output

    def tasks(self) -> Iterator[_Order]:
        yield from self._orders

    def pixels(self, order: _Order) -> int:
        try:
            return order.source.stat().st_size  # a compressed pixel takes about a byte
        except OSError:
            return 1

    def wanted(self) -> bool:
        return not self._stop.made

    def load(self, order: _Order) -> Loaded:
        if not order.mask.exists():
            raise PhotographError(order.source, f"there is no mask {printable(order.mask)}")
        photograph = decode(order.source, max_pixels=self._options.max_pixels)
        header = photograph.header
        return Loaded(photograph, read_mask(order.mask, (header.height, header.width)))

    def save(self, order: _Order, loaded: Loaded, pages: tuple[Samples, ...]) -> None:
        recompress = self._options.recompress
        if order.depth is not None:
            mirror_folders(order.output, order.source, depth=order.depth)
        data = encode(loaded.photograph, pages, recompress=recompress)
        if data == loaded.photograph.source:
            self._copied.add(order.output)
            with recorded(order.output, None):
                write_checked(order.output, data, loaded, pages)
            return
        record = describe(
            loaded.photograph,
            loaded.mask,
            data,
            name=order.name,
            mask_file=order.mask,
            model=(self._model.name, self._model.sha256),
            settings={
                "grain": self._options.grain,
                "thorough": self._options.thorough,
                "opaque": self._options.opaque,
                "recompress": recompress,
            },
            regions=regions_of(loaded.mask),
        )
        self._notes[order.output] = "; ".join(record.notes)
        with recorded(order.output, record if self._options.records else None):
            write_checked(order.output, data, loaded, pages, recompressed=recompress)

    def finished(self, order: _Order) -> None:
        note = self._notes.pop(order.output, "")
        if note:
            self._progress.note(f"{printable(order.source)}: {note}")
        if order.output in self._copied:
            self._summary.copied += 1
        else:
            self._summary.restored += 1
        self._progress.advance()

    def failed(self, order: _Order, reason: str) -> None:
        self._summary.set_aside.append(SetAside(order.source, reason))
        self._progress.note(f"{printable(order.source)}: {reason}")
        self._progress.advance()

    def given_back(self, order: _Order) -> None: ...
