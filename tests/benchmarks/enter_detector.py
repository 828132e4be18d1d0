"""Scores a trained damage segmenter on held-out photographs, and enters it into a folder of weights.

usage: python -m tests.benchmarks.enter_detector CHECKPOINT HELD_OUT --out FOLDER [--shapes FOLDER] [--samples N]

CHECKPOINT is what train_detector leaves in its run's folder; HELD_OUT a folder of photographs that it was not trained
on. Damage is drawn over them with other seeds; most stay undamaged, as in an archive. Prints F1 (2 px tolerance) of
the damaged ones and the share of the undamaged ones that is called, at each threshold, and writes the weights.
"""

from pathlib import Path

import numpy as np
import torch

from archive_restore.detection import Sensitivity
from archive_restore.detection.masks import HYSTERESIS, Hysteresis, followed
from archive_restore.detection.odds import scores_of
from archive_restore.networks.detector import NAME, DamageSegmenter, Detector, laid_out
from archive_restore.networks.weights import ModelCard, save_model
from archive_restore.training.defects.real_shapes import read_shapes
from archive_restore.training.detection_samples import DetectorSample, sample
from archive_restore.training.sources import Photographs, find_entries
from tests.benchmarks.commands import parser_of
from tests.benchmarks.detection import figures
from tests.benchmarks.enter_ranges import read_by_the_segmenter

SEED = 1816  # of the drawn damage; the training has another
SIZE = 448  # px
SEEDS = (80, 105, 130, 155, 180, 205, 230)  # 255ths
REACH = 0.65  # of the seed


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("held_out", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--shapes", type=Path)
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--data", default="", help="for the card: what it was trained on")
    parser.add_argument("--trained", default="", help="for the card: when, on what, how long")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    state = torch.load(arguments.checkpoint, weights_only=True)
    network = laid_out(DamageSegmenter())
    network.load_state_dict(state["average"])
    network.eval()
    photographs = Photographs(find_entries(arguments.held_out))
    shapes = read_shapes(arguments.shapes) if arguments.shapes else {}
    samples = [
        sample(photographs[n % len(photographs)], SIZE, np.random.default_rng([SEED, n]), shapes)
        for n in range(arguments.samples)
    ]
    scores = judged(network, samples)
    card = ModelCard(
        NAME,
        "",
        "",
        NAME,
        samples=state["seen"],
        data=arguments.data,
        trained=arguments.trained,
        scores=scores,
        ranges=read_by_the_segmenter(network, (one.picture for one in samples)),
    )
    save_model(network, arguments.out, card)


def judged(network: DamageSegmenter, samples: list[DetectorSample]) -> dict[str, float]:
    """Prints a line a threshold; returns the figures of the normal sensitivity's."""
    detector = Detector(network)
    maps = [scores_of(detector(one.picture)) for one in samples]
    normal = HYSTERESIS[Sensitivity.NORMAL]
    for levels in (*(Hysteresis(seed, round(REACH * seed)) for seed in SEEDS), normal):
        rows = [
            figures(followed(scores, levels), one.truth) for scores, one in zip(maps, samples, strict=True)
        ]
        f1 = float(np.mean([row["f1"] for row in rows if "f1" in row]))
        false = float(np.mean([row["false"] for row in rows if "false" in row]))
        print(
            f"seed {levels.seed} reach {levels.reach}: F1 {f1:.3f}, {100 * false:.4f} % of undamaged called"
        )
    return {"validation_f1": round(f1, 3), "validation_false_percent": round(100 * false, 4)}


if __name__ == "__main__":
    main()
