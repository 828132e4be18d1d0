"""Prints what a restored photograph keeps of its original, for every container and mode that is restored.

usage: python -m tests.benchmarks.fidelity [NAMES...]
       python -m tests.benchmarks.fidelity --large MEGAPIXELS [--channels 1|3|4] [--depth 8|16] [--compression C]

Each file of tests/formats.py (or those whose names begin with NAMES), given EXIF, maker notes, XMP and IPTC by exiftool
where the container takes them, is repainted under a mask, written, and read again. In a cell, = means equal, a dash
that the original has none of it, otherwise it says what differs. "outside" counts samples that differ outside the mask;
of a JPEG file, coefficients outside the blocks that the mask touches. Exit code 1 if anything differs that is not said
in the last column.

With --large instead: a TIFF of so many megapixels is made (grey, RGB or CMYK; in tiles with --compression deflate or
lzw, else in strips), restored by `archive-restore inpaint` on the processor under a mask of scratches and spots, and
read again by `archive-restore verify`; their time and their largest memory are printed.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from archive_restore.durable import write_durably
from archive_restore.photos import codecs
from archive_restore.photos.fidelity import compare
from tests.benchmarks.commands import parser_of
from tests.benchmarks.large_tiff import LargeTiff, measure
from tests.formats import BLOCKS, COLOURED, EXACT, HEIF, PAGES, jpeg, mask, repainted

FORMATS = EXACT | BLOCKS | PAGES | COLOURED | HEIF
COLUMNS = ("size", "mode", "ICC", "EXIF", "maker", "XMP", "IPTC", "DPI", "orient.", "mtime")
GIVEN = ("-XMP-dc:Title=Boat", "-EXIF:LensModel=Sonnar", "-EXIF:Artist=A. Nebel", "-EXIF:Orientation#=6",
         "-IPTC:City=Riga")  # fmt: skip
GROUPS = {"EXIF": ("ExifIFD:", "IFD0:Artist", "IFD0:Make"), "maker": ("Nikon:",), "XMP": ("XMP",), "IPTC": ("IPTC",),
          "DPI": ("Resolution", "PixelsPerUnit"), "orient.": ("Orientation",)}  # fmt: skip


def main() -> int:
    parser = parser_of(__doc__)
    parser.add_argument("--large", type=int, metavar="MEGAPIXELS")
    parser.add_argument("--channels", type=int, choices=(1, 3, 4), default=3)
    parser.add_argument("--depth", type=int, choices=(8, 16), default=8)
    parser.add_argument("--compression", choices=("deflate", "lzw"))
    parser.add_argument("names", nargs="*", metavar="NAMES")
    arguments = parser.parse_args()
    if arguments.large:
        kind = LargeTiff(arguments.large, arguments.channels, arguments.depth, arguments.compression)
        return measure(kind)
    if shutil.which("exiftool") is None:
        sys.exit("exiftool is missing: apt install libimage-exiftool-perl")
    with tempfile.TemporaryDirectory(prefix="fidelity-") as folder:
        chosen = [name for name in FORMATS if not arguments.names or name.startswith(tuple(arguments.names))]
        return matrix(Path(folder), chosen)


def matrix(folder: Path, names: list[str]) -> int:
    before, after = folder / "before", folder / "after"
    before.mkdir()
    paths = {name: before / f"{name}.{suffix(name)}" for name in names}
    for name, path in paths.items():
        FORMATS[name](path)
    model = jpeg(folder / "model.jpg")
    makers = ("-tagsfromfile", str(model), "-makernotes")
    exiftool("-q", "-m", "-overwrite_original", *makers, *GIVEN, str(before))
    outputs = {name: after / f"{path.name}{codecs.added_suffix(path)}" for name, path in paths.items()}
    results = {name: restored(path, outputs[name]) for name, path in paths.items()}
    tags = [tags_of(place) for place in (before, after)]
    print(f"{'format':38}" + "".join(f"{column:>9}" for column in (*COLUMNS, "outside")) + "  said")
    wrong = 0
    for name, (cells, said) in results.items():
        path, output = paths[name], outputs[name]
        for group, keys in GROUPS.items():
            old, new = (
                {k: v for k, v in tag[one.name].items() if any(key in k for key in keys)}
                for tag, one in zip(tags, (path, output), strict=True)
            )
            if "PNG" in said:  # which names some things in other words
                old = {k: v for k, v in old.items() if k in new or "QuickTime" not in k}
            cells[group] = "-" if not old else "=" if old == new else "differs"
        same = path.stat().st_mtime_ns == output.stat().st_mtime_ns
        cells["mtime"] = "=" if same and path.stat().st_mode == output.stat().st_mode else "differs"
        told = {"mode"} if said else set()
        told |= {"orient."} if "upright" in said else set()
        wrong += any(cells[column] not in "=-0" for column in {*COLUMNS, "outside"} - told)
        row = "".join(f"{cells[column]:>9}" for column in (*COLUMNS, "outside"))
        print(f"{name:38}{row}  {said}")
    print(f"{len(results)} formats, {wrong} with differences that are not said")
    return int(wrong > 0)


def restored(path: Path, output: Path) -> tuple[dict[str, str], str]:
    """The cells that need no exiftool, and what the program says of the file."""
    original = codecs.decode(path)
    pages = zip(original.header.pages, original.pages, strict=True)
    wanted = tuple(negative(samples, page.colours.samples) for page, samples in pages)
    write_durably(output, codecs.encode(original, wanted), like=path)
    again = codecs.decode(output)
    turned = original.pages[0].shape[:2] != mask().shape
    marked = mask().T if turned else np.concatenate([mask()] * len(original.pages))
    found = compare(original, again, marked, coefficients=True)
    sizes = [[(page.width, page.height) for page in one.header.pages] for one in (original, again)]
    profiles = [codecs.icc_profile(one) for one in (original, again)]
    said = codecs.change_of_mode(original.header, again.header) or ""
    cells = {
        "size": "=" if sizes[0] == sizes[1] else "differs",
        "mode": "differs" if said else "=",
        "ICC": "-" if profiles[0] is None else "=" if profiles[0] == profiles[1] else "differs",
        "outside": str(found.outside),
    }
    return cells, said


def negative(samples: np.ndarray, colours: int) -> np.ndarray:
    """`repainted`, also of a picture that lies on its side."""
    if samples.shape[:2] == mask().shape:
        return repainted(samples, colours)
    return np.swapaxes(repainted(np.swapaxes(samples, 0, 1), colours), 0, 1)


def tags_of(folder: Path) -> dict[str, dict[str, Any]]:
    listed = json.loads(exiftool("-a", "-G1", "-s", "-u", "-b", "-j", str(folder)))
    return {Path(one["SourceFile"]).name: one for one in listed}


def exiftool(*arguments: str) -> bytes:
    return subprocess.run(["exiftool", *arguments], capture_output=True, check=False).stdout


def suffix(name: str) -> str:
    return {"jpeg": "jpg", "tiff": "tif"}.get(name.split()[0], name.split()[0])


if __name__ == "__main__":
    sys.exit(main())
