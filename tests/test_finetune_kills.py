"""What a finetuning that is killed leaves, and what the next one makes of it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from archive_restore import adoption, material
from archive_restore import finetune as finetuning
from archive_restore.adoption import adopt, remove_leftovers
from archive_restore.errors import LockedError, TrainingError
from archive_restore.finetune import FinetuneOptions, finetune
from archive_restore.home import Home
from archive_restore.ledger import Ledger, WorkerLock, open_ledger
from archive_restore.networks.weights import load_model, read_manifest
from archive_restore.progress import NullProgress
from archive_restore.training.comparison import Comparison
from archive_restore.training.objectives import RefineHoles
from archive_restore.training.trainer import Trainer, TrainingOptions
from tests.benchmarks.small_archives import MODEL, to_tune

CPU = torch.device("cpu")
BETTER = Comparison(24.0, 24.5, 0.5, 0.3, 20, 20)
RANGES = {"bottleneck.0.spread": (-1.0, 2.0)}
WORSE = Comparison(24.0, 23.5, -0.5, -0.7, 0, 20)


class Killed(BaseException):
    """Nothing in the product catches it."""


def trainer_of(home: Home) -> Trainer:
    """A trainer whose weights are those of the small model, a little changed."""
    start = load_model(MODEL, home=home)
    objective = RefineHoles(settings=dict(start.card.settings))
    trainer = Trainer(objective, TrainingOptions(samples=4), CPU)
    trainer.start_from({key: value * 1.01 for key, value in start.network.state_dict().items()})
    trainer.samples = 4
    return trainer


def adopted(ledger: Ledger, home: Home, trainer: Trainer) -> str:
    (archive,) = ledger.archives()
    return adopt(ledger, home, archive, load_model(MODEL, home=home), trainer, BETTER, RANGES)


def names(home: Home) -> list[str]:
    return sorted(path.name for path in home.models.iterdir())


@pytest.mark.parametrize(
    ("owner", "name"),
    [(Ledger, "use_model"), (adoption, "save_model")],
    ids=["before adoption", "before saving"],
)
def test_weights_are_entered_once_though_the_adoption_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: object, name: str
) -> None:
    def killed(*arguments: object, **options: object) -> None:
        raise Killed

    _, home = to_tune(tmp_path, 1)
    trainer = trainer_of(home)
    with open_ledger(home.ledger) as ledger:
        with monkeypatch.context() as patched:
            patched.setattr(owner, name, killed)
            with pytest.raises(Killed):
                adopted(ledger, home, trainer)
        assert ledger.archives()[0].model == MODEL
        chosen = adopted(ledger, home, trainer)
        assert adopted(ledger, home, trainer) == chosen
        assert ledger.archives()[0].model == chosen
    assert names(home) == sorted(["manifest.json", f"{MODEL}.safetensors", f"{chosen}.safetensors"])
    assert torch.equal(
        next(iter(load_model(chosen, home=home).network.state_dict().values())).half(),
        next(iter(trainer.averaged.state_dict().values())).half(),
    )


def test_what_a_kill_left_is_removed_and_what_somebody_put_there_is_not(tmp_path: Path) -> None:
    _, home = to_tune(tmp_path, 1)
    folder = home.root / "finetune" / "0123"
    (folder / "train").mkdir(parents=True)
    for place in (folder, folder / "train", home.models):
        (place / ".archive-restore-0123456789abcdef").write_bytes(b"half")
    (home.models / "tuned-20260105-235959.safetensors").write_bytes(b"written, not entered")
    (home.models / "from a friend.safetensors").write_bytes(b"theirs")
    remove_leftovers(home, folder)
    assert names(home) == ["from a friend.safetensors", "manifest.json", f"{MODEL}.safetensors"]
    assert [path.name for path in folder.rglob("*")] == ["train"]
    assert [card.name for card in read_manifest(home.models)[1]] == [MODEL]


def test_weights_that_were_cut_short_are_not_taken_for_those_that_were_entered(tmp_path: Path) -> None:
    _, home = to_tune(tmp_path, 1)
    trainer = trainer_of(home)
    with open_ledger(home.ledger) as ledger:
        file = home.models / f"{adopted(ledger, home, trainer)}.safetensors"
        file.write_bytes(file.read_bytes()[:-1000])
        chosen = adopted(ledger, home, trainer)
    assert load_model(chosen, home=home).card.samples == 4


def test_a_second_finetuning_at_the_same_time_is_refused(tmp_path: Path) -> None:
    archive, home = to_tune(tmp_path, 1)
    options = replace(FinetuneOptions(steps=1), archive=archive)
    with (
        open_ledger(home.ledger) as ledger,
        WorkerLock(home.finetune_lock, work="finetuning"),
        pytest.raises(LockedError, match="Another finetuning is at work"),
    ):
        finetune(ledger=ledger, home=home, options=options, device=CPU, progress=NullProgress())


class Watched(NullProgress):
    """Notes where each training begins, and kills it before its end if it is told to."""

    def __init__(self) -> None:
        self.begun: list[tuple[int, int | None]] = []  # samples seen before, and of all
        self.kills = False

    def start(self, description: str, total: int | None, done: int = 0) -> None:
        if description == "training":
            self.begun.append((done, total))

    def advance(self, items: int = 1) -> None:
        if self.kills and self.begun:
            raise KeyboardInterrupt


@pytest.fixture
def stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Home, Ledger, Watched]]:
    """A finetuning of 4 steps that was stopped after its first."""
    _, home = to_tune(tmp_path, 24)
    monkeypatch.setattr(material, "FEWEST_TILES", 10)
    monkeypatch.setattr(adoption, "compare", lambda before, after: WORSE)
    watched = Watched()
    with open_ledger(home.ledger) as ledger:
        watched.kills = True
        with pytest.raises(KeyboardInterrupt):
            tune(ledger, home, watched)
        watched.kills = False
        yield home, ledger, watched


def tune(ledger: Ledger, home: Home, progress: Watched, **changes: object) -> str | None:
    options = replace(FinetuneOptions(steps=4), **changes)
    summary = finetune(ledger=ledger, home=home, options=options, device=CPU, progress=progress)
    assert summary is not None
    return summary.adopted


def test_the_same_command_goes_on_and_the_one_after_it_begins_anew(
    stopped: tuple[Home, Ledger, Watched],
) -> None:
    home, ledger, watched = stopped
    tune(ledger, home, watched)
    tune(ledger, home, watched)
    assert [done > 0 for done, _ in watched.begun] == [False, True, False]
    assert len({total for _, total in watched.begun}) == 1


def test_another_command_is_told_what_was_stopped_and_deletes_nothing(
    stopped: tuple[Home, Ledger, Watched],
) -> None:
    home, ledger, watched = stopped
    said = rf"began from {MODEL} with --steps 4; .*from {MODEL} with --minutes 0.5\..*--resume.*--anew"
    with pytest.raises(TrainingError, match=said):
        tune(ledger, home, watched, steps=None, minutes=0.5)
    tune(ledger, home, watched, steps=5, resume=True)
    assert [done > 0 for done, _ in watched.begun] == [False, True]


def test_a_stopped_finetuning_can_be_begun_anew(stopped: tuple[Home, Ledger, Watched]) -> None:
    home, ledger, watched = stopped
    tune(ledger, home, watched, steps=5, anew=True)
    assert [done for done, _ in watched.begun] == [0, 0]


def test_one_that_was_killed_after_its_adoption_is_finished(
    stopped: tuple[Home, Ledger, Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(folder: Path) -> None:
        raise Killed

    home, ledger, watched = stopped
    monkeypatch.setattr(adoption, "compare", lambda before, after: BETTER)
    with monkeypatch.context() as patched:
        patched.setattr(finetuning, "finished", killed)
        with pytest.raises(Killed):
            tune(ledger, home, watched)
    assert ledger.archives()[0].model != MODEL
    tune(ledger, home, watched)
    assert [done > 0 for done, _ in watched.begun] == [False, True, False]
