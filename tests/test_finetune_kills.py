"""What a finetuning that is killed leaves, and what the next one makes of it."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from archive_restore import adoption
from archive_restore.adoption import adopt, remove_leftovers
from archive_restore.errors import LockedError
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
    return adopt(ledger, home, archive, load_model(MODEL, home=home), trainer, BETTER)


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
