"""Weights on disk: safetensors beside a manifest that says what each file is and how it hashes.

Nothing is ever unpickled, and nothing is loaded whose sha256 is not the manifest's. Shipped weights are read-only
package data (`models/` of the repository when run from a checkout); adopted ones lie in the user's data folder.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import nn

from archive_restore.durable import write_durably
from archive_restore.errors import WeightsError, printable
from archive_restore.home import Home
from archive_restore.networks.architectures import Settings, architecture, build_generator
from archive_restore.networks.eight_bits import Ranges
from archive_restore.networks.windowed import HiddenHole

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class ModelCard:
    """What is known of a weight file. `samples` is the number of training samples seen; `data` says of what;
    `scores` are figures by name, each with the measure in its name; `ranges` are what its convolutions were seen to
    read, without which it cannot compute in 8 bits (see `networks.eight_bits`)."""

    name: str
    file: str
    sha256: str
    architecture: str
    settings: Settings = field(default_factory=dict)
    samples: int = 0
    data: str = ""
    trained: str = ""  # date, hardware and hours
    scores: Mapping[str, float] = field(default_factory=dict)
    ranges: Ranges = field(default_factory=dict)


@dataclass(frozen=True)
class LoadedModel:
    """A network in evaluation mode, single precision, on the CPU, with its card.

    `module` takes (pictures with a first guess, masks, the same with the damage) and gives whole windows.
    """

    module: nn.Module
    card: ModelCard

    @property
    def network(self) -> nn.Module:
        """The network as it was trained."""
        return self.module.network if isinstance(self.module, HiddenHole) else self.module


def shipped_models() -> Path:
    """The folder of the weights that came with this version: in the package, else in the checkout."""
    packaged = Path(__file__).resolve().parent.parent / "models"
    if (packaged / MANIFEST).exists():
        return packaged
    return packaged.parent.parent / "models"


def read_manifest(folder: Path) -> tuple[str | None, list[ModelCard]]:
    """The default's name and the cards of a folder; nothing if it has no manifest.

    Raises
    ------
    WeightsError
        If the manifest cannot be read.
    """
    path = folder / MANIFEST
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return content.get("default"), [ModelCard(**card) for card in content["models"]]
    except FileNotFoundError:
        return None, []
    # AttributeError: it is no object. RecursionError: brackets in brackets without end.
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise WeightsError(
            f"{printable(path)} cannot be read ({error}); install archive-restore again"
        ) from error


def find_model(name: str | None, *, home: Home) -> tuple[Path, ModelCard]:
    """The weight file and card of that name, adopted ones first; None is the shipped default.

    Raises
    ------
    WeightsError
        If there is no such model; the message lists those there are.
    """
    shipped = shipped_models()
    default, shipped_cards = read_manifest(shipped)
    _, adopted_cards = read_manifest(home.models)
    candidates = [(home.models, card) for card in adopted_cards] + [(shipped, card) for card in shipped_cards]
    wanted = name or default
    for folder, card in candidates:
        if card.name == wanted:
            return folder / card.file, card
    if not candidates:
        raise WeightsError(f"no weights in {printable(shipped)}; install archive-restore again")
    known = ", ".join(card.name for _, card in candidates)
    raise WeightsError(f"there is no model {wanted!r}; there are {known}")


def load_model(name: str | None, *, home: Home) -> LoadedModel:
    """Loads a model by name (None: the shipped default), checked against its hash.

    Raises
    ------
    WeightsError
        If it is missing, does not have the manifest's sha256, or does not fit its architecture.
    """
    path, card = find_model(name, home=home)
    data = read_checked(path, card.sha256)
    network = build_generator(card.architecture, card.settings)
    try:
        network.load_state_dict({key: value.float() for key, value in safetensors.torch.load(data).items()})
    except (RuntimeError, SafetensorError) as error:
        raise WeightsError(
            f"{printable(path)} does not hold weights of the architecture {card.architecture}: {error}"
        ) from error
    network.eval()
    return LoadedModel(architecture(card.architecture).windowed(network).eval(), card)


def read_checked(path: Path, sha256: str) -> bytes:
    """The file's bytes, if they hash to `sha256`; WeightsError otherwise."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{printable(path)}: {error.strerror}; install archive-restore again") from error
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise WeightsError(
            f"{printable(path)} has been changed or cut short: its sha256 is {found[:16]}…, the manifest says "
            f"{sha256[:16]}…. It is not used; install archive-restore again"
        )
    return data


def save_model(module: nn.Module, folder: Path, card: ModelCard) -> ModelCard:
    """Writes weights in half precision and enters them into the folder's manifest, replacing one of that name. The
    first of a folder is its default.

    Parameters
    ----------
    card : its `file` and `sha256` are filled in here

    Returns
    -------
    The card as written.
    """
    half = {
        key: (value.half() if value.is_floating_point() else value).contiguous().cpu()
        for key, value in module.state_dict().items()
    }
    if not all(bool(torch.isfinite(value).all()) for value in half.values() if value.is_floating_point()):
        raise WeightsError(f"the weights of {card.name} are not finite in half precision; they are not saved")
    data = safetensors.torch.save(half)
    written = ModelCard(
        **{**asdict(card), "file": f"{card.name}.safetensors", "sha256": hashlib.sha256(data).hexdigest()}
    )
    default, cards = read_manifest(folder)
    write_durably(folder / written.file, data)
    others = [other for other in cards if other.name != card.name]
    write_manifest(folder, default or card.name, [*others, written])
    return written


def forget_model(folder: Path, name: str) -> None:
    """Takes a model out of the folder's manifest, then deletes its file."""
    default, cards = read_manifest(folder)
    kept = [card for card in cards if card.name != name]
    write_manifest(folder, None if default == name else default, kept)
    for card in cards:
        if card.name == name:
            (folder / card.file).unlink(missing_ok=True)


def write_manifest(folder: Path, default: str | None, cards: list[ModelCard]) -> None:
    """Writes the cards of a folder, by name."""
    content = {
        "default": default,
        "models": [asdict(card) for card in sorted(cards, key=lambda card: card.name)],
    }
    write_durably(folder / MANIFEST, (json.dumps(content, indent=2) + "\n").encode())
