"""Settings that must be made before torch is imported."""

import os

# The networks of the tests are small: threads would mostly wait for one another, and on a busy machine for long.
os.environ.setdefault("OMP_NUM_THREADS", "1")
