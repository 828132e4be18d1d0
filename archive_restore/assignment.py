"""What a run is asked to do, and what it did."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from archive_restore.errors import SetAside
from archive_restore.photos.codecs import DEFAULT_MAX_PIXELS


@dataclass(frozen=True)
class RunOptions:
    """What the user chose for one run."""

    archive: Path | None = None  # only this one
    device: str | None = None  # None: the best there is
    batch_size: int | None = None  # windows; None: by the device
    limit: int | None = None  # photographs
    model: str | None = None  # None: the default
    max_pixels: int = DEFAULT_MAX_PIXELS
    grain: bool = True  # draw the grain that repairs lack
    thorough: bool | None = None  # restore eight times and keep the mean; None: as `thoroughness` has it
    recompress: bool = False  # encode a JPEG anew as a whole
    records: bool = True  # write a record beside each restored photograph
    until: datetime | None = None  # nothing is begun after it
    lasting: timedelta | None = None  # nothing is begun after so much time awake


@dataclass
class RunSummary:
    """What a run did."""

    restored: int = 0
    linked: int = 0  # duplicates that took what was restored in another place
    found: int = 0  # that lay in their places as they would have been written, and are known now
    followed: int = 0  # restored photographs that were moved after their originals
    taken_back: int = 0  # that were removed, because nothing is left in their masks
    recovered: int = 0  # written by a run that was killed, now recorded as done
    set_aside: list[SetAside] = field(default_factory=list)
    megapixels: float = 0.0  # of the restored photographs
    seconds: float = 0.0
    queued: int = 0  # still to be done
    interrupted: bool = False
    time_up: bool = False  # it ended because of `until` or `lasting`
    device: str | None = None
    outputs: list[Path] = field(default_factory=list)  # folders that restored photographs went to
