"""What a process costs that does nothing yet, and how much memory a training needs at most: seconds and MiB.

Every value is of a process of its own. The largest resident size is the system's word about that process (``VmHWM``);
``getrusage`` would name that of the process that started it, where that was larger.
"""

import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from benchmarks.suite import Case, Sides
from c2f.runs.costs import PLAIN

COMMANDS = {
    "python alone": "pass",
    "import torch": "import torch",
    "import c2f": "import c2f",
    "c2f --help": "import sys; sys.argv = ['c2f', '--help']; from c2f.__main__ import main; main()",
}
TRAININGS = ("lenetfc", "nin_light", "resnet32")
"""Of ``benchmarks.training``; one round of steps each."""
_PEAK = """
import atexit, pathlib, sys
def peak():
    line = next(x for x in pathlib.Path("/proc/self/status").read_text().splitlines() if x.startswith("VmHWM"))
    print(int(line.split()[1]) / 1024, file=sys.stderr)
atexit.register(peak)
"""


def process(code: str, memory: bool) -> float:
    """Run Python code in a process of its own and return its seconds, or its largest resident size in MiB.

    Raises:
        RuntimeError: it failed, with what it said.
    """
    command = [sys.executable, "-c", _PEAK + code if memory else code]
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    seconds = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(f"{code!r} failed: {done.stderr.strip()}")
    return float(done.stderr.split()[-1]) if memory else seconds


def training(network: str, side: str) -> str:
    """Return code that trains by a side of ``benchmarks.training`` and by no other."""
    return (
        "from benchmarks import training\n"
        f"one = next(t for t in training.TRAININGS if t.network == {network!r})\n"
        f"run = training.sides(one).runs[{side!r}]\n"
        "run()"
    )


def started(code: str, memory: bool) -> Sides:
    """Return a process to start."""
    return Sides({"process": partial(process, code, memory)})


def trained(network: str) -> Sides:
    """Return the plain loop, and the engine that is likely chosen, each in a process of its own."""
    sides = (PLAIN, "channels_last float32")
    return Sides({side: partial(process, training(network, side), True) for side in sides})


def cases() -> list[Case]:
    """Return the commands, in seconds and in MiB."""
    found = []
    for unit, memory in (("s", False), ("MiB", True)):
        for name, code in COMMANDS.items():
            says = "a process's largest resident size" if memory else "seconds until a process has ended"
            rounds = 2 if memory else 5
            found.append(Case(name, partial(started, code, memory), says, unit, rounds=rounds, warm=not memory))
    return found


def memory_cases() -> list[Case]:
    """Return the trainings, in MiB."""
    says = "the largest resident size of a process that trains"
    return [Case(name, partial(trained, name), says, "MiB", rounds=2, warm=False) for name in TRAININGS]
