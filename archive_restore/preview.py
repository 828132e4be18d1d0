"""The preview: contact sheets of what waits to be repainted, to be looked at before any of it is, and of what only who
looks can decide on."""

import io
import os
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

from archive_restore.cores import usable_cores
from archive_restore.detection import Policy, Sensitivity
from archive_restore.durable import write_durably
from archive_restore.errors import InputError, printable
from archive_restore.home import Home
from archive_restore.ledger import Archive, Ledger, MaskedPhotograph, State
from archive_restore.overlays import BOX, COLOURS, Hidden, Overlay, Pair, overlay
from archive_restore.photos.archive import lies_in, output_folder
from archive_restore.processes import Lost, in_processes
from archive_restore.progress import Progress
from archive_restore.standing import at_work

FORMATS: Final = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG"}
SIGNATURE: Final = "archive-restore preview"
"""In the metadata of every page: nothing else is ever replaced by one."""

ACROSS, DOWN = 2, 4
"""Photographs of a page."""

GAP: Final = 12
"""px between pictures."""

CAPTION: Final = 48
"""px below them, for two lines."""

HEAD: Final = 64
"""px at the top of a page."""

TEXT_PX: Final = 16
JPEG_QUALITY: Final = 88
PAPER, INK, FAINT, ALARM = (250, 250, 248), (20, 20, 20), (110, 110, 110), (190, 0, 30)

CELL: Final = (2 * BOX[0] + 3 * GAP, BOX[1] + CAPTION + GAP)
PAGE: Final = (ACROSS * CELL[0] + GAP, HEAD + DOWN * CELL[1])


@dataclass(frozen=True)
class Entry:
    """One photograph of a sheet: by its mask, or as a high `policy` would mask it."""

    photograph: MaskedPhotograph
    policy: Policy | None = None

    @property
    def warning(self) -> str:
        """What is to be known before the rest."""
        if self.policy is not None:
            return "faint specks all over; a high sensitivity takes "
        return "held for a look: " if State.HELD in self.photograph.states else ""

    def caption(self, regions: dict[str, int], covered: int) -> str:
        """How many regions of each kind there are, and how much of the photograph that is."""
        found = ", ".join(f"{kind} {count:,}" for kind, count in regions.items())
        share = f"{covered / self.photograph.pixels:.2%} of it"
        copies = f", {self.photograph.files} copies" if self.photograph.files > 1 else ""
        return f"{share}: {found}{copies}"


def check_form(sheet: Path) -> None:
    """Refuses (InputError) a sheet of a format that there is not."""
    if sheet.suffix.lower() not in FORMATS:
        raise InputError(f"{printable(sheet)}: name the preview something.jpg or something.png.")


def check_sheet(sheet: Path, archives: Sequence[Path]) -> None:
    """Refuses a sheet that would lie among photographs, or replace something else than a sheet.

    Raises
    ------
    InputError
        It would, or is to be of a format that there is not.
    """
    check_form(sheet)
    folder = sheet.expanduser().absolute().parent.resolve()
    for root in archives:
        for place in (root.expanduser().resolve(), output_folder(root.expanduser().resolve())):
            if lies_in(folder, place):
                raise InputError(
                    f"{printable(sheet)} lies among the photographs of {printable(place)}. Put the preview elsewhere."
                )
    if sheet.exists() and not _is_page(sheet):
        raise InputError(
            f"{printable(sheet)} exists already, is no preview, and is kept. Choose another name."
        )


