"""How long all corruptions take: 15 types in 5 severities, on pictures of 64 pixels, with and without a network.

    python benchmarks/corruptions.py

The bar: 1,000 pictures, network included, in 60 seconds on two cores. Printed are seconds on the clock and processor
seconds of all threads together, which a busy machine changes less. The network is the small CNN, untrained, as a
Multi-Glimpse Network of four glimpses (`mgnet`) or once over the whole picture (`full`); without the photographs of
frost, invented ones of the same size stand in.
"""

import argparse
import tempfile
import time
from pathlib import Path

import torch
from torch import Tensor

from c2f import corruptions, glimpse
from c2f.corruption_runs import answers_of
from c2f.corruptions import frost
from c2f.corruptions.evaluation import Answers, OnTheFly, evaluate
from c2f.datasets.pictures import Pictures
from c2f.datasets.scenes import scenes
from c2f.glimpse.cost import one_pass
from c2f.resumable import Parts

NETWORKS = {"none": None, "mgnet": glimpse.GlimpseSettings(), "full": one_pass(glimpse.GlimpseSettings())}


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--pictures", type=int, default=1000, help="how many")
    parser.add_argument("--size", type=int, default=64, help="their rows and columns")
    parser.add_argument("--network", choices=NETWORKS, default="mgnet", help="what classifies them")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="torch's threads")
    args = parser.parse_args()
    for name in ("pictures", "threads"):
        if getattr(args, name) < 1:
            parser.error(f"--{name} must be at least 1, not {getattr(args, name)}")
    return args


def made(count: int, size: int) -> Pictures:
    """Return scenes of invented garments: plain squares of ten shades."""
    shades = torch.linspace(60, 250, 10).to(torch.uint8)[:, None, None, None].expand(10, 1, 28, 28).contiguous()
    source = Pictures(shades, torch.arange(10), tuple("0123456789"))
    return scenes(source, count, size=size)


def main() -> None:
    """Measure, and print a line a type and the total."""
    args = parse()
    torch.set_num_threads(args.threads)
    settings = NETWORKS[args.network]
    pictures = made(args.pictures, args.size)
    source = OnTheFly(pictures, photographs=frost.load() if frost.there() else frost.stand_in())

    def nothing(x: Tensor) -> Tensor:
        return x.new_zeros(1, len(x), 10)

    answers: Answers = nothing
    if settings is not None:
        answers = answers_of(glimpse.build("small_cnn", 3, 10, args.size, settings, seed=0))
    print(
        f"torch {torch.__version__}, {args.threads} threads, {args.pictures} pictures of {args.size} pixels, ", end=""
    )
    print(f"network: {args.network}\n{'type':20}{'seconds':>9}{'processor':>11}  of five severities")
    total = [0.0, 0.0]
    with tempfile.TemporaryDirectory() as folder:
        for kind in corruptions.names():
            source.kinds = (kind,)
            start = time.perf_counter(), time.process_time()
            evaluate(answers, source, Parts(Path(folder) / f"{kind}.json", {}))
            spent = [time.perf_counter() - start[0], time.process_time() - start[1]]
            total = [a + b for a, b in zip(total, spent, strict=True)]
            print(f"{kind:20}{spent[0]:9.2f}{spent[1]:11.2f}", flush=True)
    print(f"{'all':20}{total[0]:9.1f}{total[1]:11.1f}   bar: 60 seconds on two cores")


if __name__ == "__main__":
    main()
