"""What a run does with one photograph: reads it with its mask, writes it with its record."""

import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Final

from archive_restore.assignment import RunOptions
from archive_restore.decoding import Decode
from archive_restore.durable import mirror_folders
from archive_restore.errors import InputError, PhotographError, printable
from archive_restore.home import Home
from archive_restore.ledger import Archive, Job, Ledger
from archive_restore.networks.weights import ModelCard
from archive_restore.outputs import Outputs
from archive_restore.photos.archive import holds_something
from archive_restore.photos.codecs import Samples, encode, file_sha256, sha256
from archive_restore.photos.mask_files import read_mask
from archive_restore.records import describe, read_record, recorded
from archive_restore.restoring.parts import Loaded
from archive_restore.restoring.pipeline import write_checked
from archive_restore.twins import place, serves

TWINS_KEPT: Final = 1_000
"""Photographs of which it is remembered what served their duplicates."""


class ArchiveGoneError(InputError):
    """The disk of an archive is not there any more."""


class Handling:
    """Photographs of one archive, restored by one model. Its methods are called from several threads.

    Parameters
    ----------
    decode : reads a photograph
    model : of which the records tell
    tell : takes a line for the user
    """

    def __init__(
        self,
        ledger: Ledger,
        home: Home,
        options: RunOptions,
        decode: Decode,
        archive: Archive,
        model: ModelCard,
        tell: Callable[[str], None],
    ) -> None:
        self.archive = archive
        self._ledger = ledger
        self._home = home
        self._options = options
        self._decode = decode
        self._model = model
        self._tell = tell
        self._outputs = Outputs(ledger, archive)
        self._twins: dict[int, Job] = {}  # that served the last duplicate, by photograph

    def load(self, job: Job) -> Loaded:
        """The photograph and its mask.

        Raises
        ------
        PhotographError
            This one cannot be restored.
        ArchiveGoneError
            The whole archive is gone.
        """
        self._outputs.free_place(job)
        try:
            photograph = self._decode(job.path, self._options.max_pixels)
        except PhotographError:
            self._refuse_if_gone()
            raise
        if sha256(photograph.source) != job.sha256:
            if job.photograph_id is not None:
                self._ledger.read_again(job.photograph_id)  # its size and time may be those of the scan
            raise PhotographError(job.path, "it has changed since the scan; scan the archive again")
        mask_file = self._home.mask(str(job.sha256))
        header = photograph.header
        try:
            mask = read_mask(mask_file, (header.height, header.width))
        except PhotographError as error:
            reason = self._home.lost_mask(str(job.sha256), error.reason, job.path)
            # The former error tells whether it may pass.
            raise PhotographError(mask_file, f"{reason}; then retry") from error.__context__
        return Loaded(photograph, mask)

    def save(self, job: Job, loaded: Loaded, pages: tuple[Samples, ...]) -> str:
        """Writes the restored photograph and tells the ledger; returns what its record notes.

        Raises
        ------
        PhotographError
            It cannot be written there, or somebody else restores it by now.
        StorageError
            The disk is full or cannot be written.
        ArchiveGoneError
            The whole archive is gone.
        """
        recompress = self._options.recompress
        data = encode(loaded.photograph, pages, recompress=recompress)
        digest = sha256(data)
        output = self._outputs.free_place(job)
        # The output was probably on the same disk: written now, it would lie hidden where that is mounted.
        self._refuse_if_gone()
        self._make_room(job)
        if not self._ledger.write_intent(job, digest, output, self._model.name):
            raise PhotographError(job.path, "another worker has taken it over")
        record = describe(
            loaded.photograph,
            loaded.mask,
            data,
            name=printable(os.fsdecode(job.relative)),
            mask_file=self._home.mask(str(job.sha256)),
            model=(self._model.name, self._model.sha256),
            settings=self._settings(),
            regions=[asdict(region) for region in self._ledger.regions(job.photograph_id or 0)],
        )
        mirror_folders(output, job.path, depth=job.relative.count(b"/"))
        with recorded(output, record if self._options.records else None):
            write_checked(output, data, loaded, pages, recompressed=recompress)
        finished = self._ledger.finish(job, output=output, output_sha256=digest, model=self._model.name)
        if not finished:
            raise PhotographError(job.path, "another worker has taken it over")
        return "; ".join(record.notes)

    def found(self, job: Job) -> bool:
        """Whether what would be written lies in its place already, by its record: of this original and mask, by this
        model with these settings. A ledger that has forgotten it, or is another, knows it then."""
        output = self._outputs.place(job)
        try:
            record = read_record(output)
            alike = (
                record is not None
                and record.original.sha256 == job.sha256
                and record.repainted.mask_sha256 == file_sha256(self._home.mask(str(job.sha256)))
                and (record.model.sha256, dict(record.settings)) == (self._model.sha256, self._settings())
                and record.restored.sha256 == file_sha256(output)
                and file_sha256(job.path) == job.sha256
            )
        except (OSError, PhotographError):
            return False
        if record is None or not alike:
            return False
        digest, model = record.restored.sha256, self._model.name
        return self._ledger.write_intent(job, digest, output, model) and self._ledger.finish(
            job, output=output, output_sha256=digest, model=model
        )

    def link(self, job: Job, since: str) -> tuple[str, Path] | None:
        """How, and from which original's, a duplicate that is done served this photograph as well; None if none can.

        `since` is when the run began, ISO 8601.
        """
        twin = self._twin(job, since)
        if twin is None:
            return None
        try:
            output = self._outputs.free_place(job)
            self._make_room(job)
            how = place(twin, job, output, self._ledger, record=self._options.records)
        except PhotographError:
            return None  # restoring it says so in its own words
        return None if how is None else (how, twin.path)

    def _twin(self, job: Job, since: str) -> Job | None:
        """A duplicate that is done and serves this photograph as well: that which served the last one, or else what the
        ledger finds, for which it goes through all of them."""
        settings, photograph = self._settings(), job.photograph_id or 0
        model = self._model.name, self._model.sha256
        twin = self._twins.get(photograph)
        if twin is not None and serves(twin, job, model=model, settings=settings, since=since):
            return twin
        twin = self._ledger.twin(job)
        if twin is None or not serves(twin, job, model=model, settings=settings, since=since):
            return None
        if len(self._twins) >= TWINS_KEPT:
            self._twins.clear()
        self._twins[photograph] = twin
        return twin

    def _make_room(self, job: Job) -> None:
        """Keeps what was restored there of an original that is another by now, and says so."""
        kept = self._outputs.make_room(job)
        if kept is not None:
            self._tell(
                f"{printable(job.path)}: another photograph lay there before; its restoration is kept beside it as "
                f"{printable(kept.name)}"
            )

    def _refuse_if_gone(self) -> None:
        """ArchiveGoneError if the archive is not there, or empty as the place is where its disk is mounted."""
        if holds_something(self.archive.root):
            return
        raise ArchiveGoneError(
            f"The archive {printable(self.archive.root)} is gone. Mount its disk, then run the same command again; or "
            "scan it where it lies now."
        )

    def _settings(self) -> dict[str, bool | None]:
        options = self._options
        return {"grain": options.grain, "thorough": options.thorough, "recompress": options.recompress}
