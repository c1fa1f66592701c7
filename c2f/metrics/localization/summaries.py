"""Scores of pictures put together by class.

Axes: N pictures, K classes.
"""

import torch
from torch import Tensor


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
