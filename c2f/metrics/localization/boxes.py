"""Boxes: from a map, from a mask, and how much two of them overlap.

A box is x0, y0, x1, y1 in pixels, x to the right, y down, both ends inside. A map is scaled to 0 to 255 by its own
minimum and maximum, cut off to 8 bits, and compared with a threshold; each connected region above it has a box. Which
box that is, and which region is the largest, is said by a rule:

``published``
    what the code of Choe et al. (CVPR 2020, wsolevaluation) does with OpenCV, wherever that differs from their text.
    Boxes reach one pixel too far to the right and down, except at the picture's border. The largest region is the one
    whose outline, drawn through the centres of its pixels, encloses the largest area: holes count as filled, a line of
    any length as 0; of equal ones, the last in reading order. With ``multi`` the outlines of holes are boxes as well.
    A map that is the same everywhere gives the box 0, 0, 0, 0.
``tight``
    their text: the tightest box around the connected region of the most pixels; of equal ones, the last in reading
    order. A map that is the same everywhere has no box.

Axes: N pictures, H rows, W columns, T thresholds, R regions.
"""

from typing import NamedTuple

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from c2f.common.checks import choose
from c2f.metrics.localization.inputs import Boxes, checked_boxes, checked_maps, checked_masks, checked_thresholds

RULES = ("published", "tight")
_EIGHT = np.ones((3, 3), dtype=int)  # pixels that touch at a corner are connected


class Regions(NamedTuple):
    """Regions of T masks: the mask of each, int64 ``(R,)`` ascending; its box, int64 ``(R, 4)``; its size ``(R,)``."""

    mask: np.ndarray
    box: np.ndarray
    size: np.ndarray


def eight_bits(values: np.ndarray) -> np.ndarray:
    """Scale each map ``(N, H, W)`` float64 to its own 0 to 255, uint8; one that is the same everywhere is all 0."""
    return np.floor(unit_range(values) * 255).astype(np.uint8)


def unit_range(values: np.ndarray) -> np.ndarray:
    """Scale each map ``(N, H, W)`` float64 to its own 0 to 1; one that is the same everywhere is all 0."""
    shifted = values - values.min(axis=(1, 2), keepdims=True)
    largest = shifted.max(axis=(1, 2), keepdims=True)
    return shifted / np.where(largest > 0, largest, 1)


def levels(thresholds: np.ndarray) -> np.ndarray:
    """Return the 8-bit levels of ``thresholds`` ``(T,)``; a pixel counts where it is strictly greater."""
    return np.floor(thresholds * 255).astype(np.uint8)


def find_regions(masks: np.ndarray, rule: str, multi: bool) -> Regions:
    """Return the regions of bool masks ``(T, H, W)``: of each mask the largest, or with ``multi`` all of them."""
    count, height, width = masks.shape
    # All masks on one sheet, with a gap between them and round them: one call labels what else takes a hundred.
    tiles = np.zeros((count, height + 1, width + 2), dtype=bool)
    tiles[:, 1:, 1:-1] = masks
    sheet = np.concatenate([tiles.reshape(-1, width + 2), np.zeros((1, width + 2), dtype=bool)])
    if rule == "tight":
        labels, number = ndimage.label(sheet, structure=_EIGHT)
        found = _measured(labels, number, height)
    else:
        behind, holes = ndimage.label(~sheet)  # 4-connected, as the ground of 8-connected regions is
        if multi:
            labels, number = ndimage.label(sheet, structure=_EIGHT)
            found = _with_holes(_measured(labels, number, height), _measured(behind, holes, height, skip=behind[0, 0]))
        else:
            labels, number = ndimage.label(behind != behind[0, 0], structure=_EIGHT)
            found = _measured(labels, number, height)._replace(size=_outlined(labels, number))
        box = found.box.copy()
        box[:, 2] = np.minimum(box[:, 2] + 1, width - 1)
        box[:, 3] = np.minimum(box[:, 3] + 1, height - 1)
        found = found._replace(box=box)
    return found if multi else _largest(found)


