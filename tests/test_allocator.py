"""Memory that is freed is kept for the next photograph."""

import subprocess
import sys

import pytest

FAULTS = """
import ctypes, resource, sys
from archive_restore.allocator import keep_freed_memory

if sys.argv[1] == "kept":
    keep_freed_memory()
library = ctypes.CDLL(None)
library.malloc.restype = ctypes.c_void_p
library.free.argtypes = [ctypes.c_void_p]
library.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]

def photograph():
    # The first piece alone would be at the end of the heap, and would be given back.
    pieces = [library.malloc(size << 20) for size in (24, 12, 12)]
    for piece, size in zip(pieces, (24, 12, 12)):
        library.memset(piece, 1, size << 20)
    for piece in pieces:
        library.free(piece)

photograph()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    photograph()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(kept: str, **environment: str) -> int:
    """Pages that the system had to give, with memory kept or not, in a process of its own."""
    command = [sys.executable, "-c", FAULTS, kept]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator alone is told what to keep")
def test_what_is_freed_is_kept_unless_the_user_wants_it_otherwise() -> None:
    kept = faults("kept")
    assert kept < 1000
    # Every page of 48 MiB, ten times.
    assert faults("kept", MALLOC_MMAP_THRESHOLD_="131072") > 10 * max(kept, 1000)
