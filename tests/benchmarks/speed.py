"""Measures, in one run on one device, how fast photographs are restored, and what bounds it.

usage: python -m tests.benchmarks.speed [--device cpu|cuda:N] [--model NAME] [--thorough] [--photographs FOLDER]
                                        [--count N] [--iopaint COMMAND]

1. The whole of `inpaint` over a folder of mixed photographs (2 to 12 megapixels, one to three damages each) against
   its floor: the network alone over as many windows in the same batches, tensors ready in memory. Then where the rest
   goes, by stage, and what bounds it. On a GPU: how busy it was kept, over 200 photographs.
2. A photograph of 12 megapixels with 3 % of it scratched against OpenCV's Telea on the whole photograph: seconds,
   peak memory, windows, and how much of what was computed is intact.
3. The command over the folder, start-up included: photographs and megapixels a second; with --iopaint, against
   `COMMAND run --model cv2` over the same folder and masks.

--thorough restores every window eight times, as GPUs do anyway.
ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2 in the environment hold a larger processor
to what most computers at home have.
--photographs names a folder of photographs, which are scaled to size; without it scenes are drawn.
"""

import tests.benchmarks.polite  # noqa: F401

# isort: split

import argparse
import os
import shlex
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from archive_restore import inpaint
from archive_restore.cores import usable_cores
from archive_restore.home import default_home
from archive_restore.networks.devices import choose_device
from archive_restore.networks.weights import load_model
from archive_restore.progress import NullProgress
from archive_restore.restoring import levels, pipeline, restorer
from archive_restore.training.measures import RADIUS
from tests.benchmarks import mixed
from tests.benchmarks.commands import parser_of, run_command, thorough_options
from tests.benchmarks.mixed import Folder
from tests.benchmarks.pictures import Picture
from tests.benchmarks.stopwatch import (
    Clock,
    NetworkMeter,
    Place,
    Stage,
    Taken,
    floor,
    metered_network,
    timed_stages,
)

DISTINCT = 20
"""Photographs of the mixed folder that differ; a longer folder repeats them."""

GPU_COUNT = 200

SCRATCHED_MEGAPIXELS = 12.0
SCRATCHED_SHARE = 0.03


@dataclass(frozen=True)
class Choice:
    """What restores: a device, a model (None: the default), and whether thoroughly (None: by the device)."""

    device: torch.device
    model: str | None
    thorough: bool | None


STAGES: tuple[Place, ...] = (
    ("decode", inpaint, "decode"),
    ("read the mask", inpaint, "read_mask"),
    ("measure depths", levels, "deeper_than_the_rim_tells"),
    ("halve", levels, "halved"),
    ("place windows", levels, "cover"),
    ("canvas", levels, "Canvas"),
    ("cut, first guess", levels.Level, "cut"),
    ("paste", levels.Level, "paste"),
    ("composite", levels.Level, "composite"),
    ("texture", restorer, "match_texture"),
    ("grain", restorer, "match_grain"),
    ("encode", inpaint, "encode"),
    ("regions for the record", inpaint, "regions_of"),
    ("write, fsync", pipeline, "write_durably"),
    ("read back", pipeline, "decode"),
    ("compare", pipeline, "compare"),
    ("load the network", inpaint, "load_model"),
)
"""All that `inpaint` does but the network."""


def restored(folder: Folder, chosen: Choice, out: Path) -> Taken:
    """What `inpaint` takes for the folder."""
    options = inpaint.InpaintOptions(device=str(chosen.device), model=chosen.model, thorough=chosen.thorough)
    clock = Clock()
    summary = inpaint.inpaint_paths(
        [folder.photographs],
        masks=folder.masks,
        out=out,
        home=default_home(),
        options=options,
        progress=NullProgress(),
    )
    taken = clock.read()
    if summary.interrupted:
        sys.exit("stopped as asked")
    if summary.set_aside:
        sys.exit(f"{summary.set_aside[0].path}: {summary.set_aside[0].reason}")
    return taken


def whole_against_floor(folder: Folder, chosen: Choice, out: Path) -> None:
    whole = restored(folder, chosen, out / "whole")
    # A second time with clocks in it, which take time themselves.
    with timed_stages(STAGES) as stages, metered_network() as meter:
        watched = restored(folder, chosen, out / "watched")
        meter.settle()
    alone = floor(meter)
    print(f"\n1. {folder.count} photographs, {folder.megapixels:.0f} megapixels, without start-up")
    print(f"{'':24s}{'wall s':>9s}{'CPU s':>9s}")
    print(f"{'whole':24s}{whole.wall:9.1f}{whole.cpu:9.1f}")
    print(f"{'network alone':24s}{alone.wall:9.1f}{alone.cpu:9.1f}")
    print(f"{'ratio':24s}{whole.wall / alone.wall:9.2f}{whole.cpu / alone.cpu:9.2f}")
    print(
        f"{described(meter)}; {100 * meter.pixels / 1e6 / folder.megapixels:.0f} % of the photographs' pixels"
    )
    lanes = len(meter.lanes)
    at_once = 1 if chosen.device.type == "cuda" else lanes  # which share a GPU
    busy = 100 * meter.seconds / (at_once * watched.wall)
    print(f"the network's {lanes} lane{'s' * (lanes > 1)} busy {busy:.0f} % of the time")
    show_stages(stages, meter, watched, chosen.device)


