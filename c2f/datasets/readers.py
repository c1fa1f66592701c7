"""Read data sets from disk: MNIST's four files, CIFAR-10's batches, trees of class folders.

Axes: N pictures, C channels, H rows, W columns.
"""

import logging
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import torch

from c2f.common.checks import did_you_mean, shortened
from c2f.datasets.data_name import DataName
from c2f.datasets.decoding import DamagedData, decode
from c2f.datasets.idx import read_idx
from c2f.datasets.manifest import check_files
from c2f.datasets.pictures import Pictures

logger = logging.getLogger(__name__)

ENDINGS = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp", ".gif", ".avif", ".jp2",
)  # fmt: skip
"""Of the files that are read as pictures, in small letters; of those that move, the first picture."""


def check_counts(folder: Path, found: tuple[int, int], counts: tuple[int, int] | None) -> None:
    """Check that ``folder`` holds as many training and test pictures as it should, where that is known.

    Raises:
        DamagedData: it does not; both pairs of numbers.
    """
    if counts is not None and found != counts:
        raise DamagedData(
            f"{folder} holds {found[0]:,} training and {found[1]:,} test pictures, where {counts[0]:,} and "
            f"{counts[1]:,} should be: it is another data set, or not the whole one"
        )


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
    from torchvision.datasets import CIFAR10
    from torchvision.datasets.utils import check_integrity

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
    """Return the names of the folders in ``folder``, sorted, without those that hold copies (see ``_copies``)."""
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and not _copies(path.name))


def _copies(name: str) -> bool:
    """Return whether a folder so called is a program's: hidden (.ipynb_checkpoints), a network disk's thumbnails
    (@eaDir), a Macintosh's notes in an archive.
    """
    return name.startswith((".", "@")) or name == "__MACOSX"


def picture_files(folder: Path, classes: Sequence[str]) -> list[tuple[str, int]]:
    """List the pictures in the class folders of ``folder``, at any depth.

    Files with other endings, and folders of programs (``@eaDir``, ``__MACOSX``), are passed over, with one warning that
    counts them; what is hidden is passed over in silence. Links are followed, but not back to where they lie.

    Args:
        folder: holds the class folders.
        classes: their names, in label order.

    Returns:
        (path, label) of each file with one of ``ENDINGS``, in the order of the paths, as torchvision's ``ImageFolder``.

    Raises:
        FileNotFoundError: class folders without pictures.
    """
    labels = {name: label for label, name in enumerate(classes)}
    samples: list[tuple[str, int]] = []
    passed_over = Counter(f"{name}/" for name in os.listdir(folder) if _copies(name) and name[0] != ".")
    empty = []
    for name in sorted(labels):
        before = len(samples)
        for place, folders, files in sorted(_walk(os.path.join(folder, name))):
            passed_over.update(f"{found}/" for found in folders if _copies(found))
            for file in sorted(files):
                ending = os.path.splitext(file)[1].lower()
                if ending in ENDINGS:
                    samples.append((os.path.join(place, file), labels[name]))
                else:
                    passed_over[ending or "without an ending"] += 1
        if len(samples) == before:
            empty.append(name)
    most_first = sorted(passed_over.items(), key=lambda item: (-item[1], item[0]))
    others = shortened([f"{number} {kind}" for kind, number in most_first])
    if empty:
        raise FileNotFoundError(
            f"{folder} has no pictures of {len(empty)} of {len(labels)} classes: {shortened(empty)}\n"
            f"A picture's name ends in one of {' '.join(ENDINGS)}; what else is there: {others or 'nothing'}"
        )
    if others:
        _warn_once(f"{folder}: passed over {others}; a picture's name ends in one of {' '.join(ENDINGS)}")
    return samples


def list_files(folder: Path) -> tuple[list[str], dict[str, str]]:
    """Return the paths of all pictures in ``folder`` and below, sorted, and path -> why it is passed over of what else
    is there; what is hidden is in neither.
    """
    pictures, others = [], {}
    for place, folders, files in sorted(_walk(str(folder))):
        others.update({os.path.join(place, name): "a folder of copies" for name in folders if _copies(name)})
        for file in sorted(files):
            ending = os.path.splitext(file)[1].lower()
            if ending in ENDINGS:
                pictures.append(os.path.join(place, file))
            else:
                others[os.path.join(place, file)] = f"no picture's ending: {ending or 'none'}"
    return pictures, others


@cache
def _warn_once(text: str) -> None:  # a tree is listed anew for each loader of it
    logger.warning(text)


def _walk(folder: str, above: tuple[tuple[int, int], ...] = ()) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield ``folder`` and each one below that holds no copies: its path, and its folders and files, without hidden
    ones. A link to a folder in which it lies is not followed.
    """
    status = os.stat(folder)
    here = (status.st_dev, status.st_ino)
    if here in above:
        return
    with os.scandir(folder) as entries:
        shown = [(entry.name, entry.is_dir()) for entry in entries if not entry.name.startswith(".")]
    folders = [name for name, is_folder in shown if is_folder]
    yield folder, folders, [name for name, is_folder in shown if not is_folder]
    for name in folders:
        if not _copies(name):
            yield from _walk(os.path.join(folder, name), (*above, here))


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
    counts: tuple[int, int] | None = None,
) -> tuple[Pictures, Pictures]:
    """Read two folders of class folders, as ``torchvision.datasets.ImageFolder`` does: always RGB.

    Args:
        train, test: they must have the same class folders.
        image_size: of train and of test, see ``decode``.
        classes: the class folders to read, in label order; None reads all, sorted.
        class_names: what to call them, by folder; those without an entry are called as their folders.
        counts: how many pictures train and test must hold, where that is known.

    Raises:
        FileNotFoundError: a folder without class folders, or a class folder without pictures.
        ValueError: train and test have different classes, ``classes`` that are not there, or sizes that
            differ.
        DamagedData: a file that is no whole picture, or other ``counts``.
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
        samples[folder] = picture_files(folder, taken)
    check_counts(train.parent, (len(samples[train]), len(samples[test])), counts)

    def split(folder: Path, size: int | None) -> Pictures:
        check_files(path for path, _ in samples[folder])
        images, _ = decode([Path(path) for path, _ in samples[folder]], size)
        labels = torch.tensor([label for _, label in samples[folder]])
        return Pictures(images, labels, tuple((class_names or {}).get(c, c) for c in taken))

    return split(train, image_size[0]), split(test, image_size[1])
