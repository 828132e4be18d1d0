"""The workflow of `finetune`: trains the generator on an archive's own undamaged parts, and adopts the result only
if it restores held-out photographs of that archive better.
"""

import hashlib
import json
import os
import re
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import torch

from archive_restore.errors import InputError, PhotographError, TrainingError, WeightsError, printable
from archive_restore.home import Home
from archive_restore.ledger import Archive, Ledger, WorkerLock
from archive_restore.networks.architectures import DEFAULT
from archive_restore.networks.weights import LoadedModel, ModelCard, load_model, read_manifest, save_model
from archive_restore.photos.codecs import DEFAULT_MAX_PIXELS, decode, sha256
from archive_restore.photos.files import read_mask, remove_file, remove_stray_temporaries, write_durably
from archive_restore.photos.rendering import viewable
from archive_restore.progress import NullProgress, Progress
from archive_restore.training.comparison import Comparison, compare
from archive_restore.training.grids import save_grid
from archive_restore.training.loop import CHECKPOINT, Trainer, TrainingOptions, resumed, train
from archive_restore.training.objectives import RefineHoles, hole_psnr
from archive_restore.training.sources import Photographs, find_entries
from archive_restore.training.tiles import damage_shapes, undamaged_tiles
from archive_restore.training.world import World

FEWEST_PHOTOGRAPHS = 24
"""With undamaged parts. Of fewer, the held-out ones are too few to tell better from luck."""

FEWEST_TILES = 64
"""Undamaged squares to train on. Of fewer, a network learns them by heart."""

HELD_OUT_SHARE = 0.25
"""Of the photographs."""

SAMPLES_A_PHOTOGRAPH = 12
"""Held-out samples; a photograph counts once, by their mean."""

SHAPES_A_PHOTOGRAPH = 8
"""Damage shapes taken from one mask, the largest first."""

SAMPLES_A_STEP = 14
"""Roughly, over the three window sizes; turns --steps into samples."""

RATE = 1e-4
"""Adam's, at the start; a tenth of that of a training from scratch. Twice that lost 0.1 dB in 4 minutes on a CPU."""

TIMED_STEPS = 6
"""Steps, two of each window size, that tell how many samples fit into --minutes."""

JUDGE_SEED = 20_160_627
"""Of the held-out samples."""

LOCK = "finetune.lock"
"""Held by the one finetuning at work."""

ADOPTED = re.compile(r"-\d{8}-\d{6}$")
"""How the names end that `adopt` gives."""


@dataclass(frozen=True)
class FinetuneOptions:
    """What the user chose. `minutes` and `steps` both limit; `resume` goes on from the last checkpoint."""

    archive: Path | None = None
    minutes: float | None = None
    steps: int | None = None
    resume: bool = False
    max_pixels: int = DEFAULT_MAX_PIXELS


@dataclass(frozen=True)
class Material:
    """What an archive offers: tiles and photographs for training, and held out; damage shapes; what could not be
    read."""

    tiles: int
    photographs: int
    held_out: int  # photographs
    shapes: int
    set_aside: int

    def refusal(self) -> str | None:
        """Why that is too little, in words; None if it is enough."""
        if self.photographs + self.held_out < FEWEST_PHOTOGRAPHS:
            return (
                f"only {self.photographs + self.held_out} photographs have undamaged parts of 128 px or more; "
                f"finetuning wants {FEWEST_PHOTOGRAPHS}"
            )
        if self.tiles < FEWEST_TILES:
            return f"the undamaged parts give only {self.tiles} squares to train on; finetuning wants {FEWEST_TILES}"
        return None


@dataclass(frozen=True)
class FinetuneSummary:
    """What a finetuning did. `comparison` is over held-out photographs, hole PSNR in dB; `adopted` is the new
    model's name, None if the old one was kept."""

    archive: Path
    material: Material
    samples: int
    before: str
    comparison: Comparison
    adopted: str | None
    folder: Path


