"""Mask files: PNGs of a photograph's size, white where it is damaged."""

from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from archive_restore.durable import write_durably
from archive_restore.errors import PhotographError, UnreadablePhotographError
from archive_restore.photos import png
from archive_restore.photos.large import open_file


def read_mask(path: Path, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The mask in a PNG as any program writes it: of any depth, grey, colour or palette, with soft edges, transparent.

    Parameters
    ----------
    path : Path
        A PNG; white = damaged.
    shape : tuple
        The photograph's (H, W) or (H, W, 3).

    Returns
    -------
    (H, W) bool, True where the brightest colour, as far as it is opaque, is at least half of white.

    Raises
    ------
    PhotographError
        It is missing, no PNG, damaged, too dark, or of another size than the photograph.
    """
    try:
        with open_file(path) as file:
            data = file.read()
    except FileNotFoundError:
        raise PhotographError(path, "the mask is missing") from None
    except OSError as error:
        raise UnreadablePhotographError(path, f"the mask cannot be read: {error.strerror}") from None
    height, width = shape[:2]
    stored = png.dimensions(path, data)
    if stored != (width, height):
        turned = stored == (height, width)
        raise PhotographError(
            path,
            f"the mask is {stored[0]}x{stored[1]} px, its photograph {width}x{height} px; "
            "make the mask at the photograph's size"
            + (". It is turned: photographs are masked as their scanners stored them" if turned else ""),
        )
    try:
        samples = imagecodecs.png_decode(data)
    except Exception as error:  # the decoder's own exception classes differ between versions
        raise UnreadablePhotographError(path, f"the mask is a damaged PNG ({error})") from None
    mask, brightest = _marked(samples)
    if not mask.any():
        _refuse_dark(path, brightest)
    return mask


def _marked(samples: NDArray[Any]) -> tuple[NDArray[np.bool_], float]:
    """What is damaged by the samples of a PNG, and how bright its brightest opaque sample is, of 1."""
    white = int(np.iinfo(samples.dtype).max)
    half = (white + 1) // 2
    if samples.ndim == 2:
        return np.asarray(samples >= half), float(samples.max()) / white
    if samples.shape[2] in (2, 4):
        shown = samples[..., :-1].max(axis=2).astype(np.float32) * samples[..., -1]
        return np.asarray(shown >= white * white / 2), float(shown.max()) / white**2
    brightest = samples.max(axis=2)
    return np.asarray(brightest >= half), float(brightest.max()) / white


def _refuse_dark(path: Path, brightest: float) -> None:
    """Refuses a mask that marks nothing though somebody drew on it, as where 1 was written for damaged.

    Parameters
    ----------
    path : Path
        The mask's file.
    brightest : float
        Its brightest sample, of 1; nothing in it reaches half of white.

    Raises
    ------
    PhotographError
        It is not black.
    """
    if brightest > 0:
        raise PhotographError(
            path,
            f"the mask marks nothing: its brightest sample is {255 * brightest:.3g} of 255, and damaged is what has "
            f"128 or more; draw damage in white (255), or leave the mask wholly black where there is none",
        )


def write_mask(path: Path, mask: NDArray[np.bool_], *, compact: bool = False) -> None:
    """Writes a (H, W) bool mask durably as a grey PNG, white = damaged: of 8 bits a sample, which every editor can
    paint on, or `compact`, of one bit and three times as fast."""
    if mask.dtype != np.bool_ or mask.ndim != 2:
        raise ValueError(f"a mask is (H, W) bool, not {mask.shape} {mask.dtype}")
    if compact:
        write_durably(path, png.one_bit(mask))
        return
    # Runs of one value: this is ten times as fast as zlib's usual ways, and as small.
    strategy, unfiltered = imagecodecs.PNG.STRATEGY.RLE, imagecodecs.PNG.FILTER.NO
    samples = mask.view(np.uint8) * np.uint8(255)
    write_durably(path, bytes(imagecodecs.png_encode(samples, level=1, strategy=strategy, filter=unfiltered)))
