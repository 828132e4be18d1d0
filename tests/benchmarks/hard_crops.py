"""Cuts out of undamaged photographs what a damage segmenter takes for damage, to train it on (hard negative mining).

usage: python -m tests.benchmarks.hard_crops PHOTOGRAPHS [PHOTOGRAPHS ...] --weights FOLDER --out FOLDER

PHOTOGRAPHS are folders that the segmenter is trained on, never such as it is measured on. --weights holds the
segmenter; its opinion alone counts, not its judge's. The crops go into --out, which train_detector takes as --hard.
"""

from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from archive_restore.detection.views import seen
from archive_restore.networks.detector import load_detector
from archive_restore.training.sources import Photographs, find_entries
from tests.benchmarks.commands import parser_of
from tests.benchmarks.pictures import write_picture

SIDE = 352  # px of a crop: a sample's side and some way around it
MOST = 2  # crops of one photograph
CALLED = 140  # 255ths
LEAST = 12.0  # px in all, each as sure as it is: fewer are a single speck


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("photographs", type=Path, nargs="+")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    detector = load_detector(folder=arguments.weights)
    arguments.out.mkdir(parents=True, exist_ok=True)
    entries = [entry for folder in arguments.photographs for entry in find_entries(folder)]
    photographs, written, bad = Photographs(entries, cache_bytes=0), 0, 0
    for number in range(len(entries)):
        picture = photographs[number]
        crops = hard_crops(picture, seen(picture, detector).probability)
        bad += bool(crops)
        for n, crop in enumerate(crops):
            path = arguments.out / f"{number:06d}-{n}.png"  # two folders may have files of one name
            write_picture(path, crop)
            written += 1
    print(
        f"{len(entries)} photographs, {bad} of them with something called: {written} crops in {arguments.out}"
    )


def hard_crops(picture: NDArray[np.uint8], scores: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Squares of a picture (H, W, 3) uint8 around what its scores (H, W), in 255ths, call the most; no two of them
    around the same."""
    sure = np.where(scores >= CALLED, scores, 0).astype(np.float32) / 255
    height, width = sure.shape
    side = min(SIDE, height, width)
    crops = []
    while len(crops) < MOST:
        near = cv2.boxFilter(
            sure, -1, (side // 2, side // 2), normalize=False, borderType=cv2.BORDER_CONSTANT
        )
        y, x = np.unravel_index(int(near.argmax()), near.shape)
        if near[y, x] < LEAST:
            break
        top = min(max(int(y) - side // 2, 0), height - side)
        left = min(max(int(x) - side // 2, 0), width - side)
        crops.append(picture[top : top + side, left : left + side])
        sure[top : top + side, left : left + side] = 0
    return crops


if __name__ == "__main__":
    main()