def _runs(inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first and last place, in the flattened sheet, of each run of True in a row; none touches its sides."""
    change = np.flatnonzero(np.diff(inside.ravel())) + 1
    return change[::2], change[1::2] - 1


def _measured(labels: np.ndarray, number: int, height: int, skip: int = 0) -> Regions:
    """Return box and number of pixels of labels 1 to ``number`` of a sheet, but ``skip``."""
    first, last = _runs((labels != 0) & (labels != skip))
    label = labels.ravel()[first]
    row, column = np.divmod(first, labels.shape[1])
    low = np.full((number + 1, 2), np.iinfo(np.int64).max)
    high = np.full((number + 1, 2), -1)
    np.minimum.at(low[:, 0], label, column)
    np.minimum.at(low[:, 1], label, row)
    np.maximum.at(high[:, 0], label, column + last - first)
    np.maximum.at(high[:, 1], label, row)
    size = np.bincount(label, weights=last - first + 1, minlength=number + 1)
    there = np.flatnonzero(high[:, 0] >= 0)
    # A tile is one row of gap and H of picture: back from the sheet to the pixels of the mask.
    mask = (low[there, 1] - 1) // (height + 1)
    start = np.stack([np.ones_like(mask), mask * (height + 1) + 1], axis=1)
    return Regions(mask, np.concatenate([low[there] - start, high[there] - start], axis=1), size[there])


def _with_holes(regions: Regions, holes: Regions) -> Regions:
    """Add the outlines of holes, which run through the pixels around them, to the regions."""
    mask = np.concatenate([regions.mask, holes.mask])
    box = np.concatenate([regions.box, holes.box + np.array([-1, -1, 1, 1])])
    order = np.argsort(mask, kind="stable")
    return Regions(mask[order], box[order], np.concatenate([regions.size, holes.size])[order])


def _outlined(labels: np.ndarray, number: int) -> np.ndarray:
    """Return the area inside the outline through the pixel centres of regions without holes, float64 ``(number,)``.

    Of the square between four neighbouring centres the outline takes all if the four belong to the region, the half if
    three do, else nothing. So each pair of neighbours in a row brings one half for the row above and one for the row
    below, where either of the two pixels there belongs to the region.
    """
    flat, width = (labels != 0).ravel(), labels.shape[1]
    pair, either = flat[1:] & flat[:-1], flat[1:] | flat[:-1]  # pixel i and the next one
    halves = (pair & np.roll(either, width)).astype(np.uint8) + (pair & np.roll(either, -width))
    first, last = _runs(labels != 0)
    if not number:  # reduceat needs a place to begin
        return np.zeros(0)
    area = np.add.reduceat(halves, np.stack([first, last], axis=1).ravel(), dtype=np.int64)[::2] / 2
    return np.bincount(labels.ravel()[first], weights=area, minlength=number + 1)[1:]


def _largest(regions: Regions) -> Regions:
    order = np.lexsort((regions.size, regions.mask))  # stable: of equal sizes the last stays last
    last = np.flatnonzero(np.diff(regions.mask[order], append=-1))
    return Regions(*(field[order[last]] for field in regions))


def boxes_from_map(map: Tensor, threshold: float, multi: bool = False, rule: str = "tight") -> Tensor:
    """Return the box of the largest region of ``map`` above ``threshold``, or with ``multi`` the boxes of all.

    Args:
        map: ``(H, W)``.
        threshold: in [0, 1] of the map's own range; pixels above it, not equal to it, count.
        multi: all regions, in reading order, instead of the largest.
        rule: ``"tight"``, for drawing, or ``"published"``, which is what ``max_box_acc`` scores; see the module.

    Returns:
        int64 ``(R, 4)``; ``(0, 4)`` where nothing is above the threshold.

    Raises:
        ValueError: a map of another shape or with values that are not finite, a bad threshold, an unknown rule.
    """
    choose(rule, RULES, "rule")
    if map.ndim != 2:
        raise ValueError(f"a map must be (H, W), not {tuple(map.shape)}; give one of them: maps[0]")
    level = levels(checked_thresholds([threshold]))
    above = np.asarray(eight_bits(checked_maps(map[None])) > level)
    found = find_regions(above, rule, multi).box
    if rule == "published" and not len(found):
        found = np.zeros((1, 4), dtype=np.int64)
    return torch.from_numpy(found)


def box_iou(a: Tensor, b: Tensor) -> Tensor:
    """Return intersection over union of boxes ``(A, 4)`` with boxes ``(B, 4)``, float64 ``(A, B)`` in [0, 1].

    Both ends are inside, so the area is (x1 - x0 + 1)(y1 - y0 + 1). (``torchvision.ops.box_iou`` counts it without the
    ones, for boxes whose far end is outside.)

    Raises:
        ValueError: boxes of another shape, or one that ends before it begins.
    """
    for boxes in (a, b):
        if boxes.ndim != 2 or boxes.shape[1] != 4 or (boxes[:, 2:] < boxes[:, :2]).any():
            raise ValueError(
                f"boxes must be (B, 4), each x0, y0, x1, y1 with x0 <= x1 and y0 <= y1, not {tuple(boxes.shape)}: "
                f"{boxes.tolist()[:3]}"
            )
    return torch.from_numpy(overlap(a.cpu().numpy()[:, None], b.cpu().numpy()[None]))


def overlap(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return intersection over union of boxes ``(..., 4)``, pair by pair, float64 ``(...)``."""
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]) + 1
    shared = np.maximum(sides, 0).prod(axis=-1)
    total = (a[..., 2:] - a[..., :2] + 1).prod(axis=-1) + (b[..., 2:] - b[..., :2] + 1).prod(axis=-1)
    return shared / (total - shared)


def masks_to_boxes(masks: Tensor) -> Tensor:
    """Return the tight box of each mask, bool ``(N, H, W)`` to int64 ``(N, 4)``, whatever its pieces.

    Raises:
        ValueError: another type or shape, or an empty mask.
    """
    if masks.ndim != 3:
        raise ValueError(f"masks must be bool (N, H, W), not {tuple(masks.shape)}")
    values = checked_masks(masks, tuple(masks.shape))
    ends = []
    for axis in (1, 2):  # over rows for x, over columns for y
        line = np.logical_or.reduce(values, axis=axis)
        ends.append((line.argmax(axis=1), line.shape[1] - 1 - line[:, ::-1].argmax(axis=1)))
    (x0, x1), (y0, y1) = ends
    return torch.from_numpy(np.stack([x0, y0, x1, y1], axis=1))


def boxes_to_masks(boxes: Boxes, height: int, width: int) -> Tensor:
    """Return bool ``(N, H, W)``, True inside the box or boxes of each picture.

    Raises:
        ValueError: boxes of another convention, or a picture without any.
    """
    values, owner = checked_boxes(boxes, len(boxes), height, width)
    masks = torch.zeros(len(boxes), height, width, dtype=torch.bool)
    for (x0, y0, x1, y1), picture in zip(values.tolist(), owner.tolist(), strict=True):
        masks[picture, y0 : y1 + 1, x0 : x1 + 1] = True
    return masks
