"""The import directions of the design, read from the source: who may know whom."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "archive_restore"
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}

FOUNDATION = {"clock", "cores", "durable", "errors", "progress", "home", "interrupts", "words"}
GROUPS = {"photos", "detection", "ledger", "networks"}
MAKERS = {"restoring", "training"}
WORKFLOWS = {
    "scan",
    "detect",
    "run",
    "inpaint",
    "train",
    "finetune",
    "evaluate",
    "report",
    "registry",
    "verify",
    "revert",
    "rescore",
    "hand_masks",
    "preview",
    "review",
}
OUTERMOST = {"cli", "__main__", "console"}

THIRD_PARTY_HOMES = {
    "typer": "cli",
    "rich": "console",
    "sqlite_utils": "ledger",
    "starlette": "review",
    "uvicorn": "review",
}
"""Packages that one place alone may import."""

HEAVY = {
    "numpy",
    "cv2",
    "torch",
    "PIL",
    "rich",
    "sqlite_utils",
    "safetensors",
    "tifffile",
    "imagecodecs",
    "starlette",
    "uvicorn",
}


def part_of(module: str) -> str:
    """The package or single module that a module belongs to: `photos` of archive_restore.photos.jpeg."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def imported(tree: ast.AST) -> set[str]:
    """Every module that is imported anywhere below `tree`, by its full name."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            names |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def imports_of(module: str) -> set[str]:
    return imported(ast.parse(MODULES[module].read_text("utf-8")))


def own_parts(module: str) -> set[str]:
    """The parts of this package that `module` imports, less its own; naming the package itself is free."""
    own = {part_of(name) for name in imports_of(module) if name.startswith("archive_restore.")}
    return own & {part_of(name) for name in MODULES} - {part_of(module), ""}


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_one_way(module: str) -> None:
    part, known = part_of(module), own_parts(module)
    if part in FOUNDATION | GROUPS | {"console"}:
        assert known <= FOUNDATION
    elif part in MAKERS:
        assert known <= FOUNDATION | GROUPS - {"ledger"} | MAKERS
    elif part not in OUTERMOST | {""}:  # a workflow, or what one is built from
        assert not known & (WORKFLOWS | OUTERMOST)


@pytest.mark.parametrize("module", MODULES)
def test_each_third_party_package_has_one_home(module: str) -> None:
    tops = {name.split(".")[0] for name in imports_of(module)}
    for package, home in THIRD_PARTY_HOMES.items():
        assert package not in tops or part_of(module) == home


@pytest.mark.parametrize("module", [name for name in MODULES if part_of(name) == "detection"])
def test_detection_knows_numpy_and_opencv_only(module: str) -> None:
    tops = {name.split(".")[0] for name in imports_of(module)}
    assert not tops & (HEAVY - {"numpy", "cv2"})


@pytest.mark.parametrize("module", [name for name in MODULES if part_of(name) == "cli"])
def test_commands_import_nothing_heavy_at_their_top(module: str) -> None:
    tree = ast.parse(MODULES[module].read_text("utf-8"))
    light = {"cores", "errors", "progress", "home", "words", "cli", ""}
    for node in tree.body:
        for name in imported(node) if isinstance(node, ast.Import | ast.ImportFrom) else ():
            assert name.split(".")[0] not in HEAVY
            assert not name.startswith("archive_restore.") or part_of(name) in light | {"__version__"}
