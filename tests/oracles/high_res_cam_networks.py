"""Reads ``high_res_cam_networks.json`` and ``.npz`` for the tests, and draws the weights that belong to them.

From the published code (Keras) of A. Tagaris, M. Sdraka, A. Stafylopatis: *High Resolution Class Activation Mapping for
Discriminative Feature Localization*, ICIP 2019. Half and full model at 128x128x3 with 10 classes, in inference mode, for
one picture of noise; channels last. Weights are drawn by the ``rule`` of the json, row by row of its ``weights``: (j, k,
layer, kind, shape in Keras, formula).
"""

import json
from functools import cache
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


@cache
def facts():
    return json.loads((HERE / "high_res_cam_networks.json").read_text())


@cache
def arrays():
    with np.load(HERE / "high_res_cam_networks.npz") as file:
        return {name.removeprefix("noise128."): array for name, array in file.items()}


def picture():
    """One picture (1, 128, 128, 3) in [0, 1)."""
    return np.random.default_rng(12345).random((1, 128, 128, 3)).astype(np.float32)


def layer_weights():
    """{layer: {kind: array}}, in Keras's shapes and the order of the full model's layers."""
    layers = {}
    for j, k, layer, kind, shape, _ in facts()["weights"]:
        d = np.random.default_rng([facts()["seed"], j, k]).standard_normal(shape)
        if kind == "gamma":
            d = 1 + 0.1 * d
        elif kind == "moving_variance":
            d = 1 + 0.1 * np.abs(d)
        elif kind == "kernel":
            transposed = layer.endswith("conv2DT")
            fan = np.prod([*shape[:2], shape[3]] if transposed else shape[:-1])
            d = d * np.sqrt(2 / fan)
        else:
            d = 0.05 * d
        layers.setdefault(layer, {})[kind] = d.astype(np.float32)
    return layers
