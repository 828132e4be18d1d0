"""Fits the judge of the segmenter's regions (archive_restore/detection/judge.json).

usage: python -m tests.benchmarks.fit_judge PHOTOGRAPHS --weights FOLDER [--shapes FOLDER] [--samples N] [--out FILE]

PHOTOGRAPHS is a folder of undamaged photographs that the segmenter was not trained on; damage is drawn over them.
--weights is the folder of the segmenter (models/detector of this repository); --shapes real artefacts as
train_detector takes them.
Every fifth sample is kept out of the fit; for these it prints, at several thresholds, how much of what is called is
damage, how much of the damage that the segmenter called is kept, and how much is called where nothing is damaged.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.random import Generator as Random
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from archive_restore.detection import judge
from archive_restore.detection.detect import regions_in
from archive_restore.detection.filters import Floats
from archive_restore.detection.verdict import ODDEST, parse
from archive_restore.detection.views import seen
from archive_restore.networks.detector import Detector, load_detector
from archive_restore.training.defects.laying import Shapes
from archive_restore.training.defects.real_shapes import read_shapes
from archive_restore.training.detection_samples import sample
from archive_restore.training.sources import Photographs, find_entries
from tests.benchmarks.commands import parser_of

SEED = 1827  # of the drawn damage; training and enter_detector have others
SIZE = 448  # px
HELD_OUT = 5  # every so many-th sample
NEAR = np.ones((5, 5), np.uint8)  # called pixels this near to damage are right
JUDGES = 3
HIDDEN = 24  # units
STEPS = 1_500
BATCH = 512
RATE = 5e-3
LARGEST = 20_000  # px of a region beyond which it weighs no more
UNDAMAGED = 2.0  # times that an error in an undamaged photograph costs
THRESHOLDS = (0.3, 0.5, 0.7, 0.9)


@dataclass(frozen=True)
class Material:
    """All regions of all samples. `x` (N, T) traits; `share` (N,) of each that lies on damage; `area` (N,) px;
    `intact` (N,) whether its sample is undamaged; `which` (N,) its sample's number."""

    x: Floats
    share: Floats
    area: Floats
    intact: np.ndarray[tuple[int], np.dtype[np.bool_]]
    which: np.ndarray[tuple[int], np.dtype[np.int64]]


@dataclass(frozen=True)
class Candidates:
    """What is to be judged in one sample: as a Material's, and whether the sample is undamaged."""

    x: Floats
    share: Floats
    area: Floats
    intact: bool


Find = Callable[[NDArray[np.uint8], Detector, Shapes, Random], Iterator[Candidates]]
"""The candidates in one sample that is drawn over a photograph."""


def gathered(
    photographs: Photographs, detector: Detector, shapes: Shapes, count: int, find: Find, seed: int
) -> Material:
    """The candidates of `count` drawn samples."""
    rows = [
        (one.x, one.share, one.area, np.full(len(one.x), one.intact), np.full(len(one.x), n))
        for n in range(count)
        for one in find(photographs[n % len(photographs)], detector, shapes, np.random.default_rng([seed, n]))
    ]
    return Material(*(np.concatenate(column) for column in zip(*rows, strict=True)))


def regions(
    photograph: NDArray[np.uint8], detector: Detector, shapes: Shapes, random: Random
) -> Iterator[Candidates]:
    """The segmenter's regions."""
    one = sample(photograph, SIZE, random, shapes)
    found, x = regions_in(one.picture, seen(one.picture, detector).probability)
    if not len(x):
        return
    near = np.asarray(cv2.dilate(one.truth.astype(np.uint8), NEAR)).ravel()
    share = found.whole.mean(near[found.whole.position])
    yield Candidates(x, share, found.whole.size, not one.truth.any())


def fitted(
    material: Material, learn: np.ndarray[tuple[int], np.dtype[np.bool_]], seed: int, undamaged: float
) -> dict[str, list[list[float]]]:
    """One judge, as it is stored; an error in an undamaged photograph costs `undamaged` times as much."""
    mean = material.x[learn].mean(axis=0)
    spread = material.x[learn].std(axis=0) + 1e-6
    weight = np.sqrt(np.minimum(material.area, LARGEST)) * np.where(material.intact, undamaged, 1)
    x = torch.from_numpy(np.clip((material.x - mean) / spread, -ODDEST, ODDEST))[learn]
    y, w = (
        torch.from_numpy(material.share)[learn],
        torch.from_numpy((weight / weight.mean()).astype(np.float32))[learn],
    )
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Linear(x.shape[1], HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1))
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=1e-3)
    for step in range(STEPS):
        some = torch.randint(len(x), (BATCH,))
        optimizer.param_groups[0]["lr"] = RATE * (1 - step / STEPS)
        errors = functional.binary_cross_entropy_with_logits(
            network(x[some])[:, 0], y[some], reduction="none"
        )
        optimizer.zero_grad()
        (errors * w[some]).mean().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    layers = [value.detach().numpy().round(4).tolist() for value in network.parameters()]
    return {"mean": mean.round(4).tolist(), "spread": spread.round(4).tolist(), "layers": layers}


def report(odds: Floats, material: Material, judged: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> None:
    """A line a threshold."""
    right = material.share * material.area
    for threshold in THRESHOLDS:
        kept = judged & (odds >= np.log(threshold / (1 - threshold)))
        precision = right[kept].sum() / max(material.area[kept].sum(), 1)
        recall = right[kept].sum() / right[judged].sum()
        false = [material.area[chosen & material.intact].sum() for chosen in (kept, judged)]
        print(
            f"from {threshold}: {precision:.3f} of what is called is damage, {recall:.3f} of the damage is kept; "
            f"{false[0]:.0f} of {false[1]:.0f} px are called where nothing is damaged"
        )


def fit(
    description: str,
    find: Find,
    traits: Sequence[str],
    out: Path,
    samples: int,
    seed: int,
    undamaged: float = UNDAMAGED,
) -> None:
    """Command line of the fits: gathers the material, writes the panel of judges to `out` and reports on it.
    `samples` are how many are drawn unless told; `seed` is that of the drawing; `undamaged` as in `fitted`."""
    parser = parser_of(description)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--shapes", type=Path)
    parser.add_argument("--samples", type=int, default=samples)
    parser.add_argument("--out", type=Path, default=out)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    shapes = read_shapes(arguments.shapes) if arguments.shapes else {}
    detector = load_detector(folder=arguments.weights)
    photographs = Photographs(find_entries(arguments.photographs))
    material = gathered(photographs, detector, shapes, arguments.samples, find, seed)
    learn = material.which % HELD_OUT != 0
    print(f"{arguments.samples} samples, {len(material.x)} candidates")
    panel = [fitted(material, learn, seed, undamaged) for seed in range(JUDGES)]
    arguments.out.write_text(json.dumps({"traits": traits, "panel": panel}) + "\n", encoding="ascii")
    odds = np.mean([parse(weights).odds(material.x) for weights in panel], axis=0)
    report(np.asarray(odds, np.float32), material, ~learn)


def main() -> None:
    fit(__doc__ or "", regions, judge.TRAITS, Path(judge.__file__).with_name("judge.json"), 800, SEED)


if __name__ == "__main__":
    main()
