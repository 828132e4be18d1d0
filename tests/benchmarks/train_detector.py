"""Trains the damage segmenter from scratch, or goes on.

usage: python -m tests.benchmarks.train_detector PHOTOGRAPHS --run FOLDER [--sharp FOLDER] [--hard FOLDER]
       [--shapes FOLDER] [--samples N] [--size PX] [--workers N]

PHOTOGRAPHS is a folder of undamaged photographs (or of tar shards of them), --sharp one of crops at the sharpness of
a scan, --hard one of what an earlier segmenter took for damage (hard_crops cuts them out); --shapes a folder of real
artefacts, KIND/NAME.png with the opacity in the alpha channel, every other one of which is used. The run's folder
keeps a checkpoint, from which the same command goes on.
"""

import argparse
import signal
import sys
from pathlib import Path

import torch

from archive_restore.training.detection_loop import DetectorTraining, Material, train_detector
from archive_restore.training.sources import find_entries


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photographs", type=Path)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--sharp", type=Path)
    parser.add_argument("--hard", type=Path)
    parser.add_argument("--shapes", type=Path)
    parser.add_argument("--samples", type=int, default=120_000)
    parser.add_argument("--size", type=int, default=192, help="side of the samples, px; a multiple of 32")
    parser.add_argument("--workers", type=int, default=1, help="processes that draw samples")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    # So that the processes that draw end with this one.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    training = DetectorTraining(arguments.samples, arguments.size, workers=arguments.workers)
    material = Material(
        find_entries(arguments.photographs),
        find_entries(arguments.sharp) if arguments.sharp else (),
        find_entries(arguments.hard) if arguments.hard else (),
        arguments.shapes,
    )
    train_detector(material, arguments.run, training, tell=lambda line: print(line, flush=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
