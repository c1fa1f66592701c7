"""How fast scenes are made, on one core.

    python benchmarks/scenes.py

The time is the processor's own for this one thread, so that what else the machine does counts less; the wall's clock
stands beside it. The best of some rounds is taken: the rest is what other work on the machine cost.
"""

import argparse
import time

import torch

from c2f.common.checks import positive_int
from c2f.datasets import load
from c2f.datasets.scenes import check_size, scenes

BAR = 5_000
"""Scenes of 64x64 a second that are wanted."""


def parse() -> argparse.Namespace:
    """Read the command line."""
    formatter = argparse.ArgumentDefaultsHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0], formatter_class=formatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 128, 224], help="rows and columns in pixels")
    parser.add_argument("--difficulty", type=float, default=0.5, help="from 0 to 1")
    parser.add_argument("--scenes", type=int, default=5_000, help="scenes of 64x64 a round; larger ones in proportion")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each size, after one to warm up")
    args = parser.parse_args()
    try:
        for size in args.sizes:
            check_size(size)
        for name in ("scenes", "rounds"):
            positive_int(getattr(args, name), f"--{name}")
        if not 0 <= args.difficulty <= 1:
            raise ValueError(f"--difficulty must be from 0 to 1, not {args.difficulty}")
    except ValueError as error:
        parser.error(str(error))
    return args


def main() -> None:
    """Measure, and print a table of scenes a second."""
    args = parse()
    torch.set_num_threads(1)
    pictures = load("fashion-mnist-sample").test
    print(f"torch {torch.__version__}, one thread, difficulty {args.difficulty:g}, best of {args.rounds} rounds")
    print(f"{'scenes a second':20}{'processor':>12}{'wall':>12}  wanted")
    for size in args.sizes:
        count = max(1, args.scenes * 64**2 // size**2)
        best = [float("inf")] * 2
        for round_ in range(1 + args.rounds):
            start = time.process_time(), time.perf_counter()
            scenes(pictures, count, size=size, difficulty=args.difficulty)
            spent = time.process_time() - start[0], time.perf_counter() - start[1]
            if round_:
                best = [min(pair) for pair in zip(best, spent, strict=True)]
        bar = f"{BAR:,} or more" if size == 64 else ""
        print(f"{f'{size}x{size}':20}{count / best[0]:12,.0f}{count / best[1]:12,.0f}  {bar}", flush=True)


if __name__ == "__main__":
    main()
