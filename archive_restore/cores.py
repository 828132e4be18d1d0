"""The processor's cores: how many there are to use, and how the threads of numeric libraries share them."""

import os
import sys

_POLITE = {
    "OMP_WAIT_POLICY": "PASSIVE",  # threads of the network that wait for each other sleep
    "OPENBLAS_NUM_THREADS": "1",  # its matrices are small here; more threads only spin
}


def usable_cores() -> int:
    """The cores that this process may use, which can be fewer than the machine has (cgroups aside)."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


SWITCH_SECONDS = 0.0005
"""After which a thread that computes in Python lets another have its turn; Python's own 5 ms are longer than most
layers of the network take."""


def share_cores() -> None:
    """Makes the threads of OpenMP and OpenBLAS sleep where they would spin, for this process and its children; and
    Python's, in this one, take turns sooner.

    Decoding, first guesses and encoding run beside the network; a thread that spins takes a core from them. The
    libraries read this once, when they are loaded, so it must come before the first import of numpy or torch. What
    the user has set stays.
    """
    for name, value in _POLITE.items():
        os.environ.setdefault(name, value)
    sys.setswitchinterval(SWITCH_SECONDS)
