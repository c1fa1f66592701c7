"""A trained network and test pictures whose objects are known: what its evidence maps are measured on.

Axes: N pictures, C channels, H rows, W columns.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from c2f import datasets
from c2f.common.checks import positive_int
from c2f.datasets.selection import subset
from c2f.metrics.localization.objects import Objects, find_objects
from c2f.training.data import load_for
from c2f.training.recipes import Recipe
from c2f.zoo.trained import Target, load_target

CHOSEN = 200
"""Test pictures on which thresholds are chosen, unless another number is asked for; none of them is scored."""
PICTURES = 500
"""Test pictures that are scored, unless another number is asked for."""


@dataclass(frozen=True)
class Trial:
    """A trained network, N test pictures whose objects are known, and which of them thresholds are chosen on.

    ``name``: of the network. ``images``: float32 ``(N, C, H, W)`` as the network takes them, its mean picture already
    subtracted. ``choosing``: bool ``(N,)``; all others are scored.
    """

    name: str
    target: Target
    images: Tensor
    objects: Objects
    choosing: Tensor

    @property
    def scored(self) -> Tensor:
        """Bool ``(N,)``, the pictures that are scored."""
        return ~self.choosing

    @property
    def labels(self) -> Tensor:
        """The true classes of all N pictures, int64 ``(N,)``."""
        return self.target.labels


def load_trial(
    network: str,
    data: str,
    seed: int = 0,
    *,
    chosen: int = CHOSEN,
    pictures: int | None = PICTURES,
    weights: Path | None = None,
    test_data: str | None = None,
) -> Trial:
    """Load a trained network and test pictures with their objects.

    Both parts are drawn by ``c2f.datasets.selection.subset``, as many pictures of each class as there are: the same
    ones for every network and seed.

    Args:
        network, data, seed: of the training.
        chosen: how many test pictures thresholds are chosen on.
        pictures: how many others are scored; None takes all.
        weights: the folder that holds the training's record and weights; None takes those that come with the book.
        test_data: a data set of the same classes whose test pictures are taken; None takes those of ``data``.

    Raises:
        ValueError: a bad name or number, test pictures that do not suit the network, or data of which nobody knows
            where the objects are.
        c2f.runs.record.RecordError: no such weights, or damaged ones.
        FileNotFoundError: the data set is not on this machine.
    """
    positive_int(chosen, "chosen")
    total = None if pictures is None else chosen + positive_int(pictures, "pictures")
    tested_on = test_data or data
    rows = [datasets.info(name) for name in (data, tested_on) if not name.startswith("folder:")]
    if not tested_on.startswith("folder:") and (total or chosen) > rows[-1].test:
        raise ValueError(
            f"{chosen} pictures to choose on and {pictures or 'all others'} to score are more than the {rows[-1].test} "
            f"test pictures of {tested_on}: take fewer"
        )
    target = load_target(network, data, seed, total, weights, test_data)
    tested = load_for(tested_on, Recipe(**target.trained.parameters["recipe"]))[1].test
    if chosen >= len(target.labels):
        raise ValueError(f"chosen is {chosen} of {len(target.labels)} test pictures: leave some to be scored")
    images = target.images if target.mean is None else target.images - target.mean
    return Trial(
        name=network,
        target=target,
        images=images,
        objects=find_objects(tested.select(target.places), tested_on),
        choosing=torch.isin(target.places, subset(tested.labels, chosen)),
    )
