"""All measures of maps at once, with thresholds that are chosen on other pictures.

Axes: N pictures, H rows, W columns.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from c2f.metrics import localization
from c2f.metrics.localization import IOUS, box_accuracy, box_ious, choose_threshold, oracle_accuracy, pooled_precision
from c2f.metrics.localization.objects import Objects
from c2f.metrics.statistics import Interval, interval

SINGLE = {
    "pointing": "pointing game",
    "energy": "energy in the object",
    "box_acc": "box accuracy",
    "box_acc_v2": "box accuracy V2",
    "iou": "IoU",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
}
"""Measures that score picture by picture, name -> what figures call it. All lie in [0, 1], higher is better."""
POOLED = {"max_box_acc": "MaxBoxAcc", "max_box_acc_v2": "MaxBoxAccV2", "px_ap": "PxAP"}
"""Measures that only a whole set of pictures has, two with the best threshold in hindsight, and the area PxAP."""


@dataclass(frozen=True)
class Measures:
    """How well maps find N objects.

    ``each``: the measures of ``SINGLE``, float64 ``(N,)``. ``values``: their means and the measures of ``POOLED``, in
    [0, 1]. ``thresholds``: those chosen on other pictures, by what they were chosen for (``box_acc``, ``box_acc_v2``,
    and ``f1``, at which IoU, precision and recall are taken too). ``intervals``: a bootstrap interval over pictures for
    each of ``values``; empty where none was asked for.
    """

    each: dict[str, Tensor]
    values: dict[str, float]
    thresholds: dict[str, float]
    intervals: dict[str, Interval]


def measure(choosing: Tensor, chosen_objects: Objects, maps: Tensor, found: Objects, resamples: int = 0) -> Measures:
    """Measure ``maps`` by every measure, with thresholds chosen on other maps of the same origin.

    Args:
        choosing: maps ``(M, H, W)`` on which thresholds are chosen, and ``chosen_objects`` their objects.
        maps: ``(N, H, W)``, and ``found`` their objects.
        resamples: of the intervals; 0 leaves them out.

    Raises:
        ValueError: maps and objects that do not fit.
    """
    thresholds = {
        "box_acc": choose_threshold(choosing, chosen_objects.boxes, "box_acc"),
        "box_acc_v2": choose_threshold(choosing, chosen_objects.boxes, "box_acc_v2"),
        "f1": choose_threshold(choosing, chosen_objects.masks, "f1"),
    }
    covered = localization.mask_scores(maps, found.masks, thresholds["f1"])
    each = {
        "pointing": localization.pointing_game(maps, found.masks),
        "energy": localization.energy_in_object(maps, found.masks),
        "box_acc": localization.score(maps, found.boxes, thresholds["box_acc"], "box_acc").values,
        "box_acc_v2": localization.score(maps, found.boxes, thresholds["box_acc_v2"], "box_acc_v2").values,
        **{name: getattr(covered, name) for name in ("iou", "precision", "recall", "f1")},
    }
    pooled: dict[str, tuple[Tensor, Callable[[Tensor], float]]] = {
        "max_box_acc": (box_ious(maps, found.boxes), lambda ious: oracle_accuracy(ious).value),
        "max_box_acc_v2": (box_ious(maps, found.boxes, multi=True), lambda ious: oracle_accuracy(ious, IOUS).value),
        "px_ap": (localization.pixel_histograms(maps, found.masks), lambda counts: pooled_precision(counts).value),
    }
    values = {name: float(scores.mean()) for name, scores in each.items()}
    values |= {name: statistic(counts) for name, (counts, statistic) in pooled.items()}
    intervals = {}
    if resamples:
        intervals = {name: interval([scores], resamples=resamples) for name, scores in each.items()}
        for name, (counts, statistic) in pooled.items():
            intervals[name] = interval([counts], statistic, resamples)
    return Measures(each, values, thresholds, intervals)


def measure_box(box: Tensor, found: Objects) -> Measures:
    """Measure one box ``(4,)`` drawn on every picture, as if it was a map that is 1 inside and 0 outside."""
    count, height, width = found.masks.shape
    region = localization.boxes_to_masks(box[None], height, width)
    hits = (region & found.masks).sum(dim=(1, 2)).double()
    size, inside = found.masks.sum(dim=(1, 2)).double(), float(region.sum())
    accuracy = {iou: box_accuracy(box, found.boxes, height, width, iou) for iou in (0.5, *IOUS)}
    each = {
        "pointing": hits / inside,
        "energy": hits / inside,
        "box_acc": accuracy[0.5],
        "box_acc_v2": torch.stack([accuracy[iou] for iou in IOUS]).mean(dim=0),
        "iou": hits / (inside + size - hits),
        "precision": hits / inside,
        "recall": hits / size,
        "f1": 2 * hits / (inside + size),
    }
    values = {name: float(scores.mean()) for name, scores in each.items()}
    values |= {"max_box_acc": values["box_acc"], "max_box_acc_v2": values["box_acc_v2"]}
    values["px_ap"] = localization.px_ap(region.float().expand(count, -1, -1), found.masks).value
    return Measures(each, values, {}, {})


def baselines(chosen_objects: Objects, found: Objects, seed: int = 0) -> dict[str, Measures]:
    """Measure what needs no network: a centre box as large as the objects of the choosing part, the whole picture, and
    random maps, whose thresholds are chosen as those of any map.
    """
    height, width = found.masks.shape[1:]
    choosing = localization.random_maps(len(chosen_objects.masks), height, width, seed)
    maps = localization.random_maps(len(found.masks), height, width, seed + 1)
    return {
        "centre box": measure_box(localization.centre_box(chosen_objects.boxes, height, width), found),
        "whole picture": measure_box(localization.whole_picture(height, width), found),
        "random map": measure(choosing, chosen_objects, maps, found),
    }
