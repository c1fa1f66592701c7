"""The pictures that a network is evaluated on, wherever they lie, with the labels that it knows.

Axes: N pictures, B pictures of one batch, C channels, H = W rows and columns, K classes.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from torch import Tensor

from c2f import datasets
from c2f.common.checks import did_you_mean, shortened
from c2f.common.files import expand, sha256
from c2f.corruptions import SEVERITIES
from c2f.corruptions import names as corruption_names
from c2f.corruptions.arrays import LABELS, Arrays, is_arrays
from c2f.corruptions.resampling import grey
from c2f.datasets import canvas
from c2f.datasets.data_name import DataName
from c2f.datasets.decoding import resize
from c2f.datasets.idx import idx_file, read_idx
from c2f.datasets.photographs import Photographs
from c2f.datasets.readers import class_folders
from c2f.datasets.streaming import StreamedBatches
from c2f.datasets.verified import digest_of_tree
from c2f.zoo.models import TrainedModel
from c2f.zoo.samples import test_pictures

BATCH = 64
"""Pictures read and classified at once; changes no result."""
FORMS = (
    "a data set's name (`c2f list data`), folder:PATH with train and test in it, or the path of: a folder of class "
    "folders; a tree TYPE/SEVERITY/CLASS of corrupted pictures; a folder of TYPE.npy and labels.npy as CIFAR-10-C's, "
    "or one such file; a folder of MNIST's files, or one of its files of pictures"
)
"""What pictures can be given as."""
Read = Callable[[Tensor], Iterator[tuple[Tensor, Tensor]]]
"""Maps int64 places to batches of float32 pictures ``(B, C, H, H)`` in [0, 1] and int64 labels ``(B,)``."""


@dataclass(frozen=True)
class Source:
    """Some pictures: what they are called, how many there are, and how they are read; their paths if each has one."""

    name: str
    count: int
    read: Read
    paths: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tested:
    """All that a network is evaluated on.

    ``name``: as a record holds it. ``sources``: one, or one a type and severity. ``files``: what tells the pictures
    from others that lie there later.
    """

    name: str
    sources: tuple[Source, ...]
    files: dict[str, str] = field(default_factory=dict)

    @property
    def in_file_names(self) -> str:
        """The name as a part of file names."""
        parsed = DataName.parse(self.name)
        if parsed.folders or self.name in _named():
            return parsed.in_file_names
        return DataName.parse(f"folder:{self.name}").in_file_names


def _named() -> list[str]:
    return [*datasets.names(), *canvas.canvas_names()]


def open_tested(model: TrainedModel, data: str) -> Tested:
    """Return the pictures that ``data`` names (see ``FORMS``), none of them read but for data sets held in memory.

    Classes are matched by name, or by WordNet number where the data of the training has them; files with labels alone
    (MNIST's) are taken to number classes as the network does.

    Raises:
        ValueError: a name that is none of ``FORMS``, other classes than the network's (both lists), or labels out of
            range.
        FileNotFoundError: a folder or file that is not there.
        c2f.datasets.decoding.DamagedData: a file that is not what it should be.
    """
    if data in _named():
        found = test_pictures(model, data)

        def read(places: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
            for some in places.split(BATCH):
                yield found.images[some].float() / 255, found.labels[some]

        return Tested(data, (Source("test", len(found), read),))
    if DataName.parse(data).folders:
        text, folder = DataName.parse(data).text, datasets.folder_paths(data)[1]
        return Tested(text, (_class_tree(model, folder, "test"),), {"test": digest_of_tree(folder)})
    path = expand(data)
    if not path.exists():
        raise ValueError(f"there are no pictures {data!r}{did_you_mean(data, _named())}\nGive {FORMS}")
    name = DataName.parse(f"folder:{path}").text.removeprefix("folder:")
    if path.is_file():
        return _of_file(model, path, name)
    if idx_file(path, _IDX[0]):
        return _of_idx(model, path, _IDX[0], name)
    if is_arrays(path):
        kinds = [kind for kind in corruption_names() if (path / f"{kind}.npy").is_file()]
        return _of_arrays(model, path, kinds, name)
    inside = class_folders(path)
    if {"train", "test"} <= set(inside) or {"train", "val"} <= set(inside):
        return open_tested(model, f"folder:{path}")
    severities = {kind: class_folders(path / kind) for kind in inside}
    if inside and all(each and set(each) <= set(map(str, SEVERITIES)) for each in severities.values()):
        places = {f"{kind} {s}": path / kind / s for kind, each in severities.items() for s in each}
        sources = tuple(_class_tree(model, place, what, more=True) for what, place in places.items())
        return Tested(name, sources, {what: digest_of_tree(place) for what, place in places.items()})
    if not inside:
        raise ValueError(f"{path} holds no class folders, no numpy files and none of MNIST's files\nGive {FORMS}")
    return Tested(name, (_class_tree(model, path, "test"),), {"test": digest_of_tree(path)})


_IDX = ("t10k-images-idx3-ubyte", "train-images-idx3-ubyte")


def _of_file(model: TrainedModel, path: Path, name: str) -> Tested:
    """Return the pictures of one file: numpy's, or MNIST's."""
    if path.suffix == ".npy":
        return _of_arrays(model, path.parent, [path.stem], name)
    wanted = next((idx for idx in _IDX if idx_file(path.parent, idx) == path), None)
    if wanted is None:
        raise ValueError(f"{path} is neither TYPE.npy nor one of {', '.join(_IDX)}, packed or not\nGive {FORMS}")
    return _of_idx(model, path.parent, wanted, name)


def _class_tree(model: TrainedModel, folder: Path, what: str, more: bool = False) -> Source:
    """Return the pictures in class folders; ``more`` allows classes that the network does not know."""
    known = datasets.class_folders_of(model.record.parameters["data"], model.classes)
    there = class_folders(folder)
    if not (set(known) <= set(there) if more else set(known) == set(there)):
        called = "" if known == model.classes else f" (folders {', '.join(known)})"
        raise ValueError(
            f"{model.name} knows the {len(known)} classes {', '.join(model.classes)}{called}, but {folder} has "
            f"{len(there)}: {', '.join(there)}. Rename the folders, or take pictures of the same classes"
        )
    if model.cropped:
        photographs = Photographs(folder, BATCH, size=model.image_size, classes=known)
        paths = tuple(path for path, _ in photographs.files)
        return Source(what, len(paths), lambda places: copy.copy(photographs).keep(places).epoch(0), paths)
    streamed = StreamedBatches(folder, BATCH, image_size=model.image_size, classes=known)

    def read(places: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        for images, labels in streamed.read(places):
            yield in_channels(images.float() / 255, model.in_channels), labels

    return Source(what, streamed.num_pictures, read, tuple(streamed.paths))


def in_channels(pictures: Tensor, channels: int) -> Tensor:
    """Return pictures ``(N, 3, H, W)`` in [0, 1] as ``channels`` of them: all three, or one of grey levels."""
    if channels not in (1, 3):
        raise ValueError(f"photographs have 3 channels, or 1 of grey levels; the network takes {channels}")
    return pictures if channels == 3 else ((grey(pictures) * 255).round_() / 255)


def _of_arrays(model: TrainedModel, folder: Path, kinds: list[str], name: str) -> Tested:
    if not kinds:
        there = sorted(path.name for path in folder.glob("*.npy"))
        raise ValueError(
            f"{folder} has no TYPE.npy of a known type, but {shortened(there)}; see `c2f list corruptions`"
        )
    if model.in_channels != 3:
        raise ValueError(f"{folder} holds coloured pictures: take a network of 3 channels, not of {model.in_channels}")
    arrays = Arrays(folder, kinds, classes=model.classes, image_size=model.image_size)
    count = len(arrays.labels) // len(SEVERITIES)

    def read(kind: str, severity: int, places: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        for some in places.split(BATCH):
            images, labels = arrays.read(kind, severity, some)
            yield images.float() / 255, labels

    sources = [Source(f"{k} {s}", count, partial(read, k, s)) for k in kinds for s in SEVERITIES]
    return Tested(name, tuple(sources), {f: sha256(folder / f) for f in (LABELS, *(f"{k}.npy" for k in kinds))})


def _of_idx(model: TrainedModel, folder: Path, file: str, name: str) -> Tested:
    images = read_idx(folder / file, 3)[:, None]  # (N, 1, H, W)
    labels = read_idx(folder / file.replace("images-idx3", "labels-idx1"), 1).long()
    if len(images) != len(labels) or (len(labels) and int(labels.max()) >= len(model.classes)):
        raise ValueError(
            f"{folder} has {len(images)} pictures and {len(labels)} labels up to {int(labels.max())}, but {model.name} "
            f"knows {len(model.classes)} classes: {', '.join(model.classes)}"
        )
    images = resize(images, model.image_size).expand(-1, model.in_channels, -1, -1)

    def read(places: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        for some in places.split(BATCH):
            yield images[some].float() / 255, labels[some]

    path = idx_file(folder, file)
    assert path is not None  # it has just been read
    return Tested(name, (Source("test", len(labels), read),), {path.name: sha256(path)})
