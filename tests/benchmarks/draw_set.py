"""Draws another development set: the same photographs with other damage.

usage: python -m tests.benchmarks.draw_set MAKE_DAMAGE CLEAN SHAPES OUT [--seed N] [--moved N | --only RECIPE]
                                           [--unseen] [--long-side PX] [--width FACTOR]

MAKE_DAMAGE is the script that composes the development set (`make_damage.py CLEAN SHAPES OUT SEED`): it gives the
photographs of CLEAN its RECIPES by turns. --moved begins N recipes later, --only takes one for all of them, "none"
among them. --unseen leaves out every other shape of SHAPES, which are the ones that training may use (`read_shapes`).
Larger photographs are reduced to --long-side (768), and damage grows with it; --width 0.25 makes its lines a quarter as
broad and its shapes a quarter as large, as where the same print is scanned four times as finely.
"""

import importlib.util
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

from archive_restore.training.defects.real_shapes import FOR_TESTING
from tests.benchmarks.commands import parser_of


def script(path: Path) -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("make_damage", path)
    if spec is None or spec.loader is None or not path.is_file():
        sys.exit(f"{path} is no Python script")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Turns(list[str]):
    """The recipes, of which photograph number i gets another one than the script gives it. What the script slices off,
    to mix its mixtures of, is as it was."""

    def __init__(self, recipes: list[str], moved: int, only: str | None) -> None:
        super().__init__(recipes)
        self.moved, self.only = moved, only

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            return super().__getitem__(key)
        return self.only or super().__getitem__((key + self.moved) % len(self))


def link_unseen(shapes: Path, folder: Path) -> None:
    """Links the shapes into `folder` that `read_shapes` leaves out."""
    for kind in sorted(path for path in shapes.iterdir() if path.is_dir()):
        (folder / kind.name).mkdir()
        for path in sorted(kind.glob("*.png"))[FOR_TESTING]:
            (folder / kind.name / path.name).symlink_to(path.resolve())


def make_finer(module: ModuleType, factor: float) -> None:
    """Makes the script's lines so many times as broad, and its shapes as large."""
    line, shape = module.line, module.shape

    def finer_line(field: Any, points: Any, width: float, *rest: Any, **named: Any) -> Any:
        return line(field, points, width * factor, *rest, **named)

    def finer_shape(random: Any, shapes: Any, kinds: Any, size: float) -> Any:
        return shape(random, shapes, kinds, size * factor)

    module.line, module.shape = finer_line, finer_shape  # type: ignore[attr-defined]


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("make_damage", type=Path)
    parser.add_argument("clean", type=Path)
    parser.add_argument("shapes", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=1234)
    parser.add_argument("--moved", type=int, default=0)
    parser.add_argument("--only")
    parser.add_argument("--unseen", action="store_true")
    parser.add_argument("--long-side", type=int, default=768)
    parser.add_argument("--width", type=float, default=1.0)
    arguments = parser.parse_args()
    module = script(arguments.make_damage)
    if arguments.only not in (None, *module.RECIPES):
        sys.exit(f"there is no recipe {arguments.only}; there are {', '.join(module.RECIPES)}")
    module.RECIPES = Turns(module.RECIPES, arguments.moved, arguments.only)
    make_finer(module, arguments.width)
    with tempfile.TemporaryDirectory() as temporary:
        shapes = arguments.shapes
        if arguments.unseen:
            shapes = Path(temporary)
            link_unseen(arguments.shapes, shapes)
        out, seed = str(arguments.out), arguments.seed
        module.main(str(arguments.clean), str(shapes), out, seed, arguments.long_side)


if __name__ == "__main__":
    main()
