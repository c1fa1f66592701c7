"""What a training step with four glimpses costs, next to four passes of the backbone, on one core.

**The step** (ours): gradients set to zero, the network's forward pass, all losses, the backward pass. **The passes**
(plain): the backbone alone, four times over glimpses of the same size and number, forwards and backwards, into the
gradients of its weights; the last three also into the glimpse itself, as in the step, where its place is learnt from
that. The optimiser is in neither. So what the step takes longer is all that is not backbone: cutting out glimpses,
fusion, location, classifiers, losses. A part of it is arithmetic that no program can save; rows of multiply-adds tell
how much.

The time is the processor's own for this one thread.
"""

from functools import partial

import torch

from benchmarks.suite import Case, Sides
from c2f.experiments.glimpses.cost import multiply_adds
from c2f.experiments.glimpses.recipes import SETUPS
from c2f.networks import glimpse
from c2f.runs.costs import PLAIN

BAR = 1 / 1.15
"""A step may cost 1.15 times as much as four passes and their backward passes."""
CASES = [("canvas", 1, 112, 64), ("scenes", 3, 64, 32), ("scenes", 3, 64, 256), ("photographs", 3, 224, 4)]
"""A setup of ``c2f.experiments.glimpses.recipes``, channels, rows and columns, and pictures a step."""


def sides(name: str, channels: int, size: int, count: int) -> Sides:
    """Return the step and the passes."""
    setup = SETUPS[name]
    network = glimpse.build(setup.backbone, channels, 10, size, setup.look, seed=0).train()
    pictures, labels = torch.rand(count, channels, size, size), torch.randint(10, (count,))
    side = glimpse.glimpse_side(size, setup.look.downsampling)
    crop = glimpse.take_glimpse(pictures, glimpse.whole_picture(pictures), side)

    def step() -> None:
        network.zero_grad()
        glimpse.total_loss(network, pictures, network(pictures), labels, setup.losses).total.backward()

    def passes() -> None:
        network.zero_grad()
        for number in range(setup.look.glimpses):
            network.backbone(crop.clone().requires_grad_(number > 0)).sum().backward()

    return Sides({PLAIN: passes, "c2f": step})


def share(name: str, channels: int, size: int) -> Sides:
    """Return the multiply-adds of both."""
    setup = SETUPS[name]
    network = glimpse.build(setup.backbone, channels, 10, size, setup.look, seed=0)
    side = glimpse.glimpse_side(size, setup.look.downsampling)
    passes = setup.look.glimpses * multiply_adds(network.backbone, channels, side)
    return Sides({PLAIN: lambda: passes, "c2f": lambda: multiply_adds(network, channels, size)})


def cases() -> list[Case]:
    """Return the setups, and their multiply-adds."""
    found = []
    for name, channels, size, count in CASES:
        says, what = "a step against four passes of the backbone", f"{name}, {count} of {size}x{size}"
        making = partial(sides, name, channels, size, count)
        found.append(Case(what, making, says, amount=count, wanted=round(BAR, 3), threads=1))
    for name, channels, size in dict.fromkeys(row[:3] for row in CASES):
        counting, says = partial(share, name, channels, size), "what arithmetic alone would make it"
        found.append(Case(f"{name}, multiply-adds", counting, says, "multiply-adds", rounds=1, warm=False))
    return found