def finetune(
    *,
    ledger: Ledger,
    home: Home,
    options: FinetuneOptions,
    device: torch.device,
    progress: Progress,
    world: World | None = None,
    until: Callable[[], bool] = lambda: False,
) -> FinetuneSummary | None:
    """Trains on one archive's own undamaged parts and adopts the result if it is better.

    Returns
    -------
    What was done; None in a process that does not lead (see `World`).

    Raises
    ------
    InputError
        If the archive was not scanned, or several were and none is named.
    LockedError
        If another finetuning is at work.
    TrainingError
        If the archive is too small (with the figures), or training diverges.
    """
    archive = the_archive(ledger, options.archive)
    folder = home.root / "finetune" / hashlib.sha256(os.fsencode(archive.root)).hexdigest()[:16]
    world = world or World()
    lock = WorkerLock(home.root / LOCK, work="finetuning") if world.leads else nullcontext()
    with lock:
        if world.leads:
            remove_leftovers(home, folder)
            gather(archive, ledger, home, folder, options, progress)
        world.any(False)  # the others wait here until the tiles are cut out
        material = gather(archive, ledger, home, folder, options, NullProgress())
        refusal = material.refusal()
        if refusal is not None:
            raise TrainingError(
                f"{printable(archive.root)} is too small to finetune on: {refusal}. The shipped model is kept; "
                "add photographs and scan again"
            )
        progress.note(
            f"{material.photographs} photographs give {material.tiles} undamaged squares to train on; "
            f"{material.held_out} photographs are held out to judge; {material.shapes} damage shapes are the "
            "archive's own"
        )
        start = load_model(archive.model, home=home)
        if start.card.architecture != DEFAULT:
            start = load_model(None, home=home)
        trainer = trained(start, folder, material, options, device, world, progress, until)
        if not world.leads:
            return None
        comparison = judged(start, trainer, folder, device)
        adopted = adopt(ledger, home, archive, start, trainer, comparison) if comparison.better else None
    return FinetuneSummary(
        archive.root, material, trainer.samples, start.card.name, comparison, adopted, folder
    )


def remove_leftovers(home: Home, folder: Path) -> None:
    """What a finetuning that was killed left: half-written files, and weights that it had not yet entered."""
    remove_stray_temporaries(folder)
    remove_stray_temporaries(home.models)
    entered = {card.file for card in read_manifest(home.models)[1]}
    for path in home.models.glob("*.safetensors"):
        if path.name not in entered and ADOPTED.search(path.stem):
            remove_file(path)


def the_archive(ledger: Ledger, root: Path | None) -> Archive:
    """The scanned archive at `root`, or the only one there is."""
    archives = ledger.archives()
    if root is None:
        if len(archives) == 1:
            return archives[0]
        if not archives:
            raise InputError("no archive has been scanned; start with `archive-restore scan ARCHIVE`")
        names = ", ".join(printable(archive.root) for archive in archives)
        raise InputError(f"several archives have been scanned; name one of {names}")
    resolved = root.expanduser().resolve()
    for archive in archives:
        if archive.root == resolved:
            return archive
    raise InputError(
        f"{printable(root)} has not been scanned; start with `archive-restore scan {printable(root)}`"
    )


def gather(
    archive: Archive,
    ledger: Ledger,
    home: Home,
    folder: Path,
    options: FinetuneOptions,
    progress: Progress,
) -> Material:
    """Cuts undamaged squares out of the archive's photographs into `folder`, once for each content.

    A photograph is held out or not by its hash, so that it never changes sides.
    """
    contents = {
        known.sha256: relative
        for relative, known in sorted(ledger.known_files(archive.id).items())
        if known.sha256 is not None and not known.missing
    }
    held_out = held_out_of(sorted(contents))
    progress.start("cutting out undamaged parts", len(contents))
    counts = {"train": 0, "held-out": 0}
    tiles = set_aside = shapes = 0
    for content, relative in contents.items():
        part = "held-out" if content in held_out else "train"
        try:
            found, drawn = cut_out(
                archive.root / os.fsdecode(relative), content, home, folder / part, options.max_pixels
            )
        except PhotographError as error:
            progress.note(str(error))
            set_aside += 1
            continue
        finally:
            progress.advance()
        counts[part] += found > 0
        tiles += found if part == "train" else 0
        shapes += drawn if part == "train" else 0
    progress.stop()
    return Material(tiles, counts["train"], counts["held-out"], shapes, set_aside)


