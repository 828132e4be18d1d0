"""Fits archive_restore/detection/verdict.json: how the traits of a candidate are weighed.

usage: python -m tests.benchmarks.fit_verdict --out verdict.json SET ...

SET holds damaged/NAME.png and masks/NAME.png.png (255 = damaged). Every eighth photograph is held out, and
the figures printed are of those. Undamaged photographs belong into the sets: they teach what to
leave alone. Two small networks are fitted one after the other, the second also to what the first says of the
other candidates.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from archive_restore.detection.candidates import Candidates, find
from archive_restore.detection.palette import Palette, palette
from archive_restore.detection.planes import Plane, halved, pyramid
from archive_restore.detection.traits import TRAITS
from archive_restore.detection.verdict import ODDEST, evidence, inputs

HELD_OUT = 8  # every eighth photograph
# A candidate is damage if this share of it lies on damage, and none if less than the first figure does.
NEITHER = (0.25, 0.6)
HIDDEN = (32, 16)
BATCH = 4096
RATE = 0.005
# Large candidates count more, by the root of their area; up to this many px².
LARGEST = 10_000
# A candidate of an undamaged photograph counts this much more: a repainted eye is worse than a scratch.
UNDAMAGED = 4.0
DIGITS = 4
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Photograph:
    """One photograph of a set, reduced to its candidates."""

    palette: Palette
    found: list[Candidates]
    damaged: list[Floats]  # for each entry of `found`, (N,) share of the candidate that lies on damage
    intact: bool


def photographs(folders: list[Path]) -> Iterator[Photograph]:
    for folder in folders:
        for path in sorted((folder / "damaged").glob("*.png")):
            picture = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
            truth = cv2.imread(str(folder / "masks" / f"{path.name}.png"), cv2.IMREAD_GRAYSCALE)
            yield reduced(picture, np.where(truth > 0, 255, 0).astype(np.uint8))


def reduced(picture: NDArray[np.uint8], truth: NDArray[np.uint8]) -> Photograph:
    planes = pyramid(picture)
    colours = palette(planes)
    every, damaged = [], []
    intact = not truth.any()
    for plane in planes:
        near = cv2.dilate((truth > 80).astype(np.uint8), np.ones((3, 3), np.uint8)).ravel()
        # The pixels are not needed any more, and would fill the memory.
        bare = Plane(np.broadcast_to(np.uint8(0), plane.shape), None, plane.step)
        for found in find(plane, colours):
            inside = np.bincount(found.owner, near[found.position], len(found))
            damaged.append((inside / found.trait("area")).astype(np.float32))
            every.append(replace(found, plane=bare))
        truth = halved(truth)
    return Photograph(colours, every, damaged, intact)


def fit(x: Floats, y: Floats, weight: Floats, learn: NDArray[np.bool_], steps: int) -> tuple[Floats, object]:
    """Probabilities for all of `x`, and the network as it is stored."""
    mean, spread = x[learn].mean(0), x[learn].std(0) + 1e-6
    scaled = torch.from_numpy(np.clip((x - mean) / spread, -ODDEST, ODDEST))
    torch.manual_seed(0)
    widths = (x.shape[1], *HIDDEN)
    layers = [m for a, b in pairwise(widths) for m in (nn.Linear(a, b), nn.ReLU())]
    network = nn.Sequential(*layers, nn.Linear(widths[-1], 1))
    rows = torch.from_numpy(np.flatnonzero(learn))
    truth, share = torch.from_numpy(y), torch.from_numpy(weight / weight[learn].mean())
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE, weight_decay=1e-5)
    order = torch.Generator().manual_seed(0)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1.0, 2 * (1 - step / steps))
        batch = rows[torch.randint(len(rows), (BATCH,), generator=order)]
        losses = functional.binary_cross_entropy_with_logits(
            network(scaled[batch])[:, 0], truth[batch], reduction="none"
        )
        optimizer.zero_grad()
        (losses * share[batch]).mean().backward()
        optimizer.step()
    with torch.no_grad():
        parts = [torch.sigmoid(network(part)[:, 0]) for part in scaled.split(200_000)]
    stored = {
        "mean": rounded(mean),
        "spread": rounded(spread),
        "layers": [rounded(p.detach().numpy()) for p in network.parameters()],
    }
    return torch.cat(parts).numpy(), stored


def rounded(values: Floats) -> object:
    """Nested lists of numbers with few digits."""
    if values.ndim:
        return [rounded(value) for value in values]
    return float(f"{values:.{DIGITS}g}")


def report(name: str, p: Floats, y: Floats, area: Floats, intact: NDArray[np.bool_], count: int) -> None:
    for least in (0.3, 0.5, 0.7, 0.9):
        called = p >= least
        right = area[called & (y > 0.5)].sum()
        false = area[called & intact].sum() / max(count, 1)
        precision, recall = right / max(area[called].sum(), 1), right / area[y > 0.5].sum()
        print(f"{name} at {least}: precision {precision:.3f} recall {recall:.3f} false {false:.0f} px each")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=6000)
    arguments = parser.parse_args()
    every = list(photographs(arguments.sets))
    sizes = [[len(found) for found in photograph.found] for photograph in every]
    which = np.repeat(np.arange(len(every)), [sum(size) for size in sizes])
    x = np.concatenate([inputs(found) for photograph in every for found in photograph.found])
    share = np.concatenate([share for photograph in every for share in photograph.damaged])
    area = np.concatenate(
        [found.trait("area") * found.plane.step**2 for photograph in every for found in photograph.found]
    )
    intact = np.array([photograph.intact for photograph in every])
    y = (share > NEITHER[1]).astype(np.float32)
    clear = (share < NEITHER[0]) | (share > NEITHER[1])
    held_out = which % HELD_OUT == 0
    weight = (np.sqrt(np.minimum(area, LARGEST)) * np.where(intact[which], UNDAMAGED, 1)).astype(np.float32)
    judged = clear & held_out
    told = (y[judged], area[judged], intact[which[judged]], int(intact[::HELD_OUT].sum()))

    p, alone = fit(x, y, weight, clear & ~held_out, arguments.steps)
    report("alone", p[judged], *told)
    heard, start = [], 0
    for photograph, size in zip(every, sizes, strict=True):
        ends = start + np.cumsum([0, *size])
        parts = [p[a:b] for a, b in pairwise(ends)]
        heard += evidence(photograph.found, parts, photograph.palette)
        start = ends[-1]
    x = np.hstack([x, np.concatenate(heard)])
    p, together = fit(x, y, weight, clear & ~held_out, arguments.steps)
    report("together", p[judged], *told)
    stored = {"traits": list(TRAITS), "alone": alone, "together": together}
    arguments.out.write_text(json.dumps(stored) + "\n", encoding="ascii")
    return 0


if __name__ == "__main__":
    sys.exit(main())
