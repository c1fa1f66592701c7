"""A trained network with the test pictures that it is tested on.

Axes: N pictures, C channels, H rows, W columns, K classes.
"""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from c2f import datasets, zoo
from c2f.common.checks import positive_int
from c2f.datasets import canvas
from c2f.datasets.data_name import DataName
from c2f.datasets.pictures import Pictures
from c2f.datasets.selection import stratified_subset
from c2f.networks.modes import eval_mode, in_float32
from c2f.training import data as training_data
from c2f.training.data import EVALUATION_BATCH
from c2f.zoo.models import TrainedModel

logger = logging.getLogger(__name__)
PICTURES = 1000
"""Test pictures that are taken unless another number is asked for."""


@dataclass(frozen=True)
class TestSample:
    """A trained network and N of the test pictures.

    ``images``: float32 ``(N, C, H, W)`` in [0, 1]. ``labels``, ``indices`` (in the test set): int64 ``(N,)``.
    """

    __test__ = False  # no test of pytest's, for all its name

    model: TrainedModel
    images: Tensor
    labels: Tensor
    indices: Tensor


def test_pictures(model: TrainedModel, data: str) -> Pictures:
    """Return the test pictures of ``data`` as ``model`` takes them: at its size, labelled by its class names.

    Raises:
        ValueError: an unknown name, other classes than the model's, or pictures of another size.
        FileNotFoundError: the data set is not on this machine.
    """
    about = model.record.parameters
    _tell_of_other_files(model, data)
    if DataName.parse(data).on_canvas:
        found = canvas.load_canvas(data, about["image_size"], about.get("noise", 0.0)).test
    else:
        # A classifier's recipe says to what size pictures are brought, if at all; the others take what they know.
        size = about["recipe"]["image_size"] if model.record.kind == "training" else about["image_size"]
        found = training_data.load_data_set(data, size).test
    shape = (found.in_channels, *found.images.shape[2:])
    wanted = (about["in_channels"], about["image_size"], about["image_size"])
    if shape != wanted:
        here, there = ("x".join(map(str, each)) for each in (wanted, shape))
        raise ValueError(
            f"{model.name} was trained on {about['data']}, pictures of {here} (channels, rows, columns), "
            f"but {data} has {there}: give test_data of the same size"
        )
    return _labelled(found, model, data)


test_pictures.__test__ = False  # type: ignore[attr-defined]  # no test of pytest's either


def _tell_of_other_files(model: TrainedModel, data: str) -> None:
    """Warn if the folder that the model was trained on holds other test pictures than it did then."""
    if DataName.parse(data).text != DataName.parse(model.record.parameters["data"]).text:
        return
    run = model.record.run(model.seed)
    then = None if run is None else run.details.get("test_files")
    if then is not None and then != datasets.files_of(data)["test_files"]:
        logger.warning("%s holds other test pictures than those that %s was tested on in training", data, model.name)


def _labelled(found: Pictures, model: TrainedModel, data: str) -> Pictures:
    """Return the pictures with the model's labels for their classes, by their names or by WordNet numbers."""
    if found.classes == model.classes:
        return found
    known, there = model.classes, found.classes
    if sorted(there) != sorted(known):
        known = datasets.class_folders_of(model.record.parameters["data"], known)
        there = datasets.class_folders_of(data, there)
    if sorted(there) != sorted(known):
        called = "" if known == model.classes else f" (folders {', '.join(known)})"
        raise ValueError(
            f"{model.name} was trained on the {len(known)} classes {', '.join(model.classes)}{called}, but {data} has "
            f"{len(there)}, {', '.join(found.classes)}: give test_data of the same classes"
        )
    labels = torch.tensor([known.index(name) for name in there], device=found.labels.device)
    return replace(found, labels=labels[found.labels], classes=model.classes)


def load_sample(
    network: str,
    data: str,
    seed: int = 0,
    pictures: int | None = PICTURES,
    weights: Path | None = None,
    test_data: str | None = None,
) -> TestSample:
    """Load a trained network and the test pictures that it is tested on.

    Args:
        network, data, seed: of the training.
        pictures: how many of the test pictures, drawn by ``stratified_subset``; None takes all.
        weights: the folder that holds the training's record and weights; None takes those that come with the book.
        test_data: a data set of the same classes whose test pictures are taken; None takes those of ``data``.

    Raises:
        ValueError: an unknown name, test pictures of other classes or another size than the network was trained on, or
            a number of pictures that the test set does not have.
        c2f.runs.record.RecordError: no such weights, or damaged ones; the remedy.
        FileNotFoundError: the data set is not on this machine.
    """
    if pictures is not None:
        positive_int(pictures, "pictures")
    model = zoo.load(network, data, seed, weights)
    found = test_pictures(model, test_data or data)
    indices = draw(found, pictures, test_data or data)
    chosen = found.select(indices)
    return TestSample(model, chosen.images.float() / 255, chosen.labels, indices)


def draw(found: Pictures, pictures: int | None, data: str) -> Tensor:
    """Return the indices of ``pictures`` of the test pictures ``found``, as many of each class as there are.

    Raises:
        ValueError: there are fewer.
    """
    if pictures is None:
        return torch.arange(len(found))
    if positive_int(pictures, "pictures") > len(found):
        raise ValueError(
            f"pictures is {pictures} but the test set of {data} has {len(found)}: give at most that, or all"
        )
    return stratified_subset(found.labels, pictures)


def predictions(network: nn.Module, images: Tensor, mean: Tensor | None, device: str = "cpu") -> Tensor:
    """Return the class that the plain network predicts for each picture ``(N, C, H, W)`` in [0, 1], int64 ``(N,)``."""
    network = network.to(device)
    shift = 0 if mean is None else mean.to(device)
    found = []
    with eval_mode(network), torch.inference_mode(), in_float32(torch.device(device)):
        for x in images.split(EVALUATION_BATCH["classifier"]):
            found.append(network(x.to(device) - shift).argmax(dim=1).cpu())
    return torch.cat(found).clone()
