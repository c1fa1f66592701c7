"""What the machine can do at most: products of square matrices, by one thread and by all.

It is measured and not read from a data sheet; nothing in this suite can be quicker.
"""

from functools import partial

import torch

from benchmarks.suite import Case, Sides

SIDE = 2048
"""Rows and columns."""
TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def product(dtype: torch.dtype, side: int = SIDE) -> Sides:
    """Return the product."""
    a, b = (torch.rand(side, side).to(dtype) for _ in range(2))
    return Sides({"torch": lambda: a @ b})


def name(dtype: str, threads: str) -> str:
    """Return what a product is called."""
    return f"matrix product, {dtype}, {threads}"


def cases() -> list[Case]:
    """Return the products."""
    found = []
    for dtype, kind in TYPES.items():
        for words, threads in (("one thread", 1), ("all threads", None)):
            says, gflop = "the machine's measured peak", 2 * SIDE**3 / 1e9
            found.append(Case(name(dtype, words), partial(product, kind), says, "GFLOP/s", gflop, threads=threads))
    return found
