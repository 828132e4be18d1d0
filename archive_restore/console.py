"""What the terminal shows: progress bars, tables, messages. The only place of rich.

Progress, notes and errors go to standard error; tables and results to standard output, so that
`archive-restore status > file` holds the table alone.
"""

import json
import math
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Lock
from types import TracebackType

from rich import box
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, Progress, ProgressColumn, Task
from rich.table import Table
from rich.text import Text

from archive_restore.errors import StorageError

PLAIN_LINE_SECONDS = 30.0
"""s between two lines of progress where there is no terminal (a log, a pipe)."""

RATE_WINDOW_SECONDS = 60.0
"""s of the recent past from which the rate is measured: photographs differ in size, so shorter ones jump."""

SHORTEST_MEASURE_SECONDS = 0.5
"""s of work before a rate is worth showing."""

PIPE_WIDTH = 1_000_000
"""Columns of a table that is not printed to a terminal: whatever reads it wants a line a row."""

Cell = str | int | float | None


def _standard_output() -> Console:
    return Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False)


def _standard_error() -> Console:
    return Console(stderr=True, highlight=False)


@contextmanager
def showing() -> Iterator[None]:
    """Around results on standard output; StorageError if it cannot be written, as a file on a full disk."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read it wants no more
        raise
    except OSError as error:
        raise not_shown(error) from error


def not_shown(error: OSError) -> StorageError:
    """What it means that standard output cannot be written, to which nothing more goes."""
    with suppress(OSError, ValueError):  # what is left of it would fail once more at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return StorageError(
        f"The result cannot be shown: standard output cannot be written ({error.strerror or error}). What was done "
        "is done; send the output elsewhere."
    )


def say(message: str = "") -> None:
    """One line of result on standard output, as it is: no markup, no wrapping."""
    with showing():
        _standard_output().print(Text(message), soft_wrap=True)


def say_aside(message: str) -> None:
    """One line on standard error: not a result, but worth knowing."""
    _aside(_standard_error(), Text(message))


def show_next_step(command: str) -> None:
    """The command that the user most likely wants now."""
    with showing():
        _standard_output().print(Text.assemble("Next: ", (command, "bold")), soft_wrap=True)


def show_error(message: str) -> None:
    """An error in the user's words, in red on standard error."""
    _aside(_standard_error(), Text(message, style="red"))


def _aside(console: Console, line: Text) -> None:
    """A line that is lost where it cannot be written: no work ends because its log lies on a full disk."""
    with suppress(OSError):
        console.print(line, soft_wrap=True)


def show_json(value: object) -> None:
    """`value` as indented JSON on standard output, in ASCII so that any pipe takes it."""
    with showing():
        sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")


def show_table(columns: Sequence[str], rows: Iterable[Sequence[Cell]], *, title: str | None = None) -> None:
    """A table on standard output. Numbers are right-aligned: int with thousands, float with two decimals."""
    body = [list(row) for row in rows]
    table = Table(
        title=Text(title) if title else None,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
    )
    for index, column in enumerate(columns):
        numeric = any(isinstance(row[index], int | float) for row in body)
        table.add_column(Text(column), justify="right" if numeric else "left", overflow="fold")
    for row in body:
        table.add_row(*(Text(_cell(value)) for value in row))
    with showing():
        console = _standard_output()
        console.print(table)
        console.print()


def _cell(value: Cell) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.2f}"
        case _:
            return value


def size(count: int) -> str:
    """Bytes in words: 3.5 MB."""
    return decimal(count)


def megapixels(number: float) -> str:
    """With two significant digits at least: 0.0024, 1.6, 1,234."""
    decimals = max(0, 1 - math.floor(math.log10(number))) if number > 0 else 0
    return f"{number:,.{decimals}f}"


