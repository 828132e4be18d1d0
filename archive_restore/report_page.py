"""The page of a report: photographs before and after in one HTML file that needs nothing else."""

import base64
import html
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from string import Template
from urllib.parse import quote_from_bytes

import cv2
import numpy as np

from archive_restore import __version__
from archive_restore.displaying import (
    Mask,
    Pixels,
    as_displayed,
    densest,
    jpeg,
    overlay,
    shrink_mask,
    upright,
)
from archive_restore.errors import PhotographError, StorageError, printable
from archive_restore.photos.codecs import decode
from archive_restore.photos.mask_files import read_mask
from archive_restore.photos.rendering import viewable
from archive_restore.progress import Progress

OVERVIEW_SIDE = 1000
"""px, longer side of the whole photograph in the page."""

DISPLAY_SIDE = 640
"""CSS px, longer side on the screen; dense screens show the overview's every pixel."""

DETAIL_SIDE = 420
"""px, side of the detail that is shown at its own resolution."""

DETAIL_FROM_SCALE = 1.5
"""How much smaller than the scan an overview must be before a detail is shown beside it."""


@dataclass(frozen=True)
class Root:
    """An archive and where its restored photographs are."""

    originals: Path
    restored: Path


@dataclass(frozen=True)
class Shown:
    """One photograph of the page."""

    name: str  # path below the archive, printable
    root: int  # number of its archive
    relative: bytes  # path below it
    restored: Path | None
    mask: Path | None
    state: str
    kinds: tuple[tuple[str, int], ...]  # kind of damage and number of regions
    finished_at: str  # local time, ISO 8601
    size: tuple[int, int] | None  # (W, H) px
    note: str  # why it was set aside, or what else is to be said
    pictured: bool  # the page holds pictures of it


@dataclass(frozen=True)
class Contents:
    """What a page tells."""

    title: str
    summary: str
    states: tuple[tuple[str, int], ...]  # of all jobs
    kinds: tuple[tuple[str, int, int], ...]  # kind of damage, photographs with it, regions
    roots: tuple[Root, ...]
    timeline: tuple[tuple[str, int, int], ...]  # hour or day, restored, set aside
    photographs: tuple[Shown, ...]


@dataclass(frozen=True)
class _View:
    """A picture of before and after; the three are data URIs."""

    width: int  # CSS px
    height: int
    before: str
    after: str
    mask: str
    caption: str


