"""How fast class maps are refined, on one core.

    python benchmarks/refine.py

The time is the processor's own for this one thread, so that what else the machine does counts less; the wall's clock
stands beside it. The best of some rounds is taken: the rest is what other work on the machine cost.
"""

import argparse
import time

import numpy as np
import torch
from torch import Tensor

from c2f.cam.refine import RefineOptions, refine
from c2f.common.checks import positive_int

BAR = 20
"""Pictures of 224x224 a second that are wanted."""
SETTINGS = {
    "the paper's": RefineOptions(),
    "multiply": RefineOptions(merge_type="multiply"),
    "threshold": RefineOptions(filter_type="threshold"),
    "local, small": RefineOptions(focal_scope="local"),
    "local, large": RefineOptions(focal_scope="local", maxima_areas="large"),
}


def parse() -> argparse.Namespace:
    """Read the command line."""
    formatter = argparse.ArgumentDefaultsHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0], formatter_class=formatter)
    parser.add_argument("--pictures", type=int, default=16, help="pictures a round")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each setting, after one to warm up")
    args = parser.parse_args()
    try:
        for name in ("pictures", "rounds"):
            positive_int(getattr(args, name), f"--{name}")
    except ValueError as error:
        parser.error(str(error))
    return args


def bumps(count: int, size: int, noise: float) -> Tensor:
    """Return maps of three bumps with noise, float32 ``(count, size, size)``; the bumps do not depend on ``size``."""
    centres = np.random.default_rng(0).random((count, 3, 2, 1, 1))
    grain = np.random.default_rng(size).random((count, size, size))
    line = (np.arange(size) + 0.5) / size
    squared = (line[:, None] - centres[:, :, 0]) ** 2 + (line - centres[:, :, 1]) ** 2  # (count, 3, size, size)
    return torch.tensor((1 / (1 + squared / 0.02) + 0.5 * (squared < 0.01)).sum(axis=1) + noise * grain).float()


def main() -> None:
    """Measure, and print a table of pictures a second."""
    args = parse()
    torch.set_num_threads(1)
    low, high = bumps(args.pictures, 14, 0.05), bumps(args.pictures, 224, 0.1)
    pictures = torch.randint(256, (args.pictures, 3, 224, 224), dtype=torch.uint8)
    print(f"numpy {np.__version__}, one thread, {args.pictures} pictures of 224x224, best of {args.rounds} rounds")
    print(f"{'pictures a second':20}{'processor':>12}{'wall':>12}  wanted")
    for name, options in SETTINGS.items():
        best = [float("inf")] * 2
        for round_ in range(1 + args.rounds):
            start = time.process_time(), time.perf_counter()
            refine(pictures, low, high, options)
            spent = time.process_time() - start[0], time.perf_counter() - start[1]
            if round_:
                best = [min(pair) for pair in zip(best, spent, strict=True)]
        print(f"{name:20}{args.pictures / best[0]:12,.0f}{args.pictures / best[1]:12,.0f}  {BAR} or more", flush=True)


if __name__ == "__main__":
    main()
