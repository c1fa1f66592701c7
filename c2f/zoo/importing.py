"""The authors' own weights, brought into an output folder as a training of ours would have left them.

Axes: C channels, H = W rows and columns, K classes.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from c2f import datasets, networks
from c2f.common.checks import positive_int
from c2f.common.files import sha256
from c2f.datasets.data_name import DataName
from c2f.datasets.photographs import IMAGENET_MEAN, IMAGENET_STD
from c2f.datasets.pictures import mean_image
from c2f.datasets.readers import class_folders
from c2f.networks.glimpse.names import split_glimpse_name
from c2f.networks.glimpse.network import GlimpseSettings
from c2f.runs.execution import Sitting
from c2f.runs.experiment import Plan, Trained, record_training
from c2f.runs.folder import run_name
from c2f.runs.record import Run
from c2f.training.data import load_data_set
from c2f.training.recipes import recipe
from c2f.zoo import keras_weights, lightning_weights
from c2f.zoo.models import OPTIONS

SIZES = {"densenet": 224, "glimpses": 112}
"""Kind of network -> H in pixels, where none is said; of a classifier it is its family's."""
_RECORDS = {"classifier": "training", "densenet": "densenet", "glimpses": "glimpse"}


@dataclass(frozen=True)
class Import:
    """What the file does not say.

    Attributes:
        image_size: H of the pictures; None for the paper's.
        merge: how a top-down network joins scales.
        config: of a DenseNet-FCN.
        look: how a network of glimpses looks.
        mean: of each channel, by which a network of glimpses standardises; none for ImageNet's of a folder of
            photographs, and else for pictures as they are.
        std: of each channel, given with ``mean``.
    """

    image_size: int | None = None
    merge: str = "sum_concat"
    config: str = "paper"
    look: GlimpseSettings = field(default_factory=GlimpseSettings)
    mean: Sequence[float] = ()
    std: Sequence[float] = ()


def import_weights(
    file: Path, name: str, data: str, output: Path, how: Import | None = None, seed: int = 0, again: bool = False
) -> Run:
    """Read the authors' weights of ``name`` from ``file``, check them by every shape, and record them.

    Args:
        file: Keras's ``.h5`` of a Top-Down network or of the DenseNet-FCN, or a ``.ckpt`` of PyTorch Lightning of the
            Multi-Glimpse Network, of which nothing but tensors is read.
        name: of the network.
        data: the data set that it was trained on; it must be here, for the names of its classes and, where the recipe
            subtracts it, the mean picture of its training part.
        output: the folder that gets weights and record.
        how: what the file does not say.
        seed: under which the run is recorded.
        again: replace a run that is there.

    Raises:
        ValueError: a file that cannot be read, or is of another network; what differs.
        FileNotFoundError: the file or the data set is not here.
        ImportError: h5py is missing.
        c2f.runs.record.RecordError: ``output`` holds another training of this name.
    """
    how, kind = how or Import(), networks.kind_of(name)
    if kind == "segmentation" or not file.is_file():
        if kind == "segmentation":
            raise ValueError(f"the authors' weights of {name} are not read: take a network that classifies pictures")
        raise FileNotFoundError(f"there is no file {file}")
    described = _described(name, kind, data, how)
    shape = {key: described[key] for key in ("in_channels", "num_classes", "image_size")}
    network = networks.build(name, **shape, seed=0, **OPTIONS[_RECORDS[kind]](described))
    if kind == "glimpses":
        lightning_weights.load_state(network, lightning_weights.read_state(file))
    else:
        keras_weights.load_layers(network, keras_weights.read_layers(file))
    facts = {"classes": list(_classes(data)), "imported": {"file": file.name, "sha256": sha256(file)}}
    plan = Plan(run_name(name, data), _RECORDS[kind], seed, described, output, how={"again": again}, facts=facts)

    def train(sitting: Sitting) -> Trained:
        tensors = {}
        if described["recipe"]["pixel_mean"]:
            tensors = {"means": {"mean": mean_image(load_data_set(data, described["image_size"]).train)}}
        count = float(sum(p.numel() for p in network.parameters()))
        return Trained(network, {"parameters": count}, facts, 0.0, tensors)

    return record_training(plan, train)


def _described(name: str, kind: str, data: str, how: Import) -> dict[str, Any]:
    """Return the parameters of the record: what ``c2f.zoo.load`` builds the network from."""
    size = how.image_size
    if size is None:
        size = networks.family_of(name).image_size if kind == "classifier" else SIZES[kind]
    text, folder = DataName.parse(data).text, bool(DataName.parse(data).folders)
    channels = 1 if not folder and datasets.info(data).grey else 3
    about: dict[str, Any] = {"network": name, "data": text, "in_channels": channels, "num_classes": len(_classes(data))}
    about |= {"image_size": positive_int(size, "image_size")}
    how_trained: dict[str, Any] = {"name": "imported", "pixel_mean": False, "image_size": size}
    if kind == "classifier":
        how_trained["pixel_mean"] = recipe(name, data).pixel_mean
        return about | {"recipe": how_trained, "merge": how.merge, "scaler": "gaussian_resize"}
    if kind == "densenet":
        return about | {"recipe": how_trained | {"config": how.config}}
    what, backbone = split_glimpse_name(name)
    mean, std = (IMAGENET_MEAN, IMAGENET_STD) if folder else ((0.0,) * channels, (1.0,) * channels)
    standard = {"mean": list(how.mean or mean), "std": list(how.std or std)}
    about |= {"kind": what, "backbone": backbone, "noise": 0.0, "recipe": how_trained, "look": asdict(how.look)}
    return about | standard


def _classes(data: str) -> tuple[str, ...]:
    if DataName.parse(data).folders:
        return tuple(class_folders(datasets.folder_paths(data)[1]))
    return datasets.info(data).label_names or datasets.load(data).test.classes
