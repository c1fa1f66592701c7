"""What a Multi-Glimpse Network learns from: data sets in memory, pictures on a canvas, and photographs from disk.

Axes: N pictures, C channels, H rows, W = H columns.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from c2f import datasets
from c2f.datasets import canvas
from c2f.datasets.batches import Batches, Loader
from c2f.datasets.data_name import DataName
from c2f.datasets.photographs import IMAGENET_MEAN, IMAGENET_STD, Photographs
from c2f.datasets.pictures import Pictures, split_validation
from c2f.datasets.selection import split_places
from c2f.training.data import EVALUATION_BATCH


@dataclass(frozen=True)
class Loaders:
    """``train``, ``validation`` (None where nothing is held out) and ``test``: pictures ``(B, C, H, H)`` in [0, 1]."""

    train: Loader
    validation: Loader | None
    test: Loader


@dataclass(frozen=True)
class GlimpseData:
    """A data set, ready to be trained on.

    ``in_channels``: C. ``image_size``: H. ``classes``: K names. ``mean``, ``std``: of each channel of the training
    pictures in [0, 1], to four digits. ``loaders``: maps batch size, share of the training pictures to hold out, seed,
    device and number of reading processes to ``Loaders``.
    """

    in_channels: int
    image_size: int
    classes: tuple[str, ...]
    mean: list[float]
    std: list[float]
    loaders: Callable[[int, float, int, str, int], Loaders]


def channel_statistics(pictures: Pictures) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation of each channel over all pictures in [0, 1], to four digits."""
    counts = torch.stack([images.flatten().bincount(minlength=256) for images in pictures.images.transpose(0, 1)])
    levels, shares = torch.arange(256).double() / 255, counts.double() / counts.sum(dim=1, keepdim=True)
    mean = shares @ levels
    variance = shares @ levels**2 - mean**2
    if not variance.all():
        raise ValueError(
            "a channel of the training pictures has the same value everywhere: there is nothing to see in it"
        )
    return [[round(float(v), 4) for v in values] for values in (mean, variance.sqrt())]  # type: ignore[return-value]


def check_pictures(pictures: Pictures) -> None:
    """Raise ``ValueError`` unless the pictures are square."""
    height, width = pictures.images.shape[2:]
    if height != width:
        raise ValueError(
            f"glimpses are square, these pictures are {height}x{width}: give an image size to bring them to"
        )


def load_data(data: str, image_size: int | None = None, *, streamed: bool = False, noise: float = 0.0) -> GlimpseData:
    """Load ``data`` by name; nothing is downloaded.

    Args:
        data: a name in ``c2f.datasets.names()`` or ``canvas_names()``, or ``folder:PATH`` with class folders.
        image_size: H in pixels, where other than the data's own; of the canvas, where there is one.
        streamed: read photographs from disk when they are needed, with ImageNet's crops and the paper's augmentation
            (``c2f.datasets.photographs``); only ``folder:PATH``.
        noise: standard deviation of noise on a canvas.

    Raises:
        ValueError: an unknown name, noise without a canvas, streaming of what is no folder, or pictures not square.
        FileNotFoundError: the data set is not on this machine; the remedy.
    """
    if streamed:
        return _streamed(data, 224 if image_size is None else image_size)
    if DataName.parse(data).on_canvas:
        return _on_canvas(data, canvas.CANVAS if image_size is None else image_size, noise)
    if noise:
        raise ValueError(f"noise is for pictures on a canvas ({', '.join(canvas.canvas_names())}), not for {data}")
    found = datasets.load(data, image_size=image_size)
    check_pictures(found.train)

    def loaders(batch_size: int, held_out: float, seed: int, device: str, workers: int) -> Loaders:
        train, validation = split_validation(found.train, held_out, seed)
        return Loaders(
            Batches(train.to(device), batch_size, shuffle=True, seed=seed),
            Batches(validation.to(device), EVALUATION_BATCH["glimpses"]) if len(validation) else None,
            Batches(found.test.to(device), EVALUATION_BATCH["glimpses"]),
        )

    return GlimpseData(
        found.train.in_channels,
        found.train.image_size,
        found.train.classes,
        *channel_statistics(found.train),
        loaders=loaders,
    )


def _on_canvas(data: str, size: int, noise: float) -> GlimpseData:
    found = canvas.load_canvas(data, size, noise)

    def loaders(batch_size: int, held_out: float, seed: int, device: str, workers: int) -> Loaders:
        train, validation = split_validation(found.train, held_out, seed)
        placed = canvas.fixed(validation, size, noise) if len(validation) else validation
        return Loaders(
            Batches(train.to(device), batch_size, shuffle=True, augment=found.place, seed=seed),
            Batches(placed.to(device), EVALUATION_BATCH["glimpses"]) if len(placed) else None,
            Batches(found.test.to(device), EVALUATION_BATCH["glimpses"]),
        )

    return GlimpseData(
        found.train.in_channels, size, found.train.classes, *channel_statistics(found.train), loaders=loaders
    )


def _streamed(data: str, size: int) -> GlimpseData:
    if not DataName.parse(data).folders:
        raise ValueError(f"only a tree of class folders can be streamed, not {data}: give folder:PATH")
    train_folder, test_folder = datasets.folder_paths(data)
    classes = Photographs(train_folder, 1, size=size).classes

    def loaders(batch_size: int, held_out: float, seed: int, device: str, workers: int) -> Loaders:
        def photographs(folder: Path, part: Tensor | None = None, train: bool = False) -> Photographs:
            found = Photographs(
                folder, batch_size, size=size, train=train, classes=classes, seed=seed, workers=workers, device=device
            )
            return found if part is None else found.keep(part)

        n = photographs(train_folder).num_pictures
        kept, held = split_places(n, held_out, seed)
        return Loaders(
            photographs(train_folder, kept, train=True),
            photographs(train_folder, held) if len(held) else None,
            photographs(test_folder),
        )

    return GlimpseData(3, size, classes, list(IMAGENET_MEAN), list(IMAGENET_STD), loaders)
