import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from archive_restore.errors import TrainingError
from archive_restore.networks.architectures import CENTRE
from archive_restore.training.loop import CHECKPOINT
from archive_restore.training.trainer import load_state
from archive_restore.training.world import World, lost_process

TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port")


def draw_photographs(folder: Path) -> None:
    folder.mkdir()
    for number in range(4):
        small = np.random.default_rng(number).integers(0, 256, (9, 12, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f"{number}.png"), cv2.resize(small, (192, 144)))


def arguments(tmp_path: Path, samples: int) -> list[str]:
    return [
        *("-m", "archive_restore", "train", str(tmp_path / "data"), "--out", str(tmp_path / "t")),
        *("--architecture", CENTRE, "--bottleneck", "4", "--device", "cpu"),
        *("--samples", str(samples), "--checkpoint-seconds", "0.1"),
    ]


def free_port() -> str:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def test_one_process_alone_leads_and_decides():
    world = World()
    assert world.leads
    assert world.any(True)
    assert not world.any(False)
    network = torch.nn.Linear(1, 1)
    assert world.parallel(network) is network


def test_two_processes_train_one_network_and_count_the_samples_of_both(tmp_path: Path):
    draw_photographs(tmp_path / "data")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [*TORCHRUN, free_port(), *arguments(tmp_path, 256)]
    subprocess.run(command, check=True, capture_output=True, timeout=280, env=environment)
    state = load_state(tmp_path / "t" / CHECKPOINT)
    assert state["samples"] == 256
    assert state["step"] == 2  # of 64 samples in each of two processes


def test_when_one_of_two_processes_is_killed_the_training_ends_and_goes_on_later(tmp_path: Path):
    draw_photographs(tmp_path / "data")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    checkpoint = tmp_path / "t" / CHECKPOINT
    process = subprocess.Popen(
        [*TORCHRUN, free_port(), *arguments(tmp_path, 1_000_000)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
    )
    deadline = time.monotonic() + 200
    while not checkpoint.exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    os.kill(ranks_of(process.pid)[-1], signal.SIGKILL)
    process.communicate(timeout=120)
    seen = load_state(checkpoint)["samples"]
    assert process.returncode != 0
    assert seen > 0

    again = [*TORCHRUN, free_port(), *arguments(tmp_path, seen + 128)]
    subprocess.run(again, check=True, capture_output=True, timeout=280, env=environment)
    assert load_state(checkpoint)["samples"] == seen + 128


def ranks_of(parent: int) -> list[int]:
    """The processes that torchrun started, by their rank."""
    ranks = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            status = (entry / "status").read_text()
            environment = (entry / "environ").read_bytes()
        except OSError:
            continue
        rank = re.search(rb"(?:^|\0)LOCAL_RANK=(\d+)", environment)
        if f"PPid:\t{parent}\n" in status and rank:
            ranks[int(rank[1])] = int(entry.name)
    return [ranks[rank] for rank in sorted(ranks)]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), torch.OutOfMemoryError),
        (RuntimeError("broken"), TrainingError),
    ],
)
def test_only_a_broken_connection_is_taken_for_a_lost_process(
    error: Exception, told: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    with pytest.raises(told), lost_process():
        raise error
