"""Duplicates: what was restored in one place serves in every other place of the same content."""

import contextlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from archive_restore.durable import TEMPORARY_PREFIX, mirror_folders, move_durably, write_durably
from archive_restore.errors import PhotographError, StorageError, printable
from archive_restore.ledger import Job, Ledger
from archive_restore.photos import large
from archive_restore.photos.codecs import file_sha256
from archive_restore.records import read_record, recorded


def serves(twin: Job, job: Job, *, model: tuple[str, str], settings: Mapping[str, Any], since: str) -> bool:
    """Whether the output of `twin` is what `job` would become.

    Its file must be as it was written, by the same weights with the same settings: by its record, or
    because it ended at `since`, when this run began, or later. The original of `job` must not have changed.
    """
    if twin.output is None or twin.model != model[0]:
        return False
    try:
        record = read_record(twin.output)
        alike = (
            (record.model.sha256, dict(record.settings)) == (model[1], dict(settings))
            if record is not None
            else (twin.finished_at or "") >= since
        )
        return (
            alike and file_sha256(twin.output) == twin.output_sha256 and file_sha256(job.path) == job.sha256
        )
    except (OSError, PhotographError):
        return False


def place(twin: Job, job: Job, output: Path, ledger: Ledger, *, record: bool) -> str | None:
    """Puts the output of `twin` at `output` for `job`, which is leased, and ends the job.

    A hard link, where the disk has them and both originals have the same time and permissions; else a copy.

    Returns
    -------
    "linked" or "copied"; None if the lease is lost.
    """
    assert twin.output is not None
    assert twin.output_sha256 is not None
    if not ledger.write_intent(job, twin.output_sha256, output, twin.model):
        return None
    mirror_folders(output, job.path, depth=job.relative.count(b"/"))
    told = read_record(twin.output) if record else None
    if told is not None:
        told = replace(told, original=replace(told.original, name=printable(os.fsdecode(job.relative))))
    with recorded(output, told):
        how = "linked" if _alike(twin.path, job.path) and _link(twin.output, output) else "copied"
        if how == "copied":
            write_durably(output, large.read(twin.output), like=job.path)
    done = ledger.finish(job, output=output, output_sha256=twin.output_sha256, model=twin.model, linked=how)
    return how if done else None


def _alike(first: Path, second: Path) -> bool:
    """Whether both have the same time and permissions, which a link cannot have of its own."""
    try:
        one, other = first.stat(), second.stat()
    except OSError:
        return False
    return (one.st_mtime_ns, one.st_mode) == (other.st_mtime_ns, other.st_mode)


def _link(source: Path, target: Path) -> bool:
    """A hard link in one step, which outlives a power cut; False where the disk has none, or the two lie on different
    disks."""
    temporary = target.with_name(TEMPORARY_PREFIX + secrets.token_hex(8))
    try:
        os.link(source, temporary)
        move_durably(temporary, target)
    except (OSError, StorageError, PhotographError):  # a copy says in words what ails the disk
        return False
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    return True
