"""What a training step with four glimpses costs, next to four passes of the backbone, on one core.

    python benchmarks/glimpses.py

The time is the processor's own for this one thread, so that what else the machine does counts less. The best of some
rounds is taken: the rest is what other work on the machine cost.
"""

import argparse
import time
from collections.abc import Callable

import torch

from c2f import glimpse
from c2f.checks import positive_int
from c2f.glimpse.recipes import SETUPS

BAR = 1.15
"""How many times four passes and their backward passes a step may cost."""
CASES = {"canvas": (1, 112, 64), "scenes": (3, 64, 64), "photographs": (3, 224, 4)}
"""Channels, rows and columns, and pictures a step, by the setup of ``c2f.glimpse.recipes``."""


def parse() -> argparse.Namespace:
    """Read the command line."""
    formatter = argparse.ArgumentDefaultsHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0], formatter_class=formatter)
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each, after one to warm up")
    args = parser.parse_args()
    try:
        positive_int(args.rounds, "--rounds")
    except ValueError as error:
        parser.error(str(error))
    return args


def seconds(work: Callable[[], None], rounds: int) -> float:
    """Return the least processor time of ``work``, after one round to warm up."""
    times = []
    for _ in range(rounds + 1):
        start = time.thread_time()
        work()
        times.append(time.thread_time() - start)
    return min(times[1:])


def main() -> None:
    """Measure and print, a line a case."""
    args = parse()
    torch.set_num_threads(1)
    for name, (channels, size, count) in CASES.items():
        setup = SETUPS[name]
        network = glimpse.build(setup.backbone, channels, 10, size, setup.look, seed=0).train()
        pictures, labels = torch.rand(count, channels, size, size), torch.randint(10, (count,))
        crop = glimpse.take_glimpse(
            pictures, glimpse.whole_picture(pictures), glimpse.glimpse_side(size, setup.look.downsampling)
        )

        def step(network=network, pictures=pictures, labels=labels, setup=setup) -> None:  # type: ignore[no-untyped-def]
            network.zero_grad()
            glimpse.total_loss(network, pictures, network(pictures), labels, setup.losses).total.backward()

        def passes(network=network, crop=crop, setup=setup) -> None:  # type: ignore[no-untyped-def]
            network.zero_grad()
            for _ in range(setup.look.glimpses):
                # Glimpses that the network chose have a gradient, which the location learns from.
                network.backbone(crop.clone().requires_grad_()).sum().backward()

        ours, bare = seconds(step, args.rounds), seconds(passes, args.rounds)
        print(f"{name:12s} step {1000 * ours:7.1f} ms, passes {1000 * bare:7.1f} ms: {ours / bare:.3f} (bar {BAR})")


if __name__ == "__main__":
    main()
