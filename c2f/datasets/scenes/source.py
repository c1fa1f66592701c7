"""The grey pictures that scenes are made of, checked, sorted and measured.

Axes: P pictures, h, w rows and columns of a picture.
"""

from dataclasses import dataclass

from torch import Tensor

from c2f.datasets.pictures import Pictures
from c2f.datasets.scenes.draws import whole

OBJECT_ABOVE = 25
"""Grey level that a pixel of the object is above. Above 51, as in the Top-Down paper's segmentation labels, the darkest
pictures of Fashion-MNIST keep 7 pixels; above 25 they keep 30."""


@dataclass(frozen=True)
class Source:
    """What scenes are made of.

    ``images``: float32 ``(P, h, w)`` in grey levels, sorted by class; ``first``, ``counts``: int64 ``(classes,)``,
    where a class begins and how many it has; ``mean``, ``spread``: float32 ``(P,)``, of the object's grey levels.
    """

    images: Tensor
    first: Tensor
    counts: Tensor
    mean: Tensor
    spread: Tensor

    def picture(self, labels: Tensor, u: Tensor) -> Tensor:
        """Return which picture of class ``labels`` a draw from [0, 1) means: places in ``images``."""
        return self.first[labels] + whole(u, self.counts[labels])

    def shade(self, grey: Tensor, which: Tensor) -> Tensor:
        """Return grey levels ``(..., h, w)`` of pictures ``which`` ``(...)``, standardised, within [-1, 1].

        Otherwise the classes would differ in how bright they are.
        """
        mean, spread = self.mean[which][..., None, None], self.spread[which][..., None, None]
        return ((grey - mean) / (2 * spread)).clamp_(-1, 1)


def take_source(pictures: Pictures, size: int) -> Source:
    """Sort and measure what scenes are made of, once it is checked."""
    channels, height, width = pictures.images.shape[1:]
    if channels != 1:
        raise ValueError(f"scenes are made of grey pictures (1 channel), not of {channels} channels: try Fashion-MNIST")
    if max(height, width) >= size:
        raise ValueError(
            f"the pictures are {height}x{width}, the scenes {size}x{size}: they must be larger than the pictures"
        )
    labels = pictures.labels.cpu()
    counts = labels.bincount(minlength=len(pictures.classes))
    if empty := [name for name, count in zip(pictures.classes, counts.tolist(), strict=True) if count == 0]:
        raise ValueError(f"there are no pictures of {', '.join(empty)}: give some, or drop the class")
    if len(counts) < 2:
        raise ValueError(f"there is one class ({pictures.classes[0]}): the distractors need another")
    order = labels.argsort(stable=True)
    images = pictures.images[:, 0].cpu()[order].float()
    masks = images > OBJECT_ABOVE
    pixels = masks.sum(dim=(1, 2))
    if not pixels.all():
        blank = int(order[pixels.argmin()])
        raise ValueError(f"picture {blank} has no pixel above grey level {OBJECT_ABOVE}: leave it out")
    mean = (images * masks).sum(dim=(1, 2)) / pixels
    variance = ((images - mean[:, None, None]) ** 2 * masks).sum(dim=(1, 2)) / pixels
    spread = variance.sqrt().clamp(min=1)  # a grey level at least: a flat picture has no shading
    return Source(images, counts.cumsum(0) - counts, counts, mean, spread)
