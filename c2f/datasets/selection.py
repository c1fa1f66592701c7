"""The stratified draw of test pictures.

Axes: N pictures.
"""

import torch
from torch import Tensor

SUBSET_SEED = 0
"""Draws the test pictures that are taken, the same ones for every network, seed and attack, so that they can be
compared.
"""


def stratified_subset(labels: Tensor, count: int, seed: int = SUBSET_SEED) -> Tensor:
    """Draw ``count`` indices of ``labels`` ``(N,)``, as many of each class as there are, ascending, int64.

    A smaller draw is part of a larger one of the same seed.
    """
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    rank = torch.empty_like(order)  # how many of the same class come before, in that order
    for label in labels.unique():
        same = order[labels[order] == label]
        rank[same] = torch.arange(len(same))
    return order[rank[order].argsort(stable=True)][:count].sort().values
