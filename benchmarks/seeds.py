"""Four seeds of a training at once, each in a process of one thread, against one after the other with all threads."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from benchmarks.suite import Case, Sides
from c2f.datasets import load
from c2f.datasets.batches import Batches
from c2f.networks import build
from c2f.runs.costs import PLAIN
from c2f.training.loop import fit
from c2f.training.recipes import Recipe
from c2f.training.seeds import at_once, train_seeds

EPOCHS = 3
"""Over the 10,000 pictures of the shipped sample."""


def train(seed: int, on_epoch: Callable[[Any], None], epochs: int = EPOCHS) -> None:
    """Train a LeNetFC."""
    pictures, recipe = load("fashion-mnist-sample").train, Recipe("bench", epochs)
    batches = Batches(pictures, recipe.batch_size, shuffle=True, seed=seed)
    fit(build("lenetfc", 1, 10, 28, seed=seed), batches, recipe, num_classes=10, seed=seed, on_epoch=on_epoch)


def run(seeds: Sequence[int], processes: int, epochs: int = EPOCHS) -> None:
    """Train all ``seeds``."""
    for _, trained in train_seeds(partial(train, epochs=epochs), seeds, processes, lambda seed, history: None):
        trained()


def cases() -> list[Case]:
    """Return the comparison."""
    four = range(4)

    def prepare() -> Sides:
        load("fashion-mnist-sample")
        return Sides({PLAIN: partial(run, four, 1), "c2f": partial(run, four, at_once(four, "cpu"))})

    says = f"four seeds of {EPOCHS} epochs at once against in turn, the start of the processes included"
    return [Case("lenetfc, four seeds", prepare, says, "pictures/s", 4 * EPOCHS * 10_000, rounds=3, warm=False)]
