"""The cores that other work leaves to this process.

torch computes with as many threads as there are cores, and they wait for each other by spinning: where another process
holds one of the cores, all the others burn theirs until it gives way, and what takes a minute takes five. With a
thread for each core that is left it takes twice as long at the most. This module knows no torch, so that it can be
asked before torch is loaded.
"""

import contextlib
import os
import sys
from pathlib import Path

THREADS = "OMP_NUM_THREADS"
"""The variable that says how many threads torch takes; where it is set, it is the user who has decided."""
NICE = 10
"""Niceness of work that lets others go first."""


def usable_cores() -> list[int]:
    """Return the numbers of the cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def busy_cores() -> float:
    """Return how many of ``usable_cores`` the system keeps busy while this process waits a moment (0.3 s)."""
    import psutil

    percent = psutil.cpu_percent(0.3, percpu=True)
    return sum(percent[core] for core in usable_cores() if core < len(percent)) / 100


def spare_cores() -> int:
    """Return how many of ``usable_cores`` other processes leave to this one now, at least 1; say on stderr if not all.

    To be asked before this process computes anything itself, for its own work counts as that of others.
    """
    cores = len(usable_cores())
    busy = round(busy_cores())
    spare = max(1, cores - busy)
    if spare < cores:
        print(
            f"Other processes keep {busy} of {cores} cores busy: this takes {spare}, and longer than the README says "
            f"({THREADS}={cores} would take all)",
            file=sys.stderr,
        )
    return spare


def use_spare_cores() -> None:
    """Have torch, loaded or not yet, take no more threads than ``spare_cores``.

    Nothing is done where ``OMP_NUM_THREADS`` is set. The numbers of a training are the same to the last bit for equal
    numbers of threads alone.
    """
    if os.environ.get(THREADS):
        return
    import psutil

    spare, torch = spare_cores(), sys.modules.get("torch")
    usual = torch.get_num_threads() if torch else psutil.cpu_count(logical=False) or len(usable_cores())
    if spare < usual:
        os.environ[THREADS] = str(spare)  # for what this process starts, and for torch where it is loaded later
        if torch:
            torch.set_num_threads(spare)


def is_nice() -> bool:
    """Return whether this process lets others go first."""
    return hasattr(os, "nice") and os.nice(0) >= NICE


def be_nice() -> None:
    """Let other processes go first from now on: bring this one to ``NICE``, which what it starts inherits.

    Where Linux groups processes by session (``sched_autogroup_enabled``), niceness counts within a session alone, and
    the groups share the cores evenly: so the group is made as nice. What begins a session of its own, as a chapter's
    kernel does, must call this again. A nice process still holds its memory and empties the processor's caches.
    """
    if hasattr(os, "nice"):  # not on Windows
        os.nice(max(0, NICE - os.nice(0)))
    with contextlib.suppress(OSError):  # no Linux, or no such groups
        Path("/proc/self/autogroup").write_text(str(NICE))
