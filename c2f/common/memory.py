"""Memory that is freed and asked for again.

The GNU C library gives large blocks back to the system as soon as they are freed, and the system empties each page
that it hands out anew. A training step frees and asks for the same tens of MiB again and again: on a CPU up to a third
of its time went there, least where channels are last and numbers short.
"""

import ctypes
import sys
from functools import lru_cache

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
"""As ``malloc.h`` of the GNU C library numbers them."""


@lru_cache(maxsize=1)
def keep_freed_memory() -> bool:
    """Have this process keep the memory that it frees, for its next request; return whether it does.

    The most that it holds stays as it was, but it holds that until it ends. Other C libraries are left as they are.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(_MMAP_MAX, 0)) and bool(mallopt(_TRIM_THRESHOLD, 2**31 - 1))
