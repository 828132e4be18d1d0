"""The time, as something that is handed in: a test lives through a night in a second."""

import time
from datetime import UTC, datetime
from typing import Protocol


def local(moment: str | None) -> str:
    """A moment (ISO 8601, UTC) as people read it: the same in local time. Empty if there is none."""
    return datetime.fromisoformat(moment).astimezone().isoformat(timespec="seconds") if moment else ""


class Clock(Protocol):
    """What a workflow asks of the time."""

    def now(self) -> datetime:
        """The time of day, in UTC. It may jump, also back."""

    def monotonic(self) -> float:
        """s since some moment; never goes back, and stands still while a laptop sleeps."""

    def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's own."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
