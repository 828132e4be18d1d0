"""What a user could pick instead: the inpainting of other libraries, each as (picture, mask) to (restored, seconds).

A library that is not installed is left out; `rivals` then says in one line how to get it.
"""

import subprocess
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from archive_restore.training.measures import PEERS, Fill
from tests.benchmarks.pictures import Mask, Picture, drawn, read_picture, write_picture

Method = Callable[[Picture, Mask], tuple[Picture, float]]
"""(H, W, 3) uint8 RGB and (H, W) bool, True = damaged, to the restored picture and the seconds that it took."""

PATCH_RADIUS = 3
"""px; PatchMatch compares patches of 7x7, as the examples of PyPatchMatch do."""

SEED = 0
"""Of PatchMatch, whose search is random."""

FSR_WORKER = Path(__file__).with_name("fsr_worker.py")

FSR = "opencv-contrib FSR fast"


def rivals(fsr_python: Path | None) -> tuple[dict[str, Method], list[str]]:
    """The rivals that can be had here, by name, and a line on each that cannot.

    Parameters
    ----------
    fsr_python : an interpreter whose environment has opencv-contrib-python, which cannot live beside opencv-python
    """
    methods = {
        "OpenCV Telea": timed(PEERS["opencv-telea"]),
        "OpenCV Navier-Stokes": timed(PEERS["opencv-navier-stokes"]),
    }
    missing = []
    if find_spec("skimage"):
        methods["scikit-image biharmonic"] = timed(biharmonic)
    else:
        missing.append("scikit-image biharmonic is left out: pip install scikit-image")
    if find_spec("patchmatch"):
        methods["PatchMatch"] = timed(patchmatch)
    else:
        missing.append("PatchMatch is left out: pip install pypatchmatch")
    if fsr_python:
        methods[FSR] = fsr_with(fsr_python)
    else:
        missing.append(
            f"{FSR} is left out: python -m venv FSR && FSR/bin/pip install opencv-contrib-python, "
            "then --fsr-python FSR/bin/python"
        )
    return methods, missing


def timed(fill: Fill) -> Method:
    """`fill` with the seconds that it took."""

    def measured(picture: Picture, mask: Mask) -> tuple[Picture, float]:
        began = time.perf_counter()
        filled = fill(picture, mask)
        return filled, time.perf_counter() - began

    return measured


def biharmonic(picture: Picture, mask: Mask) -> Picture:
    """Damelin and Hoang (2018), region by region: the same result as all at once, in a fraction of the memory."""
    from skimage.restoration import inpaint_biharmonic  # may be missing

    filled = inpaint_biharmonic(picture, mask, split_into_regions=True, channel_axis=2)
    return np.asarray(np.rint(255 * np.clip(filled, 0, 1)), np.uint8)


def patchmatch(picture: Picture, mask: Mask) -> Picture:
    """Barnes et al. (SIGGRAPH 2009), coarse to fine."""
    import patchmatch as library  # may be missing

    library.set_random_seed(SEED)
    return np.asarray(library.inpaint(picture, mask, patch_size=PATCH_RADIUS), np.uint8)


def fsr_with(python: Path) -> Method:
    """Frequency selective reconstruction (Genser et al., 2018), by another interpreter over files.

    The seconds are those of the call alone: neither its start nor the files count.
    """

    def fill(picture: Picture, mask: Mask) -> tuple[Picture, float]:
        with tempfile.TemporaryDirectory() as folder:
            files = [Path(folder) / name for name in ("picture.png", "mask.png", "filled.png")]
            write_picture(files[0], picture)
            write_picture(files[1], drawn(mask))
            command = [str(word) for word in (python, FSR_WORKER, *files)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            return read_picture(files[2]), float(done.stdout)

    return fill
