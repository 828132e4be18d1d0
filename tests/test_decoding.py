import errno
import os
import signal
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile

from archive_restore.decoding import DecoderDiedError, decoding_apart
from archive_restore.errors import TooLargePhotographError, UnreadablePhotographError
from archive_restore.photos.codecs import decode
from archive_restore.processes import Lost, Processes


def test_what_is_decoded_apart_equals_what_is_decoded_here(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    deep = random.integers(0, 65536, (40, 60, 3), np.uint16)
    tifffile.imwrite(tmp_path / "deep.tif", deep)
    (tmp_path / "flat.jpg").write_bytes(
        imagecodecs.jpeg8_encode(random.integers(0, 256, (48, 64, 3), np.uint8))
    )
    with decoding_apart() as apart:
        for name in ("deep.tif", "flat.jpg", "deep.tif"):
            here, there = decode(tmp_path / name), apart(tmp_path / name, 10_000)
            assert there.header == here.header
            assert there.source == here.source
            assert all(np.array_equal(a, b) for a, b in zip(here.pages, there.pages, strict=True))
            assert there.pages[0].dtype == here.pages[0].dtype


def test_refusals_are_those_of_the_decoder_with_the_system_s_reason(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "wide.png").write_bytes(imagecodecs.png_encode(np.zeros((50, 50), np.uint8)))
    with decoding_apart() as apart:
        with pytest.raises(UnreadablePhotographError, match="the file is empty"):
            apart(tmp_path / "empty.jpg", 1_000)
        with pytest.raises(TooLargePhotographError, match="--max-pixels 2500"):
            apart(tmp_path / "wide.png", 1_000)
        with pytest.raises(UnreadablePhotographError, match="no longer there") as raised:
            apart(tmp_path / "gone.png", 1_000)
    cause = raised.value.__cause__
    assert isinstance(cause, OSError)
    assert cause.errno == errno.ENOENT


def crash_at_odd(number: int) -> int:
    if number % 2:
        os.kill(os.getpid(), signal.SIGSEGV)
    return number


def test_a_process_that_dies_is_replaced_for_the_next_call() -> None:
    with Processes(crash_at_odd) as processes:
        assert processes.call(2) == 2
        lost = processes.call(3)
        assert isinstance(lost, Lost)
        assert "SIGSEGV" in lost.reason
        assert processes.call(4) == 4


def test_a_decoder_s_death_names_the_file() -> None:
    error = DecoderDiedError(Path("a.jpg"), "the process that read it died: SIGSEGV, a crash in a decoder")
    assert "a.jpg" in str(error)
    assert isinstance(error, UnreadablePhotographError)