def write_page(contents: Contents, page: Path, progress: Progress) -> int:
    """Writes the report as one self-contained HTML file, replacing it in one step.

    The facts of all photographs are one table of JSON, some 200 bytes each, of which the page's script makes
    cards as they come into view. The pictures follow, each in an element of its own that the browser does not
    look into before its card is shown.

    Returns
    -------
    How many of the pictured photographs can be shown.

    Raises
    ------
    StorageError
        The page cannot be written.
    """
    shown = 0
    template = files("archive_restore").joinpath("report_page.html").read_text("utf-8")
    head, tail = (
        Template(half).substitute(
            title=html.escape(contents.title),
            summary=html.escape(contents.summary),
            kinds=_kinds_table(contents.kinds),
            facts=_json(_facts(contents)),
            footer=f"Made by archive-restore {__version__}. Originals were read, never written.",
        )
        for half in template.split("$pictures")
    )
    temporary = page.with_name(f".archive-restore-{secrets.token_hex(8)}")
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w", encoding="utf-8") as out:
            out.write(head)
            for number, item in enumerate(contents.photographs):
                if item.pictured:
                    pictures = _pictures(item, contents.roots[item.root])
                    shown += isinstance(pictures, list)
                    out.write(f'<script type="application/json" id="p{number}">{_json(pictures)}</script>\n')
                    progress.advance()
            out.write(tail)
        temporary.replace(page)
    except OSError as error:
        raise StorageError(
            f"Cannot write the report {printable(page)}: {error.strerror}. Choose another place with --out."
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return shown


def _json(value: object) -> str:
    """JSON that cannot end the element that holds it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _facts(contents: Contents) -> dict[str, object]:
    kinds = [kind for kind, _, _ in contents.kinds]
    places = {kind: number for number, kind in enumerate(kinds)}
    return {
        "roots": [
            [_folder(root.originals), _folder(root.restored), _typed(root.originals)]
            for root in contents.roots
        ],
        "kinds": kinds,
        "states": contents.states,
        "timeline": contents.timeline,
        "photographs": [_row(item, contents.roots[item.root], places) for item in contents.photographs],
    }


def _folder(path: Path) -> str:
    return path.absolute().as_uri() + "/"


def _typed(path: Path) -> str:
    """A folder as it can be typed in a command; empty if it cannot."""
    named = f"{path.absolute()}/"
    return named if printable(named) == named else ""


def _row(item: Shown, root: Root, kinds: dict[str, int]) -> list[object]:
    """Facts of one photograph: the order is known to the page's script."""
    quoted = quote_from_bytes(item.relative)
    expected = root.restored / os.fsdecode(item.relative)
    link: object = 0  # there is none
    if item.restored is not None:
        link = 1 if item.restored == expected else item.restored.absolute().as_uri()
    found = [[kinds[kind], count] for kind, count in item.kinds if kind in kinds]
    name = 0 if quoted == item.name else item.name  # 0: as the link says
    return [item.root, quoted, name, item.state, found, item.finished_at, item.size or 0, link, item.note]


def _pictures(item: Shown, root: Root) -> list[dict[str, object]] | str:
    """The views, or in words why there are none."""
    original = root.originals / os.fsdecode(item.relative)
    try:
        if item.restored is None or item.mask is None:
            raise PhotographError(original, "it was not restored")
        return [asdict(view) for view in _views(original, item.restored, item.mask)]
    except PhotographError as error:
        return f"Cannot be shown: {error.reason}"


def _kinds_table(kinds: tuple[tuple[str, int, int], ...]) -> str:
    if not kinds:
        return ""
    rows = "".join(
        f'<tr><td>{html.escape(kind)}</td><td class="number">{photographs:,}</td>'
        f'<td class="number">{regions:,}</td></tr>'
        for kind, photographs, regions in kinds
    )
    return (
        '<div><h2>Damage found</h2><table><tr><th>kind</th><th class="number">photographs</th>'
        f'<th class="number">regions</th></tr>{rows}</table></div>'
    )


def _views(original: Path, restored: Path, mask_file: Path) -> Iterator[_View]:
    """The whole photograph, and where that hides the damage a detail of it."""
    before, after = decode(original), decode(restored)
    sheet = (before.header.height, before.header.width)
    mask = read_mask(mask_file, sheet)
    if sheet != (after.header.height, after.header.width):
        raise PhotographError(restored, "it has another size than its original; run `archive-restore scan`")
    turn, profile = as_displayed(bytes(before.source))
    pictures = upright(viewable(before), turn), upright(viewable(after), turn)
    mask = upright(mask, turn)
    height, width = mask.shape
    scale = max(height, width) / OVERVIEW_SIDE
    size = (width, height) if scale <= 1 else (max(1, round(width / scale)), max(1, round(height / scale)))
    share = f"{mask.mean():.2%} repainted"
    smaller = [np.asarray(cv2.resize(p, size, interpolation=cv2.INTER_AREA), np.uint8) for p in pictures]
    yield _slider(smaller[0], smaller[1], shrink_mask(mask, size), profile, f"{width} x {height} px, {share}")
    if scale >= DETAIL_FROM_SCALE and mask.any():
        rows, columns = densest(mask, DETAIL_SIDE)
        crops = [p[rows, columns] for p in pictures]
        yield _slider(crops[0], crops[1], mask[rows, columns], profile, "a detail, pixel for pixel")


def _slider(before: Pixels, after: Pixels, mask: Mask, profile: bytes | None, caption: str) -> _View:
    height, width = before.shape[:2]
    scale = min(1.0, DISPLAY_SIDE / max(height, width))
    return _View(
        width=max(1, round(width * scale)),
        height=max(1, round(height * scale)),
        before=_uri("jpeg", jpeg(before, profile)),
        after=_uri("jpeg", jpeg(after, profile)),
        mask=_uri("png", overlay(mask)),
        caption=caption,
    )


def _uri(form: str, data: bytes) -> str:
    return f"data:image/{form};base64,{base64.b64encode(data).decode('ascii')}"
