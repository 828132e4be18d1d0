"""Fits archive_restore/detection/verdict.json: how the traits of a candidate are weighed.

usage: python -m tests.benchmarks.fit_verdict --out verdict.json [options] FOLDER ...

FOLDER holds undamaged photographs (or tar shards of them). Damage is drawn over them in code, and the scan's blur,
grain and compression over both, so that sharpness does not give damage away. Two in five stay undamaged: they
teach what to leave alone. Every eighth photograph is held out, and the figures printed are of those. A judge is
two small networks fitted one after the other, the second also to what the first says of the other candidates;
several judges differ in their seed and are averaged. The shipped file came from
`--photographs 1000 --steps 5000 --lettered 0.35`.
"""

import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from multiprocessing import get_context
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
from archive_restore.training import ageing, damage
from archive_restore.training.sources import Entry, Photographs, find_entries
from tests.benchmarks.commands import parser_of

SEED = 1839  # of the drawn damage
INTACT = 0.4  # share of the photographs that stay undamaged
UNIT_SIDE = 768  # px; the long side at which a hair is one or two pixels wide
MOST_DRAWS = {"dust": 12, "hairs": 5, "spots": 6, "scratches": 3, "cracks": 3}
LETTERS = "ABCDEFGHIJKLMNOPRSTUVWabcdefghilmnoprstuvy0123456789 "
VISIBLE = 12  # levels of 255 from which damage can be told from grain
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


def lettered(picture: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    """The photograph with lines of lettering on it: bright or dark strokes that are no damage."""
    written = np.ascontiguousarray(picture)
    for _ in range(int(random.integers(1, 7))):
        text = "".join(random.choice(list(LETTERS), int(random.integers(3, 14))))
        height, width = written.shape[:2]
        scale = float(random.uniform(0.4, 2.6)) * max(height, width) / UNIT_SIDE
        at = (int(random.uniform(-0.1, 0.8) * width), int(random.uniform(0.05, 1.0) * height))
        level = float(random.choice([random.uniform(0, 60), random.uniform(190, 255)]))
        colour = tuple(float(v) for v in np.clip(level + random.normal(0, 12, 3), 0, 255))
        thickness = max(1, round(scale * random.uniform(1, 4)))
        cv2.putText(written, text, at, int(random.integers(0, 8)), scale, colour, thickness, cv2.LINE_AA)
    return written


def softened(picture: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    """The photograph out of focus, as skies and studio backgrounds are: damage on it is lone and plain."""
    sigma = float(random.uniform(1.5, 10.0)) * max(picture.shape) / UNIT_SIDE
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.uint8)


def composed(entry: Entry, number: int, letters: float, soft: float) -> Photograph:
    """An undamaged photograph with drawn damage, seen by a scanner, reduced to its candidates; a share of
    `soft` is out of focus, on a share of `letters` something is written."""
    cv2.setNumThreads(1)
    random = np.random.default_rng([SEED, number])
    clean = Photographs([entry])[0]
    if soft and random.random() < soft:
        clean = softened(clean, random)
    if letters and random.random() < letters:
        clean = lettered(clean, random)
    clean = ageing.tone(clean, random)
    picture, truth = clean, np.zeros(clean.shape[:2], bool)
    if random.random() >= INTACT:
        unit = max(clean.shape) / UNIT_SIDE * random.uniform(0.7, 2.0)
        for kind in random.choice(list(damage.DRAWERS), int(random.integers(1, 4)), replace=False):
            # One draw of dust is one cluster, one of hairs one to three of them.
            for _ in range(int(random.integers(1, MOST_DRAWS.get(str(kind), 2) + 1))):
                drawn = damage.draw(random, clean.shape[:2], unit, str(kind))
                picture = damage.apply(picture, drawn, random)
        truth = np.abs(picture.astype(int) - clean).max(axis=2) > VISIBLE
    return reduced(
        ageing.compress(ageing.grain(picture, random), random), np.where(truth, 255, 0).astype(np.uint8)
    )


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


def fit(
    x: Floats, y: Floats, weight: Floats, learn: NDArray[np.bool_], steps: int, seed: int
) -> tuple[Floats, object]:
    """Probabilities for all of `x`, and the network as it is stored."""
    mean, spread = x[learn].mean(0), x[learn].std(0) + 1e-6
    scaled = torch.from_numpy(np.clip((x - mean) / spread, -ODDEST, ODDEST))
    torch.manual_seed(seed)
    widths = (x.shape[1], *HIDDEN)
    layers = [m for a, b in pairwise(widths) for m in (nn.Linear(a, b), nn.ReLU())]
    network = nn.Sequential(*layers, nn.Linear(widths[-1], 1))
    rows = torch.from_numpy(np.flatnonzero(learn))
    truth, share = torch.from_numpy(y), torch.from_numpy(weight / weight[learn].mean())
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE, weight_decay=1e-5)
    order = torch.Generator().manual_seed(seed)
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


