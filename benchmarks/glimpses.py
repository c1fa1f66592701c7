"""What a training step with four glimpses costs, next to four passes of the backbone, on one core.

    python benchmarks/glimpses.py

**The step**: gradients set to zero, the network's forward pass, all losses, the backward pass. **The passes**: the
backbone alone, four times over glimpses of the same size and number, forwards and backwards, into the gradients of its
weights; the last three also into the glimpse itself, as in the step, where its place is learnt from that. The optimiser
is in neither. So what is above 1 is all that is not backbone: cutting out glimpses, fusion, location, classifiers,
losses. A part of it is arithmetic that no program can save, and the multiply-adds beside tell how much.

Steps and passes take turns, and of each the least time counts: the rest is what other work on the machine cost. The
time is the processor's own for this one thread.
"""

import argparse
import time
from collections.abc import Callable

import torch

from c2f.common.checks import positive_int
from c2f.experiments.glimpses.cost import multiply_adds
from c2f.experiments.glimpses.recipes import SETUPS
from c2f.networks import glimpse

BAR = 1.15
"""How many times four passes and their backward passes a step may cost."""
CASES = [("canvas", 1, 112, 64), ("scenes", 3, 64, 32), ("scenes", 3, 64, 256), ("photographs", 3, 224, 4)]
"""A setup of ``c2f.experiments.glimpses.recipes``, channels, rows and columns, and pictures a step."""


def parse() -> argparse.Namespace:
    """Read the command line."""
    formatter = argparse.ArgumentDefaultsHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0], formatter_class=formatter)
    parser.add_argument("--seconds", type=int, default=10, help="for each case, after one round to warm up")
    args = parser.parse_args()
    try:
        positive_int(args.seconds, "--seconds")
    except ValueError as error:
        parser.error(str(error))
    return args


def least(works: list[Callable[[], None]], seconds: float) -> list[float]:
    """Return the least processor time of each of ``works``, which take turns for so many seconds on the clock."""
    times: list[list[float]] = [[] for _ in works]
    end = None
    while end is None or time.perf_counter() < end:
        for work, taken in zip(works, times, strict=True):
            start = time.thread_time()
            work()
            taken.append(time.thread_time() - start)
        end = end or time.perf_counter() + seconds  # the first round warms up
    return [min(taken[1:], default=taken[0]) for taken in times]


def main() -> None:
    """Measure and print, a line a case."""
    args = parse()
    torch.set_num_threads(1)
    print(
        f"{'':12s}{'pictures':>9}{'step (ms)':>11}{'passes (ms)':>13}{'ratio':>7}{'of multiply-adds':>18}   bar {BAR}"
    )
    for name, channels, size, count in CASES:
        setup = SETUPS[name]
        network = glimpse.build(setup.backbone, channels, 10, size, setup.look, seed=0).train()
        pictures, labels = torch.rand(count, channels, size, size), torch.randint(10, (count,))
        side = glimpse.glimpse_side(size, setup.look.downsampling)
        crop = glimpse.take_glimpse(pictures, glimpse.whole_picture(pictures), side)

        def step(network=network, pictures=pictures, labels=labels, setup=setup) -> None:  # type: ignore[no-untyped-def]
            network.zero_grad()
            glimpse.total_loss(network, pictures, network(pictures), labels, setup.losses).total.backward()

        def passes(network=network, crop=crop, setup=setup) -> None:  # type: ignore[no-untyped-def]
            network.zero_grad()
            for number in range(setup.look.glimpses):
                network.backbone(crop.clone().requires_grad_(number > 0)).sum().backward()

        ours, bare = least([step, passes], args.seconds)
        share = multiply_adds(network, channels, size) / setup.look.glimpses
        share /= multiply_adds(network.backbone, channels, side)
        print(f"{name:12}{count:9}{1000 * ours:11.1f}{1000 * bare:13.1f}{ours / bare:7.3f}{share:18.3f}", flush=True)


if __name__ == "__main__":
    main()
