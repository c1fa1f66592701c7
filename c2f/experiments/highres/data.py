"""The pictures that a model is trained and tested on, in memory or read from disk when they are needed.

Axes: N pictures, B pictures of one batch, C channels, H rows, W = H columns.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from c2f import datasets
from c2f.common.checks import positive_int
from c2f.datasets.batches import Batches, Loader
from c2f.datasets.data_name import DataName
from c2f.datasets.pictures import DataSet, split_validation
from c2f.datasets.selection import split_places
from c2f.datasets.streaming import StreamedBatches
from c2f.experiments.highres.augment import AUGMENTATIONS
from c2f.experiments.highres.recipes import DenseRecipe
from c2f.training.data import EVALUATION_BATCH


@dataclass(frozen=True)
class Parts:
    """The loaders of one run, and what they give: ``classes`` in label order, C ``in_channels``, H ``image_size``."""

    train: Loader
    validation: Loader
    test: Loader
    classes: tuple[str, ...]
    in_channels: int
    image_size: int

    @property
    def counts(self) -> dict[str, int]:
        """The number of pictures of each part."""
        return {part: getattr(self, part).num_pictures for part in ("train", "validation", "test")}


class PartOfStream(StreamedBatches):
    """Some of the pictures of a tree of class folders, read from disk; arguments as for ``StreamedBatches``.

    ``places``: int64, which of the files, in the order of ``StreamedBatches``; None for all.
    """

    def __init__(self, folder: Path, batch_size: int, places: Tensor | None = None, **options: Any):
        super().__init__(folder, batch_size, **options)
        self.places = torch.arange(super().num_pictures) if places is None else places

    @property
    def num_pictures(self) -> int:
        """N, the number of pictures of an epoch, those of other processes among them."""
        return len(self.places)

    def read_batches(self, batches: Sequence[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield what lies at each of ``batches`` among ``places``: uint8 ``(B, 3, H, H)``, int64 ``(B,)``."""
        return super().read_batches([self.places[batch] for batch in batches])


@lru_cache(maxsize=1)
def load_pictures(data: str, image_size: int | None) -> DataSet:
    """Return the data set, kept in memory for the next run on it."""
    return datasets.load(data, image_size=image_size)


def load_parts(data: str, recipe: DenseRecipe, seed: int, device: str = "cpu", workers: int | None = None) -> Parts:
    """Return the training part, augmented and in a new order every epoch, the held-out part and the test part.

    Args:
        data: a data set's name, ``folder:PATH`` or ``folder:TRAIN_PATH::TEST_PATH``.
        recipe: its size, batch size, augmentation and held-out share are used.
        seed: of the held-out draw, the order and the augmentation.
        device: where batches go.
        workers: None holds all pictures in memory; a number streams a folder's, with so many reading processes, 0 for
            none beside this one.

    Raises:
        ValueError: an unknown data set, streaming of one that is no folder, a data set of one class, or an unreadable
            picture, which is named.
        FileNotFoundError: the data set is not on this machine, with the remedy.
    """
    augment = AUGMENTATIONS[recipe.augmentation]
    if workers is None:
        found = load_pictures(data, recipe.image_size)
        _check_classes(found.train.classes, data)
        held = split_validation(found.train, recipe.validation, seed)
        train, validation, test = (part.to(device) for part in (*held, found.test))
        return Parts(
            Batches(train, recipe.batch_size, shuffle=True, augment=augment, seed=seed),
            Batches(validation, EVALUATION_BATCH["densenet"]),
            Batches(test, EVALUATION_BATCH["densenet"]),
            found.train.classes,
            found.train.in_channels,
            found.train.image_size,
        )
    positive_int(workers, "workers", minimum=0)
    if not DataName.parse(data).folders:
        raise ValueError(f"only folders of pictures are streamed: give folder:PATH, or hold {data} in memory")
    train_folder, test_folder = datasets.folder_paths(data)
    options: dict[str, Any] = {"image_size": recipe.image_size, "workers": workers, "device": device}
    every = PartOfStream(train_folder, recipe.batch_size, **options)
    _check_classes(every.classes, data)
    rest, chosen = split_places(every.num_pictures, recipe.validation, seed)
    options["classes"] = every.classes  # the test folder must have the same ones
    drawn = {"shuffle": True, "augment": augment, "seed": seed}
    return Parts(
        PartOfStream(train_folder, recipe.batch_size, rest, **options, **drawn),
        PartOfStream(train_folder, EVALUATION_BATCH["densenet"], chosen, **options),
        PartOfStream(test_folder, EVALUATION_BATCH["densenet"], **options),
        every.classes,
        3,
        every.image_size,
    )


def _check_classes(classes: tuple[str, ...], data: str) -> None:
    if len(classes) < 2:
        raise ValueError(f"{data} has one class ({classes[0]}): a classifier needs at least two")
