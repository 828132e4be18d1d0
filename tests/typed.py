"""Commands as they are typed, in this process."""

from pathlib import Path

from typer.testing import CliRunner, Result

from archive_restore.cli import app


def typed(*words: str | Path) -> Result:
    """What a command answers; the heuristics search, for the network takes seconds to load."""
    heuristic = ["--detector", "heuristic"] if words[0] in ("scan", "detect") else []
    return CliRunner().invoke(app, [*map(str, words), *heuristic])
