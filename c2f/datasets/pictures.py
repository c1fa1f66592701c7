"""A data set in memory: pictures as bytes, with labels, and boxes and masks where there are any.

Axes: N pictures, C channels, H rows, W columns.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from c2f.datasets.selection import split_places


@dataclass(frozen=True)
class Pictures:
    """One split of a data set, in memory.

    Attributes:
        images: uint8 ``(N, C, H, W)``, grey levels 0 to 255.
        labels: int64 ``(N,)``, from 0 to ``len(classes) - 1``.
        classes: the class names, in label order.
        boxes: int64 ``(N, 4)``: x0, y0, x1, y1 in pixels, x to the right, y down, both ends inside the object; or None.
        masks: bool ``(N, H, W)``, True on the object; or None.

    Raises:
        ValueError: a wrong shape or type, counts that do not agree, or a label out of range.
    """

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    boxes: Tensor | None = None
    masks: Tensor | None = None

    def __post_init__(self) -> None:
        if self.images.ndim != 4 or self.images.dtype != torch.uint8:
            raise ValueError(f"images must be uint8 (N, C, H, W), not {self.images.dtype} {tuple(self.images.shape)}")
        n, _, height, width = self.images.shape
        shapes = {"labels": (n,), "boxes": (n, 4), "masks": (n, height, width)}
        dtypes = {"labels": torch.int64, "boxes": torch.int64, "masks": torch.bool}
        for field, shape in shapes.items():
            value = getattr(self, field)
            if value is not None and (tuple(value.shape) != shape or value.dtype != dtypes[field]):
                raise ValueError(f"{field} must be {dtypes[field]} {shape}, not {value.dtype} {tuple(value.shape)}")
        if n and not 0 <= int(self.labels.min()) <= int(self.labels.max()) < len(self.classes):
            raise ValueError(
                f"labels run from {int(self.labels.min())} to {int(self.labels.max())} "
                f"but there are {len(self.classes)} classes"
            )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def in_channels(self) -> int:
        """C, the number of channels."""
        return self.images.shape[1]

    @property
    def image_size(self) -> int:
        """H, the number of rows in pixels (equal to W in every data set of the registry)."""
        return self.images.shape[2]

    def select(self, index: Tensor) -> "Pictures":
        """Return the pictures at ``index``, an int64 tensor of places or a bool mask ``(N,)``."""
        return replace(
            self,
            images=self.images[index],
            labels=self.labels[index],
            boxes=None if self.boxes is None else self.boxes[index],
            masks=None if self.masks is None else self.masks[index],
        )

    def to(self, device: torch.device | str) -> "Pictures":
        """Return the same pictures on ``device``."""
        return replace(
            self,
            images=self.images.to(device),
            labels=self.labels.to(device),
            boxes=None if self.boxes is None else self.boxes.to(device),
            masks=None if self.masks is None else self.masks.to(device),
        )


@dataclass(frozen=True)
class DataSet:
    """A data set of the registry, loaded: ``name``, the training pictures and the official test pictures."""

    name: str
    train: Pictures
    test: Pictures


def mean_image(pictures: Pictures) -> Tensor:
    """Return the mean over all pictures, float32 ``(C, H, W)`` in [0, 1] (the "pixel mean" of the papers).

    Raises:
        ValueError: there are no pictures.
    """
    if not len(pictures):
        raise ValueError("there are no pictures to take the mean of")
    total = pictures.images.sum(dim=0, dtype=torch.int64)  # exact, whatever the number of pictures
    return (total.double() / (255 * len(pictures))).float()


def split_validation(pictures: Pictures, fraction: float, seed: int) -> tuple[Pictures, Pictures]:
    """Split into (train, validation) by the Top-Down paper's draw: ceil(fraction * N) at random, not stratified.

    The paper draws it anew for every repetition; here ``seed`` fixes it. ``fraction`` 0 gives an empty validation part.

    Raises:
        ValueError: ``fraction`` outside [0, 1), or so large that no picture is left to train on.
    """
    train, held_out = (part.to(pictures.labels.device) for part in split_places(len(pictures), fraction, seed))
    return pictures.select(train), pictures.select(held_out)
