"""Trains the damage segmenter from scratch, from other weights, or goes on.

usage: python -m tests.benchmarks.train_detector PHOTOGRAPHS --run FOLDER [--start FOLDER] [--sharp FOLDER]
       [--hard FOLDER] [--shapes FOLDER] [--samples N] [--size PX] [--batch N] [--rate X] [--threads N] [--workers N]

PHOTOGRAPHS is a folder of undamaged photographs (or of tar shards of them), --sharp one of crops at the sharpness of
a scan, --hard one of what an earlier segmenter took for damage (hard_crops cuts them out); --shapes a folder of real
artefacts, KIND/NAME.png with the opacity in the alpha channel, every other one of which is used. --start is a folder of
weights to begin with. The run's folder keeps a checkpoint, from which the same command goes on.
"""

import signal
import sys
from pathlib import Path

import torch

from archive_restore.networks.detector import load_segmenter
from archive_restore.training.detection_loop import DetectorTraining, Material, train_detector
from archive_restore.training.sources import find_entries
from tests.benchmarks.commands import parser_of


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="a folder of weights to begin with")
    parser.add_argument("--sharp", type=Path)
    parser.add_argument("--hard", type=Path)
    parser.add_argument("--shapes", type=Path)
    parser.add_argument("--samples", type=int, default=120_000)
    parser.add_argument("--size", type=int, default=192, help="side of the samples, px; a multiple of 32")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--threads", type=int, default=1, help="that learn")
    parser.add_argument("--workers", type=int, default=1, help="processes that draw samples")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    # So that the processes that draw end with this one.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    training = DetectorTraining(
        arguments.samples, arguments.size, arguments.batch, arguments.rate, workers=arguments.workers
    )
    material = Material(
        find_entries(arguments.photographs),
        find_entries(arguments.sharp) if arguments.sharp else (),
        find_entries(arguments.hard) if arguments.hard else (),
        arguments.shapes,
    )
    start = load_segmenter(arguments.start) if arguments.start else None
    train_detector(material, arguments.run, training, start=start, tell=lambda line: print(line, flush=True))


if __name__ == "__main__":
    main()