def write_preview(
    archive: Archive, sheet: Path, *, ledger: Ledger, home: Home, progress: Progress
) -> list[Path]:
    """Writes what is queued and held in an archive as contact sheets, the largest masks first; after that, what has
    faint specks all over, as a high sensitivity would mask it.

    Each photograph stands beside itself with the mask in the colours of the kinds of damage. Several pages become
    sheet-1.jpg, sheet-2.jpg and so on. One page is in memory at a time.

    Returns
    -------
    The pages; none, if nothing waits or is to be decided on.

    Raises
    ------
    InputError
        See `check_sheet`.
    StorageError
        A page cannot be written.
    """
    waits = {State.QUEUED, State.HELD} if at_work(home) else {State.QUEUED, State.HELD, State.LEASED}
    waiting, unsure = [], []
    # As `rescore PHOTOGRAPH --sensitivity high` would have it.
    usual = Policy() if archive.policy is None else Policy.parsed(archive.policy)
    high = replace(usual, level=Sensitivity.HIGH)
    for one in ledger.masked(archive.id):
        if not waits.isdisjoint(one.states):
            waiting.append(Entry(one))
        if one.unsure:
            unsure.append(Entry(one, high))
    waiting.sort(key=lambda one: (-one.photograph.covered / one.photograph.pixels, one.photograph.relative))
    unsure.sort(key=lambda one: one.photograph.relative)
    subtitle = f"to be restored {len(waiting):,}, "
    if unsure:
        subtitle += f"with faint specks all over {len(unsure):,}, "
    entries = waiting + unsure
    count = -(-len(entries) // (ACROSS * DOWN))
    pages = page_names(sheet, count)
    for page in pages:
        check_sheet(page, [archive.root])
    progress.start("Writing the preview", len(entries))
    try:
        shown = _in_order(archive, entries, home, progress)
        for number, page in enumerate(pages):
            drawn = _page(archive, f"{subtitle}page {number + 1:,} of {count:,}")
            for place in range(min(ACROSS * DOWN, len(entries) - number * ACROSS * DOWN)):
                entry, picture = next(shown)
                _draw(drawn, place, entry, picture, _caption(entry, picture, ledger))
            write_durably(page, _encoded(drawn, FORMATS[page.suffix.lower()]))
    finally:
        progress.stop()
    return pages


def page_names(sheet: Path, count: int) -> list[Path]:
    """`sheet` itself for one page; else numbered ones, which sort as they follow each other."""
    if count <= 1:
        return [sheet] * count
    digits = len(str(count))
    return [
        sheet.with_name(f"{sheet.stem}-{number:0{digits}}{sheet.suffix}") for number in range(1, count + 1)
    ]


def _in_order(
    archive: Archive, entries: Sequence[Entry], home: Home, progress: Progress
) -> Iterator[tuple[Entry, Pair | Hidden | Lost]]:
    """Each photograph with its pictures. Processes finish in any order; what is early waits, small."""
    tasks = [
        Overlay(archive.root / os.fsdecode(one.photograph.relative), one.photograph.sha256, home, one.policy)
        for one in entries
    ]
    place = {task: number for number, task in enumerate(tasks)}
    early: dict[int, Pair | Hidden | Lost] = {}
    following = 0
    for task, picture in in_processes(overlay, tasks, processes=usable_cores()):
        early[place[task]] = picture
        progress.advance()
        while following in early:
            yield entries[following], early.pop(following)
            following += 1


def _caption(entry: Entry, picture: Pair | Hidden | Lost, ledger: Ledger) -> str:
    """What is said of an entry: of its mask, as the ledger has it."""
    if entry.policy is None:
        regions = {kind.kind: kind.regions for kind in ledger.kinds_of(entry.photograph.id)}
        return entry.caption(regions, entry.photograph.covered)
    if not isinstance(picture, Pair):
        return ""
    return entry.caption(
        dict(Counter(region.kind for region in picture.regions).most_common()), picture.covered
    )


def _page(archive: Archive, subtitle: str) -> Image.Image:
    """An empty page with its head: whose, which, and the colours of the kinds."""
    page = Image.new("RGB", PAGE, PAPER)
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(TEXT_PX)
    pen.text((GAP, 10), _fitted(f"{printable(archive.root)}: {subtitle}", pen, PAGE[0] - 2 * GAP), INK, font)
    left = float(GAP)
    for name, colour in COLOURS.items():
        pen.rectangle((left, 36, left + 18, 54), fill=colour, outline=FAINT)
        pen.text((left + 24, 36), name, INK, font)
        left += 24 + pen.textlength(name, font) + 20
    return page


def _draw(page: Image.Image, place: int, entry: Entry, picture: Pair | Hidden | Lost, caption: str) -> None:
    """One photograph at its place, 0 to ACROSS * DOWN - 1."""
    left = GAP + place % ACROSS * CELL[0]
    top = HEAD + place // ACROSS * CELL[1]
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(TEXT_PX)
    width = 2 * BOX[0] + GAP
    below = top + 4
    if isinstance(picture, Pair):
        height, across = picture.plain.shape[:2]
        page.paste(Image.fromarray(picture.plain), (left, top))
        page.paste(Image.fromarray(picture.coloured), (left + across + GAP, top))
        below += height
    else:
        pen.text((left, below), _fitted(f"Cannot be shown: {picture.reason}", pen, width), ALARM, font)
        below += 24
    name = printable(os.fsdecode(entry.photograph.relative))
    pen.text((left, below), _fitted(name, pen, width), INK, font)
    start = float(left)
    if entry.warning:
        pen.text((start, below + 20), entry.warning, ALARM, font)
        start += pen.textlength(entry.warning, font)
    pen.text((start, below + 20), _fitted(caption, pen, left + width - start), FAINT, font)


def _fitted(text: str, pen: ImageDraw.ImageDraw, width: float) -> str:
    """The end of `text`, where a name tells most, that fits into `width` px."""
    font = ImageFont.load_default(TEXT_PX)
    if pen.textlength(text, font) <= width:
        return text
    while text and pen.textlength("..." + text, font) > width:
        text = text[1:]
    return "..." + text


def _encoded(page: Image.Image, form: str) -> bytes:
    buffer = io.BytesIO()
    if form == "PNG":
        told = PngImagePlugin.PngInfo()
        told.add_text("Software", SIGNATURE)
        page.save(buffer, form, pnginfo=told)
    else:
        page.save(buffer, form, quality=JPEG_QUALITY, subsampling=0, comment=SIGNATURE)
    return buffer.getvalue()


def _is_page(path: Path) -> bool:
    """Whether a file is a page that this program wrote."""
    with warnings.catch_warnings(), suppress(Exception):  # whatever else it is, it is kept
        warnings.simplefilter("ignore")
        with Image.open(path) as image:
            comment = image.info.get("comment", image.info.get("Software", ""))
            return (comment.decode("latin-1") if isinstance(comment, bytes) else comment) == SIGNATURE
    return False
