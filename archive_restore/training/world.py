"""Several processes that train one network, as torchrun starts them."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from archive_restore.errors import TrainingError
from archive_restore.networks.devices import cuda_gpus

PATIENCE = timedelta(days=1)
"""The others wait so long for the first, which reads a whole archive before any of them trains."""


@dataclass(frozen=True)
class World:
    """This process's number among those that train together. One process alone is rank 0 of 1."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes checkpoints, curves and what the user sees."""
        return self.rank == 0

    def parallel(self, network: nn.Module) -> nn.Module:
        """The network with gradients averaged over all processes; itself if there is one.

        Buffers are not broadcast: batch normalisation would otherwise change them in place between the
        discriminator's two passes and their one backward.
        """
        if self.size == 1:
            return network
        with warnings.catch_warnings():
            # torch 2.13 renames the option; 2.11 does not know the new name.
            warnings.simplefilter("ignore", FutureWarning)
            return DistributedDataParallel(network, broadcast_buffers=False)

    def any(self, mine: bool) -> bool:
        """Whether any process says so; all of them must ask. TrainingError if one of them is gone."""
        return not self.least(int(not mine))

    def least(self, mine: int) -> int:
        """The least of what the processes say; all of them must ask. TrainingError if one of them is gone."""
        if self.size == 1:
            return mine
        value = torch.tensor([mine])
        if distributed.get_backend() == "nccl":
            value = value.cuda()
        with lost_process():
            distributed.all_reduce(value, distributed.ReduceOp.MIN)
        return int(value.item())


@contextmanager
def lost_process() -> Iterator[None]:
    """Says in words that another process has gone, which torch reports as a broken connection."""
    try:
        yield
    except (torch.OutOfMemoryError, torch.AcceleratorError):
        raise  # of this process, which says so itself
    except RuntimeError as error:
        if distributed.is_initialized():
            raise TrainingError(
                f"another process of this training is gone ({str(error).splitlines()[0][:120]}); start the same "
                "command again, it goes on from the last checkpoint"
            ) from error
        raise


@contextmanager
def joined(cuda: bool) -> Iterator[World]:
    """The world that torchrun describes in the environment, joined; one process alone without torchrun.

    Parameters
    ----------
    cuda : whether every process has a GPU of its own, `cuda:LOCAL_RANK`
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield World()
        return
    if cuda:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("nccl" if cuda else "gloo", timeout=PATIENCE)
    try:
        yield World(distributed.get_rank(), size)
    finally:
        distributed.destroy_process_group()


def own_gpu(chosen: str | None) -> str | None:
    """The device of this process: under torchrun each takes its own GPU unless told `cpu`."""
    local = os.environ.get("LOCAL_RANK")
    if local is None or chosen == "cpu" or not cuda_gpus():
        return chosen
    return f"cuda:{local}"
