"""Reads ``multi_glimpse.json`` and ``multi_glimpse.npz`` for the tests, and draws the oracle's weights and pictures by
rule. From the published code of S. H. P. Tan, X. Dong, K. Ma: *Multi-Glimpse Network*, BMVC 2021, arXiv 2111.02018."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import torch

from c2f.networks.glimpse import GlimpseSettings, build

HERE = Path(__file__).parent
TOLERANCE = 2e-5
LABELS = torch.tensor([3, 7])
OURS = {
    "feat_fusion": "fusion",
    "loc_network": "locate",
    "global_fc.fc": "classify",
    "glimpse_fc.fc": "classify_glimpse",
}


@cache
def facts():
    return json.loads((HERE / "multi_glimpse.json").read_text())


@cache
def arrays():
    with np.load(HERE / "multi_glimpse.npz") as file:
        return dict(file)


def weights():
    """The state of our network with the oracle's numbers, by our names."""
    state = {}
    for i, name, shape, kind in facts()["state_dict"]:
        draw = np.random.default_rng([facts()["seed"], i]).standard_normal(shape)
        if kind == "normw":
            draw = 1 + 0.1 * draw
        elif len(shape) >= 2:
            draw = draw * np.sqrt(2 / np.prod(shape[1:]))
            draw = draw * facts()["in_proj_gain"] if name.endswith("in_proj_weight") else draw
        else:
            draw = 0.05 * draw
        for theirs, ours in OURS.items():
            name = name.replace(theirs, ours)
        state[name] = torch.from_numpy(draw.astype(np.float32))
    return state


def network(**changes):
    """The authors' variant with the oracle's weights, in training mode; it has neither dropout nor batch norm."""
    built = build(settings=GlimpseSettings(**changes), seed=0)
    state = weights()
    if built.classify_glimpse is None:
        state = {name: value for name, value in state.items() if not name.startswith("classify_glimpse")}
    built.load_state_dict(state)
    return built


def pictures():
    """Two pictures of three bumps, ``(2, 1, 112, 112)``."""
    p = np.random.default_rng(777).random((2, 3, 4))
    y, x = np.mgrid[:112, :112]
    made = np.full((2, 112, 112), -0.5)
    for b in range(2):
        for row, column, radius, height in p[b]:
            cy, cx, r = (0.2 + 0.6 * row) * 112, (0.2 + 0.6 * column) * 112, (0.04 + 0.12 * radius) * 112
            made[b] += (1 + height) / (1 + ((y - cy) ** 2 + (x - cx) ** 2) / r**2)
    return torch.from_numpy(made.astype(np.float32))[:, None]


def difference(ours, theirs):
    """The largest difference, as a share of the largest value."""
    ours = ours.detach().numpy() if isinstance(ours, torch.Tensor) else np.asarray(ours)
    theirs = np.asarray(theirs)
    assert ours.shape == theirs.shape
    return np.abs(ours - theirs).max() / np.abs(theirs).max()
