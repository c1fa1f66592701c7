"""Box accuracy: is a box drawn from the map near enough to the object's?

MaxBoxAcc of Choe et al., "Evaluating Weakly Supervised Object Localization Methods Right", CVPR 2020, section 4.1, and
MaxBoxAccV2 of its sequel (arXiv 2007.04178), both as in their code wsolevaluation; see
``c2f.metrics.localization.boxes`` for how boxes are drawn. Both take the threshold that is best on the very pictures
they score: call them by their names, or choose a threshold elsewhere with ``choose_threshold``. Axes: N pictures, H
rows, W columns, T thresholds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from c2f.common.checks import choose
from c2f.metrics.localization.boxes import RULES, eight_bits, find_regions, levels, overlap
from c2f.metrics.localization.inputs import Boxes, checked_boxes, checked_maps, checked_thresholds

THRESHOLDS: tuple[float, ...] = tuple(np.arange(0, 1, 0.01).tolist())
"""0, 0.01, ... 0.99."""
IOUS = (0.3, 0.5, 0.7)
"""The overlaps over which MaxBoxAccV2 takes its mean."""


@dataclass(frozen=True)
class OracleAccuracy:
    """A box accuracy at the threshold that is best on the scored pictures themselves.

    ``value``: mean of ``accuracies``, in [0, 1] (the paper gives percent). ``ious``: the overlap asked for, one or
    more. ``accuracies`` and ``thresholds``: for each, the largest share of pictures that reach it, and the lowest
    threshold where that is.
    """

    value: float
    ious: tuple[float, ...]
    accuracies: tuple[float, ...]
    thresholds: tuple[float, ...]


def box_ious(
    maps: Tensor,
    boxes: Boxes,
    thresholds: Sequence[float] = THRESHOLDS,
    multi: bool = False,
    rule: str = "published",
) -> Tensor:
    """Return how well the box drawn at each threshold fits, intersection over union, float64 ``(N, T)`` in [0, 1].

    Args:
        maps: ``(N, H, W)``.
        boxes: of the objects; where a picture has several, the best fit counts.
        thresholds: in [0, 1] of each map's own range.
        multi: the best of the boxes of all regions, instead of the largest region's.
        rule: ``"published"`` or ``"tight"``, see ``c2f.metrics.localization.boxes``. A map that is the same everywhere
            scores with the pixel 0, 0 under the first, and 0 under the second.

    Raises:
        ValueError: maps, boxes or thresholds that do not fit, or an unknown rule.
    """
    choose(rule, RULES, "rule")
    values, cuts = checked_maps(maps), levels(checked_thresholds(thresholds))
    wanted, owner = checked_boxes(boxes, *values.shape)
    grey = eight_bits(values)
    starts = np.searchsorted(owner, np.arange(len(values) + 1))
    different, where = np.unique(cuts, return_inverse=True)
    found = np.empty((len(values), len(cuts)))
    for i, picture in enumerate(grey):
        there = wanted[starts[i] : starts[i + 1]]
        regions = find_regions(picture > different[:, None, None], rule, multi)
        fit = overlap(regions.box[:, None], there[None]).max(axis=1)  # (R,)
        nothing = overlap(np.zeros(4, dtype=np.int64), there).max() if rule == "published" else 0.0
        best = np.full(len(different), -1.0)
        np.maximum.at(best, regions.mask, fit)
        found[i] = np.where(best < 0, nothing, best)[where]
    return torch.from_numpy(found)


def oracle_accuracy(
    ious: Tensor, wanted: Sequence[float] = (0.5,), thresholds: Sequence[float] = THRESHOLDS
) -> OracleAccuracy:
    """Return the accuracy of ``box_ious`` ``(N, T)`` at the best threshold, for each overlap ``wanted`` its own.

    Args:
        ious: as ``box_ious`` gives them.
        wanted: the overlaps asked for.
        thresholds: those that ``ious`` were made with.

    Raises:
        ValueError: another number of thresholds than columns, or no pictures.
    """
    if ious.ndim != 2 or not len(ious) or ious.shape[1] != len(thresholds):
        raise ValueError(
            f"overlaps {tuple(ious.shape)} do not go with {len(thresholds)} thresholds: give the thresholds that "
            "box_ious was given, and at least one picture"
        )
    accuracies, at = [], []
    for iou in wanted:
        share = (ious >= iou).double().mean(dim=0)  # (T,)
        accuracies.append(float(share.max()))
        at.append(float(thresholds[int(np.argmax(share.numpy()))]))
    return OracleAccuracy(float(np.mean(accuracies)), tuple(wanted), tuple(accuracies), tuple(at))


def max_box_acc(
    maps: Tensor, boxes: Boxes, thresholds: Sequence[float] = THRESHOLDS, rule: str = "published"
) -> OracleAccuracy:
    """Return MaxBoxAcc: the box of the largest region, an overlap of at least 0.5, at the best threshold for all maps.

    Arguments and errors as for ``box_ious``.
    """
    return oracle_accuracy(box_ious(maps, boxes, thresholds, rule=rule), (0.5,), thresholds)


def max_box_acc_v2(
    maps: Tensor, boxes: Boxes, thresholds: Sequence[float] = THRESHOLDS, rule: str = "published"
) -> OracleAccuracy:
    """Return MaxBoxAccV2: the best box of all regions, mean over overlaps 0.3, 0.5, 0.7, each at its best threshold.

    Arguments and errors as for ``box_ious``.
    """
    return oracle_accuracy(box_ious(maps, boxes, thresholds, True, rule), IOUS, thresholds)


def box_accuracy(predicted: Tensor, boxes: Boxes, height: int, width: int, iou: float = 0.5) -> Tensor:
    """Return which of the boxes ``predicted`` fit, float64 ``(N,)`` of 0 and 1: for the baselines, which have no map.

    Args:
        predicted: int64 ``(N, 4)``, or one box ``(4,)`` for all pictures.
        boxes: of the objects.
        height, width: H and W in pixels.
        iou: the overlap asked for, in (0, 1].

    Raises:
        ValueError: boxes that do not fit, or ``iou`` out of range.
    """
    if not 0 < iou <= 1:
        raise ValueError(f"iou must be in (0, 1], not {iou!r}")
    if predicted.ndim == 1:
        predicted = predicted.expand(len(boxes), -1)
    wanted, owner = checked_boxes(boxes, len(predicted), height, width)
    guess, _ = checked_boxes(predicted, len(predicted), height, width)
    hits = np.zeros(len(guess))
    np.maximum.at(hits, owner, overlap(guess[owner], wanted) >= iou)
    return torch.from_numpy(hits)
