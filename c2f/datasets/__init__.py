"""Data sets in memory: ``load`` one by name, list ``names``, ``fetch`` ahead of time, ``table`` what is here.

::

    fashion = load("fashion-mnist-sample")
    fashion.train.images  # uint8 (10000, 1, 28, 28)

Axes: N pictures, C channels, H rows, W columns.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from c2f.common.checks import positive_int, shortened
from c2f.common.outside import data_root
from c2f.datasets import scenes
from c2f.datasets.data_name import DataName
from c2f.datasets.decoding import DamagedData, resize
from c2f.datasets.download import DownloadError
from c2f.datasets.fetching import Status, fetch, table
from c2f.datasets.manifest import CHECKED, verify_files
from c2f.datasets.pictures import DataSet, Pictures, mean_image, split_validation
from c2f.datasets.readers import (
    check_counts,
    class_folders,
    folder_paths,
    picture_files,
    read_cifar10,
    read_folders,
    read_mnist,
    split_folders,
    take_classes,
)
from c2f.datasets.registry import INFO, info, names
from c2f.datasets.row import Info
from c2f.datasets.sample import check_sample
from c2f.datasets.tiny_imagenet import class_names, read_tiny_imagenet
from c2f.datasets.verified import check_contents, files_of

__all__ = [
    "INFO",
    "DamagedData",
    "DataName",
    "DataSet",
    "DownloadError",
    "Info",
    "Pictures",
    "Status",
    "check_there",
    "class_folders_of",
    "data_root",
    "fetch",
    "files_of",
    "folder_paths",
    "info",
    "load",
    "mean_image",
    "names",
    "split_validation",
    "table",
    "test_size",
    "verify",
]


def load(
    name: str,
    *,
    root: str | os.PathLike[str] | None = None,
    image_size: int | tuple[int, int] | None = None,
    classes: Sequence[str] | None = None,
) -> DataSet:
    """Load a data set into memory; nothing is downloaded (see ``fetch``).

    Args:
        name: one of ``names()``, or a tree of class folders of your own: ``folder:PATH``, where PATH holds
            ``train`` and ``test`` (or ``val``), or ``folder:TRAIN_PATH::TEST_PATH``.
        root: the data root; None takes ``data_root()``: the environment's ``C2F_DATA``, else the user's cache
            folder.
        image_size: H = W in pixels to resize to (bilinear, antialiased, aspect not kept), one for train and
            test or a pair; boxes are resized too. None leaves the pictures as they are. Scenes are made at this
            size (None: 64).
        classes: only these classes, in this label order, by the names of their folders (WordNet numbers in
            Tiny-ImageNet and Imagenette); None takes all, sorted. The name of what is returned tells of it.

    Returns:
        Train and test pictures, uint8 ``(N, C, H, W)``, with int64 labels, class names, boxes in Tiny-ImageNet and
        scenes, and masks in scenes.

    Raises:
        ValueError: an unknown name, size or class, or pictures of different sizes without ``image_size``.
        FileNotFoundError: the data set is not on this machine, or not whole; the remedy.
        DamagedData: a damaged file, or one that is not the data set's, or another number of pictures than it has; the
            name and the remedy.
        MemoryError: the pictures do not fit into this machine's memory.
    """
    sizes = tuple(image_size) if isinstance(image_size, tuple | list) else (image_size, image_size)
    if len(sizes) != 2:
        raise ValueError(f"image_size must be one size, or a pair for train and test, not {image_size!r}")
    for size in sizes:
        if size is not None:
            positive_int(size, "image_size")
    if DataName.parse(name).folders:
        return _data_set(name, classes, read_folders(*folder_paths(name), sizes, classes))
    row = info(name)
    for size in sizes:
        if row.source and size is not None:
            scenes.check_size(size)
    if classes is not None:
        if row.layout not in ("class-folders", "tiny-imagenet"):
            raise ValueError(f"{name} has no class folders: classes= is for those that have, e.g. tiny-imagenet")
        take_classes(classes, row.classes or classes, name)
        row = replace(row, classes=())  # the reader says which of them are not there
    folder = _folder(row, root)
    try:
        return _data_set(name, classes, _read(row, folder, sizes, classes or row.classes))
    except DamagedData as error:
        raise DamagedData(f"{error}\n{row.repair}") from error


def test_size(name: str) -> int:
    """Return how many test pictures a data set has, without reading one; ``name`` as for ``load``.

    Raises:
        ValueError: an unknown name.
        FileNotFoundError: a folder that is not there, or lacks pictures.
    """
    if DataName.parse(name).folders:
        test = folder_paths(name)[1]
        return len(picture_files(test, class_folders(test)))
    return info(name).test


def check_there(name: str, root: str | os.PathLike[str] | None = None) -> None:
    """Refuse a data set that ``load`` would not find, without reading a picture; ``name`` and ``root`` as there.

    Raises:
        ValueError: an unknown name.
        FileNotFoundError: it is not on this machine, or not whole; the remedy.
    """
    if DataName.parse(name).folders:
        folder_paths(name)
    else:
        _folder(info(name), root)


def verify(name: str, root: str | os.PathLike[str] | None = None) -> None:
    """Read every file of a data set of the table again and compare its checksum, whatever is remembered of it.

    Raises:
        ValueError: an unknown name.
        FileNotFoundError: the data set is not on this machine; the remedy.
        DamagedData: a file has other bytes, or there is nothing to compare them with; the remedy.
    """
    row = info(name)
    folder = _folder(row, root)
    if row.layout not in ("class-folders", "tiny-imagenet"):
        (folder / CHECKED).unlink(missing_ok=True)
        load(name, root=root)
        return
    try:
        verify_files(folder)
    except DamagedData as error:
        raise DamagedData(f"{error}\n{row.repair}") from error


test_size.__test__ = False  # type: ignore[attr-defined]  # no test of pytest's, for all its name


def class_folders_of(
    name: str, classes: Sequence[str], *, root: str | os.PathLike[str] | None = None
) -> tuple[str, ...]:
    """Return what trees of pictures like those of the data set ``name`` call the folders of ``classes``.

    Tables show words; Tiny-ImageNet, Imagenette and what is made of ImageNet lie in folders called by WordNet numbers.

    Args:
        name: of the data set that a network was trained on, as ``load`` takes it, or one on a canvas.
        classes: its class names, in label order.
        root: as for ``load``.

    Returns:
        WordNet numbers in label order where the data set has them; else ``classes`` themselves.

    Raises:
        ValueError: the data set has other classes than these.
        FileNotFoundError: Tiny-ImageNet, whose numbers are those of its folders, is not on this machine; the remedy.
    """
    row = INFO.get(DataName.parse(name).text)
    if row is None or not (row.classes or row.layout == "tiny-imagenet"):
        return tuple(classes)
    folders, known = row.classes, tuple(classes)
    if folders is None:
        folder = _folder(row, root)
        folders = tuple(class_folders(folder / "train"))
        known = class_names(folder, folders)
    if len(folders) != len(classes) or known != tuple(classes):
        raise ValueError(
            f"{name} has {len(folders)} classes, {shortened(folders)}: these are others, {shortened(classes)}"
        )
    return folders


def _folder(row: Info, root: str | os.PathLike[str] | None) -> Path:
    """Return the folder of a data set that is there."""
    folder = row.where(root)
    if missing := row.missing(folder):
        lacks = f" It lacks {shortened(missing)}." if folder.exists() else ""
        remedy = row.by_hand or f"Run `c2f fetch {row.name}`, or set C2F_DATA to the folder that holds your data sets."
        raise FileNotFoundError(f"{row.name} is not in {folder}.{lacks}\n{remedy}")
    return folder


def _data_set(name: str, classes: Sequence[str] | None, parts: tuple[Pictures, Pictures]) -> DataSet:
    return DataSet(name if classes is None else f"{name}[{','.join(classes)}]", *parts)


def _read(
    row: Info, folder: Path, sizes: tuple[int | None, int | None], classes: Sequence[str] | None
) -> tuple[Pictures, Pictures]:
    whole = info(row.source or row.name)
    counts = (whole.train, whole.test) if list(classes or ()) == list(whole.classes or ()) else None
    if row.layout == "tiny-imagenet":
        return read_tiny_imagenet(folder, sizes, classes, counts)
    if row.layout == "class-folders":
        return read_folders(*split_folders(folder), sizes, classes, row.class_names, counts)
    if row.shipped:
        check_sample(folder)
    train, test = read_cifar10(folder) if row.layout == "cifar-batches" else read_mnist(folder, row.label_names)
    check_counts(folder, (len(train), len(test)), counts)
    check_contents(folder, row.sha256)
    if row.source:  # of other pictures, and drawn by another seed
        return (
            scenes.scenes(train, row.train, size=sizes[0] or scenes.SIZE, seed=0),
            scenes.scenes(test, row.test, size=sizes[1] or scenes.SIZE, seed=1),
        )
    return _resized(train, sizes[0]), _resized(test, sizes[1])


def _resized(pictures: Pictures, image_size: int | None) -> Pictures:
    if image_size is None:
        return pictures
    return replace(pictures, images=resize(pictures.images, image_size))
