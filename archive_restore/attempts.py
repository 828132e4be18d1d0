"""Which failures may pass, and how often a photograph is tried again."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from archive_restore.decoding import DecoderDiedError
from archive_restore.errors import PhotographError
from archive_restore.ledger import Job

WAITS: Final = (timedelta(seconds=30), timedelta(minutes=2))
"""Before the second and the third attempt at what failed for a reason that may pass; there is no fourth."""

DEATHS: Final = 2
"""Processes that may die of one photograph before it is set aside."""

MAY_PASS: Final = frozenset(
    getattr(errno, name)
    for name in [
        "EIO",
        "EAGAIN",
        "EBUSY",
        "EMFILE",
        "ENFILE",
        "ENOMEM",
        "ESTALE",
        "ETIMEDOUT",
        "ENETDOWN",
        "ENETUNREACH",
        "ECONNRESET",
    ]
    if hasattr(errno, name)
)
"""What a disk or a network share says that may answer again in a minute."""


class Attempts:
    """Remembers of each photograph that failed whether the reason may pass."""

    def __init__(self) -> None:
        self._more: dict[int, int] = {}  # by job: failures before which it gets another attempt

    @contextmanager
    def noting(self, job: Job) -> Iterator[None]:
        """Around reading a photograph: looks at what it raises."""
        try:
            yield
        except PhotographError as error:
            cause = error.__cause__ or error.__context__
            if isinstance(error, DecoderDiedError):
                self._more[job.id] = DEATHS - 1
            elif isinstance(cause, OSError) and cause.errno in MAY_PASS:
                self._more[job.id] = len(WAITS)
            raise
        except MemoryError:
            self._more[job.id] = len(WAITS)
            raise

    def wait(self, job: Job) -> timedelta | None:
        """How long a photograph that failed waits for its next attempt; None if it gets none."""
        return WAITS[job.failures] if job.failures < self._more.pop(job.id, 0) else None
