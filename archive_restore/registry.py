"""The workflow of `models`: which generators there are, and which one an archive uses."""

from dataclasses import dataclass
from pathlib import Path

from archive_restore.errors import InputError, WeightsError, printable
from archive_restore.home import Home
from archive_restore.ledger import Archive, Ledger
from archive_restore.networks.weights import (
    ModelCard,
    find_model,
    forget_model,
    read_manifest,
    shipped_models,
)

DEFAULT = "default"
"""What `models use` calls the shipped default."""


@dataclass(frozen=True)
class Registered:
    """One model: its card, the file's size in bytes (None if it is missing), whether it came with this version,
    whether it is the shipped default, and the archives that use it."""

    card: ModelCard
    size: int | None
    shipped: bool
    default: bool
    archives: list[Path]


def registered(ledger: Ledger, home: Home) -> list[Registered]:
    """All models, the shipped ones first."""
    archives = ledger.archives()
    default, shipped = read_manifest(shipped_models())
    _, adopted = read_manifest(home.models)
    return [
        *(described(shipped_models(), card, True, card.name == default, archives) for card in shipped),
        *(described(home.models, card, False, False, archives) for card in adopted),
    ]


def described(
    folder: Path, card: ModelCard, shipped: bool, default: bool, archives: list[Archive]
) -> Registered:
    """One model of a folder."""
    path = folder / card.file
    size = path.stat().st_size if path.exists() else None
    users = [a.root for a in archives if a.model == card.name or (default and a.model is None)]
    return Registered(card, size, shipped, default, users)


def use(ledger: Ledger, home: Home, name: str, archive: Path | None) -> list[Path]:
    """Lets runs over an archive (all archives if None) use a model; "default" is the shipped one.

    Returns
    -------
    The archives it is now used for.
    """
    if name != DEFAULT:
        find_model(name, home=home)
    archives = [known for known in ledger.archives() if archive is None or known.root == archive.resolve()]
    if not archives:
        where = "no archive has been" if archive is None else f"{printable(archive)} has not been"
        raise InputError(f"{where} scanned; start with `archive-restore scan ARCHIVE`")
    for known in archives:
        ledger.use_model(known.id, None if name == DEFAULT else name)
    return [known.root for known in archives]


def remove(ledger: Ledger, home: Home, name: str) -> None:
    """Deletes an adopted model that no archive uses; WeightsError otherwise. "default" is the shipped one."""
    for model in registered(ledger, home):
        if model.card.name != name and not (name == DEFAULT and model.default):
            continue
        if model.shipped:
            raise WeightsError(
                f"{model.card.name} came with archive-restore and is not removed. Name one that was adopted: "
                "archive-restore models"
            )
        if model.archives:
            users = ", ".join(printable(root) for root in model.archives)
            raise WeightsError(
                f"{name} is used for {users}; first choose another, e.g. `archive-restore models use default`"
            )
        forget_model(home.models, name)
        return
    find_model(name, home=home)
