"""Tiny-ImageNet: 64x64 pictures with a bounding box each, any of its classes.

The test pictures are the official validation part; the labels of the official test part were never published.
Axes: N pictures, C channels, H rows, W columns.
"""

from collections.abc import Sequence
from pathlib import Path

import torch

from c2f.datasets.decoding import DamagedData, decode, resize_boxes
from c2f.datasets.manifest import check_files
from c2f.datasets.pictures import Pictures
from c2f.datasets.readers import check_counts, class_folders, take_classes

NUM_CLASSES = 200
"""Of the whole data set; a folder may hold fewer."""

TINY_IMAGENETTE = (
    "n01443537", "n02056570", "n02099601", "n02279972", "n02504458",
    "n04146614", "n04398044", "n07747607", "n07873807", "n04366367",
)  # fmt: skip
"""Ten easy classes."""

TINY_ANIMALS = (
    "n01443537", "n02056570", "n02099601", "n02279972", "n02504458",
    "n02123045", "n02129165", "n02132136", "n01641577", "n02268443",
    "n02165456", "n01882714", "n02423022", "n02481823", "n01770393",
)  # fmt: skip
"""Fifteen animals."""

Record = tuple[Path, int, list[int]]
"""A picture's file, its label, its box x0, y0, x1, y1."""


def read_tiny_imagenet(
    folder: Path,
    image_size: tuple[int | None, int | None] = (None, None),
    classes: Sequence[str] | None = None,
    counts: tuple[int, int] | None = None,
) -> tuple[Pictures, Pictures]:
    """Read the folder ``tiny-imagenet-200`` of the public zip, whole or some of its classes.

    Args:
        folder: has words.txt, train/WNID/WNID_boxes.txt, train/WNID/images, val/val_annotations.txt,
            val/images.
        image_size: H = W in pixels of train and of test; None leaves the 64 of the files. Boxes are resized
            too.
        classes: WordNet numbers, in label order; None reads all that are there, sorted.
        counts: how many pictures train and test must hold, where that is known.

    Returns:
        train and test, ``(N, 3, H, H)`` with boxes; a class is called by the first of its words ("goldfish").

    Raises:
        ValueError: a class that is not there.
        DamagedData: a text file or a picture that is not what it should be, a class without test pictures, or other
            ``counts``.
    """
    taken = take_classes(classes, class_folders(folder / "train"), folder / "train")
    names = class_names(folder, taken)
    labels = {wnid: label for label, wnid in enumerate(taken)}

    train: list[Record] = []
    for wnid in taken:
        boxes = folder / "train" / wnid / f"{wnid}_boxes.txt"
        for line, (file, *box) in _rows(boxes, 5):
            train.append((boxes.parent / "images" / file, labels[wnid], _box(box, boxes, line)))
    annotations = folder / "val" / "val_annotations.txt"
    test: list[Record] = []
    for line, (file, wnid, *box) in _rows(annotations, 6):
        if wnid in labels:
            test.append((folder / "val" / "images" / file, labels[wnid], _box(box, annotations, line)))
    for part, source in ((train, folder / "train"), (test, annotations)):
        if lacking := set(labels.values()) - {label for _, label, _ in part}:
            raise DamagedData(f"{source} has no pictures of {', '.join(taken[label] for label in sorted(lacking))}")
    check_counts(folder, (len(train), len(test)), counts)
    return _pictures(train, names, image_size[0]), _pictures(test, names, image_size[1])


def class_names(folder: Path, wnids: Sequence[str]) -> tuple[str, ...]:
    """Return what the classes ``wnids`` are called: the first of their words in ``folder``'s words.txt, or the number.

    Raises:
        DamagedData: words.txt is missing or is not what it should be.
    """
    words = dict(row[:2] for _, row in _rows(folder / "words.txt", 2))
    return tuple(words[wnid].split(",")[0] if wnid in words else wnid for wnid in wnids)


def _rows(path: Path, columns: int) -> list[tuple[int, list[str]]]:
    """Return the lines of a tab-separated file, each with its number and at least ``columns`` entries."""
    if not path.exists():
        raise DamagedData(f"{path} is missing")
    check_files([path])
    rows = []
    for line, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        row = text.strip().split("\t")
        if len(row) < columns:
            raise DamagedData(f"{path}, line {line}: expected {columns} entries with tabs between them, not {text!r}")
        rows.append((line, row[:columns]))
    return rows


def _box(entries: list[str], path: Path, line: int) -> list[int]:
    try:
        x0, y0, x1, y1 = map(int, entries)
    except ValueError:
        x0, y0, x1, y1 = 0, 0, -1, -1
    if not (0 <= x0 <= x1 and 0 <= y0 <= y1):
        raise DamagedData(f"{path}, line {line}: {' '.join(entries)} is no box x0 y0 x1 y1 in pixels")
    return [x0, y0, x1, y1]


def _pictures(records: list[Record], names: tuple[str, ...], image_size: int | None) -> Pictures:
    check_files(path for path, _, _ in records)
    images, sizes = decode([path for path, _, _ in records], image_size)
    boxes = torch.tensor([box for _, _, box in records])  # (N, 4)
    outside = (boxes[:, 2:] >= sizes.flip(1)).any(dim=1)
    if outside.any():
        i = int(outside.nonzero()[0])
        raise DamagedData(f"the box {records[i][2]} of {records[i][0]} reaches beyond the picture")
    if image_size is not None:
        boxes = resize_boxes(boxes, sizes, image_size)
    return Pictures(images, torch.tensor([label for _, label, _ in records]), names, boxes)
