"""Memory that a step frees is kept for the next one.

The C library of Linux (glibc) gives large blocks back to the system as soon as they are free, and every step pays for new
pages, each mapped and filled with zeros: 2 to 8% of a training step on a CPU (measured in `docs/speed.md`). `mallopt(3)`
turns that off for the process. Other C libraries are left as they are.
"""

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
LARGEST_INT = 2**31 - 1


def keep_freed_memory() -> bool:
    """Whether this process now keeps what it frees."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, LARGEST_INT))
