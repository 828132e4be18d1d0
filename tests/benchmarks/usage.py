"""Runs a command and tells what it took.

usage: python usage.py COMMAND ...    prints, as the last line, wall seconds, CPU seconds and peak memory in MB

A process of its own, and a small one: Linux counts the memory of the process that starts a command towards the
command's peak.
"""

import os
import subprocess
import sys
import time


def main() -> int:
    began = time.perf_counter()
    process = subprocess.Popen(sys.argv[1:])
    _, status, usage = os.wait4(process.pid, 0)  # unlike Popen.wait, it tells what this child alone used
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    print(f"\n{seconds} {usage.ru_utime + usage.ru_stime} {usage.ru_maxrss / 1000}", flush=True)
    return process.returncode


if __name__ == "__main__":
    sys.exit(main())
