"""How long all corruptions take: 15 types in 5 severities, on pictures of 64 pixels, and a network that sees them.

    python benchmarks/corruptions.py

The bar: 1,000 pictures, network included, in 60 seconds on two cores. Printed are seconds on the clock and processor
seconds of all threads together, which a busy machine changes less: first of corrupting alone, by type, in one thread,
then of whole evaluations as `c2f corrupt` makes them. The networks are the small CNN, untrained, as a Multi-Glimpse
Network of four glimpses (`mgnet`) and once over the whole picture (`full`); without the photographs of frost, invented
ones of the same size stand in.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from c2f import corruptions
from c2f.corruptions import frost
from c2f.datasets.pictures import Pictures
from c2f.datasets.scenes import scenes
from c2f.experiments.corruptions.evaluation import OnTheFly, evaluate
from c2f.experiments.glimpses.cost import one_pass
from c2f.networks import glimpse
from c2f.runs.parts import PartialResults
from c2f.zoo.predict import predict_fn

NETWORKS = {"mgnet": glimpse.GlimpseSettings(), "full": one_pass(glimpse.GlimpseSettings())}


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--pictures", type=int, default=1000, help="how many")
    parser.add_argument("--size", type=int, default=64, help="their rows and columns")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of an evaluation")
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


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print how long it took."""
    start = time.perf_counter(), time.process_time()
    yield
    print(f"{what:20}{time.perf_counter() - start[0]:9.2f}{time.process_time() - start[1]:11.2f}", flush=True)


def main() -> None:
    """Measure, and print a line a type and a line a network."""
    args = parse()
    source = OnTheFly(made(args.pictures, args.size), photographs=frost.load() if frost.there() else frost.stand_in())
    print(f"torch {torch.__version__}, {args.pictures} pictures of {args.size} pixels")
    print(f"{'type':20}{'seconds':>9}{'processor':>11}  of five severities, one thread")
    torch.set_num_threads(1)
    with timed("all"):
        for kind in corruptions.names():
            with timed(kind):
                for severity in corruptions.SEVERITIES:
                    for _ in source.batches(kind, severity):
                        pass
    print(
        f"{'network':20}{'seconds':>9}{'processor':>11}  of everything, {args.threads} threads; bar: 60 seconds on two"
    )
    torch.set_num_threads(args.threads)
    for name, settings in NETWORKS.items():
        answers = predict_fn(glimpse.build("small_cnn", 3, 10, args.size, settings, seed=0))
        with tempfile.TemporaryDirectory() as folder, timed(name):
            evaluate(answers, source, PartialResults(Path(folder) / "parts", {}))


if __name__ == "__main__":
    main()
