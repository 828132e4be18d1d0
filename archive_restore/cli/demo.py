"""`archive-restore demo`: a tour on the album that comes with the program."""

import shutil
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from archive_restore.cli.options import Device, Gpu, device_name
from archive_restore.errors import InputError, StorageError, printable

Folder = Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the tour takes place.")]


def demo(out: Folder = Path("demo"), gpu: Gpu = None, device: Device = None) -> None:
    """Take a tour on the example album.

    Restores a copy of it in ./demo and shows it before and after. Your own ledger is not touched.
    """
    from archive_restore.console import TerminalProgress, say, show_table
    from archive_restore.examine import ScanOptions
    from archive_restore.home import Home
    from archive_restore.ledger import open_ledger
    from archive_restore.photos.archive import output_folder
    from archive_restore.report import gather, write_report
    from archive_restore.run import RunOptions, run
    from archive_restore.scan import scan

    options = RunOptions(device=device_name(gpu, device))
    folder = out.resolve()
    album, page = folder / "album", folder / "report.html"
    copy_album(album)
    home = Home(folder / "home")
    with open_ledger(home.ledger) as ledger, TerminalProgress() as progress:
        scan(album, ledger=ledger, home=home, options=ScanOptions(), progress=progress)
        stopped = run(ledger=ledger, home=home, options=options, progress=progress).interrupted
        report = gather(ledger, album)
        write_report(report, page, ledger=ledger, home=home, progress=progress)
    show_table(
        ("damage found", "photographs", "regions"),
        [(kind.kind, kind.photographs, kind.regions) for kind in report.kinds],
    )
    say(report.summary)
    say(f"The album, as it was:  {printable(album)}")
    say(f"The album, restored:   {printable(output_folder(album))}")
    say(f"Before and after:      {printable(page)}")
    if stopped:
        raise KeyboardInterrupt


def copy_album(to: Path) -> None:
    """Copies the bundled album; photographs that are already there stay, so that a second tour goes on.

    Raises
    ------
    InputError
        The album is not part of this installation.
    StorageError
        The folder cannot be written.
    """
    source = bundled_album()
    try:
        for original in sorted(path for path in source.rglob("*") if path.is_file()):
            copy = to / original.relative_to(source)
            if not copy.exists():
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(original, copy)
    except OSError as error:
        raise StorageError(
            f"Cannot copy the album to {printable(to)}: {error.strerror}. Choose another place with --out."
        ) from error


def bundled_album() -> Path:
    """The album in the installed package, else (an editable install) in the source tree."""
    package = Path(str(files("archive_restore")))
    for album in (package / "examples" / "album", package.parent / "examples" / "album"):
        if album.is_dir():
            return album
    raise InputError("The example album is missing from this installation. Install archive-restore again.")
