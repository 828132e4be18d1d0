"""What the C library does with memory that is given back to it."""

import ctypes
import os
import sys
from functools import cache

KEPT_BYTES = 64 << 20
"""That a process keeps for later instead of giving them back to the system."""

LARGEST_KEPT_BYTES = 32 << 20
"""In one piece; what is larger the system gives and takes back (the most that glibc allows)."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # malloc.h of glibc


@cache
def keep_freed_memory() -> None:
    """Makes this process keep some of the memory that it frees, where its C library is glibc.

    What is done to one photograph after another takes and frees the same large pieces each time. Whether glibc keeps
    them hangs on the order of the first ones (mallopt(3)); where it does not, the system clears every page anew. What
    the user has set in the environment stays.
    """
    if sys.platform != "linux" or any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, LARGEST_KEPT_BYTES)
        mallopt(_TRIM_THRESHOLD, KEPT_BYTES)
