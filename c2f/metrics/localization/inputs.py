"""Checks of maps, boxes and masks before they are measured.

Axes: N pictures, H rows, W columns, B boxes of one picture.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from c2f.common.checks import named

Boxes = Tensor | Sequence[Tensor]
"""The objects' boxes, int64 ``(N, 4)`` or one int64 ``(B, 4)`` a picture. Each is x0, y0, x1, y1 in pixels, x to the
right, y down, both ends inside the object."""


def checked_maps(maps: Tensor) -> np.ndarray:
    """Return ``maps`` ``(N, H, W)`` as float64 on the CPU.

    Raises:
        ValueError: another shape, no map at all, or values that are not finite.
    """
    if maps.ndim != 3 or not maps.numel():
        hint = {2: "; add an axis to a single map: map[None]", 4: "; leave the channel axis out: maps[:, 0]"}
        raise ValueError(f"maps must be (N, H, W), N at least 1, not {tuple(maps.shape)}{hint.get(maps.ndim, '')}")
    values = maps.detach().cpu().double().numpy()
    bad = np.flatnonzero(~np.isfinite(values).all(axis=(1, 2)))
    if len(bad):
        raise ValueError(
            f"values that are not finite in {named(bad, 'map')} of {len(maps)}: measure raw maps, which need no "
            "division by a maximum that may be 0, or leave these pictures out"
        )
    return values


def checked_masks(masks: Tensor, shape: tuple[int, ...]) -> np.ndarray:
    """Return ``masks`` as bool ``(N, H, W)`` on the CPU; each must hold an object.

    Raises:
        ValueError: another type or shape than ``shape``, or masks without a single pixel, which are named.
    """
    _check_mask_shape(masks, shape, "masks")
    values = masks.detach().cpu().numpy()
    empty = np.flatnonzero(~values.any(axis=(1, 2)))
    if len(empty):
        raise ValueError(
            f"no pixel of an object in {named(empty, 'mask')} of {len(masks)}, so nothing can be found there: "
            "leave these pictures out (keep = masks.flatten(1).any(1))"
        )
    return values


def checked_ignore(ignore: Tensor | None, masks: np.ndarray) -> np.ndarray:
    """Return which pixels count for nothing, bool ``(N, H, W)``: those of ``ignore`` that are not on an object."""
    if ignore is None:
        return np.zeros_like(masks)
    _check_mask_shape(ignore, masks.shape, "ignore")
    return ignore.detach().cpu().numpy() & ~masks


def _check_mask_shape(masks: Tensor, shape: tuple[int, ...], what: str) -> None:
    if masks.dtype != torch.bool:
        raise ValueError(f"{what} must be bool (N, H, W), not {masks.dtype} {tuple(masks.shape)}; try {what} > 0")
    if tuple(masks.shape) != tuple(shape):
        raise ValueError(
            f"{what} {tuple(masks.shape)} do not fit maps {tuple(shape)}: resize the maps to the pictures first"
        )


def checked_boxes(boxes: Boxes, count: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return all boxes, int64 ``(sum of B, 4)``, and of which picture each is, int64 ``(sum of B,)`` ascending.

    Args:
        boxes: of ``count`` pictures.
        count: N.
        height, width: H and W in pixels, inside which boxes must lie.

    Raises:
        ValueError: another shape or type, another number of pictures, pictures without a box, or boxes of another
            convention.
    """
    if isinstance(boxes, Tensor) and boxes.ndim != 2:
        what = "boxes[None] for one box" if boxes.ndim == 1 else "list(boxes) for several boxes a picture"
        if boxes.dtype == torch.bool:
            what = "a mask metric or masks_to_boxes for masks"
        raise ValueError(f"boxes must be int64 (N, 4), not {boxes.dtype} {tuple(boxes.shape)}; use {what}")
    if len(boxes) != count:
        raise ValueError(f"{len(boxes)} pictures have boxes but there are {count} maps: give boxes for each")
    each = [boxes[i : i + 1] for i in range(count)] if isinstance(boxes, Tensor) else list(boxes)
    for i, of_one in enumerate(each):
        if of_one.ndim != 2 or of_one.shape[1] != 4 or of_one.dtype != torch.int64:
            raise ValueError(f"the boxes of picture {i} must be int64 (B, 4), not {of_one.dtype} {tuple(of_one.shape)}")
    number = np.array([len(of_one) for of_one in each])
    if not number.all():
        without = np.flatnonzero(number == 0)
        raise ValueError(f"no box for {named(without, 'picture')} of {count}: leave them out, maps and boxes")
    values = torch.cat(each).detach().cpu().numpy()
    owner = np.repeat(np.arange(count), number)
    turned = np.flatnonzero((values[:, 2:] < values[:, :2]).any(axis=1))
    if len(turned):
        raise ValueError(
            f"box {values[turned[0]].tolist()} of picture {owner[turned[0]]} ends before it begins: boxes are x0, y0, "
            "x1, y1 with both ends inside; from x, y, width, height, x1 = x + width - 1 and y1 = y + height - 1"
        )
    outside = np.flatnonzero((values < 0).any(axis=1) | (values[:, 2] >= width) | (values[:, 3] >= height))
    if len(outside):
        raise ValueError(
            f"box {values[outside[0]].tolist()} of picture {owner[outside[0]]} reaches outside its {height}x{width} "
            "pixels: x1 and y1 are the last pixel inside, not the one behind"
        )
    return values, owner


def checked_thresholds(thresholds: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return ``thresholds`` as float64 ``(T,)``.

    Raises:
        ValueError: none, or one outside [0, 1], which is where scaled maps lie.
    """
    values = np.asarray(thresholds, dtype=np.float64)
    if values.ndim != 1 or not values.size:
        raise ValueError(f"thresholds must be a sequence of numbers, not {thresholds!r}")
    bad = values[~((values >= 0) & (values <= 1))]
    if bad.size:
        raise ValueError(
            f"a threshold must be in [0, 1], not {float(bad[0])!r}: maps are scaled to that range, picture by picture"
        )
    return values
