"""How fast scenes are made, on one core.

The time is the processor's own for this one thread, so that what else the machine does counts less.
"""

from functools import partial

from benchmarks.suite import Case, Sides
from c2f.datasets import load
from c2f.datasets.scenes import scenes

BAR = 5_000
"""Scenes of 64x64 a second that are wanted."""
SIZES = (64, 128, 224)
"""Rows and columns in pixels."""
SCENES = 2_000
"""Of 64x64 a round; larger ones in proportion."""


def sides(count: int, size: int) -> Sides:
    """Return the making of ``count`` scenes of the usual difficulty."""
    pictures = load("fashion-mnist-sample").test
    return Sides({"c2f": lambda: scenes(pictures, count, size=size, difficulty=0.5)})


def cases() -> list[Case]:
    """Return a size a case."""
    found = []
    for size in SIZES:
        count, bar = SCENES * 64**2 // size**2, BAR if size == 64 else None
        what, making = f"scenes of {size}x{size}", partial(sides, count, size)
        found.append(Case(what, making, "scenes made", amount=count, wanted=bar, threads=1))
    return found
