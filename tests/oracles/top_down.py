"""Reads ``top_down.json`` and ``top_down.npz`` for the tests. Channels come first, as torch has them."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).parent
TOLERANCE = 2e-5


@cache
def facts():
    return json.loads((HERE / "top_down.json").read_text())


@cache
def arrays():
    with np.load(HERE / "top_down.npz") as file:
        return dict(file)


def pictures(array):
    """(N, H, W, C) to a tensor (N, C, H, W)."""
    return torch.from_numpy(np.ascontiguousarray(array.transpose(0, 3, 1, 2)))


def difference(ours, theirs):
    """The largest difference, as a share of the largest value."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape
    return np.abs(ours - theirs).max() / np.abs(theirs).max()
