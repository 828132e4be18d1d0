"""The page of a report: photographs before and after in one HTML file that needs nothing else."""

import base64
import html
import io
import secrets
import warnings
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from archive_restore import __version__
from archive_restore.errors import PhotographError, StorageError, printable
from archive_restore.photos.codecs import decode
from archive_restore.photos.files import read_mask

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Array = TypeVar("Array", Pixels, Mask)

OVERVIEW_SIDE = 1000
"""px, longer side of the whole photograph in the page."""

DISPLAY_SIDE = 640
"""CSS px, longer side on the screen; dense screens show the overview's every pixel."""

DETAIL_SIDE = 420
"""px, side of the detail that is shown at its own resolution."""

DETAIL_FROM_SCALE = 1.5
"""How much smaller than the scan an overview must be before a detail is shown beside it."""

JPEG_QUALITY = 88
MASK_COLOUR = (230, 40, 120)
MASK_OPACITY = 150  # of 255
LONGEST_PROFILE = 65_536
"""bytes; longer ICC profiles (printers') are left out of the page."""


@dataclass(frozen=True)
class Shown:
    """One photograph of the page."""

    name: str  # path below the archive, printable
    original: Path
    restored: Path
    mask: Path
    kinds: tuple[tuple[str, int], ...]  # kind of damage and number of regions


@dataclass(frozen=True)
class Contents:
    """What a page tells. `restored` may be lazy: its photographs are read one by one."""

    title: str
    summary: str
    kinds: tuple[tuple[str, int, int], ...]  # kind of damage, photographs with it, regions
    failures: tuple[tuple[str, str], ...]  # printable name and reason
    restored: Iterable[Shown]


