"""Draws examples/album again: free photographs from scikit-image with damage of every kind laid over them.

    python examples/make_album.py            # writes examples/album
    python examples/make_album.py --sheet s.png   # and a contact sheet to look at

The same seeds give the same album. Sources and terms: examples/album/SOURCES.md.
"""

import argparse
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo
from skimage import data

from archive_restore.training import damage

Picture = NDArray[np.uint8]

ALBUM = Path(__file__).parent / "album"

DPI = 300
"""Dots per inch that the scans claim."""

SEPIA_SHADOW, SEPIA_LIGHT = np.array((38, 24, 14)), np.array((246, 232, 205))
"""RGB of a toned print's deepest shadow and of its paper."""

HAIR_WIDTH = 1.0
"""px: the unit of the damage's lengths."""

GRAIN = 2.0
"""Levels of 255, standard deviation: film grain over photograph and damage alike."""

SCANNER_BLUR = 0.5
"""px, sigma of the lens that saw photograph and damage alike."""


def sepia(picture: Picture) -> Picture:
    """A toned print: (H, W, 3) uint8 whose grey runs between the two sepia ends."""
    grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.float64)[..., None] / 255
    return np.asarray(np.rint(SEPIA_SHADOW + grey * (SEPIA_LIGHT - SEPIA_SHADOW)), np.uint8)


def as_taken(picture: Picture) -> Picture:
    """The photograph with the colours that it has."""
    return picture


@dataclass(frozen=True)
class Print:
    """One photograph of the album: where it lies, what it shows, and what befell it."""

    path: str
    description: str
    source: Callable[[], Picture]
    tone: Callable[[Picture], Picture]
    befell: tuple[tuple[str, int], ...]  # kind of damage and the seed that draws it

    def taken(self) -> Picture:
        """The print before anything befell it."""
        return self.tone(np.ascontiguousarray(self.source()))


PRINTS = (
    Print(
        "portraits/astronaut.jpg",
        "Eileen Collins",
        data.astronaut,
        sepia,
        (("creases", 24), ("dust", 5)),
    ),
    Print(
        "portraits/cameraman.png",
        "A cameraman on the campus",
        data.camera,
        as_taken,
        (("tears", 26), ("dust", 7)),
    ),
    Print(
        "at home/the cat.png",
        "Chelsea",
        data.chelsea,
        as_taken,
        (("hairs", 31), ("dust", 9)),
    ),
    Print(
        "at home/coffee.webp",
        "Coffee",
        data.coffee,
        as_taken,
        (("spots", 34), ("scratches", 11)),
    ),
    Print(
        "museum/greek coins.tif",
        "Greek coins from Pompeii",
        data.coins,
        as_taken,
        (("corners", 14), ("scratches", 15)),
    ),
    Print(
        "museum/launch, toned.tif",
        "Launch at dawn",
        data.rocket,
        sepia,
        (("cracks", 26), ("hairs", 35), ("tears", 19)),
    ),
    Print("museum/launch, undamaged.jpg", "Launch at dawn", data.rocket, as_taken, ()),
)


def scan_of(item: Print) -> Picture:
    """The photograph with its damage, as the scanner gives it: (H, W) or (H, W, 3) uint8."""
    picture = item.taken()
    for kind, seed in item.befell:
        random = np.random.default_rng(seed)
        drawn = damage.draw(random, picture.shape[:2], HAIR_WIDTH, kind)
        picture = damage.apply(picture, drawn, random)
    if not item.befell:
        return picture
    seen = cv2.GaussianBlur(picture.astype(np.float32), (0, 0), SCANNER_BLUR)
    grain = np.random.default_rng(len(item.path)).normal(0, GRAIN, picture.shape[:2])
    return np.clip(np.rint(seen + (grain if seen.ndim == 2 else grain[..., None])), 0, 255).astype(np.uint8)


def save(picture: Picture, path: Path, description: str) -> None:
    """Writes the scan in the format of its name, with the metadata that such files carry."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(picture)
    exif = Image.Exif()
    exif[0x010E] = description  # ImageDescription
    exif[0x010F] = "Album scanner"  # Make
    exif[0x0132] = "2024:05:01 20:15:00"  # DateTime
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    profile = profile[:24] + struct.pack(">6H", 2024, 5, 1, 20, 15, 0) + profile[36:]  # not today's date
    icc = profile if picture.ndim == 3 else None
    match path.suffix:
        case ".jpg":
            image.save(path, quality=92, subsampling=2, dpi=(DPI, DPI), exif=exif, icc_profile=icc)
        case ".png":
            text = PngInfo()
            text.add_text("Description", description)
            image.save(path, dpi=(DPI, DPI), pnginfo=text, icc_profile=icc)
        case ".tif":
            image.save(path, compression="tiff_lzw", dpi=(DPI, DPI), description=description, icc_profile=icc)
        case ".webp":
            image.save(path, quality=95, exif=exif, icc_profile=icc)


def contact_sheet(pictures: list[Picture], height: int = 420) -> Image.Image:
    """The pictures side by side, four to a row."""
    scaled = [Image.fromarray(p).convert("RGB") for p in pictures]
    scaled = [p.resize((round(p.width * height / p.height), height)) for p in scaled]
    rows = [scaled[i : i + 4] for i in range(0, len(scaled), 4)]
    sheet = Image.new("RGB", (max(sum(p.width + 6 for p in row) for row in rows), len(rows) * (height + 6)))
    for y, row in enumerate(rows):
        x = 0
        for picture in row:
            sheet.paste(picture, (x, y * (height + 6)))
            x += picture.width + 6
    return sheet


def main() -> None:
    """Writes the album, and a contact sheet when asked for."""
    parser = argparse.ArgumentParser(description="Draws the example album.")
    parser.add_argument("--sheet", type=Path, help="also write a contact sheet here")
    arguments = parser.parse_args()
    scans = [scan_of(item) for item in PRINTS]
    for item, scan in zip(PRINTS, scans, strict=True):
        save(scan, ALBUM / item.path, item.description)
    if arguments.sheet:
        contact_sheet(scans).save(arguments.sheet)


if __name__ == "__main__":
    main()
