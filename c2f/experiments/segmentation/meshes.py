"""Pictures with a class for every pixel: 2x2 meshes of Fashion-MNIST (Lelekas et al. 2020, segmentation experiment).

A garment's pixels are told from the background by their grey level, so that the labels cost nobody any work; the
faint pixels between the two are ignored. Four pictures make one mesh: 28x28 pixels become 56x56.

Axes: N pictures or meshes, C channels (one), H rows, W columns, K classes: the pictures' own, then background, then
ignore (12 on Fashion-MNIST).
"""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from c2f import datasets
from c2f.common.checks import positive_int
from c2f.datasets.pictures import Pictures

IGNORE_UP_TO = 51
"""The highest grey level of the ignored pixels, the paper's threshold 0.2 of 255. Brighter ones are the object's."""


def pixel_labels(images: Tensor, classes: Tensor, num_classes: int = 10) -> Tensor:
    """Return the class of every pixel, int64 ``(N, H, W)``.

    Grey level 0 is background (``num_classes``: 10), 1 to 51 is ignored (``num_classes + 1``: 11), 52 to 255 is the
    picture's class. That is the authors' rule 0 < x <= 0.2 for x in [0, 1]: in their float32, 51 / 255 equals 0.2.

    Args:
        images: uint8 ``(N, 1, H, W)``.
        classes: int64 ``(N,)``, from 0 to ``num_classes - 1``.
        num_classes: how many classes the pictures have.

    Raises:
        ValueError: another type or shape, pictures in colour, or a class out of range.
    """
    if images.dtype != torch.uint8 or images.ndim != 4:
        raise ValueError(f"images must be uint8 (N, 1, H, W), not {images.dtype} {tuple(images.shape)}")
    if images.shape[1] != 1:
        raise ValueError(
            f"pixel labels are made from grey levels: pictures must have 1 channel, not {images.shape[1]}; "
            "take fashion-mnist or mnist"
        )
    if classes.shape != images.shape[:1]:
        raise ValueError(f"there are {len(images)} pictures but classes of shape {tuple(classes.shape)}")
    if len(classes) and not 0 <= int(classes.min()) <= int(classes.max()) < num_classes:
        raise ValueError(
            f"classes run from {int(classes.min())} to {int(classes.max())} but num_classes is {num_classes}"
        )
    grey = images[:, 0]  # (N, H, W)
    labels = torch.where(grey > IGNORE_UP_TO, classes[:, None, None], num_classes + 1)
    return labels.masked_fill_(grey == 0, num_classes)


@dataclass(frozen=True)
class Meshes(Pictures):
    """Pictures that are labelled pixel by pixel.

    Attributes:
        images: uint8 ``(N, 1, H, W)``, grey levels 0 to 255.
        labels: uint8 ``(N, H, W)``, from 0 to K - 1; a byte a pixel, as int64 would take 376 MB on the full set.
        classes: K names in label order, ``"background"`` and ``"ignore"`` the last two.

    Raises:
        ValueError: a wrong shape or type, or a label out of range.
    """

    def __post_init__(self) -> None:
        n, _, height, width = self.images.shape
        for field, shape in (("images", (n, 1, height, width)), ("labels", (n, height, width))):
            value = getattr(self, field)
            if value.dtype != torch.uint8 or tuple(value.shape) != shape:
                raise ValueError(
                    f"{field} of meshes must be torch.uint8 {shape}, not {value.dtype} {tuple(value.shape)}"
                )
        if n and int(self.labels.max()) >= len(self.classes):
            raise ValueError(f"a label is {int(self.labels.max())} but there are {len(self.classes)} classes")


def mesh_layout(parts: Tensor) -> Tensor:
    """Join fours ``(N, 4, H, W)`` into ``(N, 2H, 2W)``: 0 above 1 in the left column, 2 above 3 in the right one."""
    n, _, height, width = parts.shape
    cells = parts.reshape(n, 2, 2, height, width)  # (N, column, row, H, W)
    return cells.permute(0, 2, 3, 1, 4).reshape(n, 2 * height, 2 * width)


def make_meshes(pictures: Pictures, seed: int = 0) -> Meshes:
    """Shuffle ``pictures`` and join each four to a mesh; up to three that are left over are not used.

    Args:
        pictures: grey, N of them.
        seed: of the shuffling.

    Raises:
        ValueError: fewer than four pictures, or pictures in colour.
    """
    if len(pictures) < 4:
        raise ValueError(f"a mesh takes 4 pictures and there are only {len(pictures)}")
    count = len(pictures.classes)
    # In parts: int64 labels of all pictures at once would be the largest thing in memory.
    labels = torch.cat(
        [
            pixel_labels(images, classes, count).byte()
            for images, classes in zip(pictures.images.split(4096), pictures.labels.split(4096), strict=True)
        ]
    )  # (N, H, W)
    order = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(seed))
    order = order[: len(order) // 4 * 4].to(labels.device)
    side = labels.shape[-2:]
    return Meshes(
        mesh_layout(pictures.images[order].reshape(-1, 4, *side))[:, None],
        mesh_layout(labels[order].reshape(-1, 4, *side)),
        (*pictures.classes, "background", "ignore"),
    )


@lru_cache(maxsize=1)
def load_meshes(data: str, seed: int = 0) -> tuple[Meshes, Meshes]:
    """Return the training and test meshes of a data set (Fashion-MNIST: 15,000 and 2,500; its sample: 2,500 and 500).

    One ``seed`` gives the same meshes to every network and repetition, so that all are tested on the same pictures;
    the authors shuffle anew, unseeded, at every run.

    Raises:
        ValueError: an unknown name, or pictures in colour.
        FileNotFoundError: the data set is not on this machine; the remedy.
    """
    positive_int(seed, "the seed of the meshes", minimum=0)
    if not datasets.info(data).grey:
        grey = [name for name in datasets.names() if datasets.info(name).grey]
        raise ValueError(
            f"meshes are made of grey pictures, and {data} has coloured ones: take one of {', '.join(grey)}"
        )
    found = datasets.load(data)
    return make_meshes(found.train, seed), make_meshes(found.test, seed)


def class_weights(found: Meshes) -> Tensor:
    """Return what a pixel of each class weighs in the loss, float32 ``(K,)``: background 1, ignore 0.

    Each class weighs as much as the background in total: its weight is the background's pixel count over its own. The
    authors count all training meshes, the validation part included.

    Raises:
        ValueError: a class, or the background, without a single pixel: its weight would be infinite, as it is in the
            authors' code. Weight 0 would mean that a class is tested which was never taught.
    """
    pixels = torch.bincount(found.labels.flatten(), minlength=len(found.classes))[:-1]  # (K - 1,), ignore left out
    absent = [name for name, count in zip(found.classes, pixels.tolist(), strict=False) if count == 0]
    if absent:
        raise ValueError(
            f"no pixel of these {len(found)} meshes belongs to {', '.join(absent)}, so no weight can be given: "
            f"use more pictures, with grey level 0 as background and objects brighter than {IGNORE_UP_TO}"
        )
    weights = pixels[-1] / pixels.double()
    return torch.cat([weights, weights.new_zeros(1)]).float()
