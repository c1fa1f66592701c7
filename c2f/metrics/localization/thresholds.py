"""A threshold chosen on a labelled part, then used on another: what may be reported without "oracle".

Axes: N pictures, H rows, W columns, T thresholds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from c2f.common.checks import choose
from c2f.metrics.localization.box_accuracy import IOUS, THRESHOLDS, box_ious
from c2f.metrics.localization.inputs import Boxes
from c2f.metrics.localization.pixels import mask_f1s, mask_ious


def _box_acc(maps: Tensor, boxes: Boxes, thresholds: Sequence[float]) -> Tensor:
    return (box_ious(maps, boxes, thresholds) >= 0.5).double()


def _box_acc_v2(maps: Tensor, boxes: Boxes, thresholds: Sequence[float]) -> Tensor:
    ious = box_ious(maps, boxes, thresholds, multi=True)
    return torch.stack([(ious >= wanted).double() for wanted in IOUS]).mean(dim=0)


METRICS: dict[str, Callable[[Tensor, Any, Sequence[float]], Tensor]] = {
    "box_acc": _box_acc,
    "box_acc_v2": _box_acc_v2,
    "iou": mask_ious,
    "f1": mask_f1s,
}
"""Maps ``(N, H, W)``, targets and thresholds to the score of each picture at each threshold, float64 ``(N, T)``.

``box_acc``, ``box_acc_v2``: targets are boxes; as MaxBoxAcc and MaxBoxAccV2, but at the one threshold given (the
published V2 takes another for each overlap). ``iou``, ``f1``: targets are masks, bool ``(N, H, W)``.
"""


@dataclass(frozen=True)
class Score:
    """The scores of N pictures: ``metric``, at ``threshold``, ``values`` float64 ``(N,)`` in [0, 1]."""

    metric: str
    threshold: float
    values: Tensor

    @property
    def mean(self) -> float:
        """The mean over pictures, in [0, 1]."""
        return float(self.values.mean())


def choose_threshold(
    maps: Tensor, targets: Boxes, metric: str = "box_acc", thresholds: Sequence[float] = THRESHOLDS
) -> float:
    """Return the threshold with the largest mean score on a labelled part, the lowest of equal ones.

    It must be another part than the one that is scored, say of the training pictures (Choe et al. 2020, section 4.2).

    Args:
        maps: ``(N, H, W)`` of that part.
        targets: its boxes or masks, as ``metric`` needs.
        metric: a name in ``METRICS``.
        thresholds: to choose from, in [0, 1].

    Raises:
        ValueError: an unknown metric, or maps, targets or thresholds that do not fit.
    """
    scores = METRICS[choose(metric, METRICS, "metric")](maps, targets, thresholds)
    return float(thresholds[int(scores.mean(dim=0).numpy().argmax())])


def score(maps: Tensor, targets: Boxes, threshold: float, metric: str = "box_acc") -> Score:
    """Return the score of each map at ``threshold``, which ``choose_threshold`` found on other pictures.

    Raises:
        ValueError: an unknown metric, or maps, targets or a threshold that do not fit.
    """
    values = METRICS[choose(metric, METRICS, "metric")](maps, targets, [threshold])
    return Score(metric, float(threshold), values[:, 0])
