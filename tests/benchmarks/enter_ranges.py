"""Sees what the convolutions of the shipped generator and segmenter read, and enters it into their manifests, so that
they can compute in 8 bits (`networks/eight_bits.py`).

usage: python -m tests.benchmarks.enter_ranges PHOTOGRAPHS [--shapes FOLDER] [--samples N]

PHOTOGRAPHS is a folder or a tar file of undamaged ones, of which none is measured on; damage is drawn over them. Prints
the range of each convolution. The weights stay as they are.
"""

from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from archive_restore.home import default_home
from archive_restore.networks.architectures import DEFAULT
from archive_restore.networks.detector import (
    FOLDER,
    NAME,
    DamageSegmenter,
    folded,
    fuse,
    laid_out,
    load_segmenter,
    normalised,
)
from archive_restore.networks.eight_bits import observed
from archive_restore.networks.weights import load_model, read_manifest, shipped_models, write_manifest
from archive_restore.training.defects.laying import NO_SHAPES, Shapes
from archive_restore.training.defects.real_shapes import read_shapes
from archive_restore.training.detection_samples import sample
from archive_restore.training.objectives import RefineHoles
from archive_restore.training.sources import Photographs, find_entries
from tests.benchmarks.commands import parser_of

Ranges = dict[str, tuple[float, float]]

SEED = 1790  # of the drawn damage; trainings and measures have others
SIZES = (192, 448)  # px, of the segmenter's samples
DIGITS = 3  # after the point


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("--shapes", type=Path)
    parser.add_argument(
        "--samples", type=int, default=120, help="for the segmenter; batches for the generator"
    )
    arguments = parser.parse_args()
    photographs = Photographs(find_entries(arguments.photographs))
    shapes = read_shapes(arguments.shapes) if arguments.shapes else NO_SHAPES
    enter(shipped_models(), DEFAULT, read_by_the_generator(photographs, shapes, arguments.samples))
    folder, pictures = shipped_models() / FOLDER, drawn(photographs, shapes, arguments.samples)
    enter(folder, NAME, read_by_the_segmenter(load_segmenter(folder), pictures))


@torch.no_grad()
def read_by_the_generator(photographs: Photographs, shapes: Shapes, batches: int) -> Ranges:
    """Over windows as the default generator is trained on them."""
    network = load_model(DEFAULT, home=default_home()).network
    objective = RefineHoles(artefacts=shapes)
    with observed(network) as seen:
        for number in range(batches):
            objective.write(network, objective.batch(photographs, (SEED, number)))
    return rounded(seen)


@torch.no_grad()
def read_by_the_segmenter(segmenter: DamageSegmenter, pictures: Iterable[NDArray[np.uint8]]) -> Ranges:
    """Over pictures (H, W, 3) whose sides are multiples of 32 px. Not by a `Detector`, which replaces convolutions."""
    network = laid_out(fuse(deepcopy(segmenter).eval()))
    with observed(network) as seen:
        for picture in pictures:
            network(normalised(folded(picture[None]), torch.float32))
    return rounded(seen)


def drawn(photographs: Photographs, shapes: Shapes, samples: int) -> Iterator[NDArray[np.uint8]]:
    """Samples as the segmenter is trained on them, and larger ones."""
    for number in range(samples):
        random = np.random.default_rng([SEED, number])
        photograph = photographs[int(random.integers(len(photographs)))]
        yield sample(photograph, SIZES[number % len(SIZES)], random, shapes, enlarging=True).picture


def rounded(seen: Ranges) -> Ranges:
    return {name: (round(least, DIGITS), round(most, DIGITS)) for name, (least, most) in seen.items()}


def enter(folder: Path, name: str, ranges: Ranges) -> None:
    """Prints the ranges, and writes them into the folder's manifest."""
    for convolution, (least, most) in ranges.items():
        print(f"{name}  {convolution:28}{least:10.3f}{most:10.3f}")
    default, cards = read_manifest(folder)
    with_ranges = [replace(card, ranges=ranges) if card.name == name else card for card in cards]
    write_manifest(folder, default, with_ranges)


if __name__ == "__main__":
    main()
