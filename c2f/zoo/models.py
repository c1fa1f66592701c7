"""Trained networks of every kind, the user's own among them, loaded in one way.

Axes: C channels, H rows, W columns, K classes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from safetensors.torch import load_file
from torch import Tensor, nn

from c2f import datasets, networks
from c2f.common.checks import positive_int
from c2f.common.files import expand
from c2f.datasets.data_name import DataName
from c2f.datasets.photographs import IMAGENET_MEAN
from c2f.datasets.readers import class_folders
from c2f.networks.glimpse.network import GlimpseSettings, LastAnswer, MultiGlimpse
from c2f.networks.own import build_own, is_own, own_weights
from c2f.runs.folder import find_file, find_record, load_weights, record_path, records_of, run_name
from c2f.runs.record import Record, RecordError, read

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

    @property
    def image_size(self) -> int:
        """H = W in pixels of the pictures that the network takes."""
        return self.record.parameters["image_size"]

    @property
    def in_channels(self) -> int:
        """C of the pictures that the network takes."""
        return self.record.parameters["in_channels"]

    @property
    def cropped(self) -> bool:
        """Whether it was trained on crops of photographs, and so sees the middle of one and not the whole."""
        return self.record.kind == "glimpse" and self.record.parameters["mean"] == list(IMAGENET_MEAN)

    @property
    def classifier(self) -> nn.Module:
        """The network from pictures ``(N, C, H, W)``, less the mean, to logits ``(N, K)``; of glimpses the last."""
        return LastAnswer(self.network) if isinstance(self.network, MultiGlimpse) else self.network

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
        name: one of ``c2f.networks.names()``, or ``FILE.py:FUNCTION``, see ``c2f.networks.own``.
        data: the name of the data set that it was trained on.
        seed: of the run.
        output: a folder that ``c2f train`` wrote; by default the weights that come with the book.

    Raises:
        ValueError: an unknown network, a seed that is no whole number of at least 0, or a file of the user's that
            builds no network.
        RecordError: no such run, weights missing or not those of the record; each with what to do.
    """
    positive_int(seed, "seed", minimum=0)
    if is_own(name):
        return _load_own(name, data)
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


def find(name: str, data: str, seed: int = 0, output: Path | None = None) -> TrainedModel:
    """Return what ``load`` gives; ``name`` may also be the path of weights that ``c2f train`` wrote.

    Raises:
        ValueError: as ``load``, or a path of pictures in the place of the training's data.
        RecordError: as ``load`` and ``load_file_of``.
    """
    known = data in datasets.names() or bool(DataName.parse(data).folders)
    if name in networks.names() and not known and ("/" in data or Path(data).exists()):
        raise ValueError(f"say which data set {name} was trained on, or give the path of its weights")
    return load_file_of(expand(name)) if name.endswith(".safetensors") else load(name, data, seed, output)


def trained_on_of(name: str, output: Path | None = None) -> str:
    """Return the data set that the network ``name`` was trained on, where ``output`` (or the book) has a single one.

    Raises:
        ValueError: it has several, or none; which. Of what is no name of the book's nothing is to be known: "".
    """
    if name not in networks.names():
        return ""
    found = sorted({data for network, data, _ in available(output) if network == name})
    if len(found) != 1:
        raise ValueError(
            f"say which data set {name} was trained on; there are weights for: {', '.join(found) or 'none'}"
        )
    return found[0]


def load_file_of(path: Path) -> TrainedModel:
    """Return the network whose weights ``c2f train`` wrote to ``path``, ``OUTPUT/weights/NAME--seedS.safetensors``.

    Raises:
        RecordError: there is no such file, or none of a record beside it.
    """
    name, _, seed = path.stem.rpartition("--seed")
    output = path.absolute().parents[1]
    if not path.is_file() or not seed.isdigit() or not record_path(output, name).is_file():
        raise RecordError(
            f"{path} are no weights that `c2f train` wrote: they lie in OUTPUT/weights/NAME--seedS.safetensors, with "
            "their record in OUTPUT/runs; of a network of your own give FILE.py:FUNCTION"
        )
    found = read(record_path(output, name))
    return load(network_name(found), found.parameters["data"], int(seed), output)


def _load_own(name: str, data: str) -> TrainedModel:
    """Return the user's own network, with a record as a training would have left, but without a run."""
    built = build_own(name)
    classes, size, channels = built.classes, built.image_size, built.in_channels
    if not data and classes is None:
        raise ValueError(f"{name} does not name its classes: return c2f.networks.OwnNetwork(network, classes=[...])")
    if data not in datasets.names():  # photographs: folder:PATH, or a path alone
        data = data if data.startswith("folder:") or not data else f"folder:{data}"
        if size is None:
            raise ValueError(
                f"{name} does not say of what size its pictures are: return c2f.networks.OwnNetwork(network, "
                "image_size=224)"
            )
        classes, channels = classes or class_folders(_tested_folder(data)), channels or 3
        data = data or "own"
    elif classes is None or size is None or channels is None:
        known = datasets.load(data).test
        classes, size, channels = classes or known.classes, size or known.image_size, channels or known.in_channels
    recipe = {"name": "own", "image_size": size, "pixel_mean": False}
    shape = {"in_channels": channels, "num_classes": len(classes), "image_size": size}
    about = {"network": name, "data": DataName.parse(data).text, "recipe": recipe, "merge": "none", "scaler": "none"}
    network = built.ready()
    found = Record(run_name(name, data), "training", {**about, **shape})
    return TrainedModel(name, network, found, 0, own_weights(name, network), tuple(classes), None)


def _tested_folder(data: str) -> Path:
    folders = DataName.parse(data).folders
    return folders[0] if len(folders) == 1 and not (folders[0] / "train").is_dir() else datasets.folder_paths(data)[1]


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
