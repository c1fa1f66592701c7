"""What attacks are aimed at: a trained network with the test pictures, and the check of what an attack claims.

Axes: N pictures, C channels, H rows, W columns, K classes.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from c2f import zoo
from c2f.common.checks import positive_int
from c2f.datasets.pictures import mean_image
from c2f.datasets.selection import subset
from c2f.networks.modes import in_float32
from c2f.runs.record import Record
from c2f.training.data import EVALUATION_BATCH, load_for
from c2f.training.recipes import Recipe

PICTURES = 1000
"""Pictures attacked unless another number is asked for."""


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
        c2f.runs.record.RecordError: no such weights, or damaged ones; the remedy.
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
