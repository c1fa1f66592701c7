"""A trained network and test pictures whose objects are known: what its evidence maps are measured on.

Axes: N pictures, C channels, H rows, W columns.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from c2f import datasets
from c2f.common.checks import positive_int
from c2f.datasets.data_name import DataName
from c2f.datasets.selection import stratified_subset
from c2f.metrics.localization.objects import Objects, find_objects
from c2f.zoo.models import TrainedModel
from c2f.zoo.samples import TestSample, load_sample, test_pictures

THRESHOLD_PICTURES = 200
"""Test pictures on which thresholds are chosen, unless another number is asked for; none of them is scored."""
PICTURES = 500
"""Test pictures that are scored, unless another number is asked for."""


@dataclass(frozen=True)
class MappedSample:
    """A trained network and N test pictures to be mapped; nobody need know where their objects are.

    ``tested``: the network and its pictures. ``images``: float32 ``(N, C, H, W)`` as the network takes them, its mean
    picture already subtracted. ``for_thresholds``: bool ``(N,)``, those that thresholds are chosen on; of all others
    the maps are looked at.
    """

    tested: TestSample
    images: Tensor
    for_thresholds: Tensor

    @property
    def model(self) -> TrainedModel:
        """The trained network."""
        return self.tested.model

    @property
    def scored(self) -> Tensor:
        """Bool ``(N,)``, all but those for thresholds."""
        return ~self.for_thresholds

    @property
    def labels(self) -> Tensor:
        """The true classes of all N pictures, int64 ``(N,)``."""
        return self.tested.labels


@dataclass(frozen=True)
class LocalizationSample(MappedSample):
    """One whose objects are known, so that maps can be scored."""

    objects: Objects


def load_mapped_sample(
    network: str, data: str, seed: int = 0, pictures: int | None = PICTURES, weights: Path | None = None
) -> MappedSample:
    """Load a trained network and test pictures to be mapped and not scored; arguments and errors as for ``load_sample``
    in ``c2f.zoo.samples``.
    """
    sample = load_sample(network, data, seed, pictures, weights)
    return MappedSample(sample, _as_taken(sample), torch.zeros(len(sample.labels), dtype=torch.bool))


def _as_taken(sample: TestSample) -> Tensor:
    return sample.images if sample.model.mean is None else sample.images - sample.model.mean


def load_localization_sample(
    network: str,
    data: str,
    seed: int = 0,
    *,
    threshold_pictures: int = THRESHOLD_PICTURES,
    pictures: int | None = PICTURES,
    weights: Path | None = None,
    test_data: str | None = None,
) -> LocalizationSample:
    """Load a trained network and test pictures with their objects.

    Both parts are drawn by ``c2f.datasets.selection.stratified_subset``, as many pictures of each class as there are:
    the same ones for every network and seed.

    Args:
        network, data, seed: of the training.
        threshold_pictures: how many test pictures thresholds are chosen on.
        pictures: how many others are scored; None takes all.
        weights: the folder that holds the training's record and weights; None takes those that come with the book.
        test_data: a data set of the same classes whose test pictures are taken; None takes those of ``data``.

    Raises:
        ValueError: a bad name or number, test pictures that do not suit the network, or data of which nobody knows
            where the objects are.
        c2f.runs.record.RecordError: no such weights, or damaged ones.
        FileNotFoundError: the data set is not on this machine.
    """
    positive_int(threshold_pictures, "threshold_pictures")
    total = None if pictures is None else threshold_pictures + positive_int(pictures, "pictures")
    tested_on = test_data or data
    rows = [datasets.info(name) for name in (data, tested_on) if not DataName.parse(name).folders]
    if not DataName.parse(tested_on).folders and (total or threshold_pictures) > rows[-1].test:
        raise ValueError(
            f"{threshold_pictures} pictures to choose thresholds on and {pictures or 'all others'} to score are more "
            f"than the {rows[-1].test} test pictures of {tested_on}: take fewer"
        )
    sample = load_sample(network, data, seed, total, weights, test_data)
    found = test_pictures(sample.model, tested_on)
    if threshold_pictures >= len(sample.labels):
        raise ValueError(
            f"threshold_pictures is {threshold_pictures} of {len(sample.labels)} test pictures: leave some to be scored"
        )
    return LocalizationSample(
        tested=sample,
        images=_as_taken(sample),
        objects=find_objects(found.select(sample.indices), tested_on),
        for_thresholds=torch.isin(sample.indices, stratified_subset(found.labels, threshold_pictures)),
    )
