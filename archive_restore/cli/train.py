"""`archive-restore train`: a network from scratch."""

from pathlib import Path
from typing import Annotated

import typer

from archive_restore.cli.options import Device, Gpu, device_name
from archive_restore.errors import printable

Data = Annotated[
    list[Path],
    typer.Argument(
        metavar="DATA", help="Folders or .tar files of undamaged photographs.", show_default=False
    ),
]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Where checkpoint, curves and samples go.")]
Architecture = Annotated[
    str,
    typer.Option(
        "--architecture",
        metavar="NAME",
        help="context-encoder-convolutional, context-encoder-centre or context-encoder-random-region.",
    ),
]
Validation = Annotated[
    Path | None,
    typer.Option(
        "--validation",
        metavar="DIR",
        help="Photographs to judge on. [default: one in a hundred of DATA, held out]",
    ),
]
Artefacts = Annotated[
    Path | None,
    typer.Option(
        "--artefacts",
        metavar="DIR",
        help="Shapes of real damage to draw with: dots/, dirt/, hair/, hair-short/, lint/, scratches/, smut/, spots/, "
        "sprinkles/, stain/, with PNGs whose alpha is its opacity. Every other one is used; the others are left to "
        "measure with.",
    ),
]
Export = Annotated[
    Path | None,
    typer.Option("--export", metavar="DIR", help="Also write the weights into this folder of models."),
]


def train(
    data: Data,
    out: Out = Path("training"),
    architecture: Architecture = "context-encoder-convolutional",
    samples: Annotated[
        int, typer.Option(metavar="N", min=1, help="Length of the whole training, in samples.")
    ] = 6_400_000,
    minutes: Annotated[
        float | None, typer.Option(metavar="N", help="Stop after so many minutes; the same command goes on.")
    ] = None,
    bottleneck: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Width of the published networks' bottleneck. [default: 4000]"),
    ] = None,
    blocks: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="Residual blocks of the default network on each side. [default: 1]"
        ),
    ] = None,
    depth: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="Residual blocks of the default network at its bottom. [default: 4]"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Of the weights' start and of every batch.")] = 0,
    checkpoint_seconds: Annotated[
        float, typer.Option(metavar="SECONDS", help="Between checkpoints.")
    ] = 120.0,
    validation: Validation = None,
    artefacts: Artefacts = None,
    export: Export = None,
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Name of the exported model. [default: the architecture's]"),
    ] = None,
    description: Annotated[
        str, typer.Option(metavar="TEXT", help="What it was trained on, for the exported model's card.")
    ] = "",
    gpu: Gpu = None,
    device: Device = None,
) -> None:
    """Train a network on undamaged photographs; killed or stopped, the same command goes on."""
    from archive_restore import train as workflow
    from archive_restore.console import TerminalProgress, say
    from archive_restore.home import default_home
    from archive_restore.networks.devices import choose_device
    from archive_restore.progress import NullProgress
    from archive_restore.scanned import check_apart
    from archive_restore.training.loop import stop_after
    from archive_restore.training.world import joined, own_gpu
    from archive_restore.words import counted

    given = {"bottleneck": bottleneck, "blocks": blocks, "depth": depth}
    settings = {name: value for name, value in given.items() if value is not None}
    check_apart(out, default_home())
    if export is not None and export.exists() and not export.is_dir():
        raise typer.BadParameter(f"--export: {printable(export)} is a file; name a folder")
    chosen = own_gpu(device_name(gpu, device))
    place = choose_device(chosen, say)
    with joined(place.type == "cuda") as world, TerminalProgress() as shown:
        progress = shown if world.leads else NullProgress()
        summary = workflow.train_network(
            data,
            architecture=architecture,
            settings=settings,
            options=workflow.options_for(
                architecture, samples=samples, seed=seed, checkpoint_seconds=checkpoint_seconds
            ),
            device=place,
            folder=out,
            progress=progress,
            validation=validation,
            artefacts=artefacts,
            world=world,
            until=stop_after(minutes),
        )
    if not world.leads:
        return
    say(
        f"{min(summary.samples, samples):,} of {counted(samples, 'sample')} seen, from "
        f"{counted(summary.photographs, 'photograph')}; "
        f"checkpoint in {summary.folder}."
    )
    if summary.held_out_psnr is not None:
        say(f"Held-out photographs: {summary.held_out_psnr:.2f} dB in the holes.")
    if not summary.finished:
        say("The same command goes on with it.")
    if export is not None:
        card = workflow.export(
            summary.folder,
            export,
            name=name or architecture,
            data=description,
            ranges=summary.ranges,
        )
        say(f"Wrote {export / card.file} (sha256 {card.sha256[:16]}…).")
