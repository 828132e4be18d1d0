"""Scores the detectors on photographs with known damage, and writes sheets that a person can look at.

usage: python -m tests.benchmarks.detection [--detector learned|heuristic] [--sensitivity low|normal|high]
       [--thorough | --no-thorough] [--scanned grey|jpeg|blurred|sharpened|enlarged]
       [--sheets FOLDER] FOLDER ...

FOLDER is either a set (damaged/NAME.png, masks/NAME.png.png with 255 = damaged; NAME ends in -RECIPE) or
any folder of photographs, for which only the share called is printed.
precision: called pixels within 2 px of damage; recall: damaged pixels within 2 px of a call; F1 of the two,
averaged over photographs; false: share of the pixels of undamaged photographs that is called.
--scanned: the photographs as another scanner would have given them; a detector must not mind.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from archive_restore.detection import Sensitivity, Verifier, score, threshold
from archive_restore.examine import Detector, verifier
from tests.benchmarks.commands import parser_of
from tests.benchmarks.pictures import SUFFIXES, Mask, read_picture, write_picture

TOLERANCE_PX = 2
JPEG_QUALITY = 75
SOFT_PX, SHARP_PX, SHARPENING = 1.0, 1.2, 0.8  # sigmas, and the strength of the unsharp mask
FINER = 2.6  # times as many pixels on each side, of which the photograph fills no more
SHEET_CELL_PX = 700
SHEET_COLUMNS = 2
SHEET_ROWS = 3


def rescanned(picture: NDArray[np.uint8], how: str | None) -> NDArray[np.uint8]:
    """A picture (H, W, 3) RGB as another scanner gives it."""
    match how:
        case "grey":
            grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
            return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB), np.uint8)
        case "jpeg":
            _, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
            return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB), np.uint8)
        case "blurred":
            return np.asarray(cv2.GaussianBlur(picture, (0, 0), SOFT_PX), np.uint8)
        case "sharpened":
            soft = cv2.GaussianBlur(picture, (0, 0), SHARP_PX)
            return np.asarray(cv2.addWeighted(picture, 1 + SHARPENING, soft, -SHARPENING, 0), np.uint8)
        case "enlarged":
            return np.asarray(
                cv2.resize(picture, None, fx=FINER, fy=FINER, interpolation=cv2.INTER_CUBIC), np.uint8
            )
    return picture


def within(mask: Mask, reach: int) -> Mask:
    side = 2 * reach + 1
    grown = cv2.dilate(mask.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    return np.asarray(grown > 0)


def figures(called: Mask, truth: Mask) -> dict[str, float]:
    if not truth.any():
        return {"false": float(called.mean())}
    precision = float((called & within(truth, TOLERANCE_PX)).sum() / max(called.sum(), 1))
    recall = float((truth & within(called, TOLERANCE_PX)).sum() / truth.sum())
    f1 = 2 * precision * recall / max(precision + recall, 1e-9)
    return {"precision": precision, "recall": recall, "f1": f1}


def overlay(picture: NDArray[np.uint8], called: Mask, truth: Mask | None) -> NDArray[np.uint8]:
    """Photograph and calls side by side: red is called (rightly, if the truth is known), blue called
    wrongly, green missed."""
    marked = (picture.astype(np.float32) * 0.6).astype(np.uint8)
    if truth is None:
        marked[called] = (255, 0, 0)
    else:
        near = within(truth, TOLERANCE_PX)
        marked[called & near] = (255, 0, 0)
        marked[called & ~near] = (0, 128, 255)
        marked[truth & ~within(called, TOLERANCE_PX)] = (0, 255, 0)
    return np.hstack([picture, marked])


def sheet(cells: list[tuple[str, NDArray[np.uint8]]]) -> NDArray[np.uint8]:
    drawn = []
    for name, cell in cells:
        scale = 2 * SHEET_CELL_PX / max(cell.shape[1], 2 * cell.shape[0])
        small = cv2.resize(cell, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        canvas = np.zeros((SHEET_CELL_PX, 2 * SHEET_CELL_PX, 3), np.uint8)
        canvas[: small.shape[0], : small.shape[1]] = small[:SHEET_CELL_PX]
        cv2.putText(
            canvas, name, (6, SHEET_CELL_PX - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 0), 1, cv2.LINE_AA
        )
        drawn.append(canvas)
    drawn += [np.zeros_like(drawn[0])] * (-len(drawn) % SHEET_COLUMNS)
    rows = [np.hstack(drawn[i : i + SHEET_COLUMNS]) for i in range(0, len(drawn), SHEET_COLUMNS)]
    return np.vstack(rows)


def photographs(folder: Path) -> Iterator[tuple[Path, NDArray[np.uint8], Mask | None]]:
    damaged = folder / "damaged"
    for path in sorted((damaged if damaged.is_dir() else folder).iterdir()):
        if path.suffix.lower() not in SUFFIXES or ".mask" in path.name:
            continue
        known = folder / "masks" / f"{path.name}.png"
        truth = np.asarray(cv2.imread(str(known), cv2.IMREAD_GRAYSCALE)) > 0 if known.is_file() else None
        yield path, read_picture(path), truth


def measure(
    folder: Path,
    verifier: Verifier | None,
    sensitivity: Sensitivity,
    sheets: Path | None,
    scanned: str | None = None,
    *,
    thorough: bool | None = None,
) -> None:
    by_recipe: dict[str, list[dict[str, float]]] = {}
    cells = []
    seconds = megapixels = 0.0
    for path, stored, truth in photographs(folder):
        picture = rescanned(stored, scanned)
        if truth is not None and truth.shape != picture.shape[:2]:
            truth = (
                cv2.resize(truth.view(np.uint8), picture.shape[1::-1], interpolation=cv2.INTER_NEAREST) > 0
            )
        started = time.perf_counter()
        found = score(picture, verifier, thorough=thorough)
        called, regions = threshold(found, sensitivity, picture.shape[:2])
        seconds += time.perf_counter() - started
        megapixels += called.size / 1e6
        if truth is None:
            print(f"{path.name:40s} {100 * called.mean():7.3f} % called, {len(regions):5d} regions")
        else:
            row = figures(called, truth)
            by_recipe.setdefault(path.stem.split("-")[-1], []).append(row)
            print(f"{path.name:40s} " + "  ".join(f"{k} {v:.4f}" for k, v in row.items()))
        cells.append((path.name, overlay(picture, called, truth)))
    every = [row for rows in by_recipe.values() for row in rows]
    for recipe, rows in [*sorted(by_recipe.items()), ("all", every)]:
        names = sorted({name for row in rows for name in row})
        means = {name: np.mean([row[name] for row in rows if name in row]) for name in names}
        print(f"{recipe:12s} " + "  ".join(f"{name} {mean:.4f}" for name, mean in means.items()))
    print(f"{folder}: {megapixels:.1f} megapixels, {seconds / max(megapixels, 1e-9):.3f} s a megapixel")
    if sheets is not None:
        sheets.mkdir(parents=True, exist_ok=True)
        many = SHEET_COLUMNS * SHEET_ROWS
        for first in range(0, len(cells), many):
            name = f"{folder.resolve().name}-{first // many:02d}.png"
            write_picture(sheets / name, sheet(cells[first : first + many]))


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--sensitivity", type=Sensitivity, default=Sensitivity.NORMAL)
    parser.add_argument("--detector", type=Detector, default=Detector.LEARNED)
    parser.add_argument("--thorough", action=argparse.BooleanOptionalAction)
    parser.add_argument("--scanned", choices=["grey", "jpeg", "blurred", "sharpened", "enlarged"])
    parser.add_argument("--sheets", type=Path, help="write overlay sheets into this folder")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    decides = verifier(arguments.detector, None)
    torch.set_num_threads(1)  # as each of a scan's processes has
    for folder in arguments.folders:
        measure(
            folder,
            decides,
            arguments.sensitivity,
            arguments.sheets,
            arguments.scanned,
            thorough=arguments.thorough,
        )


if __name__ == "__main__":
    main()
