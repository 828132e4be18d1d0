"""`archive-restore report`: what was done, as a page of before and after or as JSON."""

from pathlib import Path
from typing import Annotated

import typer

from archive_restore.cli.options import Json, OptionalArchive

Page = Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the page goes.")]
Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, help="Show only the N restored last.")]


def report(
    archive: OptionalArchive = None,
    out: Page = Path("archive-restore-report.html"),
    limit: Limit = 200,
    json: Json = False,
) -> None:
    """Show what was done, before and after.

    Writes one HTML page with a slider for each restored photograph; it needs nothing else to be looked at.
    """
    from archive_restore.console import TerminalProgress, say, show_json
    from archive_restore.errors import printable
    from archive_restore.home import default_home
    from archive_restore.ledger import open_ledger
    from archive_restore.report import gather, write_report

    home = default_home()
    with open_ledger(home.ledger) as ledger:
        found = gather(ledger, archive)
        if json:
            show_json(
                {
                    "archives": [printable(root) for root in found.archives],
                    "photographs": found.photographs,
                    "undamaged": found.undamaged,
                    "waiting": found.waiting,
                    "restored": [
                        {
                            "original": printable(job.path),
                            "restored": printable(job.output or ""),
                            "model": job.model,
                        }
                        for job in found.done
                    ],
                    "set_aside": [
                        {"original": printable(f.path), "reason": f.reason} for f in found.failures
                    ],
                    "kinds": {
                        k.kind: {"photographs": k.photographs, "regions": k.regions} for k in found.kinds
                    },
                }
            )
            return
        with TerminalProgress() as progress:
            shown = write_report(found, out, ledger=ledger, home=home, progress=progress, limit=limit)
    say(found.summary)
    say(f"{shown:,} photographs before and after: {printable(out.resolve())}")
