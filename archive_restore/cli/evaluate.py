"""`archive-restore evaluate`: the published measures on a folder."""

from pathlib import Path
from typing import Annotated

import typer

from archive_restore.cli.options import Device, Gpu, Json, Model, device_name

Folder = Annotated[
    Path,
    typer.Argument(
        metavar="FOLDER", help="Undamaged photographs, a folder or a .tar file.", show_default=False
    ),
]

COLUMNS = ("64: PSNR dB", "L1 %", "L2 %", "56: PSNR dB", "sharp")


def evaluate(
    folder: Folder, model: Model = None, json: Json = False, gpu: Gpu = None, device: Device = None
) -> None:
    """Measure a model: hide 56x56 px amid each photograph at 128x128, compare what is written there."""
    from archive_restore import evaluate as workflow
    from archive_restore.console import TerminalProgress, say, show_json, show_table
    from archive_restore.home import default_home
    from archive_restore.networks.devices import choose_device
    from archive_restore.words import counted

    with TerminalProgress() as progress:
        result = workflow.evaluate(
            folder,
            model=model,
            device=choose_device(device_name(gpu, device), progress.note),
            home=default_home(),
            progress=progress,
        )
    if json:
        show_json(result.as_json())
        return
    rows = [(result.model, result.measures), *result.peers.items()]
    show_table(
        (counted(result.photographs, "photograph"), *COLUMNS),
        [
            (name, *(f"{value:.2f}" for value in workflow.rounded(measures).values()))
            for name, measures in rows
        ],
    )
    say("64: the square that the network writes; 56: the part of it that was hidden.")
