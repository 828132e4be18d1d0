"""Ctrl-C asks first: what is in flight is finished. A second one stops at once."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass
class StopRequest:
    """Whether the user has asked to stop."""

    made: bool = False


@contextmanager
def stop_on_interrupt() -> Iterator[StopRequest]:
    """Within, the first Ctrl-C (or SIGTERM) only notes the request; the second raises KeyboardInterrupt.

    Does nothing outside the main thread, where Python delivers no signals.
    """
    request = StopRequest()

    def note(number: int, frame: FrameType | None) -> None:
        if request.made:
            raise KeyboardInterrupt
        request.made = True

    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.signal(number, note) for number in SIGNALS}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
