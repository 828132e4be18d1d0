"""Photographs decoded in processes that may die alone: a crash in a native decoder costs one attempt, not the run."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from archive_restore.errors import PhotographError, UnreadablePhotographError
from archive_restore.photos.codecs import Photograph, decode
from archive_restore.photos.large import LARGE
from archive_restore.processes import Lost, Processes

Decode = Callable[[Path, int], Photograph]
"""A file and the most pixels it may have, to what `photos.codecs.decode` makes of it."""


class DecoderDiedError(UnreadablePhotographError):
    """The process that decoded it died of it."""


@dataclass(frozen=True)
class _Task:
    path: Path
    max_pixels: int


@dataclass(frozen=True)
class _Refusal:
    """What `decode` raised; the exception's own cause would not survive the way between processes."""

    kind: type[PhotographError]
    reason: str
    number: int | None  # of the system's error behind it, if there was one


class _Large:
    """Too large to be sent."""


_LARGE: Final = _Large()


def _decode(task: _Task) -> Photograph | _Refusal | _Large:
    try:
        if task.path.stat().st_size >= LARGE:
            return _LARGE
    except OSError:
        pass  # decoding says it in words
    try:
        photograph = decode(task.path, max_pixels=task.max_pixels)
    except PhotographError as error:
        cause = error.__cause__ or error.__context__
        return _Refusal(type(error), error.reason, cause.errno if isinstance(cause, OSError) else None)
    lies_in_files = any(isinstance(samples, np.memmap) for samples in photograph.pages)
    return _LARGE if lies_in_files else photograph


def decode_here(path: Path, max_pixels: int) -> Photograph:
    """`photos.codecs.decode` in this process."""
    return decode(path, max_pixels=max_pixels)


@contextmanager
def decoding_apart() -> Iterator[Decode]:
    """A `Decode` for several threads at once, each served by a process of its own.

    What it raises is what `photos.codecs.decode` does, and `DecoderDiedError`. A photograph whose file or samples
    are large (`photos.large`) is decoded in the caller's process.
    """
    with Processes[_Task, Photograph | _Refusal | _Large](_decode) as processes:

        def decode_apart(path: Path, max_pixels: int) -> Photograph:
            answer = processes.call(_Task(path, max_pixels))
            match answer:
                case Lost(reason):
                    raise DecoderDiedError(path, reason)
                case _Refusal(kind, reason, number):
                    behind = None if number is None else OSError(number, os.strerror(number))
                    raise kind(path, reason) from behind
                case _Large():
                    return decode_here(path, max_pixels)
                case _:
                    return answer

        yield decode_apart
