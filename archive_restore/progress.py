"""What a workflow tells while it works, as a protocol; `console.py` draws it, tests and pipes ignore it."""

from typing import Protocol


class Progress(Protocol):
    """Told by workflows, drawn by whoever calls them."""

    def start(self, description: str, total: int | None, done: int = 0) -> None:
        """Begins one stage of `total` items (None when not yet known), replacing the stage before. `done` of them
        were done earlier and say nothing of the rate."""

    def total(self, total: int) -> None:
        """Corrects the number of items of this stage."""

    def advance(self, items: int = 1) -> None:
        """`items` more are done."""

    def note(self, message: str) -> None:
        """A line the user should see (a photograph set aside, a batch halved)."""

    def figures(self, **values: float) -> None:
        """Measurements shown beside the bar, e.g. losses. Each call replaces the last."""

    def stop(self) -> None:
        """Ends the last stage."""


class NullProgress:
    """Says nothing."""

    def start(self, description: str, total: int | None, done: int = 0) -> None: ...

    def total(self, total: int) -> None: ...

    def advance(self, items: int = 1) -> None: ...

    def note(self, message: str) -> None: ...

    def figures(self, **values: float) -> None: ...

    def stop(self) -> None: ...