def duration(seconds: float) -> str:
    """A time span as a person says it: `40 s`, `12 min`, `3 h 05 min`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def per_time(rate: float) -> str:
    """A rate in items a second as a person reads it: `3.4/s`, or `12/min` when slower than one a second."""
    if rate < 1:
        return f"{rate * 60:.1f}/min"
    return f"{rate:.1f}/s" if rate < 100 else f"{rate:,.0f}/s"


class Stage:
    """The count of one stage of work, its recent rate and the time left."""

    def __init__(self, description: str, total: int | None, now: float, done: int = 0) -> None:
        self.description = description
        self.total = total
        self.done = done
        self._recent: deque[tuple[float, int]] = deque([(now, done)])

    def advance(self, items: int, now: float) -> None:
        """`items` more were done at `now` (s)."""
        self.done += items
        self._recent.append((now, self.done))
        while len(self._recent) > 2 and now - self._recent[1][0] > RATE_WINDOW_SECONDS:
            self._recent.popleft()

    def rate(self, now: float) -> float | None:
        """Items a second over the last minute; None as long as there is too little to measure."""
        since, before = self._recent[0]
        known = self.done > before and now - since >= SHORTEST_MEASURE_SECONDS
        return (self.done - before) / (now - since) if known else None

    def seconds_left(self, now: float) -> float | None:
        """At the recent rate; None as long as the total or the rate is unknown."""
        rate = self.rate(now)
        return None if self.total is None or not rate else max(0, self.total - self.done) / rate

    def line(self, now: float, figures: dict[str, float]) -> str:
        """Count, rate, time left and figures, e.g. `12 of 80   3.4/s   20 s left   loss 0.12`."""
        # The queue may grow meanwhile.
        most = None if self.total is None else max(self.total, self.done)
        parts = [f"{self.done:,}" if most is None else f"{self.done:,} of {most:,}"]
        rate, left = self.rate(now), self.seconds_left(now)
        if rate is not None:
            parts.append(per_time(rate))
        if left:
            parts.append(f"{duration(left)} left")
        parts += [f"{name.replace('_', ' ')} {value:.4g}" for name, value in figures.items()]
        return "   ".join(parts)


class _StageColumn(ProgressColumn):
    """The text to the right of the bar."""

    def __init__(self, text: Callable[[], str]) -> None:
        super().__init__()
        self._text = text

    def render(self, task: Task) -> Text:
        return Text(self._text())


class _DescriptionColumn(ProgressColumn):
    """The text to the left of the bar; not rich's own, which would read `[...]` in it as markup."""

    def render(self, task: Task) -> Text:
        return Text(task.description)


class TerminalProgress:
    """A `progress.Progress` on standard error: a bar in a terminal, else a line every half minute.

    Safe to call from several threads. Usable as a context manager, which ends the bar whatever happens.
    """

    def __init__(self, console: Console | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console or _standard_error()
        self._clock = clock
        self._lock = Lock()
        self._stage: Stage | None = None
        self._figures: dict[str, float] = {}
        self._bar: Progress | None = None
        self._next_line = 0.0
        self._said = 0  # items, in the last line of progress

    def __enter__(self) -> "TerminalProgress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, description: str, total: int | None, done: int = 0) -> None:
        self.stop()
        self._stage = Stage(description, total, self._clock(), done)
        self._figures = {}
        self._said = 0
        if self._console.is_terminal:
            columns = (_DescriptionColumn(), BarColumn(), _StageColumn(self._text))
            self._bar = Progress(*columns, console=self._console, refresh_per_second=4)
            self._bar.add_task(description, total=total, completed=done)
            self._bar.start()
        else:
            self._next_line = self._clock() + PLAIN_LINE_SECONDS

    def total(self, total: int) -> None:
        if self._stage is None:
            return
        self._stage.total = total
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], total=total)

    def advance(self, items: int = 1) -> None:
        if self._stage is None:
            return
        now = self._clock()
        with self._lock:
            self._stage.advance(items, now)
            due = self._bar is None and now >= self._next_line
            if due:
                self._next_line = now + PLAIN_LINE_SECONDS
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=self._stage.done)
        elif due:
            self._say()

    def note(self, message: str) -> None:
        self._print(message)

    def figures(self, **values: float) -> None:
        self._figures = values

    def stop(self) -> None:
        """Ends the stage; its last state stays on the screen."""
        bar, self._bar = self._bar, None
        if bar is not None:
            bar.stop()
        elif self._stage is not None and self._stage.done > self._said:
            self._say()
        self._stage = None

    def _say(self) -> None:
        """One line of progress where there is no terminal."""
        stage = self._stage
        if stage is not None:
            self._said = stage.done
            self._print(f"{stage.description}: {self._text()}")

    def _text(self) -> str:
        stage = self._stage  # another thread may end the stage meanwhile
        return stage.line(self._clock(), self._figures) if stage is not None else ""

    def _print(self, line: str) -> None:
        _aside(self._console, Text(line))
