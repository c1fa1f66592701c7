"""Scores of pictures put together: by class, and with an interval.

Axes: N pictures, K classes.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from c2f.metrics.statistics import Interval


def by_class(values: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """Return the mean score of each class, float64 ``(K,)``; NaN for a class without pictures.

    Args:
        values: scores ``(N,)``.
        labels: int64 ``(N,)``.
        num_classes: K.

    Raises:
        ValueError: another number of labels than values, or a label that is not below K.
    """
    if values.ndim != 1 or values.shape != labels.shape:
        raise ValueError(f"values {tuple(values.shape)} and labels {tuple(labels.shape)} must both be (N,)")
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < num_classes:
        raise ValueError(
            f"labels run from {int(labels.min())} to {int(labels.max())} but there are {num_classes} classes"
        )
    labels = labels.cpu()
    sums = torch.zeros(num_classes, dtype=torch.float64).index_add_(0, labels, values.double().cpu())
    return sums / torch.bincount(labels, minlength=num_classes)


def _mean(values: Tensor) -> float:
    return float(values.double().mean())


def interval(
    runs: Sequence[Tensor],
    statistic: Callable[[Tensor], float] = _mean,
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Return the mean of ``statistic`` over ``runs`` (one a seed), with a percentile bootstrap interval.

    Each resample draws pictures with replacement, the same ones in every run, and where there are several runs draws
    those too: the interval then covers the choice of pictures and the seeds, as in ``c2f.metrics.statistics.interval``.

    Args:
        runs: scores ``(N, ...)`` of the same pictures in the same order. The first axis is drawn from, so that the
            ``box_ious`` of MaxBoxAcc and the ``pixel_histograms`` of PxAP can be given too.
        statistic: of such scores, e.g. ``lambda ious: oracle_accuracy(ious).value``; by default their mean.
        resamples: at least 1.
        confidence: in (0, 1).
        seed: of the drawing.

    Raises:
        ValueError: no runs, runs of different shapes or without pictures, or a number out of range.
    """
    if not runs or runs[0].ndim < 1 or not len(runs[0]) or any(run.shape != runs[0].shape for run in runs):
        shapes = [tuple(run.shape) for run in runs]
        raise ValueError(
            f"an interval needs runs (N, ...) of the same pictures, N at least 1; their shapes are {shapes}"
        )
    if resamples < 1 or not 0 < confidence < 1:
        raise ValueError(f"resamples must be at least 1 and confidence in (0, 1), not {resamples!r} and {confidence!r}")
    generator = np.random.default_rng(seed)
    drawn = []
    for _ in range(resamples):
        pictures = torch.from_numpy(generator.integers(len(runs[0]), size=len(runs[0]))).to(runs[0].device)
        seeds = generator.integers(len(runs), size=len(runs))
        drawn.append(float(np.mean([statistic(runs[s][pictures]) for s in seeds])))
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail], method="inverted_cdf")
    return Interval(float(np.mean([statistic(run) for run in runs])), float(low), float(high))
