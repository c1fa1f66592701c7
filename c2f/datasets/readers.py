"""Read data sets from disk: idx files (MNIST's format), CIFAR-10's batches, trees of class folders.

Axes: N pictures, C channels, H rows, W columns.
"""

import gzip
import lzma
import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torchvision.datasets import CIFAR10
from torchvision.datasets.folder import IMG_EXTENSIONS, make_dataset
from torchvision.datasets.utils import check_integrity

from c2f.common.checks import did_you_mean
from c2f.datasets.data_name import DataName
from c2f.datasets.decoding import DamagedData, decode
from c2f.datasets.pictures import Pictures


def read_idx(path: Path, dimensions: int) -> Tensor:
    """Read bytes in MNIST's idx format: 0, 0, 8, ``dimensions``; the sizes, 4 bytes each; the bytes.

    Args:
        path: the plain file; where it is not there, ``path`` with ``.gz`` or ``.xz`` added is read instead.
        dimensions: 1 for labels, 3 for pictures.

    Returns:
        uint8, of the file's own shape.

    Raises:
        FileNotFoundError: none of the three is there.
        DamagedData: another magic number, or another number of bytes than the header says.
    """
    openers: dict[str, Callable] = {"": open, ".gz": gzip.open, ".xz": lzma.open}
    candidates = [path.with_name(path.name + suffix) for suffix in openers]
    packed = next((candidate for candidate in candidates if candidate.exists()), None)
    if packed is None:
        raise FileNotFoundError(f"neither {path} nor {path.name}.gz nor {path.name}.xz is there")
    try:
        with openers[packed.name.removeprefix(path.name)](packed, "rb") as file:
            content = bytearray(file.read())
    except (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error) as error:
        raise DamagedData(f"{packed} cannot be unpacked: {error}") from error
    header = 4 + 4 * dimensions
    magic = bytes((0, 0, 8, dimensions))
    if content[:4] != magic:
        raise DamagedData(
            f"{packed} is no idx file of {dimensions}-dimensional bytes: it begins with "
            f"{bytes(content[:4]).hex(' ') or 'nothing'}, not {magic.hex(' ')}"
        )
    shape = [int.from_bytes(content[i : i + 4], "big") for i in range(4, header, 4)]
    if len(content) != header + math.prod(shape):
        kind = "cut short" if len(content) < header + math.prod(shape) else "too long"
        raise DamagedData(
            f"{packed} is {kind}: its header announces {' x '.join(map(str, shape))} = {math.prod(shape)} "
            f"bytes, {max(len(content) - header, 0)} follow"
        )
    return torch.frombuffer(content, dtype=torch.uint8)[header:].view(shape)


