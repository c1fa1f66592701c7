"""How a comparison is measured: its sides in turn (A B A B ...), so that what else the machine does falls on all."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from c2f.datasets.pictures import Pictures
from c2f.runs.costs import PLAIN, Row

Run = Callable[[], Any]
"""Does the work once. A number that it returns is the measured value, otherwise that is how long it took."""


@dataclass(frozen=True)
class Sides:
    """What takes turns; ``plain`` is the plain way. ``differ`` counts, after the last round, unlike results."""

    runs: Mapping[str, Run]
    differ: Callable[[], int] | None = None


@dataclass(frozen=True)
class Case:
    """A comparison.

    Attributes:
        name: of what is done.
        prepare: makes the sides; all that is not to be measured.
        says: what the comparison tells.
        unit: of the values; per second (``.../s``) more is better, otherwise less.
        amount: how much of the unit is done in a run.
        wanted: how many times better than plain ours has to be; where there is no plain side, the value itself.
        rounds: the most that are measured, where one is long.
        threads: of torch; of one thread the processor's time is taken, which a busy machine blurs less. None for all.
        warm: whether a first round is not counted.
    """

    name: str
    prepare: Callable[[], Sides]
    says: str
    unit: str = "pictures/s"
    amount: float = 1
    wanted: float | None = None
    rounds: int | None = None
    threads: int | None = None
    warm: bool = True


def interleaved(
    runs: Mapping[str, Run], rounds: int, warm: bool = True, clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[float]]:
    """Let ``runs`` take turns and return the values of each, one a round.

    Args:
        runs: by name.
        rounds: how many are kept.
        warm: whether a first one is not.
        clock: gives seconds.
    """
    values: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + warm):
        for name, run in runs.items():
            start = clock()
            value = run()
            seconds = clock() - start
            if number >= warm:
                values[name].append(float(value) if isinstance(value, int | float) else seconds)
    return values


def measure(subject: str, case: Case, rounds: int) -> Row:
    """Return what was measured of a case, in its unit."""
    threads = torch.get_num_threads()
    clock = time.process_time if case.threads == 1 else time.perf_counter
    torch.set_num_threads(case.threads or threads)
    try:
        sides = case.prepare()
        taken = interleaved(sides.runs, min(rounds, case.rounds or rounds), case.warm, clock)
        used = torch.get_num_threads()
    finally:
        torch.set_num_threads(threads)
    if case.unit.endswith("/s"):
        taken = {name: [case.amount / seconds for seconds in values] for name, values in taken.items()}
    differ = None if sides.differ is None else int(sides.differ())
    return Row(subject, case.name, case.says, case.unit, used, taken, case.wanted, differ)


def noise(n: int, channels: int, size: int) -> Pictures:
    """Return ``n`` pictures of noise in ten classes."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (n, channels, size, size), generator=generator, dtype=torch.uint8)
    return Pictures(images, torch.arange(n) % 10, tuple("0123456789"))


def line(row: Row) -> str:
    """Return a row in words: the median of each side, and how many times better than plain it is, with the spread."""
    parts = []
    for side in row.sides:
        text = f"{side} {row.median(side):,.4g}"
        if side != PLAIN and PLAIN in row.sides:
            times = row.times(side)
            text += f" ({times.median:.2f} times, {times.least:.2f} to {times.most:.2f})"
        parts.append(text)
    wanted = "" if row.wanted is None else f"; wanted {row.wanted:g} or more"
    differ = "" if row.differ is None else f"; {row.differ} differ"
    return f"  {row.name:34} {row.unit:12} {', '.join(parts)}{differ}{wanted}"