def show_stages(stages: dict[str, Stage], meter: NetworkMeter, whole: Taken, device: torch.device) -> None:
    """Where the seconds of the processor's cores went."""
    print(f"{'stage':24s}{'calls':>8s}{'wall s':>9s}{'CPU s':>8s}")
    for name, stage in sorted(stages.items(), key=lambda item: -item[1].cpu):
        print(f"{name:24s}{stage.calls:8d}{stage.wall:9.2f}{stage.cpu:8.2f}")
    network = meter.cpu if device.type == "cpu" else 0.0
    named = sum(stage.cpu for stage in stages.values())
    parts = {
        "the network": network,
        "the stages above": named,
        "the rest (batches, queues, copies, hashes)": max(0.0, whole.cpu - network - named),
        "idle": max(0.0, usable_cores() * whole.wall - whole.cpu),
    }
    cores = sum(parts.values())
    print("the cores: " + ", ".join(f"{name} {100 * part / cores:.0f} %" for name, part in parts.items()))


def described(meter: NetworkMeter) -> str:
    shapes = ", ".join(
        f"{count} of {shape[0]}x{shape[2]}x{shape[3]} px" for shape, count in meter.batches.most_common(3)
    )
    intact = 100 * (1 - meter.hole_pixels / meter.pixels)
    return (
        f"{meter.windows} windows in {sum(meter.batches.values())} batches ({shapes}), {intact:.0f} % intact"
    )


def scratched_against_telea(original: Picture, chosen: Choice, folder: Path) -> None:
    random = np.random.default_rng(12)
    picture, mask = mixed.damaged(
        mixed.scaled(original, SCRATCHED_MEGAPIXELS), random, ["scratches"], SCRATCHED_SHARE
    )
    model = load_model(chosen.model, home=default_home())
    ours = restorer.Restorer(model, chosen.device, thorough=chosen.thorough)
    ours.restore(picture[:512, :512].copy(), mask[:512, :512] | np.eye(512, dtype=bool))  # warm
    clock = Clock()
    ours.restore(picture, mask)
    taken = clock.read()
    with metered_network() as meter:
        ours.restore(picture, mask)
    clock = Clock()
    cv2.inpaint(picture, mask.astype(np.uint8), RADIUS, cv2.INPAINT_TELEA)
    telea = clock.read()
    one = mixed.made(folder, 1, mask.size / 1e6)
    mixed.write_one(one, "scratched", picture, mask, png=False)
    command = run_command(inpaint_command(one, chosen, folder / "out"))
    print(f"\n2. {mask.size / 1e6:.1f} megapixels, {100 * mask.mean():.1f} % scratched")
    print(f"{'':24s}{'wall s':>9s}{'CPU s':>9s}")
    print(f"{'restored':24s}{taken.wall:9.1f}{taken.cpu:9.1f}   network {meter.cpu:.1f} CPU s")
    print(f"{'Telea':24s}{telea.wall:9.2f}{telea.cpu:9.2f}")
    print(f"{'ratio':24s}{taken.wall / telea.wall:9.1f}{taken.cpu / telea.cpu:9.1f}")
    print(f"{described(meter)}; {100 * meter.pixels / mask.size:.0f} % of the photograph's pixels")
    print(f"each damaged pixel {meter.hole_pixels / mask.sum():.2f} times")
    print(
        f"with start-up and files {command.seconds:.1f} s, {command.cpu:.1f} CPU s, peak {command.peak:.0f} MB"
    )


def folder_against_iopaint(folder: Folder, chosen: Choice, iopaint: str | None, out: Path) -> None:
    print(f"\n3. {folder.count} photographs, {folder.megapixels:.0f} megapixels, start-up included")
    commands = {"archive-restore inpaint": inpaint_command(folder, chosen, out / "ours")}
    if iopaint:
        given = {"--image": folder.photographs, "--mask": folder.masks_by_stem, "--output": out / "iopaint"}
        where = [str(word) for pair in given.items() for word in pair]
        commands["IOPaint, cv2"] = [*shlex.split(iopaint), "run", "--model", "cv2", "--device", "cpu", *where]
    for name, command in commands.items():
        done = run_command(command)
        print(
            f"{name:24s} {done.seconds:7.1f} s  {folder.count / done.seconds:6.2f} photographs/s  "
            f"{folder.megapixels / done.seconds:6.2f} MP/s  {done.cpu:7.1f} CPU s  peak {done.peak:.0f} MB"
        )


def inpaint_command(folder: Folder, chosen: Choice, out: Path) -> list[str]:
    options = ["--model", chosen.model] if chosen.model else []
    options += ["--device", str(chosen.device), *thorough_options(chosen.thorough)]
    where = [str(folder.photographs), "--masks", str(folder.masks), "--out", str(out)]
    return [sys.executable, "-m", "archive_restore", "inpaint", *where, *options]


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--device")
    parser.add_argument("--model")
    parser.add_argument("--thorough", action=argparse.BooleanOptionalAction)
    parser.add_argument("--photographs", type=Path)
    parser.add_argument("--count", type=int)
    parser.add_argument("--iopaint")
    arguments = parser.parse_args()
    device = choose_device(arguments.device)
    chosen = Choice(device, arguments.model, arguments.thorough)
    count = arguments.count or (GPU_COUNT if device.type == "cuda" else DISTINCT)
    originals = mixed.sources(arguments.photographs)
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"{device}, {os.cpu_count()} cores, {torch.get_num_threads()} threads of the network{load}")
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        folder = mixed.write_folder(work / "mixed", originals, count, min(count, DISTINCT))
        whole_against_floor(folder, chosen, work / "whole")
        scratched_against_telea(originals[0], chosen, work / "scratched")
        folder_against_iopaint(folder, chosen, arguments.iopaint, work / "folder")


if __name__ == "__main__":
    main()