def write_page(contents: Contents, page: Path) -> int:
    """Writes the report as one self-contained HTML file, replacing it in one step.

    Returns
    -------
    The number of photographs shown. One that can no longer be read is shown as a line with the reason.

    Raises
    ------
    StorageError
        The page cannot be written.
    """
    template = files("archive_restore").joinpath("report_page.html").read_text("utf-8")
    head, tail = (
        Template(half).substitute(
            title=html.escape(contents.title),
            summary=html.escape(contents.summary),
            kinds=_kinds_table(contents.kinds),
            failures=_failures_table(contents.failures),
            footer=f"Made by archive-restore {__version__}. Originals were read, never written.",
        )
        for half in template.split("$photographs")
    )
    temporary = page.with_name(f".archive-restore-{secrets.token_hex(8)}")
    shown = 0
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w", encoding="utf-8") as out:
            out.write(head)
            for item in contents.restored:
                out.write(_section(item))
                shown += 1
            out.write(tail)
        temporary.replace(page)
    except OSError as error:
        raise StorageError(
            f"Cannot write the report {printable(page)}: {error.strerror}. Choose another place with --out."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
    return shown


def _kinds_table(kinds: tuple[tuple[str, int, int], ...]) -> str:
    if not kinds:
        return ""
    rows = "".join(
        f'<tr><td>{html.escape(kind)}</td><td class="number">{photographs:,}</td>'
        f'<td class="number">{regions:,}</td></tr>'
        for kind, photographs, regions in kinds
    )
    return (
        '<h2>Damage found</h2><table><tr><th>kind</th><th class="number">photographs</th>'
        f'<th class="number">regions</th></tr>{rows}</table>'
    )


def _failures_table(failures: tuple[tuple[str, str], ...]) -> str:
    if not failures:
        return ""
    rows = "".join(f"<tr><td>{html.escape(n)}</td><td>{html.escape(r)}</td></tr>" for n, r in failures)
    return f"<h2>Set aside</h2><table><tr><th>photograph</th><th>reason</th></tr>{rows}</table>"


def _section(item: Shown) -> str:
    found = ", ".join(f"{kind} {count:,}" for kind, count in item.kinds)
    heading = f"<h3>{html.escape(item.name)}</h3>"
    try:
        views = "".join(_views(item))
        links = f"{_link(item.original, 'original')} · {_link(item.restored, 'restored')}"
        body = f'<div class="soft">{html.escape(found)}</div><div class="views">{views}</div>'
        caption = f"<figcaption>{links}</figcaption>"
    except PhotographError as error:
        body, caption = f'<div class="soft">Cannot be shown: {html.escape(error.reason)}</div>', ""
    return f'<section class="photograph">{heading}{body}{caption}</section>\n'


def _link(path: Path, word: str) -> str:
    return f'<a href="{html.escape(path.absolute().as_uri())}">{word}</a>'


def _views(item: Shown) -> Iterator[str]:
    """The whole photograph, and where that hides the damage a detail of it."""
    before, after = decode(item.original), decode(item.restored)
    mask = read_mask(item.mask, before.pixels.shape)
    if before.pixels.shape != after.pixels.shape:
        raise PhotographError(
            item.restored, "it has another size than its original; run `archive-restore scan`"
        )
    turn, profile = _as_displayed(before.source)
    pictures = upright(before.pixels, turn), upright(after.pixels, turn)
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


def shrink_mask(mask: Mask, size: tuple[int, int]) -> Mask:
    """`mask` at `size` (W, H), no larger: set where anything below was, so that thin lines stay."""
    return np.asarray(cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0)


def densest(mask: Mask, side: int) -> tuple[slice, slice]:
    """Rows and columns of the square of `side` px, cut to the picture, that holds most of the mask."""
    height, width = min(side, mask.shape[0]), min(side, mask.shape[1])
    total = cv2.integral(mask.astype(np.uint8))
    held = (
        total[height:, width:] - total[:-height, width:] - total[height:, :-width] + total[:-height, :-width]
    )
    tops, lefts = np.nonzero(held == held.max())
    nearest = np.argmin(
        np.hypot(tops - tops.mean(), lefts - lefts.mean())
    )  # the damage amid it, not at a side
    top, left = int(tops[nearest]), int(lefts[nearest])
    return slice(top, top + height), slice(left, left + width)


def _as_displayed(source: bytes) -> tuple[int, bytes | None]:
    """EXIF orientation (1 to 8) and ICC profile, so that the page shows what a viewer shows."""
    with warnings.catch_warnings(), suppress(Exception):  # whatever is odd in metadata, the picture is shown
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(source)) as image:
            profile = image.info.get("icc_profile")
            kept = profile if isinstance(profile, bytes) and len(profile) <= LONGEST_PROFILE else None
            return int(image.getexif().get(ExifTags.Base.Orientation, 1)), kept
    return 1, None


def upright(array: Array, orientation: int) -> Array:
    """`array` (H, W, ...) turned and mirrored as its EXIF orientation (1 to 8) says."""
    if orientation in (5, 6, 7, 8):  # rows are columns
        array = np.swapaxes(array, 0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return np.ascontiguousarray(array)


def _slider(before: Pixels, after: Pixels, mask: Mask, profile: bytes | None, caption: str) -> str:
    height, width = before.shape[:2]
    shown = min(width, round(width * DISPLAY_SIDE / max(height, width)))
    return (
        f'<figure><div class="slider" style="--width:{shown}px">'
        f'<img src="{_jpeg(before, profile)}" alt="before">'
        f'<img class="after" src="{_jpeg(after, profile)}" alt="after">'
        f'<img class="mask" src="{_overlay(mask)}" alt="what was called damaged">'
        '<span class="left">before</span><span class="right">after</span>'
        '<input type="range" min="0" max="100" value="50" aria-label="Before and after"></div>'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )


def _jpeg(picture: Pixels, profile: bytes | None) -> str:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=JPEG_QUALITY, icc_profile=profile)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _overlay(mask: Mask) -> str:
    image = Image.fromarray(mask.astype(np.uint8))
    image.putpalette([0, 0, 0, *MASK_COLOUR])
    buffer = io.BytesIO()
    image.save(buffer, "PNG", transparency=bytes((0, MASK_OPACITY)), bits=1)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
