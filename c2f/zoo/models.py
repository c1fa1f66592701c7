"""Trained networks of every kind, loaded in one way.

Axes: C channels, H rows, W columns, K classes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from safetensors.torch import load_file
from torch import Tensor, nn

from c2f import networks
from c2f.common.checks import positive_int
from c2f.networks.glimpse.network import GlimpseSettings
from c2f.runs.folder import find_file, find_record, load_weights, records_of, run_name
from c2f.runs.record import Record, RecordError

Network = TypeVar("Network", bound=nn.Module)

OPTIONS: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "training": lambda about: {"merge": about["merge"], "scaler": about["scaler"]},
    "segmentation": lambda about: {"width": about["width"]},
    "densenet": lambda about: {"config": about["recipe"]["config"]},
    "glimpse": lambda about: {
        "settings": GlimpseSettings(**about["look"]),
        "standard": (about["mean"], about["std"]),
    },
}
"""Kind of training record -> what ``networks.build`` needs besides the shape, from the record's parameters."""


@dataclass(frozen=True)
class TrainedModel:
    """A trained network and all that belongs to it.

    ``name``: of the network. ``network``: on the CPU, in inference mode. ``record``: of the training. ``seed``: of the
    run. ``weights``: their file name and sha256. ``classes``: K names in label order, as trained. ``mean``: the mean
    picture ``(C, H, W)`` in [0, 1] that is to be subtracted from pictures, as trained, or None.
    """

    name: str
    network: nn.Module
    record: Record
    seed: int
    weights: dict[str, str]
    classes: tuple[str, ...]
    mean: Tensor | None

    def network_of(self, kind: type[Network]) -> Network:
        """Return the network, which must be of the class ``kind``.

        Raises:
            ValueError: it is of another.
        """
        if not isinstance(self.network, kind):
            raise ValueError(f"{self.name} is a {type(self.network).__name__}, but a {kind.__name__} is needed here")
        return self.network


def how_to_train(name: str, data: str, seed: int = 0) -> list[str]:
    """Return the commands, without the ``c2f`` before them, that train ``name`` on ``data``."""
    wanted = ("densenet_half", name) if name == "densenet_full" else (name,)
    return [f"train {each} {data} --profile paper --seeds {seed}" for each in wanted]


def record(name: str, data: str, output: Path | None = None) -> Record:
    """Return the training record of the network ``name`` on ``data``: of ``output``, or else of the reference runs.

    Raises:
        ValueError: an unknown network.
        RecordError: there is none (with the command that makes it), or it is damaged.
    """
    networks.kind_of(name)  # refuses an unknown name
    return find_record(output, run_name(name, data), *how_to_train(name, data))


def load(name: str, data: str, seed: int = 0, output: Path | None = None) -> TrainedModel:
    """Return the network ``name`` as trained on ``data`` with ``seed``.

    Args:
        name: one of ``c2f.networks.names()``.
        data: the name of the data set that it was trained on.
        seed: of the run.
        output: a folder that ``c2f train`` wrote; by default the weights that come with the book.

    Raises:
        ValueError: an unknown network, or a seed that is no whole number of at least 0.
        RecordError: no such run, weights missing or not those of the record; each with what to do.
    """
    positive_int(seed, "seed", minimum=0)
    found = record(name, data, output)
    about, commands = found.parameters, how_to_train(name, data, seed)
    shape = {key: about[key] for key in ("in_channels", "num_classes", "image_size")}
    built = networks.build(name, **shape, seed=0, **OPTIONS[found.kind](about))
    network = load_weights(built, output, found, seed, *commands)
    run = found.run(seed)
    assert run is not None  # its weights have just been read
    mean = None
    if about["recipe"].get("pixel_mean"):
        if "means" not in run.files:
            raise RecordError(
                f"{found.name} was trained less a mean picture that was not kept: train it anew with "
                f"`c2f {commands[-1]} --again`"
            )
        mean = load_file(find_file(output, found, seed, *commands, folder="means"))["mean"]
    return TrainedModel(name, network, found, seed, run.files["weights"], tuple(run.details["classes"]), mean)


def network_name(found: Record) -> str:
    """Return the name, as ``load`` takes it, of the network that a training record is of."""
    name = found.parameters["network"]
    return f"segmentation_{name}" if found.kind == "segmentation" else name


def available(output: Path | None = None) -> list[tuple[str, str, int]]:
    """Return (network, data, seed) of all weights in ``output``, or of those that come with the book."""
    return [
        (network_name(found), found.parameters["data"], run.seed)
        for kind in OPTIONS
        for found in records_of(kind, output)
        for run in found.runs
        if "weights" in run.files
    ]
