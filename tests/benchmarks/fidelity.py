"""Prints what a restored photograph keeps of its original, for every container and mode that is restored.

usage: python -m tests.benchmarks.fidelity [NAMES...] [--large MEGAPIXELS [--channels 1|3]]

Each file of tests/formats.py (or those whose names begin with NAMES), given EXIF, maker notes, XMP and IPTC by exiftool
where the container takes them, is repainted under a mask, written, and read again. In a cell, = means equal, a dash
that the original has none of it, otherwise it says what differs. "outside" counts samples that differ outside the mask;
of a JPEG file, coefficients outside the blocks that the mask touches. Exit code 1 if anything differs that is not said
in the last column.

With --large instead: a TIFF of so many megapixels is made and restored by `archive-restore inpaint` on the processor
under a mask of scratches and spots; its time and its largest memory are printed.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from archive_restore.photos import codecs
from archive_restore.photos.fidelity import compare
from archive_restore.photos.files import write_durably, write_mask
from tests.formats import BLOCKS, COLOURED, EXACT, HEIF, PAGES, jpeg, mask, repainted

FORMATS = EXACT | BLOCKS | PAGES | COLOURED | HEIF
COLUMNS = ("size", "mode", "ICC", "EXIF", "maker", "XMP", "IPTC", "DPI", "orient.", "mtime")
GIVEN = ("-XMP-dc:Title=Boat", "-EXIF:LensModel=Sonnar", "-EXIF:Artist=A. Nebel", "-EXIF:Orientation#=6",
         "-IPTC:City=Riga")  # fmt: skip
GROUPS = {"EXIF": ("ExifIFD:", "IFD0:Artist", "IFD0:Make"), "maker": ("Nikon:",), "XMP": ("XMP",), "IPTC": ("IPTC",),
          "DPI": ("Resolution", "PixelsPerUnit"), "orient.": ("Orientation",)}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--large", type=int, metavar="MEGAPIXELS")
    parser.add_argument("--channels", type=int, choices=(1, 3), default=3)
    parser.add_argument("names", nargs="*", metavar="NAMES")
    arguments = parser.parse_args()
    if arguments.large:
        return large(arguments.large, arguments.channels)
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


def large(megapixels: int, channels: int) -> int:
    """One TIFF of 10,000 px width, restored by the command from file to file."""
    with tempfile.TemporaryDirectory(prefix="fidelity-") as name:
        folder = Path(name)
        photograph, width, height = folder / "large.tif", 10_000, megapixels * 100
        make_large(photograph, width, height, channels)
        write_mask(folder / "masks" / "large.tif.png", scratches(height, width))
        command = [sys.executable, "-m", "archive_restore", "inpaint", str(photograph), "--device", "cpu"]
        folders = ["--masks", str(folder / "masks"), "--out", str(folder / "out")]
        began = time.monotonic()
        running = subprocess.Popen([*command, *folders, "--max-pixels", str(width * height)])
        anonymous = 0
        while running.poll() is None:
            anonymous = max(anonymous, held_in_memory(running.pid))
            time.sleep(0.2)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
        print(
            f"{width}x{height} px, {channels} channels, {photograph.stat().st_size / 2**30:.2f} GiB: "
            f"{time.monotonic() - began:.0f} s, at most {anonymous / 2**30:.2f} GiB of memory of its own, "
            f"{peak / 2**30:.2f} GiB with mapped files"
        )
        return running.returncode


def held_in_memory(process: int) -> int:
    """Bytes that the system could not drop: without the pages of mapped files."""
    try:
        status = Path(f"/proc/{process}/status").read_text("ascii")
    except OSError:
        return 0
    line = next((line for line in status.splitlines() if line.startswith("RssAnon:")), "RssAnon: 0 kB")
    return int(line.split()[1]) * 1024


def make_large(path: Path, width: int, height: int, channels: int) -> None:
    """Smooth shades with grain, in strips of 16 rows, written piece by piece."""
    random = np.random.default_rng(0)
    grain = random.integers(-6, 7, (16, width, channels))
    x = np.arange(width)[:, None]
    shape = (height, width, channels) if channels > 1 else (height, width)

    def strips() -> Any:
        for top in range(0, height, 16):
            rows = min(16, height - top)
            shade = 120 + 60 * np.sin(x / 900 + top / 3000 + np.arange(channels))
            strip = np.clip(shade + np.roll(grain[:rows], top * 7, axis=1), 0, 255).astype(np.uint8)
            yield strip if channels > 1 else strip[..., 0]

    photometric = "rgb" if channels == 3 else "minisblack"
    tifffile.imwrite(
        path, strips(), shape=shape, dtype=np.uint8, rowsperstrip=16, photometric=photometric, metadata=None,
        bigtiff=True,
    )  # fmt: skip


def scratches(height: int, width: int) -> np.ndarray:
    """Two scratches across 6,000 rows and 60 spots; (H, W) bool."""
    random = np.random.default_rng(1)
    marked = np.zeros((height, width), bool)
    for column in (2050, 5000):
        marked[height // 3 : height // 3 + 6000, column : column + 3] = True
    for y, x in zip(random.integers(0, height - 20, 60), random.integers(0, width - 20, 60), strict=True):
        marked[y : y + 12, x : x + 12] = True
    return marked


if __name__ == "__main__":
    sys.exit(main())
