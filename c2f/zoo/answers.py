"""Trained networks of any kind by what they answer to a picture.

Axes: B pictures of one batch, C channels, H rows and columns, T answers, K classes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from c2f import datasets, networks
from c2f.common.checks import choose
from c2f.datasets import canvas
from c2f.datasets.pictures import Pictures
from c2f.networks.glimpse.network import MultiGlimpse
from c2f.runs.record import Record
from c2f.zoo.glimpse import KINDS, glimpse_record, load_glimpse
from c2f.zoo.trained import load_target

Answers = Callable[[Tensor], Tensor]
"""Maps pictures ``(B, C, H, H)`` in [0, 1] to logits ``(T, B, K)``, a network's answer after each glimpse."""


@dataclass(frozen=True)
class Trained:
    """A trained network as corruptions meet it.

    ``answers``: see ``c2f.experiments.corruptions.evaluation``. ``record``: of the training. ``weights``: their file
    name and sha256. ``classes``: the class names, in label order.
    """

    answers: Answers
    record: Record
    weights: dict[str, str]
    classes: list[str]


def answers_of(network: MultiGlimpse, device: str = "cpu") -> Answers:
    """Return a Multi-Glimpse Network as a function from pictures ``(B, C, H, H)`` in [0, 1] to logits ``(T, B, K)``.

    The network is moved and brought into inference mode.
    """
    # half again as fast on a CPU
    network = network.to(device).eval().to(memory_format=torch.channels_last)
    return lambda x: network(x.contiguous(memory_format=torch.channels_last)).logits


def load_trained(
    network: str,
    data: str,
    seed: int,
    weights: Path | None,
    backbone: str = "small_cnn",
    device: str = "cpu",
    test_data: str | None = None,
) -> Trained:
    """Load a network of the table, or one of ``c2f.zoo.glimpse.KINDS`` with ``backbone``.

    Raises:
        ValueError: an unknown name.
        c2f.runs.record.RecordError: no such run, or weights that are missing or damaged; the remedy.
    """
    choose(network, [*KINDS, *networks.names()], "network")
    if network in KINDS:
        record = glimpse_record(data, network, weights, backbone)
        answers = answers_of(load_glimpse(data, seed, weights, network, backbone), device)
    else:
        target = load_target(network, data, seed, None, weights, test_data)
        model, mean = target.network.to(device).eval(), 0 if target.mean is None else target.mean.to(device)
        record = target.trained

        def answers(x: Tensor) -> Tensor:
            return model(x - mean)[None]

    run = record.run(seed)
    assert run is not None  # its weights have just been read
    return Trained(answers, record, record.file(seed), run.details["classes"])


def test_pictures(data: str, trained: Record) -> Pictures:
    """Return the test pictures of ``data`` at the size that the network of the record ``trained`` takes.

    Raises:
        ValueError: an unknown name, or other classes than the network's.
        FileNotFoundError: the data set is not on this machine.
    """
    size = trained.parameters["image_size"]
    if data.startswith("canvas-"):
        found = canvas.load_canvas(data, size, trained.parameters.get("noise", 0.0)).test
    else:
        found = datasets.load(data, image_size=size).test
    if len(found.classes) != trained.parameters["num_classes"]:
        raise ValueError(
            f"the network knows {trained.parameters['num_classes']} classes but {data} has {len(found.classes)}: "
            "give test_data of the same classes"
        )
    return found
