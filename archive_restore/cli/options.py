"""The options that several commands share, each declared once.

Types only: a command gives the default, `sensitivity: Sensitivity = "normal"`. Constants that belong to
a heavier module are repeated here so that `--help` need not import it; a test holds them equal.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer

from archive_restore.errors import InputError

DEFAULT_MAX_PIXELS = 200_000_000
"""px; `photos.codecs.DEFAULT_MAX_PIXELS`."""


def expanded(path: Path | None) -> Path | None:
    """A file that the user named, ~ being his home also where the shell left it (`--preview=~/sheet.jpg`)."""
    return None if path is None else path.expanduser()


def own_file(path: Path | None) -> Path | None:
    """The same, of a file that is to be written and has to be no photograph."""
    from archive_restore.photos.archive import check_no_photograph

    path = expanded(path)
    if path is not None:
        try:
            check_no_photograph(path)
        except InputError as error:
            raise typer.BadParameter(str(error)) from None
    return path


# Checked by the workflow, not by typer: a missing archive is exit code 3 with advice, not a usage error.
Anew = Annotated[
    bool,
    typer.Option(
        "--anew",
        help="Search all that is not restored yet, also the unchanged: with a new version, another --detector, "
        "--thorough, or infrared files that came later. Masks by hand stay.",
    ),
]
Archive = Annotated[
    Path, typer.Argument(metavar="ARCHIVE", help="The folder of photographs.", show_default=False)
]
OptionalArchive = Annotated[
    Path | None,
    typer.Argument(
        metavar="ARCHIVE", help="Only this archive; all that were scanned, if left out.", show_default=False
    ),
]
Photographs = Annotated[
    list[Path],
    typer.Argument(metavar="PATHS", help="Photographs, or folders of them.", show_default=False),
]
OutputFolder = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="Where the results go.", show_default=False)
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace files that are in DIR already; else they are kept.")
]
Gpu = Annotated[
    int | None,
    typer.Option("--gpu", metavar="N", min=0, help="Number of the GPU to use. [default: the first there is]"),
]
Device = Annotated[
    str | None,
    typer.Option("--device", metavar="cpu|cuda:N|mps", help="Device to use, instead of --gpu."),
]
MaxPixels = Annotated[
    int,
    typer.Option(
        "--max-pixels", metavar="N", min=1, help="Photographs of more pixels are set aside, unopened."
    ),
]
Sensitivity = Annotated[
    Literal["low", "normal", "high"] | None,
    typer.Option(
        "--sensitivity",
        metavar="low|normal|high",
        help="How faint the damage may be. Low leaves more scratches and more faces alone. [default: normal, or as "
        "chosen before for the archive that is scanned]",
    ),
]
Threshold = Annotated[
    float | None,
    typer.Option(
        "--threshold",
        metavar="X",
        min=0,
        max=1,
        help="How sure the detectors must be, instead of --sensitivity: low is 0.88, normal 0.73, high 0.43.",
    ),
]
Only = Annotated[
    str | None,
    typer.Option("--only", metavar="KINDS", help="Only these kinds are damage: scratches,dust. Or all."),
]
Skip = Annotated[
    str | None, typer.Option("--skip", metavar="KINDS", help="These kinds are no damage: stains,folds.")
]


def _parse_percent(text: str) -> float:
    try:
        share = float(text.strip().removesuffix("%")) / 100
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise typer.BadParameter(f"{text!r} is no percentage between 0 and 100")
    return share


MaxCoverage = Annotated[
    float | None,
    typer.Option(
        "--max-coverage",
        metavar="PERCENT",
        parser=_parse_percent,
        help="Photographs whose masks cover more are held for a look. [default: as chosen before, else 12]",
    ),
]
"""Of 1."""
Detector = Annotated[
    Literal["learned", "heuristic"],
    typer.Option(
        "--detector",
        metavar="learned|heuristic",
        help="What decides which pixels are damaged: hand-made rules, or a small network where its weights are there.",
    ),
]
Preview = Annotated[
    Path | None,
    typer.Option(
        "--preview",
        metavar="SHEET",
        help="Write a contact sheet, .jpg or .png: what waits, beside the same with its mask in colours, and what you "
        "are to decide on.",
        callback=expanded,
    ),
]
Recompress = Annotated[
    bool,
    typer.Option(
        "--recompress",
        help="Encode a restored JPEG anew as a whole, not only the blocks that the damage touches.",
    ),
]
Records = Annotated[
    bool,
    typer.Option(
        "--records/--no-records",
        help="Write a record beside each restored photograph, a.jpg.json: what was done, by what.",
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs", metavar="N", min=1, help="Processes that read and detect. [default: one a core; 2 on a GPU]"
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME",
        help="The generator to use. [default: the shipped one, or your adopted one]",
    ),
]

LogFile = Annotated[
    Path | None,
    typer.Option(
        "--log",
        metavar="FILE",
        help="Add what happens to this file, a JSON object a line.",
        callback=own_file,
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say only what went wrong.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say a line for each photograph.")]

Grain = Annotated[
    bool,
    typer.Option(
        "--grain/--no-grain",
        help="Give repairs the texture and grain of the photograph around them, or leave them smooth.",
    ),
]

ThoroughSearch = Annotated[
    bool | None,
    typer.Option(
        "--thorough/--no-thorough",
        help="Look closely at large scans (1,300 px and more), whatever their size, or at none: that finds finer dust "
        "and hairs, errs less, and takes several times as long for each of them. [default: as chosen before for the "
        "archive that is scanned, else at those of up to 10 megapixels]",
        show_default=False,
    ),
]
BySize = Annotated[
    bool,
    typer.Option(
        "--by-size",
        help="Forget --thorough or --no-thorough of an earlier scan: look closely at large scans of up to 10 "
        "megapixels.",
    ),
]
Thorough = Annotated[
    bool | None,
    typer.Option(
        "--thorough/--no-thorough",
        help="Restore every hole eight times, turned and mirrored, and keep the mean: closer to what was there. "
        "Or once. [default: eight times on a GPU; on a CPU as often as adds a second or two]",
        show_default=False,
    ),
]
"""None is as `restoring.restorer.thoroughness` has it."""


def _parse_batch_size(text: str) -> int | None:
    if text == "auto":
        return None
    if not text.isdecimal() or int(text) == 0:
        raise typer.BadParameter(f"{text!r} is neither 'auto' nor a positive number")
    return int(text)


BatchSize = Annotated[
    int | None,
    typer.Option(
        "--batch-size",
        metavar="auto|N",
        parser=_parse_batch_size,
        help="Windows that are restored at once. [default: auto]",
    ),
]
"""None is automatic."""


@contextmanager
def wrong_argument(option: str) -> Iterator[None]:
    """What cannot be used as it is (InputError) was typed so: a usage error of this option."""
    try:
        yield
    except InputError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def device_name(gpu: int | None, device: str | None) -> str | None:
    """The one device that `--gpu` and `--device` ask for, e.g. "cuda:1"; None to choose the best there is."""
    if gpu is not None and device is not None:
        raise typer.BadParameter("give --gpu or --device, not both")
    return f"cuda:{gpu}" if gpu is not None else device
