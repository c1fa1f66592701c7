"""A trained network and test pictures whose objects are known: what its evidence maps are measured on.

Axes: N pictures, C channels, H rows, W columns.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from c2f import datasets, localization
from c2f.checks import positive_int
from c2f.datasets.pictures import Pictures
from c2f.datasets.scenes import OBJECT_ABOVE
from c2f.experiments import load_for
from c2f.recipes import Recipe
from c2f.targets import Target, load_target, subset

CHOSEN = 200
"""Test pictures on which thresholds are chosen, unless another number is asked for; none of them is scored."""
PICTURES = 500
"""Test pictures that are scored, unless another number is asked for."""


@dataclass(frozen=True)
class Objects:
    """Where the objects of N pictures are.

    ``boxes``: int64 ``(N, 4)``, tight. ``masks``: bool ``(N, H, W)``. ``known``: how it is known, ``masks``, ``boxes``
    (a mask is then the whole box) or ``bright pixels``.
    """

    boxes: Tensor
    masks: Tensor
    known: str

    def select(self, index: Tensor) -> "Objects":
        """Return the objects of the pictures at ``index``, int64 or bool."""
        return Objects(self.boxes[index], self.masks[index], self.known)


def find_objects(pictures: Pictures, data: str) -> Objects:
    """Return where the objects are: by the masks that come with the pictures, else the boxes.

    Grey pictures that have neither, such as MNIST's, show their object on black: it is the pixels above
    ``c2f.datasets.scenes.OBJECT_ABOVE``.

    Args:
        pictures: N of them.
        data: the data set's name, for the message.

    Raises:
        ValueError: coloured pictures with neither, boxes of another convention, or a picture without any object.
    """
    if pictures.masks is None and pictures.boxes is not None:
        masks = localization.boxes_to_masks(pictures.boxes, *pictures.images.shape[2:])
        return Objects(pictures.boxes.cpu(), masks, "boxes")
    if pictures.masks is not None:
        masks, known = pictures.masks.cpu(), "masks"
    elif pictures.in_channels == 1:
        masks, known = pictures.images[:, 0].cpu() > OBJECT_ABOVE, "bright pixels"
    else:
        raise ValueError(
            f"{data} has coloured pictures with neither boxes nor masks, so nobody knows where the object is: "
            "take data that say so (scenes-fashion-mnist-sample, tiny-imagenette) or grey pictures"
        )
    return Objects(localization.masks_to_boxes(masks), masks, known)


@dataclass(frozen=True)
class Trial:
    """A trained network, N test pictures whose objects are known, and which of them thresholds are chosen on.

    ``name``: of the network. ``images``: float32 ``(N, C, H, W)`` as the network takes them, its mean picture already
    subtracted. ``choosing``: bool ``(N,)``; all others are scored.
    """

    name: str
    target: Target
    images: Tensor
    objects: Objects
    choosing: Tensor

    @property
    def scored(self) -> Tensor:
        """Bool ``(N,)``, the pictures that are scored."""
        return ~self.choosing

    @property
    def labels(self) -> Tensor:
        """The true classes of all N pictures, int64 ``(N,)``."""
        return self.target.labels


def load_trial(
    network: str,
    data: str,
    seed: int = 0,
    *,
    chosen: int = CHOSEN,
    pictures: int | None = PICTURES,
    weights: Path | None = None,
    test_data: str | None = None,
) -> Trial:
    """Load a trained network and test pictures with their objects.

    Both parts are drawn by ``c2f.targets.subset``, as many pictures of each class as there are: the same ones for every
    network and seed.

    Args:
        network, data, seed: of the training.
        chosen: how many test pictures thresholds are chosen on.
        pictures: how many others are scored; None takes all.
        weights: the folder that holds the training's record and weights; None takes those that come with the book.
        test_data: a data set of the same classes whose test pictures are taken; None takes those of ``data``.

    Raises:
        ValueError: a bad name or number, test pictures that do not suit the network, or data of which nobody knows
            where the objects are.
        c2f.records.RecordError: no such weights, or damaged ones.
        FileNotFoundError: the data set is not on this machine.
    """
    positive_int(chosen, "chosen")
    total = None if pictures is None else chosen + positive_int(pictures, "pictures")
    tested_on = test_data or data
    rows = [datasets.info(name) for name in (data, tested_on) if not name.startswith("folder:")]
    if not tested_on.startswith("folder:") and (total or chosen) > rows[-1].test:
        raise ValueError(
            f"{chosen} pictures to choose on and {pictures or 'all others'} to score are more than the {rows[-1].test} "
            f"test pictures of {tested_on}: take fewer"
        )
    target = load_target(network, data, seed, total, weights, test_data)
    tested = load_for(tested_on, Recipe(**target.trained.parameters["recipe"]))[1].test
    if chosen >= len(target.labels):
        raise ValueError(f"chosen is {chosen} of {len(target.labels)} test pictures: leave some to be scored")
    images = target.images if target.mean is None else target.images - target.mean
    return Trial(
        name=network,
        target=target,
        images=images,
        objects=find_objects(tested.select(target.places), tested_on),
        choosing=torch.isin(target.places, subset(tested.labels, chosen)),
    )
