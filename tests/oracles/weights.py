"""The oracle's weights and pictures, drawn by rule; numpy only. Shapes are Keras's: a convolution's kernel is
(rows, columns, in, out), a dense one (in, out), all else (channels,)."""

import numpy as np

SEED = 20207629


def _draw(layer, j, shape):
    return np.random.default_rng([SEED, layer, j]).standard_normal(shape).astype(np.float32) * np.float32(0.1)


def layer_weights(layer, kind, shapes, rule):
    """Return a layer's arrays: (kernel, bias) of a "Conv2D" or "Dense"; gamma, beta, mean, variance of a
    "BatchNormalization". ``layer`` is its ``i_weightlayer``, ``rule`` "A" or "B"."""
    arrays = [_draw(layer, j, tuple(shape)) for j, shape in enumerate(shapes)]
    if kind == "BatchNormalization":
        arrays[0] = np.float32(1) + arrays[0]
        arrays[3] = np.float32(1) + np.abs(arrays[3])
    elif rule == "B":
        fan_in = int(np.prod(shapes[0][:-1]))
        arrays[0] = arrays[0] * np.float32(10 * np.sqrt(2 / fan_in))
    return arrays


def input_batch(seed, shape):
    """Return two pictures ``(2, H, W, C)`` in [0, 1)."""
    return np.random.default_rng(seed).random((2, *shape)).astype(np.float32)