def write_idx(array: Tensor) -> bytes:
    """Return a uint8 tensor of any number of dimensions in MNIST's idx format: what ``read_idx`` reads."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes((0, 0, 8, array.ndim)) + sizes + array.contiguous().numpy().tobytes()


def read_mnist(folder: Path, classes: tuple[str, ...]) -> tuple[Pictures, Pictures]:
    """Read a folder of MNIST's four files, plain or packed: train and test, grey pictures ``(N, 1, H, W)``.

    Raises:
        FileNotFoundError: a file is not there.
        DamagedData: one is not what its header says, there are not as many labels as pictures, or a label is
            too great.
    """

    def split(prefix: str) -> Pictures:
        images = read_idx(folder / f"{prefix}-images-idx3-ubyte", 3)  # (N, H, W)
        labels = read_idx(folder / f"{prefix}-labels-idx1-ubyte", 1)  # (N,)
        if len(images) != len(labels):
            raise DamagedData(
                f"{folder} has {len(images)} pictures but {len(labels)} labels in its {prefix} files: "
                "they do not belong together"
            )
        if len(labels) and int(labels.max()) >= len(classes):
            raise DamagedData(
                f"the {prefix} labels in {folder} reach {int(labels.max())}, there are {len(classes)} classes"
            )
        return Pictures(images[:, None], labels.long(), classes)

    return split("train"), split("t10k")


def read_cifar10(folder: Path) -> tuple[Pictures, Pictures]:
    """Read CIFAR-10's python batches through torchvision: train and test, ``(N, 3, 32, 32)``.

    Raises:
        DamagedData: a file whose checksum is not torchvision's; it is not opened, for it is a pickle.
    """
    files = [*CIFAR10.train_list, *CIFAR10.test_list, (CIFAR10.meta["filename"], CIFAR10.meta["md5"])]
    damaged = [file for file, md5 in files if not check_integrity(folder / file, md5)]
    if damaged:
        raise DamagedData(f"in {folder} these files do not have the right md5: {', '.join(damaged)}")

    def split(train: bool) -> Pictures:
        source = CIFAR10(folder.parent, train=train)
        images = torch.from_numpy(source.data).permute(0, 3, 1, 2).contiguous()  # (N, C, H, W)
        return Pictures(images, torch.tensor(source.targets), tuple(source.classes))

    return split(True), split(False)


def folder_paths(name: str) -> tuple[Path, Path]:
    """Return the train and the test folder that ``folder:PATH`` or ``folder:TRAIN_PATH::TEST_PATH`` names.

    Raises:
        ValueError: no path, or more than two.
        FileNotFoundError: a folder that is not there, or PATH holds no ``train``, or neither ``test`` nor
            ``val``.
    """
    folders = DataName.parse(name).folders
    for folder in folders:
        if not folder.is_dir():
            raise FileNotFoundError(f"there is no folder {folder}, named by {name!r}")
    return split_folders(folders[0]) if len(folders) == 1 else (folders[0], folders[1])


def split_folders(folder: Path) -> tuple[Path, Path]:
    """Return ``train`` and ``test`` in ``folder``, or ``train`` and ``val`` where there is no ``test``.

    Raises:
        FileNotFoundError: they are not there.
    """
    train, test = folder / "train", folder / "test" if (folder / "test").is_dir() else folder / "val"
    if not train.is_dir() or not test.is_dir():
        raise FileNotFoundError(
            f"{folder} must hold the folders train and test (or val); "
            "name them one by one if they are called otherwise: folder:TRAIN_PATH::TEST_PATH"
        )
    return train, test


def class_folders(folder: Path) -> list[str]:
    """Return the names of the folders in ``folder``, sorted, without hidden ones (.ipynb_checkpoints)."""
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def take_classes(wanted: Sequence[str] | None, there: Sequence[str], where: Path | str) -> list[str]:
    """Return the class folders to read: ``wanted`` in its own order, or all that are ``there``.

    Raises:
        ValueError: an empty list, a class named twice, or one that is not there, with the nearest one that
            is.
    """
    if wanted is None:
        return list(there)
    if isinstance(wanted, str) or not wanted:
        raise ValueError(f"classes must be a list of at least one class folder's name, not {wanted!r}")
    if twice := sorted({c for c in wanted if list(wanted).count(c) > 1}):
        raise ValueError(f"classes names {', '.join(twice)} more than once")
    if absent := [c for c in wanted if c not in there]:
        hint = did_you_mean(str(absent[0]), there)
        raise ValueError(f"{where} has no classes {', '.join(map(str, absent))}{hint}\nThere are: {', '.join(there)}")
    return list(wanted)


def read_folders(
    train: Path,
    test: Path,
    image_size: tuple[int | None, int | None] = (None, None),
    classes: Sequence[str] | None = None,
    class_names: Mapping[str, str] | None = None,
) -> tuple[Pictures, Pictures]:
    """Read two folders of class folders, as ``torchvision.datasets.ImageFolder`` does: always RGB.

    Args:
        train, test: they must have the same class folders.
        image_size: of train and of test, see ``decode``.
        classes: the class folders to read, in label order; None reads all, sorted.
        class_names: what to call them, by folder; those without an entry are called as their folders.

    Raises:
        FileNotFoundError: a folder without class folders, or a class folder without pictures.
        ValueError: train and test have different classes, ``classes`` that are not there, or sizes that
            differ.
        DamagedData: a file that is no whole picture.
    """
    there = {folder: class_folders(folder) for folder in (train, test)}
    for folder, found in there.items():
        if not found:
            raise FileNotFoundError(
                f"{folder} has no class folders: there must be one for each class, with its pictures"
            )
    if classes is None and there[train] != there[test]:
        only = [sorted(set(there[a]) - set(there[b])) for a, b in ((train, test), (test, train))]
        raise ValueError(
            f"different classes: only in {train}: {only[0] or 'none'}; only in {test}: {only[1] or 'none'}"
        )

    samples = {}
    for folder in (train, test):  # look at both before any picture is read
        taken = take_classes(classes, there[folder], folder)
        try:
            samples[folder] = make_dataset(folder, {c: i for i, c in enumerate(taken)}, IMG_EXTENSIONS)
        except FileNotFoundError as error:
            raise FileNotFoundError(f"in {folder}: {error}") from error

    def split(folder: Path, size: int | None) -> Pictures:
        images, _ = decode([Path(path) for path, _ in samples[folder]], size)
        labels = torch.tensor([label for _, label in samples[folder]])
        return Pictures(images, labels, tuple((class_names or {}).get(c, c) for c in taken))

    return split(train, image_size[0]), split(test, image_size[1])
