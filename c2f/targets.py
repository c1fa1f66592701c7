"""What attacks are aimed at: a trained network with the test pictures, and the check of what an attack claims.

Axes: N pictures, C channels, H rows, W columns, K classes.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from c2f import robustness, zoo
from c2f.attacks.victim import in_float32
from c2f.checks import positive_int
from c2f.datasets.pictures import mean_image
from c2f.experiments import EVALUATION_BATCH, load_for
from c2f.recipes import Recipe
from c2f.records import Record
from c2f.robustness import Results

PICTURES = 1000
"""Pictures attacked unless another number is asked for."""
SUBSET_SEED = 0
"""Draws the attacked pictures, the same ones for every network, seed and attack, so that they can be compared."""


def subset(labels: Tensor, count: int, seed: int = SUBSET_SEED) -> Tensor:
    """Draw ``count`` places from ``labels`` ``(N,)``, as many of each class as there are, ascending, int64.

    A smaller draw is part of a larger one of the same seed.
    """
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    rank = torch.empty_like(order)  # how many of the same class come before, in that order
    for label in labels.unique():
        same = order[labels[order] == label]
        rank[same] = torch.arange(len(same))
    return order[rank[order].argsort(stable=True)][:count].sort().values


@dataclass(frozen=True)
class Target:
    """A trained network and the test pictures that it is attacked on.

    ``images``: float32 ``(N, C, H, W)`` in [0, 1]. ``labels``, ``places`` (in the test set): int64 ``(N,)``. ``mean``:
    the mean picture ``(C, H, W)`` that the network wants subtracted, or None. ``trained``: the record of the training.
    ``weights``: their file name and sha256. ``classes``: the class names, in label order.
    """

    network: nn.Module
    images: Tensor
    labels: Tensor
    places: Tensor
    mean: Tensor | None
    trained: Record
    weights: dict[str, str]
    classes: tuple[str, ...]


def load_target(
    network: str,
    data: str,
    seed: int = 0,
    pictures: int | None = PICTURES,
    weights: Path | None = None,
    test_data: str | None = None,
) -> Target:
    """Load a trained network and the test pictures it is attacked on.

    Args:
        network, data, seed: of the training.
        pictures: how many of the test pictures, drawn by ``subset``; None takes all.
        weights: the folder that holds the training's record and weights; None takes those that come with the book.
        test_data: a data set of the same classes whose test pictures are attacked; None takes those of ``data``.

    Raises:
        ValueError: an unknown name, test pictures of other classes or another size than the network was trained on, or
            a number of pictures that the test set does not have.
        c2f.records.RecordError: no such weights, or damaged ones; the remedy.
        FileNotFoundError: the data set is not on this machine.
    """
    if pictures is not None:
        positive_int(pictures, "pictures")
    model = zoo.load(network, data, seed, weights)
    trained = zoo.record(network, data, weights)
    recipe = Recipe(**trained.parameters["recipe"])
    _, tested = load_for(test_data or data, recipe)
    if len(tested.test.classes) != trained.parameters["num_classes"]:
        raise ValueError(
            f"{network} was trained on the {trained.parameters['num_classes']} classes of {data}, "
            f"but {test_data} has {len(tested.test.classes)}: give test_data of the same classes"
        )
    shape = (tested.test.in_channels, tested.test.image_size)
    if shape != (wanted := (trained.parameters["in_channels"], trained.parameters["image_size"])):
        told = ["{0}x{1}x{1}".format(*each) for each in (wanted, shape)]
        raise ValueError(
            f"{network} was trained on {data}, pictures of {told[0]} (channels, rows, columns), but {test_data} has "
            f"{told[1]}: give test_data of the same size"
        )
    if pictures is not None and pictures > len(tested.test):
        raise ValueError(
            f"pictures is {pictures} but the test set of {test_data or data} has {len(tested.test)}: "
            "give at most that, or all"
        )
    places = torch.arange(len(tested.test)) if pictures is None else subset(tested.test.labels, pictures)
    chosen = tested.test.select(places)
    mean = mean_image(load_for(data, recipe)[1].train) if recipe.pixel_mean else None
    return Target(
        model,
        chosen.images.float() / 255,
        chosen.labels,
        places,
        mean,
        trained,
        trained.file(seed),
        tested.test.classes,
    )


def predictions(network: nn.Module, images: Tensor, mean: Tensor | None, device: str = "cpu") -> Tensor:
    """Return the class that the plain network predicts for each picture ``(N, C, H, W)`` in [0, 1], int64 ``(N,)``."""
    network = network.to(device).eval()
    shift = 0 if mean is None else mean.to(device)
    found = []
    with torch.inference_mode(), in_float32(torch.device(device)):
        for x in images.split(EVALUATION_BATCH):
            found.append(network(x.to(device) - shift).argmax(dim=1).cpu())
    return torch.cat(found).clone()


@dataclass(frozen=True)
class Verification:
    """What a look at stored pictures says about stored results; all is well if everything but ``claimed`` is 0.

    ``claimed``: pictures that are said to be turned. ``refuted``: of those, pictures classified as their label.
    ``outside``: pictures with a value outside [0, 1] or NaN. ``touched``: pictures that are said not to be turned but
    differ from the original. ``other_class``: pictures with another class before or after than stored.
    ``distance``: the largest difference of a stored distance from the pictures', relative to it.
    """

    claimed: int
    refuted: int
    outside: int
    touched: int
    other_class: int
    distance: float

    @property
    def holds(self) -> bool:
        """Whether every claim is true; distances may differ by the last digits of float32."""
        return not (self.refuted or self.outside or self.touched or self.other_class) and self.distance < 1e-6


def verify(target: Target, perturbed: Tensor, results: Results, device: str = "cpu") -> Verification:
    """Run the plain network on the stored pictures ``perturbed`` ``(N, C, H, W)`` and compare it with ``results``."""
    success = torch.from_numpy(results.success)
    after = predictions(target.network, perturbed, target.mean, device)
    before = predictions(target.network, target.images, target.mean, device)
    stored = torch.from_numpy(results.after).long()
    distance = 0.0
    for name, value in robustness.distances(target.images, perturbed).items():
        told = torch.from_numpy(getattr(results, name))[success]
        distance = max([distance, *((told - value[success]).abs() / told).tolist()])
    inside = ((perturbed >= 0) & (perturbed <= 1)).flatten(1).all(dim=1)
    same = (perturbed == target.images).flatten(1).all(dim=1)
    return Verification(
        claimed=int(success.sum()),
        refuted=int((success & (after == target.labels)).sum()),
        outside=int((~inside).sum()),
        touched=int((~success & ~same).sum()),
        other_class=int(((before != torch.from_numpy(results.before)) | ((stored >= 0) & (after != stored))).sum()),
        distance=distance,
    )
