"""Training curves: a line of JSON for each entry and, where the extra `tensorboard` is installed, TensorBoard's."""

import importlib.util
import json
from pathlib import Path
from types import TracebackType

from archive_restore.durable import writing

CURVES = "curves.jsonl"
TENSORBOARD = "tensorboard"
"""Folder beside the curves, for `tensorboard --logdir`."""


class Curves:
    """Appends figures to a training's folder.

    Parameters
    ----------
    folder : the training's; must exist
    writes : False in a process that does not lead: nothing is written
    """

    def __init__(self, folder: Path, *, writes: bool = True) -> None:
        self._path = folder / CURVES
        with writing(self._path):
            self._file = self._path.open("a", encoding="utf-8") if writes else None
        self._board = None
        if writes and importlib.util.find_spec("tensorboard") is not None:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(folder / TENSORBOARD))

    def __enter__(self) -> "Curves":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
        if self._board is not None:
            self._board.close()

    def add(self, samples: int, step: int, figures: dict[str, float]) -> None:
        """One entry: figures by name at `samples` seen after `step` steps."""
        if self._file is not None:
            with writing(self._path):
                self._file.write(json.dumps({"samples": samples, "step": step} | figures) + "\n")
                self._file.flush()
        if self._board is not None:
            for name, value in figures.items():
                self._board.add_scalar(name, value, samples)
