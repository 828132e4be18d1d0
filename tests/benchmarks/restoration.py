"""Scores restoration with the true masks given, next to what a user could pick instead, in one table.

usage: python -m tests.benchmarks.restoration [--model NAME] [--device cpu|cuda:N] [--fsr-python PYTHON]
                                              [--sheets FOLDER] SET
       python -m tests.benchmarks.restoration --pictures FOLDER --masks FOLDER --sheets FOLDER

SET holds clean/NAME.png, damaged/NAME.png and masks/NAME.png.png (255 = damaged); NAME ends in -RECIPE.
Over the damaged samples only: PSNR dB, mean L1 %, sharp (mean gradient there over the truth's; 1 is as detailed as it
was; PSNR alone rewards blur); samples changed outside the mask, which must be 0; seconds a photograph. Means over
photographs, then the same a recipe.

--fsr-python names an interpreter that has opencv-contrib-python, which cannot be installed beside opencv-python.
--sheets writes contact sheets: damaged, mask, ours, the best peer and the truth at 1:1 around the most damaged place.
--pictures writes sheets without truth (before, mask, after) of real photographs, with masks as `inpaint` takes them.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from archive_restore.errors import PhotographError
from archive_restore.home import default_home
from archive_restore.networks.devices import choose_device
from archive_restore.networks.weights import load_model
from archive_restore.photos.mask_files import read_mask
from archive_restore.restoring.restorer import Restorer
from tests.benchmarks import sheets
from tests.benchmarks.commands import parser_of
from tests.benchmarks.pictures import SUFFIXES, Mask, Picture, drawn, read_picture
from tests.benchmarks.rivals import Method, rivals, timed

OURS = "ours"
CHOICES = {
    OURS: (True, None),
    "ours, --no-grain": (False, None),
    "ours, --thorough --no-grain": (False, True),
    "ours, --no-thorough --no-grain": (False, False),
}
"""Ours by what a user may choose: (grain, thorough)."""

PLACES = 3
"""Most damaged places of a real photograph that its sheet shows."""


@dataclass(frozen=True)
class Case:
    """A damaged photograph, RGB, its truth and its mask (True = damaged)."""

    name: str
    damaged: Picture
    clean: Picture
    mask: Mask

    @property
    def recipe(self) -> str:
        return self.name.rsplit("-", 1)[-1]


@dataclass(frozen=True)
class Score:
    """What one method made of one photograph; the columns of the table."""

    psnr: float  # dB
    l1: float  # % of the range
    sharp: float
    changed: float  # samples outside the mask
    seconds: float


MEASURES = {
    "psnr": "PSNR dB",
    "l1": "L1 %",
    "sharp": "sharp",
    "changed": "changed outside",
    "seconds": "s a photo",
}


def cases(folder: Path) -> Iterator[Case]:
    """Every damaged photograph of a set."""
    for path in sorted((folder / "damaged").glob("*.png")):
        damaged, clean = read_picture(path), read_picture(folder / "clean" / path.name)
        mask = read_mask(folder / "masks" / f"{path.name}.png", damaged.shape)
        if mask.any():
            yield Case(path.stem, damaged, clean, mask)


def score(restored: Picture, case: Case, seconds: float) -> Score:
    difference = (restored.astype(float) - case.clean)[case.mask]
    return Score(
        psnr=10 * np.log10(255**2 / max(float(np.square(difference).mean()), 1e-9)),
        l1=100 * float(np.abs(difference).mean()) / 255,
        sharp=gradient(restored, case.mask) / max(gradient(case.clean, case.mask), 1e-9),
        changed=float((restored != case.damaged)[~case.mask].sum()),
        seconds=seconds,
    )


def gradient(picture: Picture, mask: Mask) -> float:
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return float(np.hypot(cv2.Sobel(grey, -1, 1, 0), cv2.Sobel(grey, -1, 0, 1))[mask].mean())


def mean(scores: list[Score], measure: str) -> float:
    return float(np.mean([getattr(one, measure) for one in scores]))


def show(scores: dict[str, dict[str, list[Score]]]) -> None:
    """Method > recipe > scores, as a table of methods and one of recipes for each measure of quality."""
    width = max(map(len, scores)) + 2
    print(f"{'method':{width}s}" + "".join(f"{title:>17s}" for title in MEASURES.values()))
    for method, by_recipe in scores.items():
        every = [one for some in by_recipe.values() for one in some]
        values = "".join(f"{mean(every, measure):17.2f}" for measure in MEASURES)
        print(f"{method:{width}s}{values}")
    recipes = sorted(next(iter(scores.values())))
    for measure in ("psnr", "l1", "sharp"):
        print(f"\n{MEASURES[measure]:{width}s}" + "".join(f"{recipe:>11s}" for recipe in recipes))
        for method, by_recipe in scores.items():
            values = "".join(f"{mean(by_recipe[recipe], measure):11.2f}" for recipe in recipes)
            print(f"{method:{width}s}{values}")
    print("photographs".ljust(width) + "".join(f"{len(by_recipe[recipe]):11d}" for recipe in recipes))


def compare(folder: Path, methods: dict[str, Method], out: Path | None) -> None:
    """Scores every method on every photograph of a set; prints the tables and writes the sheets."""
    scores: dict[str, dict[str, list[Score]]] = {method: {} for method in methods}
    shown: list[tuple[str, dict[str, Picture]]] = []
    for case in cases(folder):
        place = sheets.most_damaged(case.mask)[0]
        crops = {"damaged": case.damaged[place], "mask": drawn(case.mask[place])}
        for method, fill in methods.items():
            restored, seconds = fill(case.damaged, case.mask)
            result = score(restored, case, seconds)
            scores[method].setdefault(case.recipe, []).append(result)
            crops[f"{method} {result.psnr:.1f} dB"] = restored[place].copy()
        shown.append((case.name, {**crops, "truth": case.clean[place].copy()}))
    if not shown:
        sys.exit(f"{folder} holds no damaged photographs; it needs damaged/, clean/ and masks/")
    show(scores)
    if out is not None:
        peers = {method: by_recipe for method, by_recipe in scores.items() if method not in CHOICES}
        best = max(
            peers, key=lambda peer: mean([one for some in peers[peer].values() for one in some], "psnr")
        )
        wanted = ("damaged", "mask", f"{OURS} ", f"{best} ", "truth")
        strips = [
            sheets.strip(
                name, {label: crops[label] for label in crops if label.startswith(wanted)}, np.s_[:, :]
            )
            for name, crops in shown
        ]
        announce(sheets.save(strips, out, folder.resolve().name))


def look(folder: Path, masks: Path, method: Method, out: Path) -> None:
    """Sheets of real photographs: before, mask, after at their most damaged places."""
    strips = []
    for path in sorted(folder.iterdir()):
        known = masks / f"{path.name}.png"
        if path.suffix.lower() not in SUFFIXES or not known.is_file():
            continue
        before = read_picture(path)
        try:
            mask = read_mask(known, before.shape)
        except PhotographError as error:
            print(f"{path.name} is left out: {error.reason}")
            continue
        if not mask.any():
            continue
        after, seconds = method(before, mask)
        print(f"{path.name:40s} {100 * mask.mean():7.3f} % damaged  {seconds:6.2f} s")
        cells = {"before": before, "mask": drawn(mask), "after": after}
        strips += [sheets.strip(path.name, cells, place) for place in sheets.most_damaged(mask, PLACES)]
    announce(sheets.save(strips, out, folder.resolve().name))


def announce(files: list[Path]) -> None:
    for file in files:
        print(f"wrote {file}")


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("set", type=Path, nargs="?")
    parser.add_argument("--model")
    parser.add_argument("--device")
    parser.add_argument("--fsr-python", type=Path)
    parser.add_argument("--sheets", type=Path)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--masks", type=Path)
    arguments = parser.parse_args()
    if arguments.set is None and None in (arguments.pictures, arguments.masks, arguments.sheets):
        parser.error("name a SET, or --pictures, --masks and --sheets")
    device = choose_device(arguments.device)
    model = load_model(arguments.model, home=default_home())
    ours = {
        name: timed(Restorer(model, device, grain=grain, thorough=thorough).restore)
        for name, (grain, thorough) in CHOICES.items()
    }
    if arguments.set is not None:
        peers, missing = rivals(arguments.fsr_python)
        print(*missing, sep="\n", end="\n" if missing else "")
        compare(arguments.set, {**ours, **peers}, arguments.sheets)
    if arguments.pictures is not None:
        look(arguments.pictures, arguments.masks, ours[OURS], arguments.sheets)


if __name__ == "__main__":
    main()