def held_out_of(contents: list[str]) -> set[str]:
    """The quarter of the photographs that judges: those with the smallest hash of their hash."""
    order = sorted(contents, key=lambda content: hashlib.sha256(content.encode()).hexdigest())
    return set(order[: max(1, round(HELD_OUT_SHARE * len(order)))])


def cut_out(path: Path, content: str, home: Home, part: Path, max_pixels: int) -> tuple[int, int]:
    """Writes one photograph's tiles and damage shapes, unless an earlier call did; returns how many of each."""
    record = part / f"{content}.json"
    if record.exists():
        known = json.loads(record.read_text(encoding="utf-8"))
        return known["tiles"], known["shapes"]
    photograph = decode(path, max_pixels=max_pixels)
    if sha256(photograph.source) != content:
        raise PhotographError(path, "it has changed since the scan; scan again")
    pixels = viewable(photograph)
    mask_file = home.mask(content)
    mask = read_mask(mask_file, pixels.shape) if mask_file.exists() else np.zeros(pixels.shape[:2], bool)
    seed = int(content[:12], 16)
    tiles = undamaged_tiles(mask, np.random.default_rng(seed))
    for tile in tiles:
        square = pixels[tile.slices]
        encoded = cv2.imencode(".png", square if square.ndim == 2 else square[..., ::-1])[1]
        write_durably(part / f"{content}-{tile.top}-{tile.left}.png", encoded.tobytes())
    shapes = damage_shapes(mask, SHAPES_A_PHOTOGRAPH)
    for number, shape in enumerate(shapes):
        encoded = cv2.imencode(".png", shape.astype(np.uint8) * 255)[1]
        write_durably(part / "shapes" / f"{content}-{number}.png", encoded.tobytes())
    figures = {"tiles": len(tiles), "shapes": len(shapes)}
    write_durably(record, json.dumps(figures).encode())
    return len(tiles), len(shapes)


def tiles_in(part: Path) -> Photographs:
    """The tiles of one side of the split."""
    return Photographs([entry for entry in find_entries(part) if entry.container.parent == part])


def shapes_in(part: Path) -> tuple[np.ndarray, ...]:
    """The damage shapes of one side of the split, (h, w) bool each."""
    files = sorted((part / "shapes").glob("*.png"))
    pictures = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in files]
    return tuple(np.asarray(picture) > 0 for picture in pictures if picture is not None)


