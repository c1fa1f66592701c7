"""Reads ``high_res_cam_pipeline.json`` and ``.npz``, and draws the maps that they belong to.

The maps are made with +, -, *, /, comparisons and ``default_rng().random()`` alone, so that they are the same bits with
any numpy; ``sha`` in the json checks that.
"""

import json
from functools import cache
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
SEED = 20190922
# Of each case: the type, bumps (centre row, centre column, radius in low-resolution cells, height), offset, noise, and
# the height of a diamond inside each bump.
CASES = {
    0: ("float32", [(6.2, 7.4, 2.6, 1.0)], 0.0, 0.06, 0.0),
    2: ("float32", [(3.2, 3.1, 1.5, 0.9), (4.1, 10.3, 1.8, 1.0), (10.6, 6.2, 2.0, 0.95)], 0.1, 0.05, 0.25),
}


@cache
def facts():
    return json.loads((HERE / "high_res_cam_pipeline.json").read_text())


@cache
def arrays():
    with np.load(HERE / "high_res_cam_pipeline.npz") as file:
        return dict(file)


def mask(case, name):
    """bool (224, 224)."""
    return np.unpackbits(arrays()[f"pp{case}.{name}_bits"])[: 224 * 224].reshape(224, 224).astype(bool)


def low_map(case):
    """(14, 14)."""
    dtype, bumps, offset, _, _ = CASES[case]
    y, x = np.arange(14, dtype=np.float64)[:, None], np.arange(14, dtype=np.float64)[None, :]
    made = np.full((14, 14), offset)
    for row, column, radius, height in bumps:
        squared = (y - row) * (y - row) + (x - column) * (x - column)
        made = made + height / (1.0 + squared / (radius * radius))
    made = made + 0.05 * (np.random.default_rng([SEED, case, 0]).random((14, 14)) - 0.5)
    return made.astype(dtype)


def high_map(case):
    """(224, 224)."""
    dtype, bumps, offset, noise, diamond = CASES[case]
    y, x = np.arange(224, dtype=np.float64)[:, None], np.arange(224, dtype=np.float64)[None, :]
    made = np.full((224, 224), 0.3 * offset)
    for row, column, radius, height in bumps:
        row, column, radius = 16.0 * row + 8.0, 16.0 * column + 8.0, 16.0 * radius
        squared = (y - row) * (y - row) + (x - column) * (x - column)
        made = made + 0.6 * height / (1.0 + squared / (radius * radius))
        made = made + 0.5 * height * (squared < 0.64 * radius * radius)
        made = made + diamond * height * (np.abs(y - row) + 2.0 * np.abs(x - column) < 0.5 * radius)
    made = made + 0.15 * ((np.floor(y / 28.0) + np.floor(x / 28.0)) % 2.0)
    made = made + noise * (np.random.default_rng([SEED, case, 1]).random((224, 224)) - 0.5)
    return made.astype(dtype)
