"""How long all corruptions take: 15 types in 5 severities, on pictures of 64 pixels, and a network that sees them.

The bar: 1,000 pictures, network included, in 60 seconds on two cores. First stands corrupting alone, by type, in one
thread and the processor's time, then whole evaluations as `c2f corrupt` makes them. The networks are the small CNN,
untrained, as a Multi-Glimpse Network of four glimpses (`mgnet`) and once over the whole picture (`full`); without the
photographs of frost, invented ones of the same size stand in.
"""

import tempfile
from functools import partial
from pathlib import Path

import torch

from benchmarks.suite import Case, Sides
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
PICTURES, SIZE = 100, 64
BAR = 1000 / 60
"""Pictures a second of a whole evaluation."""


def source() -> OnTheFly:
    """Return scenes of invented garments, plain squares of ten shades, to be corrupted."""
    shades = torch.linspace(60, 250, 10).to(torch.uint8)[:, None, None, None].expand(10, 1, 28, 28).contiguous()
    garments = Pictures(shades, torch.arange(10), tuple("0123456789"))
    made = scenes(garments, PICTURES, size=SIZE)
    return OnTheFly(made, photographs=frost.load() if frost.there() else frost.stand_in())


def corrupting(kind: str) -> Sides:
    """Return one type, in all severities."""
    pictures = source()

    def run() -> None:
        for severity in corruptions.SEVERITIES:
            for _ in pictures.batches(kind, severity):
                pass

    return Sides({"c2f": run})


def evaluating(name: str) -> Sides:
    """Return a whole evaluation."""
    pictures, answers = source(), predict_fn(glimpse.build("small_cnn", 3, 10, SIZE, NETWORKS[name], seed=0))

    def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            evaluate(answers, pictures, PartialResults(Path(folder) / "parts", {}))

    return Sides({"c2f": run})


def cases() -> list[Case]:
    """Return a type a case, and a network a case."""
    alone, all_of_it = "corrupting, in five severities", "all types in five severities, classified"
    found = [
        Case(kind, partial(corrupting, kind), alone, amount=PICTURES, rounds=3, threads=1)
        for kind in corruptions.names()
    ]
    for name in NETWORKS:
        what, making = f"everything, {name}", partial(evaluating, name)
        found.append(Case(what, making, all_of_it, amount=PICTURES, wanted=round(BAR, 1), rounds=3))
    return found
