"""Freed memory is kept for the next request: told by the pages that the system has to hand out."""

import platform
import subprocess
import sys

import pytest

ROUNDS = 20
FAULTS = f"""
import resource, sys
import numpy as np
from c2f.common.memory import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory() and keep_freed_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
np.ones(2**23)  # 64 MiB
before = faults()
for _ in range({ROUNDS}):
    np.ones(2**23)
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only the GNU C library is asked to")
def test_what_is_freed_is_used_again():
    def faults(how):
        done = subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True)
        return int(done.stdout)

    usual, kept = faults("leave"), faults("keep")
    assert usual > 100  # many pages, or fewer where the system hands out huge ones
    assert kept < usual / ROUNDS
