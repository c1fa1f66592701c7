"""Draws of pictures: a stratified one of test pictures, and a share of the training pictures to hold out.

Axes: N pictures.
"""

import torch
from torch import Tensor

from c2f.common.checks import positive_int

SUBSET_SEED = 0
"""Draws the test pictures that are taken, the same ones for every network, seed and attack, so that they can be
compared.
"""


def stratified_subset(labels: Tensor, count: int, seed: int = SUBSET_SEED) -> Tensor:
    """Draw ``count`` indices of ``labels`` ``(N,)``, as many of each class as there are, ascending, int64.

    A smaller draw is part of a larger one of the same seed; one of more than N is of all.

    Raises:
        ValueError: ``count`` is no whole number of at least 0.
    """
    positive_int(count, "the number of pictures to draw", minimum=0)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    rank = torch.empty_like(order)  # how many of the same class come before, in that order
    for label in labels.unique():
        same = order[labels[order] == label]
        rank[same] = torch.arange(len(same))
    return order[rank[order].argsort(stable=True)][:count].sort().values


def split_places(n: int, fraction: float, seed: int) -> tuple[Tensor, Tensor]:
    """Split the places 0 to ``n`` - 1 at random into (the rest, ceil(``fraction`` n) held out), both ascending, int64.

    Raises:
        ValueError: ``fraction`` outside [0, 1), or so large that no place is left.
    """
    if not 0 <= fraction < 1:
        raise ValueError(f"the validation fraction must be in [0, 1), not {fraction!r}")
    count = -int(-fraction * n // 1)  # ceil
    if n and count == n:
        raise ValueError(f"a validation fraction of {fraction!r} leaves none of {n} pictures to train on")
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    return order[count:].sort().values, order[:count].sort().values
