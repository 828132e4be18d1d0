"""`archive-restore report`: what was found and done, as a page of before and after, a table, JSON or CSV."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archive_restore.cli.options import Json, OptionalArchive, Preview, own_file, wrong_argument
from archive_restore.words import counted

if TYPE_CHECKING:
    from archive_restore.home import Home
    from archive_restore.ledger import Ledger
    from archive_restore.report import Report

Page = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="FILE",
        help="Where the page or the CSV goes. [default: archive-restore-report.html]",
        callback=own_file,
    ),
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="WHEN",
        help="Only what was done since: 2026-01-05, '2026-01-05 22:00', or so long ago: 12h, 3d.",
    ),
]
Limit = Annotated[
    int, typer.Option("--limit", metavar="N", min=0, help="Pictures of only the N restored last in the page.")
]
Csv = Annotated[bool, typer.Option("--csv", help="CSV instead of a page, to --out or the terminal.")]
Table = Annotated[bool, typer.Option("--table", help="Print a table instead of writing a page.")]


def report(
    archive: OptionalArchive = None,
    since: Since = None,
    out: Page = None,
    limit: Limit = 200,
    json: Json = False,
    csv: Csv = False,
    table: Table = False,
    preview: Preview = None,
) -> None:
    """Show what was found and done, before and after.

    Writes one HTML page with a slider for each restored photograph; it needs nothing else to be looked at.
    """
    if json + csv + table + (preview is not None) > 1:
        raise typer.BadParameter("give one of --json, --csv, --table and --preview")
    from archive_restore.clock import SystemClock
    from archive_restore.console import TerminalProgress, say, show_json, show_next_step
    from archive_restore.errors import printable
    from archive_restore.home import default_home
    from archive_restore.preview import check_form
    from archive_restore.report import gather, parse_since, write_report
    from archive_restore.scanned import check_apart, scanned_ledger
    from archive_restore.standing import at_work

    home = default_home()
    page = out or Path("archive-restore-report.html")
    if out is not None or not (json or csv or table or preview):
        check_apart(page.absolute().parent, home)
    with wrong_argument("--since"):
        moment = parse_since(since, SystemClock().now()) if since is not None else None
    if preview is not None:
        with wrong_argument("--preview"):
            check_form(preview)
    with scanned_ledger(home) as ledger:
        found = gather(ledger, archive, moment, at_work=at_work(home))
        if json:
            show_json(_json(found, ledger))
        elif csv:
            _write_csv(found, ledger, out)
        elif table:
            _show(found, ledger)
        elif preview is not None:
            _preview(found, preview, ledger, home)
        else:
            with TerminalProgress() as progress:
                shown, unseen = write_report(
                    found, page, ledger=ledger, home=home, progress=progress, limit=limit
                )
            say(found.summary)
            say(f"{counted(shown, 'photograph')} before and after: {printable(page.resolve())}")
            if unseen:
                say(f"{unseen:,} cannot be shown; the page says why.")
            if shown:
                show_next_step("archive-restore review")


def _preview(found: "Report", sheet: Path, ledger: "Ledger", home: "Home") -> None:
    """What waits in each archive; the sheets of several are told apart by their archives' names."""
    from archive_restore.console import TerminalProgress
    from archive_restore.preview import check_sheet, write_preview

    several = len(found.archives) > 1
    pages: list[Path] = []
    check_sheet(sheet, [archive.root for archive in found.archives])
    for archive in found.archives:
        name = f"{sheet.stem}-{archive.root.name}-{archive.id}{sheet.suffix}" if several else sheet.name
        with TerminalProgress() as progress:
            pages += write_preview(
                archive, sheet.with_name(name), ledger=ledger, home=home, progress=progress
            )
    show_pages(pages)


def show_pages(pages: list[Path]) -> None:
    """Where a preview lies."""
    from archive_restore.console import say
    from archive_restore.errors import printable

    if not pages:
        say("There is nothing to preview: nothing is queued, held or to be decided on.")
    elif len(pages) == 1:
        say(f"Preview: {printable(pages[0].resolve())}")
    else:
        say(f"Preview: {len(pages):,} pages, {printable(pages[0].resolve())} to {printable(pages[-1].name)}")


def _json(found: "Report", ledger: "Ledger") -> dict[str, object]:
    from dataclasses import asdict

    from archive_restore.errors import printable
    from archive_restore.report import rows

    return {
        "archives": [printable(archive.root) for archive in found.archives],
        "since": found.since,
        "photographs": found.counts.photographs,
        "undamaged": found.counts.undamaged,
        "waiting": found.waiting,
        "states": {state.value: count for state, count in found.counts.states.items()},
        "masks_by_hand": found.counts.by_hand,
        "kinds": {k.kind: {"photographs": k.photographs, "regions": k.regions} for k in found.kinds},
        "runs": [asdict(run) for run in found.runs],
        "done": [asdict(row) for row in rows(found, ledger)],
    }


def _write_csv(found: "Report", ledger: "Ledger", out: Path | None) -> None:
    import io
    import sys

    from archive_restore.console import showing
    from archive_restore.errors import StorageError, printable
    from archive_restore.report import write_csv

    if out is None:
        with showing():
            write_csv(found, ledger, sys.stdout)
        return
    text = io.StringIO(newline="")
    write_csv(found, ledger, text)
    try:
        # The mark at the start tells spreadsheets that it is UTF-8.
        out.write_text(text.getvalue(), "utf-8-sig", newline="")
    except OSError as error:
        raise StorageError(f"{printable(out)} cannot be written ({error.strerror}).") from error


def _show(found: "Report", ledger: "Ledger") -> None:
    from archive_restore.clock import local
    from archive_restore.console import say, show_table
    from archive_restore.report import rows

    say(found.summary)
    show_table(
        ("photograph", "state", "when", "damage", "reason"),
        [
            (
                row.original,
                row.state,
                local(row.finished_at)[:16].replace("T", " "),
                row.damage,
                row.reason or row.duplicate,
            )
            for row in rows(found, ledger)
        ],
    )
    if found.kinds:
        show_table(
            ("damage", "photographs", "regions"), [(k.kind, k.photographs, k.regions) for k in found.kinds]
        )