def trained(
    start: LoadedModel,
    folder: Path,
    material: Material,
    options: FinetuneOptions,
    device: torch.device,
    world: World,
    progress: Progress,
    until: Callable[[], bool],
) -> Trainer:
    """The trainer after training from `start`'s weights."""
    objective = RefineHoles(
        shapes=shapes_in(folder / "train"), settings=dict(start.card.settings), adversary_from=0.5
    )
    tiles = tiles_in(folder / "train")
    samples = training_length(material, options)
    if options.minutes is not None and options.steps is None:
        # So that the rates have fallen when the time is up; the slowest process decides.
        fitting = 60 * options.minutes * samples_a_second(objective, tiles, device) * world.size
        samples = world.least(max(1, int(fitting)))
    trainer = Trainer(
        objective,
        TrainingOptions(samples=samples, generator_rate=RATE, warm_up=min(2_000, samples // 10)),
        device,
        world,
    )
    trainer.start_from(start.network.state_dict())
    if options.resume:
        resumed(trainer, folder)
    elif world.leads:
        (folder / CHECKPOINT).unlink(missing_ok=True)
    train(trainer, tiles, folder, progress=progress, until=until)
    return trainer


def samples_a_second(objective: RefineHoles, tiles: Photographs, device: torch.device) -> float:
    """How fast this machine trains, the adversary included, measured on a network that is thrown away."""
    trial = Trainer(replace(objective, adversary_from=0.0), TrainingOptions(samples=1), device)
    batches = [objective.batch(tiles, (JUDGE_SEED, step)) for step in range(TIMED_STEPS)]
    trial.train_step(batches[0])
    began, seen = time.monotonic(), trial.samples
    for batch in batches:
        trial.train_step(batch)
    return (trial.samples - seen) / (time.monotonic() - began)


def training_length(material: Material, options: FinetuneOptions) -> int:
    """Samples: as many as `steps` say, else forty views of each tile, 20,000 to 400,000."""
    if options.steps is not None:
        return options.steps * SAMPLES_A_STEP
    return int(np.clip(40 * material.tiles, 20_000, 400_000))


def judged(start: LoadedModel, trainer: Trainer, folder: Path, device: torch.device) -> Comparison:
    """Old and new weights on the same held-out samples, a figure a photograph each."""
    part = folder / "held-out"
    tiles = tiles_in(part)
    by_photograph: dict[str, list[int]] = {}
    for index, entry in enumerate(tiles.entries):
        by_photograph.setdefault(entry.container.name[:64], []).append(index)
    objective = RefineHoles(
        sizes=(128,), pixels=SAMPLES_A_PHOTOGRAPH * 128 * 128, shapes=shapes_in(folder / "train")
    )
    networks = (start.network.to(device).eval(), trainer.averaged.eval())
    figures: tuple[list[float], list[float]] = ([], [])
    for number, indices in enumerate(by_photograph.values()):
        own = Photographs([tiles.entries[index] for index in indices])
        batch = objective.batch(own, (JUDGE_SEED, number))
        on_device = {name: value.to(device) for name, value in batch.items()}
        for network, values in zip(networks, figures, strict=True):
            with torch.no_grad(), trainer.autocast():
                written = objective.write(network, on_device)
            composite = objective.composite(written, on_device).float().cpu()
            values.append(float(np.mean(hole_psnr(composite, batch))))
        if number == 0:
            save_grid(folder / "held-out.png", batch, composite)
    return compare(figures[0], figures[1])


def adopt(
    ledger: Ledger, home: Home, archive: Archive, start: LoadedModel, trainer: Trainer, comparison: Comparison
) -> str:
    """Registers the new weights and lets `run` use them for this archive; returns their name."""
    name = entered_before(home, trainer)
    if name is not None:
        ledger.use_model(archive.id, name)
        return name
    name = f"{printable(archive.root.name) or 'archive'}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    card = ModelCard(
        name="".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name),
        file="",
        sha256="",
        architecture=start.card.architecture,
        settings=start.card.settings,
        samples=trainer.samples,
        data=f"undamaged parts of {printable(archive.root)}, from {start.card.name}",
        trained=f"{datetime.now(UTC):%Y-%m-%d}",
        scores={f"held_out_{key}": value for key, value in asdict(comparison).items()},
    )
    written = save_model(trainer.averaged, home.models, card)
    ledger.use_model(archive.id, written.name)
    return written.name


def entered_before(home: Home, trainer: Trainer) -> str | None:
    """The model of these very weights: a finetuning that was killed may have entered it, but not yet adopted it."""
    weights = trainer.averaged.state_dict()
    for card in read_manifest(home.models)[1]:
        if (card.architecture, card.samples) != (trainer.objective.architecture, trainer.samples):
            continue
        try:
            known = load_model(card.name, home=home).network.state_dict()
        except WeightsError:
            continue
        if all(torch.equal(known[key].half(), value.cpu().half()) for key, value in weights.items()):
            return card.name
    return None
