"""The architectures by name: what a weight file may hold and `train --architecture` may build."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle, islice

from torch import nn

from archive_restore.errors import WeightsError
from archive_restore.networks.context_encoder import ContextDiscriminator, ContextEncoder
from archive_restore.networks.discriminator import PatchDiscriminator
from archive_restore.networks.generator import DILATIONS, Generator
from archive_restore.networks.windowed import CentreWindows, RegionWindows

DEFAULT = "context-encoder-convolutional"
CENTRE = "context-encoder-centre"
RANDOM_REGION = "context-encoder-random-region"

Settings = dict[str, int]


@dataclass(frozen=True)
class Architecture:
    """A generator and its adversary, built from settings (e.g. `bottleneck`) that the weight file's card
    keeps. `windowed` makes of the generator what `run` takes: (pictures with a first guess, masks,
    scans) to whole windows, with `window` and `context` in px."""

    name: str
    generator: Callable[[Settings], nn.Module]
    discriminator: Callable[[], nn.Module]
    windowed: Callable[[nn.Module], nn.Module]
    settings: tuple[str, ...]


def _generator(settings: Settings) -> nn.Module:
    depth = settings.get("depth", 4)
    return Generator(blocks=settings.get("blocks", 1), dilations=tuple(islice(cycle(DILATIONS), depth)))


ARCHITECTURES = {
    architecture.name: architecture
    for architecture in (
        Architecture(DEFAULT, _generator, PatchDiscriminator, lambda network: network, ("blocks", "depth")),
        Architecture(
            CENTRE,
            lambda settings: ContextEncoder(whole=False, **settings),
            lambda: ContextDiscriminator(whole=False),
            CentreWindows,
            ("bottleneck", "width"),
        ),
        Architecture(
            RANDOM_REGION,
            lambda settings: ContextEncoder(whole=True, **settings),
            lambda: ContextDiscriminator(whole=True),
            RegionWindows,
            ("bottleneck", "width"),
        ),
    )
}


def architecture(name: str) -> Architecture:
    """The architecture of that name; WeightsError listing the names there are."""
    try:
        return ARCHITECTURES[name]
    except KeyError:
        raise WeightsError(
            f"there is no architecture {name!r}; this version knows {', '.join(ARCHITECTURES)}"
        ) from None


def build_generator(name: str, settings: Settings) -> nn.Module:
    """A generator with fresh weights; WeightsError if `settings` has a name that the architecture lacks."""
    chosen = architecture(name)
    if unknown := sorted(set(settings) - set(chosen.settings)):
        raise WeightsError(
            f"{name} has no setting {', '.join(unknown)}; it knows {', '.join(chosen.settings)}"
        )
    return chosen.generator(settings)