@dataclass(frozen=True)
class Material:
    """All candidates of all photographs, one after the other. `x` (N, I) inputs; `share` (N,) of each that lies
    on damage; `area` (N,) px² of the photograph; `which` (N,) its photograph's number."""

    photographs: list[Photograph]
    x: Floats
    share: Floats
    area: Floats
    which: NDArray[np.int64]

    @property
    def damaged(self) -> Floats:
        return (self.share > NEITHER[1]).astype(np.float32)

    @property
    def clear(self) -> NDArray[np.bool_]:
        return (self.share < NEITHER[0]) | (self.share > NEITHER[1])

    @property
    def held_out(self) -> NDArray[np.bool_]:
        return self.which % HELD_OUT == 0

    @property
    def intact(self) -> NDArray[np.bool_]:
        return np.array([photograph.intact for photograph in self.photographs])

    @property
    def weight(self) -> Floats:
        roots = np.sqrt(np.minimum(self.area, LARGEST))
        return np.asarray(roots * np.where(self.intact[self.which], UNDAMAGED, 1), np.float32)


def gathered(photographs: list[Photograph]) -> Material:
    found = [one for photograph in photographs for one in photograph.found]
    counts = [sum(len(one) for one in photograph.found) for photograph in photographs]
    return Material(
        photographs,
        np.concatenate([inputs(one) for one in found]),
        np.concatenate([share for photograph in photographs for share in photograph.damaged]),
        np.concatenate([one.trait("area") * one.plane.step**2 for one in found]),
        np.repeat(np.arange(len(photographs)), counts),
    )


def judge(material: Material, steps: int, seed: int) -> dict[str, object]:
    """One judge as it is stored; prints how it does on the held-out photographs."""
    learn = material.clear & ~material.held_out
    judged = material.clear & material.held_out
    intact = material.intact
    told = (
        material.damaged[judged],
        material.area[judged],
        intact[material.which[judged]],
        int(intact[::HELD_OUT].sum()),
    )
    p, alone = fit(material.x, material.damaged, material.weight, learn, steps, seed)
    report(f"judge {seed} alone", p[judged], *told)
    heard, start = [], 0
    for photograph in material.photographs:
        ends = start + np.cumsum([0, *(len(found) for found in photograph.found)])
        parts = [p[a:b] for a, b in pairwise(ends)]
        heard += evidence(photograph.found, parts, photograph.palette)
        start = ends[-1]
    x = np.hstack([material.x, np.concatenate(heard)])
    p, together = fit(x, material.damaged, material.weight, learn, steps, seed)
    report(f"judge {seed} together", p[judged], *told)
    return {"alone": alone, "together": together}


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--photographs", type=int, default=1200)
    parser.add_argument("--judges", type=int, default=2)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--lettered", type=float, default=0.0, help="share of photographs written upon")
    parser.add_argument("--soft", type=float, default=0.0, help="share of photographs out of focus")
    parser.add_argument("--add", action="store_true", help="add the judges to those that --out holds")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    entries = [entry for folder in arguments.folders for entry in find_entries(folder)]
    order = np.random.default_rng(SEED).permutation(len(entries))[: arguments.photographs]
    with ProcessPoolExecutor(arguments.jobs, mp_context=get_context("spawn")) as pool:
        chosen = [entries[i] for i in order]
        letters, soft = [arguments.lettered] * len(chosen), [arguments.soft] * len(chosen)
        photographs = list(pool.map(composed, chosen, range(len(chosen)), letters, soft, chunksize=8))
    material = gathered(photographs)
    print(
        f"{len(photographs)} photographs, {int(material.intact.sum())} of them intact, {len(material.x)} candidates"
    )
    panel = json.loads(arguments.out.read_text("ascii"))["panel"] if arguments.add else []
    panel += [judge(material, arguments.steps, seed) for seed in range(arguments.judges)]
    stored = {"traits": list(TRAITS), "panel": panel}
    arguments.out.write_text(json.dumps(stored) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
