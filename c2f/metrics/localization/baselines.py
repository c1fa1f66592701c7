"""What one must beat: a box in the centre, the whole picture, a random map.

A box scores by ``box_accuracy``; as a map it is ``boxes_to_masks(box.expand(N, 4), H, W).float()``.
Axes: N pictures, H rows, W columns.
"""

import math

import torch
from torch import Tensor

from c2f.common.checks import positive_int
from c2f.metrics.localization.inputs import Boxes, checked_boxes, checked_masks


def whole_picture(height: int, width: int) -> Tensor:
    """Return the box of all pixels, int64 ``(4,)``."""
    positive_int(height, "height")
    positive_int(width, "width")
    return torch.tensor([0, 0, width - 1, height - 1])


def centre_box(targets: Boxes, height: int, width: int) -> Tensor:
    """Return the box in the centre of the mean object's area and the picture's shape, int64 ``(4,)``.

    Args:
        targets: of the labelled part, where thresholds are chosen too: boxes, or masks bool ``(N, H, W)``.
        height, width: H and W in pixels.

    Raises:
        ValueError: targets that do not fit.
    """
    whole_picture(height, width)
    if isinstance(targets, Tensor) and targets.dtype == torch.bool:
        area = float(checked_masks(targets, (len(targets), height, width)).sum(axis=(1, 2)).mean())
    else:
        boxes, _ = checked_boxes(targets, len(targets), height, width)
        area = float((boxes[:, 2:] - boxes[:, :2] + 1).prod(axis=1).mean())
    side = math.sqrt(area / (height * width))  # as a share of the picture's
    rows, columns = max(round(side * height), 1), max(round(side * width), 1)
    y0, x0 = (height - rows) // 2, (width - columns) // 2
    return torch.tensor([x0, y0, x0 + columns - 1, y0 + rows - 1])


def random_maps(count: int, height: int, width: int, seed: int) -> Tensor:
    """Return maps without any knowledge, float32 ``(N, H, W)``, uniform in [0, 1)."""
    for value, what in ((count, "count"), (height, "height"), (width, "width")):
        positive_int(value, what)
    return torch.rand(count, height, width, generator=torch.Generator().manual_seed(seed))


def chance_level(masks: Tensor) -> float:
    """Return what a random map scores on average in the pointing game without tolerance, in (0, 1].

    It is the mean over pictures of the object's share of the picture, and also the energy expected in the object.

    Raises:
        ValueError: masks of another type or shape, or empty ones.
    """
    return float(checked_masks(masks, tuple(masks.shape)).mean())
