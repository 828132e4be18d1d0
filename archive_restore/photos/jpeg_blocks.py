"""DCT blocks of a JPEG: read as stored, and replaced where the picture changed."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

import jpeglib
import numpy as np
from numpy.typing import NDArray

from archive_restore.errors import StorageError, UnreadablePhotographError
from archive_restore.photos.jpeg_segments import ColourTransform, bare

# (block rows, block columns, 8, 8): quantised coefficients in natural order, vertical frequency first.
Blocks = NDArray[np.int16]

_LUMINANCE = (0.299, 0.587, 0.114)  # ITU-T T.871 section 7
_TO_YCBCR = np.array(
    [_LUMINANCE, (-0.168735892, -0.331264108, 0.5), (0.5, -0.418687589, -0.081312411)], np.float32
)
_CENTRES = np.array([0, 128, 128], np.float32)  # of Y, Cb, Cr before the level shift
_LEVEL_SHIFT = 128  # T.81, A.3.1
AC_LIMIT = 1023  # largest 8-bit baseline coefficient, T.81 table F.2
DC_RANGE = (-1024, 1023)
_AT_ONCE = 2048  # blocks; keeps the working set near 10 MB

# Orthonormal DCT-II, T.81 A.3.3: row = frequency, column = sample.
_FREQUENCY, _SAMPLE = np.mgrid[0:8, 0:8]
_DCT = (np.cos((2 * _SAMPLE + 1) * _FREQUENCY * np.pi / 16) / 2).astype(np.float32)
_DCT[0] /= np.sqrt(np.float32(2))

LIBRARY = "turbo210"  # libjpeg-turbo 2.1.0, the newest that jpeglib brings
# The reader keeps marker data in globals of its library.
_reader_lock = threading.Lock()


def read_blocks(path: Path, data: bytes, components: int) -> list[Blocks]:
    """The coefficients of each component of a JPEG that is known to decode.

    Raises
    ------
    UnreadablePhotographError
        The reader refuses it after all.
    StorageError
        The temporary folder cannot be written: the reader takes files only.
    """
    with _reader_lock, temporary_folder() as folder:
        source = folder / "source.jpg"
        source.write_bytes(bare(data))
        jpeglib.version.set(LIBRARY)
        try:
            stored = jpeglib.read_dct(str(source))
            stored.load()
        except OSError as error:
            if error.errno is not None:
                raise
            raise UnreadablePhotographError(path, f"damaged JPEG ({error})") from error
    return [stored.Y, stored.Cb, stored.Cr, stored.K][:components]


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """For libjpeg's files; StorageError where the disk refuses them."""
    try:
        with TemporaryDirectory(prefix="archive-restore-") as folder:
            yield Path(folder)
    except OSError as error:
        raise StorageError(
            f"Cannot use the temporary folder {gettempdir()}: {error}. "
            "Free some space there or set TMPDIR, then run the same command again."
        ) from error


def transplant(
    blocks: Blocks,
    table: NDArray[np.uint16],
    *,
    steps: tuple[int, int],
    component: int,
    transform: ColourTransform,
    after: NDArray[np.uint8],
    changed: NDArray[np.bool_],
) -> Blocks:
    """One component's blocks with those that hold a changed pixel encoded anew.

    In such a block a pixel that did not change keeps the sample that the block held, before rounding and
    clipping, so that it moves by the quantisation of the block only.

    Parameters
    ----------
    blocks : (rows, columns, 8, 8) int16
        Quantised coefficients of the original.
    table : (8, 8) uint16
        Quantisation steps, natural order.
    steps : (vertical, horizontal)
        Pixels a sample of this component: (2, 2) for chroma at 4:2:0.
    component : int
        Index in the frame.
    transform : ColourTransform
        Between the picture's channels and the components.
    after : (H, W), (H, W, 3) or (H, W, 4) uint8
        The new picture.
    changed : (H, W) bool
        Where it differs from the old one.
    """
    result = blocks.copy()
    rows, columns = np.nonzero(touched(changed, blocks.shape[:2], steps))
    for start in range(0, len(rows), _AT_ONCE):
        at = rows[start : start + _AT_ONCE], columns[start : start + _AT_ONCE]
        stored = _DCT.T @ (blocks[at] * table.astype(np.float32)) @ _DCT + _LEVEL_SHIFT
        samples = _blended(stored, at, steps, component, transform, after, changed)
        coefficients = np.rint(_DCT @ (samples - _LEVEL_SHIFT) @ _DCT.T / table)
        constant = np.clip(coefficients[:, 0, 0], *DC_RANGE)
        coefficients = np.clip(coefficients, -AC_LIMIT, AC_LIMIT)
        coefficients[:, 0, 0] = constant
        result[at] = coefficients.astype(np.int16)
    return result


def touched(changed: NDArray[np.bool_], shape: tuple[int, int], steps: tuple[int, int]) -> NDArray[np.bool_]:
    """(block rows, block columns) bool: which blocks hold a changed pixel."""
    (rows, columns), (down, across) = shape, steps
    padded = np.zeros((rows * 8 * down, columns * 8 * across), np.bool_)
    padded[: changed.shape[0], : changed.shape[1]] = changed
    # Eight pixels side by side are one number.
    eights = padded.view(np.uint64).reshape(rows, 8 * down, columns * across)
    found = np.bitwise_or.reduce(eights, axis=1).reshape(rows, columns, across)
    return np.asarray(np.bitwise_or.reduce(found, axis=2) != 0)


def _blended(
    stored: NDArray[np.float32],
    at: tuple[NDArray[np.intp], NDArray[np.intp]],
    steps: tuple[int, int],
    component: int,
    transform: ColourTransform,
    after: NDArray[np.uint8],
    changed: NDArray[np.bool_],
) -> NDArray[np.float32]:
    """(n, 8, 8) samples of the component: new where pixels changed, `stored` where none did, their mean by
    share where a subsampled one covers both."""
    down, across = steps
    height, width = changed.shape
    # Blocks reach over the right and lower border: the last pixel is repeated there, as encoders do.
    y = np.minimum(at[0][:, np.newaxis] * 8 * down + np.arange(8 * down), height - 1)[:, :, np.newaxis]
    x = np.minimum(at[1][:, np.newaxis] * 8 * across + np.arange(8 * across), width - 1)[:, np.newaxis]
    pixels = _component_samples(after[y, x].astype(np.float32), component, transform)
    kept = stored.repeat(down, axis=1).repeat(across, axis=2)
    mixed = np.where(changed[y, x], pixels, kept)
    mean: NDArray[np.float32] = mixed.reshape(-1, 8, down, 8, across).mean(axis=(2, 4))
    return mean


def _component_samples(
    pixels: NDArray[np.float32], component: int, transform: ColourTransform
) -> NDArray[np.float32]:
    """(n, h, w[, channels]) to one component, (n, h, w)."""
    if pixels.ndim == 3:
        return pixels
    if transform is ColourTransform.NONE or component == 3:
        return pixels[..., component]
    colours = pixels if transform is ColourTransform.YCBCR else 255 - pixels[..., :3]
    return np.asarray(colours @ _TO_YCBCR[component] + _CENTRES[component], np.float32)
