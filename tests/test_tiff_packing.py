import imagecodecs
import numpy as np
import pytest

from archive_restore.photos.tiff_packing import _UNPACK
from archive_restore.photos.tiff_tags import LZW


def packed(size: int) -> tuple[bytes, bytes]:
    """Bytes that LZW makes smaller, and so packed."""
    plain = np.random.default_rng(size).integers(0, 9, size).astype(np.uint8).tobytes()
    return plain, bytes(imagecodecs.lzw_encode(plain))


@pytest.mark.parametrize("size", [1, 2, 255, 70_001])
def test_lzw_comes_back_as_it_was(size: int) -> None:
    plain, strip = packed(size)
    assert _UNPACK[LZW](strip, size) == plain


def test_of_lzw_that_holds_more_only_what_is_asked_for_comes_back() -> None:
    plain, strip = packed(5_000)
    assert _UNPACK[LZW](strip, 1_000) == plain[:1_000]


@pytest.mark.parametrize("keep", [0, 1, 2, 600])
def test_lzw_that_is_cut_off_is_refused(keep: int) -> None:
    _, strip = packed(5_000)
    with pytest.raises(imagecodecs.TiffError):
        _UNPACK[LZW](strip[:keep], 5_000)


def test_spoilt_lzw_is_refused_or_has_the_size_that_was_asked_for() -> None:
    _, strip = packed(5_000)
    random = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        spoilt = bytearray(strip)
        for at in random.integers(0, len(strip), 3):
            spoilt[at] = int(random.integers(0, 256))
        try:
            assert len(_UNPACK[LZW](bytes(spoilt), 5_000)) == 5_000
        except imagecodecs.TiffError:
            refused += 1
    assert 100 < refused <= 300
