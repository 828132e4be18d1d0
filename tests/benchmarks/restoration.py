"""Scores restoration with the true masks given, next to OpenCV's inpainting, in one table.

usage: python -m tests.benchmarks.restoration [--model NAME] [--device cpu|cuda:N] [--sheet FILE] SET

SET holds clean/NAME.png, damaged/NAME.png and masks/NAME.png.png (255 = damaged); NAME ends in -RECIPE.
Over the damaged samples only: PSNR dB, mean L1 %, sharp (mean gradient there over the truth's; 1 is as detailed as it
was); samples changed outside the mask, which must be 0; seconds a photograph. Means over photographs.
"""

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from archive_restore.home import default_home
from archive_restore.networks.devices import choose_device
from archive_restore.networks.weights import load_model
from archive_restore.restoring.restorer import Restorer

RADIUS = 3.0
CELL = 260
"""px; side of the crops on the sheet, at 1:1 around the most damaged place."""

Picture = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Method = Callable[[Picture, Mask], Picture]


def photographs(folder: Path) -> Iterator[tuple[str, Picture, Picture, Mask]]:
    """Name, damaged, clean (both RGB) and mask of every damaged photograph of a set."""
    for path in sorted((folder / "damaged").glob("*.png")):
        mask = cv2.imread(str(folder / "masks" / f"{path.name}.png"), cv2.IMREAD_GRAYSCALE) > 0
        if mask.any():
            damaged, clean = (cv2.imread(str(p)) for p in (path, folder / "clean" / path.name))
            yield path.stem, np.ascontiguousarray(damaged[..., ::-1]), clean[..., ::-1], mask


def figures(restored: Picture, clean: Picture, damaged: Picture, mask: Mask) -> list[float]:
    """PSNR dB, L1 %, sharp, samples changed outside the mask."""
    difference = (restored.astype(float) - clean)[mask]
    return [
        10 * np.log10(255**2 / max(float(np.square(difference).mean()), 1e-9)),
        100 * float(np.abs(difference).mean()) / 255,
        gradient(restored, mask) / max(gradient(clean, mask), 1e-9),
        float((restored != damaged)[~mask].sum()),
    ]


def gradient(picture: Picture, mask: Mask) -> float:
    grey = cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY).astype(np.float32)
    return float(np.hypot(cv2.Sobel(grey, -1, 1, 0), cv2.Sobel(grey, -1, 0, 1))[mask].mean())


def inpaint(method: int) -> Method:
    def fill(picture: Picture, mask: Mask) -> Picture:
        filled = cv2.inpaint(picture, mask.astype(np.uint8), RADIUS, method)
        return np.where(mask[..., None], filled, picture)

    return fill


def cell(name: str, damaged: Picture, restored: Picture, clean: Picture, mask: Mask) -> Picture:
    """Damaged, restored and clean side by side around the most damaged place, at 1:1."""
    side = min(CELL, *mask.shape)
    density = cv2.boxFilter(mask.astype(np.float32), -1, (side, side))
    row, column = np.unravel_index(int(density.argmax()), mask.shape)
    top = int(np.clip(row - side // 2, 0, mask.shape[0] - side))
    left = int(np.clip(column - side // 2, 0, mask.shape[1] - side))
    part = (slice(top, top + side), slice(left, left + side))
    triple = np.hstack([picture[part] for picture in (damaged, restored, clean)])
    labelled = np.ascontiguousarray(triple[..., ::-1])
    cv2.putText(labelled, name, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 255, 255), 1, cv2.LINE_AA)
    return np.pad(labelled, ((0, CELL - side + 2), (0, 3 * (CELL - side) + 2), (0, 0)))


def table(rows: dict[str, dict[str, list[list[float]]]]) -> None:
    recipes = sorted({recipe for method in rows.values() for recipe in method})
    for recipe in [*recipes, "all"]:
        for method, by_recipe in rows.items():
            chosen = list(by_recipe) if recipe == "all" else [recipe]
            values = [row for one in chosen for row in by_recipe[one]]
            psnr, l1, sharp, changed, seconds = np.mean(values, axis=0)
            print(
                f"{recipe:10s} {method:32s} {psnr:6.2f} dB  L1 {l1:5.2f} %  sharp {sharp:4.2f}  "
                f"changed outside {changed:g}  {seconds:6.2f} s  ({len(values)})"
            )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("set", type=Path)
    parser.add_argument("--model")
    parser.add_argument("--device")
    parser.add_argument("--sheet", type=Path)
    arguments = parser.parse_args()
    restorer = Restorer(load_model(arguments.model, home=default_home()), choose_device(arguments.device))
    methods: dict[str, Method] = {
        restorer.card.name: restorer.restore,
        "opencv-telea": inpaint(cv2.INPAINT_TELEA),
        "opencv-navier-stokes": inpaint(cv2.INPAINT_NS),
    }
    rows: dict[str, dict[str, list[list[float]]]] = {name: defaultdict(list) for name in methods}
    cells = []
    for name, damaged, clean, mask in photographs(arguments.set):
        for method, fill in methods.items():
            began = time.perf_counter()
            restored = fill(damaged, mask)
            seconds = time.perf_counter() - began
            row = [*figures(restored, clean, damaged, mask), seconds]
            rows[method][name.rsplit("-", 1)[-1]].append(row)
            if method == restorer.card.name and arguments.sheet:
                cells.append(cell(name, damaged, restored, clean, mask))
    table(rows)
    if arguments.sheet and cells:
        cells += [np.zeros_like(cells[0])] * (len(cells) % 2)
        pairs = [np.hstack(cells[i : i + 2]) for i in range(0, len(cells), 2)]
        cv2.imwrite(str(arguments.sheet), np.vstack(pairs))
    return 0


if __name__ == "__main__":
    sys.exit(main())
