"""`archive-restore finetune`: the generator trained on an archive's own undamaged parts."""

from typing import TYPE_CHECKING, Annotated

import typer

from archive_restore.cli.options import (
    DEFAULT_MAX_PIXELS,
    Device,
    Gpu,
    MaxPixels,
    OptionalArchive,
    device_name,
)

if TYPE_CHECKING:  # --help imports no torch
    from archive_restore.finetune import FinetuneSummary


def finetune(
    archive: OptionalArchive = None,
    gpu: Gpu = None,
    device: Device = None,
    minutes: Annotated[
        float | None, typer.Option(metavar="N", help="Stop training after so many minutes.")
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Train so many steps. [default: by the archive's size]"),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Go on from the last checkpoint, also of a finished or other finetuning."
        ),
    ] = False,
    anew: Annotated[bool, typer.Option("--anew", help="Begin again, though one was stopped.")] = False,
    max_pixels: MaxPixels = DEFAULT_MAX_PIXELS,
) -> None:
    """Train the generator on an archive's own undamaged parts; adopt it only if it restores better.

    Killed or stopped, the same command goes on.
    """
    from archive_restore import finetune as workflow
    from archive_restore.console import TerminalProgress, say
    from archive_restore.home import default_home
    from archive_restore.ledger import open_ledger
    from archive_restore.networks.devices import choose_device
    from archive_restore.progress import NullProgress
    from archive_restore.training.world import joined, own_gpu

    if resume and anew:
        raise typer.BadParameter("give --resume or --anew, not both")
    place = choose_device(own_gpu(device_name(gpu, device)), say)
    home = default_home()
    with (
        joined(place.type == "cuda") as world,
        open_ledger(home.ledger) as ledger,
        TerminalProgress() as shown,
    ):
        summary = workflow.finetune(
            ledger=ledger,
            home=home,
            options=workflow.FinetuneOptions(archive, minutes, steps, resume, anew, max_pixels),
            device=place,
            progress=shown if world.leads else NullProgress(),
            world=world,
        )
    if summary is not None:
        _tell(summary)


def _tell(summary: "FinetuneSummary") -> None:
    from archive_restore.console import say, show_next_step
    from archive_restore.words import counted, either

    result = summary.comparison
    say(
        f"{counted(summary.samples, 'sample')} seen. On {counted(result.photographs, 'held-out photograph')} the holes "
        "are restored at "
        f"{result.after:.2f} dB, with {summary.before} at {result.before:.2f} dB: {result.gain:+.2f} dB, at least "
        f"{result.lower:+.2f} with 95 % confidence; {result.improved} of {result.photographs} "
        f"{either(result.improved, 'is', 'are')} better."
    )
    if summary.adopted is None:
        say(f"That is too little or too uncertain to be adopted; {summary.used} is kept.")
        return
    say(
        f"Adopted as {summary.adopted}; `run` uses it for this archive; "
        "`archive-restore models use default` goes back."
    )
    show_next_step("archive-restore run")
