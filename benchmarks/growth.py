"""How cost grows: with pictures, their side, glimpses and seeds; measured at a few sizes and fitted.

The sizes of a curve take turns, as the sides of a comparison do.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import stats

from benchmarks import seeds
from benchmarks.inference import sides
from benchmarks.suite import Run, interleaved
from benchmarks.training import Training, begun, steps_by
from c2f import networks
from c2f.networks import multiply_adds
from c2f.networks.glimpse import GlimpseSettings
from c2f.runs.costs import Fit, Growth
from c2f.training.engine import Engine
from c2f.training.seeds import at_once

TRAINED = 3
"""Times the forward pass's operations, of a step: forwards, and backwards into features and into weights."""


@dataclass(frozen=True)
class Curve:
    """What is measured at ``sizes``; ``at`` gives the work of a size and its billions of operations."""

    name: str
    axis: str
    sizes: Sequence[int]
    at: Callable[[int], tuple[Run, float]]
    law: str = "power"
    rounds: int | None = None
    warm: bool = True


def fit(sizes: Sequence[float], seconds: Sequence[Sequence[float]], law: str) -> Fit:
    """Return the line through the medians, of logarithms where the ``law`` is ``power``, with its interval of 95 %."""
    x, y = np.asarray(sizes, dtype=float), np.median(np.asarray(seconds), axis=1)
    found = stats.linregress(*((np.log(x), np.log(y)) if law == "power" else (x, y)))
    half = stats.t.ppf(0.975, len(x) - 2) * found.stderr
    values = (found.slope, found.slope - half, found.slope + half, found.intercept)
    return Fit(law, *map(float, values))


def measure(curve: Curve, rounds: int) -> Growth:
    """Measure a curve."""
    works = {str(size): curve.at(size) for size in curve.sizes}
    runs = {size: run for size, (run, _) in works.items()}
    taken = interleaved(runs, min(rounds, curve.rounds or rounds), curve.warm)
    seconds, sizes = list(taken.values()), [float(size) for size in curve.sizes]
    gflop = [operations for _, operations in works.values()]
    return Growth(curve.name, curve.axis, sizes, seconds, gflop, fit(sizes, seconds, curve.law))


def by_pictures(count: int) -> tuple[Run, float]:
    """Return the inference of LeNetFC."""
    asked = sides(Training("lenetfc", 1, 28, count, 1), count).runs["c2f"]
    return asked, count * gflop("lenetfc", 1, 28)


def by_side(size: int) -> tuple[Run, float]:
    """Return a training step of ResNet32."""
    found, _ = begun(Training("resnet32", 3, size, 16, 1))
    return steps_by(Engine("channels_last"), found, 1), TRAINED * 16 * gflop("resnet32", 3, size)


def by_glimpses(count: int) -> tuple[Run, float]:
    """Return a training step of a Multi-Glimpse Network."""
    settings = GlimpseSettings(glimpses=count)
    found, _ = begun(Training("mgnet_small_cnn", 3, 64, 64, 1), settings=settings)
    return steps_by(Engine(), found, 1), TRAINED * 64 * gflop("mgnet_small_cnn", 3, 64, settings=settings)


def by_seeds(count: int) -> tuple[Run, float]:
    """Return an epoch of LeNetFC over 10,000 pictures, of so many seeds at once."""
    run = partial(seeds.run, range(count), at_once(range(count), "cpu"), 1)
    return run, count * TRAINED * 10_000 * gflop("lenetfc", 1, 28)


def gflop(network: str, channels: int, size: int, **options: object) -> float:
    """Return the billions of operations of a picture, two a multiply-add."""
    return 2 * multiply_adds(networks.build(network, channels, 10, size, **options), channels, size) / 1e9


CURVES = [
    Curve("inference of LeNetFC", "pictures", (512, 2048, 8192, 32768), by_pictures),
    Curve("a training step of ResNet32, 16 pictures", "side in pixels", (16, 32, 64, 128), by_side),
    Curve("a training step of a Multi-Glimpse Network, 64 pictures", "glimpses", (2, 4, 8, 16), by_glimpses),
    Curve("an epoch of LeNetFC, seeds at once", "seeds", (2, 4, 6, 8), by_seeds, "line", rounds=3, warm=False),
]
